"""Files of the types of llama-quantize, made by llama.cpp's library (quantize_worker.py)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from gguf import LlamaFileType

# The names of llama-quantize and the numbers of `llama_ftype`.
TYPES = {
    one.name.removeprefix("ALL_").removeprefix("MOSTLY_"): one.value
    for one in LlamaFileType
    if one is not LlamaFileType.GUESSED
}
TYPES |= {"Q2_0": 41}


def library_version(library: Path) -> str:
    """Return the name and version of the npm or Python package that a library is of, or its own name."""
    for folder in library.absolute().parents[1:3]:
        described = folder / "package.json"
        if described.is_file():
            package = json.loads(described.read_text())
            return f"{package['name']} {package['version']}"
    for folder in library.absolute().parents[1:3]:
        for wheel in metadata.distributions(path=[str(folder)]):
            if any(file.name == library.name for file in wheel.files or ()):
                return f"{wheel.name} {wheel.version}"
    return library.name


def make(library: Path, source: Path, out: Path, ftype: int, options: Sequence[str] = ()) -> str | None:
    """Let llama.cpp make a file; return None, or what it said where it made none."""
    worker = Path(__file__).with_name("quantize_worker.py")
    command = [sys.executable, str(worker), str(library), str(source), str(out), str(ftype), *options]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode == 0:
        return None
    out.unlink(missing_ok=True)
    said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    reasons = [line for line in said if "failed" in line or "error" in line.lower()]
    return (reasons or said or [f"it ended with status {done.returncode}"])[-1]
