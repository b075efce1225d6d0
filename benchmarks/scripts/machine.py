"""What a result was measured on, and where results go."""

import json
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any


def commit() -> str:
    """Return the short name of the commit that is checked out; empty where there is none."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def write_result(name: str, packages: tuple[str, ...], result: dict[str, Any], *, show: bool = True) -> None:
    """Write benchmarks/results/NAME.json with machine, versions and commit; print it if it is to `show`."""
    described = {
        "machine": {
            "system": platform.platform(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        },
        "versions": {package: version(package) for package in packages},
        "commit": commit(),
        **result,
    }
    path = Path(__file__).parents[1] / "results" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(described, indent=2) + "\n")
    if show:
        print(path.read_text(), end="")
