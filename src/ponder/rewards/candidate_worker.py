"""Runs a candidate's code in a child of its own, which answers calls; for `trial.py`.

A request is `{"code": ..., "seconds": ..., "weak": ..., "handles": [calls, replies]}`: start anew with this
code, which reads calls and writes replies there; or `{"code": None}`: end it. No test is ever in this
process, so none is in those that it forks, and what they write does not pass through here.
"""

from __future__ import annotations

import gc
import json
import math
import os
import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from types import CodeType
from typing import Any, NoReturn

from ponder.sandbox.plain import dumps, loads
from ponder.sandbox.system_calls import system_calls_filter

WARM_UP = {"code": None}
_MESSAGE = 300  # characters of an error
_CALLS, _REPLIES, _MAX_HANDLES = 3, 4, 256
_COMMON = (
    *("abc", "array", "bisect", "calendar", "cmath", "collections", "contextlib", "copy", "dataclasses"),
    *("datetime", "decimal", "enum", "fractions", "functools", "hashlib", "heapq", "io", "itertools", "math"),
    *("numbers", "operator", "queue", "random", "re", "statistics", "string", "struct", "textwrap"),
    *("threading", "typing"),
)  # what solutions import: loaded once, before the forks

for _name in _COMMON:
    import_module(_name)


class Candidate:
    """The candidate's process, seen from outside."""

    def __init__(self) -> None:
        self._child: int | None = None
        self._forbid: Callable[[], None] | None = None
        with suppress(OSError):  # a system without such filters; `_be_candidate` says when that may be
            self._forbid = system_calls_filter()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a request; see the module."""
        if self._child is not None:
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            self._child = None
        if request["code"] is not None:
            gc.freeze()
            calls, replies = request["handles"]
            self._child = os.fork()
            if self._child == 0:
                _be_candidate(calls, replies, request, self._forbid)
            os.close(calls)
            os.close(replies)
        return {}


def _be_candidate(
    calls: int, replies: int, request: dict[str, Any], forbid: Callable[[], None] | None
) -> NoReturn:
    """Run the code and answer calls, until somebody kills this process."""
    try:
        _keep_only(calls, replies)
        _confine(request["seconds"])
        if forbid is not None:
            forbid()
        elif not request["weak"]:
            raise OSError("system calls cannot be refused here")
        namespace: dict[str, Any] = {"__name__": "candidate"}
        reply = _reply(lambda: exec(_compiled(request["code"]), namespace))  # noqa: S102
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


def _compiled(code: str) -> CodeType:
    return compile(code, "candidate", "exec", dont_inherit=True)  # nothing of this file's from __future__


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


def _confine(seconds: float) -> None:
    """Bound what the code can take; memory is bounded for the outer process, and so here."""
    cpu = math.ceil(seconds) + 1
    limits = {
        resource.RLIMIT_CPU: cpu,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 16,
        resource.RLIMIT_CORE: 0,
    }
    for kind, limit in limits.items():
        hard = resource.getrlimit(kind)[1]
        allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (allowed, allowed))


answer = Candidate().answer
