"""What a result was measured on, and where results go."""

import json
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any


def write_result(name: str, packages: tuple[str, ...], result: dict[str, Any]) -> None:
    """Write and print benchmarks/results/NAME.json with machine, versions and commit."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    described = {
        "machine": {
            "system": platform.platform(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        },
        "versions": {package: version(package) for package in packages},
        "commit": commit.stdout.strip(),
        **result,
    }
    path = Path(__file__).parents[1] / "results" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(described, indent=2) + "\n")
    print(path.read_text(), end="")
