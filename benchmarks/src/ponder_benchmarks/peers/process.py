"""The parent's side of a system in a child process: started, asked in its turn, ended."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from ponder.errors import PonderError

_ANSWER_BYTES = 2**24
_LINE = 500  # characters of a message that is passed on
_SERVE = Path(__file__).with_name("serve.py")


@dataclass(frozen=True, slots=True)
class Program:
    """How a system is started.

    Attributes
    ----------
    label : what it is called in results.
    python, worker : the interpreter and the worker file that it runs (see `serve.py`).
    options : for the worker's `load`.
    environment : set besides this process's own.
    model : the file or directory that it reads.
    remedy : what to do where a package of it is missing.
    """

    label: str
    python: str
    worker: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    model: Path | None = None
    remedy: str = ""


class PeerProcess:
    """A running `Program`, as a context manager. One call at a time; between calls it is idle.

    `idle_s` and `idle_cpu_s` are how long it was between calls, and the processor time it used meanwhile (0
    where the system does not tell): what it took from the others' turns.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.idle_s = self.idle_cpu_s = 0.0
        self._end = ExitStack()
        self._errors = self._end.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        self._answered: tuple[float, float] | None = None
        self._unread = b""
        try:
            self._process = subprocess.Popen(
                [program.python, str(_SERVE), str(program.worker)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                # The folder of the workers is no place to import from.
                env={**os.environ, "PYTHONSAFEPATH": "1", **program.environment},
                start_new_session=True,  # Ctrl-C is for the parent, which ends its children
            )
        except OSError as error:
            self._end.close()
            message = f"{program.label}: {program.python} cannot be run: {error.strerror or error}"
            raise PonderError(message) from None
        self._end.callback(_end, self._process)

    def __enter__(self) -> PeerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.close()

    def call(self, name: str, timeout_s: float, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Give the process a turn and return its answer.

        Raises
        ------
        PonderError : a package is missing, the call failed, or the process ended or did not answer in time,
            in which case it is ended.
        """
        label = self.program.label
        if self._answered is not None:
            at, cpu_s = self._answered
            self.idle_s += time.perf_counter() - at
            self.idle_cpu_s += self._cpu_s() - cpu_s
        answer = self._exchange({"call": name, "arguments": dict(arguments)}, timeout_s)
        self._answered = time.perf_counter(), self._cpu_s()
        if "missing" in answer:
            raise PonderError(
                f"{label} is not installed for {self.program.python} ({_shown(answer['missing'])})"
                f"{': ' if self.program.remedy else ''}{self.program.remedy}"
            )
        if not isinstance(answer.get("result"), dict):
            raise PonderError(f"{label} failed: {_shown(answer.get('error', 'its answer is none'))}")
        result: dict[str, Any] = answer["result"]
        return result

    def peak_rss_bytes(self) -> int | None:
        """Return the most memory it has had resident; None where the system does not tell."""
        with suppress(OSError, ValueError, IndexError):
            status = Path(f"/proc/{self._process.pid}/status").read_text()
            return int(status.split("VmHWM:")[1].split()[0]) * 1024
        return None

    def _exchange(self, request: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            try:
                self._process.stdin.write(json.dumps(request).encode() + b"\n")
                self._process.stdin.flush()
            except OSError:
                raise self._ended() from None
            answer = json.loads(self._read_line(time.monotonic() + timeout_s, timeout_s))
        except (ValueError, RecursionError):
            self._end.close()
            raise PonderError(f"{self.program.label} answered what is not JSON") from None
        except BaseException:  # what it still answers must not become the next call's
            self._end.close()
            raise
        return answer if isinstance(answer, dict) else {}

    def _read_line(self, until: float, timeout_s: float) -> bytes:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as ready:
            ready.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                if not ready.select(max(0.0, until - time.monotonic())):
                    raise PonderError(
                        f"{self.program.label} did not answer within {timeout_s:g} s and was ended"
                    )
                received = os.read(self._process.stdout.fileno(), 2**16)
                if not received or len(self._unread) > _ANSWER_BYTES:
                    raise self._ended()
                self._unread += received
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _ended(self) -> PonderError:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)  # it closed its pipes: its status comes at once
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - 2**14))
        said = [line for line in self._errors.read().decode("utf-8", "replace").splitlines() if line.strip()]
        last = f": {_shown(said[-1])}" if said else ""
        return PonderError(f"{self.program.label} {_how(self._process.poll())}{last}")

    def _cpu_s(self) -> float:
        with suppress(OSError, ValueError, IndexError):
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return 0.0


def _how(status: int | None) -> str:
    """Say how a process ended."""
    if status is not None and status < 0:
        with suppress(ValueError):
            return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def _shown(message: object) -> str:
    return " ".join(str(message).split())[:_LINE]


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # what was still to be written has no reader
                pipe.close()
