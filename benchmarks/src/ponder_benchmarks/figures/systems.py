"""Which systems there are, and how each is started."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ponder.errors import ParameterError
from ponder.hub import registry
from ponder_benchmarks.figures.settings import DTYPES, RunSettings
from ponder_benchmarks.peers import process
from ponder_benchmarks.peers.process import Program

PONDER = "ponder"

_WORKERS = Path(process.__file__).parent
_EXTRAS = {"llama.cpp": "llama-cpp", "transformers": "transformers", "vllm": "vllm"}
_VLLM_ENVIRONMENT = {
    # Engine and model in the worker's own process: its helpers would spin between turns.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_CPU_KVCACHE_SPACE": "2",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
}


@dataclass(frozen=True, slots=True)
class Room:
    """What a system must have room for: tokens in all, tokens of the longest sequence, sequences at once."""

    cache_tokens: int
    sequence_tokens: int
    branches: int = 1


def programs(run: RunSettings, room: Room) -> list[Program]:
    """Return ponder, then each peer that is measured, in each of its settings.

    Raises
    ------
    CheckpointError : the model is unknown or not downloaded.
    ParameterError : an interpreter is not there, or vLLM has no directory to read.
    """
    path = registry.resolve(run.model)
    common = {
        "model": str(path.absolute()),
        "threads": run.threads,
        "cache_tokens": room.cache_tokens,
        "sequence_tokens": room.sequence_tokens,
        "branches": room.branches,
    }
    ponder = Program(
        PONDER,
        sys.executable,
        _WORKERS / "ponder_worker.py",
        {**common, "model": run.model},
        _openmp(run),
        path,
    )
    return [ponder, *(program for name in run.against for program in _peer(name, run, common))]


def _peer(name: str, run: RunSettings, common: Mapping[str, Any]) -> list[Program]:
    python = _interpreter(name, run)
    worker = _WORKERS / f"{name.replace('.', '_')}_worker.py"
    remedy = (
        f"pip install 'ponder-benchmarks[{_EXTRAS[name]}]', "
        f"or say which Python has it: --peer-python {name}=PYTHON"
    )
    environment, path = _openmp(run), Path(common["model"])
    variants: dict[str, dict[str, str]] = {name: {}}
    if name == "transformers":
        variants = {f"{name} {DTYPES[dtype]}": {"dtype": dtype} for dtype in run.transformers_dtypes}
    if name == "vllm":
        path = _vllm_model(run, path)
        variants = {f"{name} {mode}": {"mode": mode} for mode in run.vllm_modes}
        environment |= _VLLM_ENVIRONMENT | _intel_openmp(python)
    return [
        Program(label, python, worker, {**common, "model": str(path), **variant}, environment, path, remedy)
        for label, variant in variants.items()
    ]


def _openmp(run: RunSettings) -> dict[str, str]:
    """Return what all systems are told alike; short spins are as fast on idle cores (docs/performance.md)."""
    spins = os.environ.get("GOMP_SPINCOUNT", "10000")
    return {"OMP_NUM_THREADS": str(run.threads), "GOMP_SPINCOUNT": spins}


def _interpreter(name: str, run: RunSettings) -> str:
    python = Path(run.peer_python.get(name, sys.executable)).expanduser().absolute()
    if not os.access(python, os.X_OK) or python.is_dir():
        raise ParameterError("peer_python", f"{name}={python}", "NAME=PYTHON, an interpreter that is there")
    return str(python)


def _vllm_model(run: RunSettings, path: Path) -> Path:
    model = path if run.vllm_model is None else Path(run.vllm_model).expanduser().absolute()
    if not (model / "config.json").is_file():
        script = "python benchmarks/scripts/export_hf.py DIR"
        allowed = f"a Hugging Face directory, which vLLM needs: {script} makes one"
        raise ParameterError("vllm_model", run.vllm_model, allowed)
    return model


def _intel_openmp(python: str) -> dict[str, str]:
    """Return how vLLM's documentation has Intel's OpenMP loaded, where vllm-cpu has brought it."""
    library = Path(python).parents[1] / "lib" / "libiomp5.so"
    return {"LD_PRELOAD": str(library), "KMP_BLOCKTIME": "5"} if library.is_file() else {}
