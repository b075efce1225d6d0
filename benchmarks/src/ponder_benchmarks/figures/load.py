"""Seconds from the start of a process to its first token, and the memory that a model takes."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from ponder.errors import PonderError
from ponder_benchmarks.figures.machine import git_commit, machine
from ponder_benchmarks.figures.result import Comparison, Quantity, Result
from ponder_benchmarks.figures.session import Say, model_files, now, one_per_repeat, program_json
from ponder_benchmarks.figures.settings import RunSettings
from ponder_benchmarks.figures.systems import PONDER, Room, programs
from ponder_benchmarks.peers.process import PeerProcess, Program

IMPORT_TORCH = "import torch"

_PEAK = """
def peak():
    try:
        status = open("/proc/self/status").read()
    except OSError:
        return None
    return int(status.split("VmHWM:")[1].split()[0]) * 1024
"""
_LOADS = """
import json, sys
from ponder.lm import load
lm = load(sys.argv[1], device="cpu")
lm("hi", chat=False, max_tokens=1)
print(json.dumps({"peak": peak(), "modules": sorted(sys.modules)}))
"""
_IMPORTS = """
import importlib, json, sys
for name in json.load(sys.stdin):
    try:
        importlib.import_module(name)
    except Exception:
        pass
print(json.dumps({"peak": peak()}))
"""


def measure_load(run: RunSettings, say: Say) -> Result:
    """Measure new processes in turn: `ponder run`, a bare import of torch, and peers.

    A process starts when it is made and has its first token when it says so: `ponder run` by the first byte
    that it prints, peers by their worker's answer to a prompt of one token, torch by a byte after its import.

    Raises
    ------
    PonderError : a system is missing or failed.
    """
    started_at, found = now(), machine()
    ponder, *peers = programs(run, Room(64, 64))
    bare = replace(ponder, label=IMPORT_TORCH, model=None, options={})
    commands = {
        PONDER: _first_token_command(run.model),
        IMPORT_TORCH: [sys.executable, "-c", "import torch; print(0, flush=True)"],
    }
    systems = [ponder, bare, *peers]
    seconds: dict[str, list[float]] = {program.label: [] for program in systems}
    described: dict[str, dict[str, Any]] = {
        program.label: program_json(program) for program in systems if program is not bare
    }
    described[PONDER]["versions"] = {name: version(name) for name in ("ponder", "torch")}
    grown: list[float | None] = []
    for number in range(run.warmup + run.repeats):
        counts = number >= run.warmup
        progress = f"repeat {number - run.warmup + 1} of {run.repeats}" if counts else "warming up"
        first = number % len(systems)
        for program in systems[first:] + systems[:first]:
            say(f"{progress}: {program.label}")
            command = commands.get(program.label)
            if command is not None:
                took = first_byte_s(program, command, run.timeout_s)
            else:
                took, described[program.label]["versions"] = _first_answer_s(program, run.timeout_s)
            if counts:
                seconds[program.label].append(took)
        say(f"{progress}: memory")
        if counts:
            grown.append(_grown_bytes(ponder, run))
    size = sum(path.stat().st_size for path in model_files(ponder.model)) if ponder.model else 0
    comparison = Comparison(
        "first token", "s", False, {label: tuple(values) for label, values in seconds.items()}
    )
    return Result(
        figure="load",
        run=run,
        settings={},
        started_at=started_at,
        machine=found,
        git_commit=git_commit(),
        systems=described,
        comparisons=[comparison],
        quantities=_quantities(comparison, grown, size),
    )


def _quantities(comparison: Comparison, grown: Sequence[float | None], model_bytes: int) -> list[Quantity]:
    pairs = zip(comparison.samples[PONDER], comparison.samples[IMPORT_TORCH], strict=True)
    megabytes = [None if value is None else value / 1e6 for value in grown]
    ratios = [None if value is None or not model_bytes else value / model_bytes for value in grown]
    return [
        Quantity("ponder over import torch", "times", tuple(ours / bare for ours, bare in pairs)),
        Quantity("memory of the model and one token", "MB", one_per_repeat(megabytes)),
        Quantity("that over the size of the model's file", "times", one_per_repeat(ratios)),
    ]


def _first_token_command(model: str) -> list[str]:
    options = ["--max-tokens", "1", "--raw", "--device", "cpu", "--model", model]
    return [sys.executable, "-m", "ponder", "run", *options, "hi"]


def first_byte_s(program: Program, command: Sequence[str], timeout_s: float) -> float:
    """Run a command to its end; return the seconds to its first byte of output.

    Raises
    ------
    PonderError : it failed, printed nothing or did not end in time; it is ended.
    """
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **program.environment},
            start_new_session=True,
        )
        try:
            assert process.stdout is not None
            with selectors.DefaultSelector() as ready:
                ready.register(process.stdout, selectors.EVENT_READ)
                ready.select(timeout_s)
            took = time.perf_counter() - start
            printed, _ = process.communicate(timeout=max(0.1, timeout_s - took))
        except subprocess.TimeoutExpired:
            raise PonderError(f"{program.label} did not end within {timeout_s:g} s and was ended") from None
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.returncode or not printed:
            errors.seek(0)
            said = errors.read()[-2000:].decode("utf-8", "replace").split("\n")
            last = next((line for line in reversed(said) if line.strip()), "it printed nothing")
            raise PonderError(f"{program.label} ended with status {process.returncode}: {last[:500]}")
    return took


def _first_answer_s(program: Program, timeout_s: float) -> tuple[float, Mapping[str, str]]:
    """Return the seconds from a worker's start to its first token, and the versions it says it has."""
    start = time.perf_counter()
    with PeerProcess(program) as process:
        process.call("load", timeout_s, program.options)
        process.call("prefill", timeout_s, {"prompt": [1]})
        took = time.perf_counter() - start
        return took, process.call("describe", timeout_s, {})["versions"]


def _grown_bytes(program: Program, run: RunSettings) -> float | None:
    """Return how much more memory a process takes that loads the model than one with the same modules."""
    loaded = _python_json(program, _PEAK + _LOADS, [run.model], "", run.timeout_s)
    modules = json.dumps([name for name in loaded["modules"] if name != "__main__"])
    bare = _python_json(program, _PEAK + _IMPORTS, [], modules, run.timeout_s)
    if loaded["peak"] is None or bare["peak"] is None:
        return None
    return float(loaded["peak"] - bare["peak"])


def _python_json(
    program: Program, code: str, arguments: Sequence[str], given: str, timeout_s: float
) -> dict[str, Any]:
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            input=given,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env={**os.environ, **program.environment},
        )
    except subprocess.TimeoutExpired:
        raise PonderError(f"measuring memory did not end within {timeout_s:g} s") from None
    if done.returncode:
        raise PonderError(f"measuring memory failed: {(done.stderr.strip().splitlines() or ['?'])[-1][:500]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
