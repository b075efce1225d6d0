"""What a result was taken with and on."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib import metadata
from typing import Any


def taken_with(packages: Iterable[str]) -> dict[str, Any]:
    """Return the versions of some packages, and the machine, as JSON values."""
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "versions": {name: metadata.version(name) for name in packages},
        "machine": {
            "system": platform.platform(),
            "cores": len(affinity(0)) if affinity else os.cpu_count(),
            "python": platform.python_version(),
        },
    }
