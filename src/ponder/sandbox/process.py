"""The parent's side: a child process that can be asked, limited and killed.

The child runs `serve.py`, which loads the worker that answers. Both speak JSON, one object a line.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from ponder.errors import PonderError

_START_SECONDS = 60.0
_ANSWER_BYTES = 2**27  # what a child can make its parent hold
_KEPT_ENVIRONMENT = ("SYSTEMROOT", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may take; all but `clock_seconds` hold as far as the system has such limits.

    The seconds, of processor time and by the clock, are for one answer. `isolation` says whether the child
    must be in namespaces of its own (`namespaces.py`), should be where that is possible, or need not.
    """

    cpu_seconds: float
    clock_seconds: float
    memory_bytes: int
    opens_files: bool = False
    isolation: Literal["none", "preferred", "required"] = "none"


class ConfinedProcess:
    """A child process in which a worker answers requests, one at a time.

    It starts with `start` or the first `ask`, again when it is asked after its end, and ends with `close`,
    with this object or with this process, however that ends. Safe to use from several threads; requests take
    turns.

    Parameters
    ----------
    worker
        A Python file with a function `answer(request)` and a request `WARM_UP`, which is answered before the
        limits hold, so that what Python loads on first use is loaded while files can still be opened.
        Nothing of ponder and no installed package but `packages` is there for it.
    packages
        What the worker imports, directly and indirectly; names that are not installed are passed over.
    limits
        What the child may take.
    takes_handles
        Whether requests come with open files (not on Windows).
    """

    def __init__(
        self, worker: Path, packages: Sequence[str], limits: Limits, *, takes_handles: bool = False
    ) -> None:
        self._worker, self._packages, self._limits = worker, packages, limits
        self._takes_handles = takes_handles
        self._handles: socket.socket | None = None
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._end = ExitStack()
        weakref.finalize(self, self._end.close)

    def start(self) -> None:
        """Start the child in the background, if it does not run."""
        with self._lock:
            self._running()

    def wait(self) -> None:
        """Start the child, if it does not run, and return when it can be asked.

        Raises
        ------
        PonderError : it could not be started, or not isolated.
        """
        with self._lock:
            self._greeted()

    def ask(
        self, request: Mapping[str, Any], clock_seconds: float | None = None, handles: Sequence[int] = ()
    ) -> dict[str, Any] | None:
        """Return the answer, or None if the request took the child to one of its limits and ended it.

        `clock_seconds` is this request's own limit, in place of that of all. The child gets copies of
        `handles`, and the worker their numbers as the request's "handles".

        Raises
        ------
        PonderError : the child could not be started.
        """
        line = json.dumps({**request, "handles": len(handles)} if handles else request).encode() + b"\n"
        seconds = self._limits.clock_seconds if clock_seconds is None else clock_seconds
        answer = None
        with self._lock:
            process = self._greeted()
            try:
                if handles:
                    assert self._handles is not None
                    socket.send_fds(self._handles, [b"h"], handles)
                answer = _exchange(process, line, seconds)
            finally:
                # Ctrl-C too: an answer that nobody waited for must not become the next one's.
                if answer is None:
                    self._end.close()
        return answer

    def close(self) -> None:
        """End the child now."""
        with self._lock:
            self._end.close()

    def _greeted(self) -> subprocess.Popen[bytes]:
        """Return the child when it can be asked."""
        process = self._running()
        if not self._ready:
            try:
                _greet(process, self._worker.name)
                self._ready = True
            finally:
                if not self._ready:
                    self._end.close()
        return process

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end.close()
            isolated = () if self._limits.isolation == "none" else ("ponder",)  # namespaces.py
            specs = [find_spec(name) for name in (*self._packages, *isolated)]
            folders = {str(Path(spec.origin).parents[1]) for spec in specs if spec and spec.origin}
            program, limits = Path(__file__).with_name("serve.py"), asdict(self._limits)
            theirs = self._open_channel() if self._takes_handles else None
            passed = [theirs.fileno()] if theirs is not None else []
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-I",
                    "-S",
                    str(program),
                    str(self._worker),
                    json.dumps({**limits, "channel": passed}),
                    *folders,
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ},
                start_new_session=True,  # Ctrl-C is for the parent
                pass_fds=passed,
            )
            if theirs is not None:
                theirs.close()
            self._ready = False
            self._end.callback(_end, self._process)
        return self._process

    def _open_channel(self) -> socket.socket:
        """Return the child's end of what handles are sent over."""
        self._handles, theirs = socket.socketpair()
        self._end.callback(self._handles.close)
        return theirs


def _greet(process: subprocess.Popen[bytes], worker: str) -> None:
    ready = _exchange(process, b"", _START_SECONDS)
    if ready is None:
        raise PonderError(f"the process that runs {worker} did not start")
    if "refused" in ready:
        raise PonderError(f"this system cannot isolate the process that runs {worker}: {ready['refused']}")


def _exchange(process: subprocess.Popen[bytes], request: bytes, seconds: float) -> dict[str, Any] | None:
    """Send a line and read a line; None if the process ended, or was ended at the time limit."""
    assert process.stdin is not None
    assert process.stdout is not None
    timer = threading.Timer(seconds, _kill, [process])
    timer.daemon = True
    timer.start()
    try:
        process.stdin.write(request)
        process.stdin.flush()
        answer = json.loads(process.stdout.readline(_ANSWER_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    finally:
        timer.cancel()
    return answer if isinstance(answer, dict) else None


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the child and all that it started; it leads a group of its own."""
    if sys.platform == "win32":
        process.kill()
    else:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes]) -> None:
    _kill(process)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # what was still to be written has no reader
                pipe.close()
