"""Runs a candidate's code in a child of its own, and calls what it defines; for `trial.py`.

A request is `{"code": ..., "seconds": ..., "weak": ...}` (start anew with this code; None: end), or `{"call": name,
"arguments": text, "seconds": ...}`. The answer to a call is `{"reply": text}`, what the candidate's process wrote: it is
passed on unread. After "ended" there is no candidate until the next start. No test is ever in this process, so none
is in those that it forks.
"""

from __future__ import annotations

import gc
import json
import math
import os
import resource
import select
import signal
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, NoReturn

from ponder.sandbox.plain import MAX_BYTES, dumps, loads
from ponder.sandbox.system_calls import forbid_system_calls

WARM_UP = {"code": None}
_REPLY_BYTES = MAX_BYTES + 1
_MESSAGE = 300  # characters of an error
_CALLS, _REPLIES, _MAX_HANDLES = 3, 4, 256
_COMMON = (
    *("abc", "array", "bisect", "calendar", "cmath", "collections", "contextlib", "copy", "dataclasses", "datetime"),
    *("decimal", "enum", "fractions", "functools", "hashlib", "heapq", "io", "itertools", "math", "numbers"),
    *("operator", "queue", "random", "re", "statistics", "string", "struct", "textwrap", "threading", "typing"),
)  # what solutions import: loaded once, before the forks

for _name in _COMMON:
    import_module(_name)


class Candidate:
    """The candidate's process, seen from outside."""

    def __init__(self) -> None:
        self._child: int | None = None
        self._calls = self._replies = -1

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a request; see the module."""
        if "code" in request:
            self._end()
            if request["code"] is not None:
                self._start(request)
            return {}
        line = json.dumps([request["call"], request["arguments"]]).encode() + b"\n"
        reply = self._exchange(line, time.monotonic() + request["seconds"])
        if isinstance(reply, str):
            self._end()
            return {"reply": dumps(("error", "TimeoutError", reply)), "ended": True}
        return {"reply": reply.decode(errors="replace")}

    def _start(self, request: dict[str, Any]) -> None:
        calls, self._calls = os.pipe()
        self._replies, replies = os.pipe()
        gc.freeze()
        self._child = os.fork()
        if self._child == 0:
            _be_candidate(calls, replies, request)
        os.close(calls)
        os.close(replies)
        os.set_blocking(self._calls, False)

    def _end(self) -> None:
        if self._child is not None:
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            os.close(self._calls)
            os.close(self._replies)
        self._child = None

    def _exchange(self, line: bytes, end: float) -> bytes | str:
        """Send a line and return a line; or why there is none."""
        if self._child is None:
            return "the code has ended"
        reply = bytearray()
        while not reply.endswith(b"\n"):
            readable, writable, _ = select.select(
                [self._replies], [self._calls] if line else [], [], max(0.0, end - time.monotonic())
            )
            if writable:
                try:
                    line = line[os.write(self._calls, line) :]
                except BrokenPipeError:
                    return "the code has ended"
            elif readable:
                part = os.read(self._replies, 2**16)
                reply += part
                if not part:
                    return "the code has ended"
                if len(reply) > _REPLY_BYTES:
                    return "the code wrote too much"
            else:
                return "the code took too long"
        return bytes(reply)


def _be_candidate(calls: int, replies: int, request: dict[str, Any]) -> NoReturn:
    """Run the code and answer calls, until somebody kills this process."""
    try:
        _keep_only(calls, replies)
        _confine(request["seconds"], request["weak"])
        namespace: dict[str, Any] = {"__name__": "candidate"}
        reply = _reply(lambda: exec(compile(request["code"], "candidate", "exec"), namespace))  # noqa: S102
        works = reply == _reply(lambda: None)
        with open(_CALLS, "rb") as lines, open(_REPLIES, "wb") as answers:
            for line in lines:
                name, arguments = json.loads(line)
                if works:
                    reply = _reply(partial(_call, namespace, name, arguments))
                answers.write(reply.encode() + b"\n")
                answers.flush()
    finally:
        os._exit(1)


def _call(namespace: dict[str, Any], name: str, arguments: str) -> object:
    if name not in namespace:
        raise NameError(f"the code does not define {name}")
    values, named = loads(arguments)
    return namespace[name](*values, **named)


def _reply(run: Callable[[], object]) -> str:
    try:
        return dumps(("value", run()))
    except BaseException as error:
        return dumps(("error", type(error).__name__, str(error)[:_MESSAGE]))


def _keep_only(calls: int, replies: int) -> None:
    """Move two handles to their places and close all others; what is read and printed is the null device."""
    null = os.dup(2)
    for handle, place in [(os.dup(calls), _CALLS), (os.dup(replies), _REPLIES), (null, 0), (null, 1)]:
        os.dup2(handle, place)
    os.closerange(_REPLIES + 1, _MAX_HANDLES)


def _confine(seconds: float, weak: bool) -> None:
    """Bound what the code can take; memory is bounded for the outer process, and so here."""
    cpu = math.ceil(seconds) + 1
    limits = {resource.RLIMIT_CPU: cpu, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_NOFILE: 16, resource.RLIMIT_CORE: 0}
    try:
        forbid_system_calls()
    except OSError:
        if not weak:
            raise
        limits[resource.RLIMIT_NPROC] = 0
    for kind, limit in limits.items():
        hard = resource.getrlimit(kind)[1]
        allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (allowed, allowed))


answer = Candidate().answer
