"""What a figure was measured on, and of which source."""

from __future__ import annotations

import os
import platform
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import ponder
from ponder_benchmarks.figures.settings import cores


def machine() -> dict[str, Any]:
    """Return processor, cores, system, Python, and how busy the machine was in the last minute."""
    load = getattr(os, "getloadavg", None)
    return {
        "cpu": _cpu_model(),
        "cores": cores(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_average": load()[0] if load else None,
    }


def git_commit() -> str | None:
    """Return the commit of ponder's source, `-dirty` where files differ; None where git does not hold it."""
    folder = Path(ponder.__file__).parent

    def git(*arguments: str) -> str | None:
        with suppress(OSError, subprocess.SubprocessError):
            return subprocess.run(
                ["git", "-C", str(folder), *arguments],  # noqa: S607
                capture_output=True,
                text=True,
                check=True,
                timeout=10,
            ).stdout.strip()
        return None

    if git("ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    return git("describe", "--always", "--dirty", "--abbrev=12", "--exclude", "*")


def _cpu_model() -> str | None:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or None
