"""Evaluates tests; for `trial.py`. What they call of the candidate's is called in its process, and the value
sent here.

A request is `{"test": source, "setup": source, "entry": name, "seconds": ...}`, with `"handles": [calls,
replies]` if there is a new candidate. The answer is `{"passed": ..., "why": ..., "ended": whether the
candidate has}`, or `{"unfit": why}` if the test itself is at fault. Only plain values come in, so no object
of the candidate's can pretend to equal what a test expects.
"""

from __future__ import annotations

import builtins
import json
import os
import reprlib
import select
import sys
import time
from contextlib import suppress
from importlib import import_module
from types import CodeType
from typing import Any

from ponder.sandbox.plain import MAX_BYTES, dumps, loads

WARM_UP = {"test": "True", "setup": "", "entry": None, "seconds": 1}
_WHY = 200  # characters
_QUIET = (StopIteration, StopAsyncIteration)


class UnfitTest(BaseException):
    """The test cannot be evaluated, whatever the candidate does; no test catches this."""


class Candidate:
    """The candidate's process, seen from here: a function's name and arguments go in, a reply comes out."""

    def __init__(self) -> None:
        self._calls = self._replies = -1
        self.ended = True
        self.until = 0.0

    def connect(self, calls: int, replies: int) -> None:
        """Speak to a new candidate."""
        self.disconnect()
        self._calls, self._replies, self.ended = calls, replies, False
        os.set_blocking(calls, False)

    def disconnect(self) -> None:
        """Speak to this one no more."""
        if not self.ended:
            os.close(self._calls)
            os.close(self._replies)
        self.ended = True

    def call(self, name: str, arguments: str) -> str:
        """Have a function called; return the reply as it came."""
        line = json.dumps([name, arguments]).encode() + b"\n"
        reply = bytearray()
        why = "it has ended" if self.ended else None
        while why is None and not reply.endswith(b"\n"):
            left = max(0.0, self.until - time.monotonic())
            readable, writable, _ = select.select([self._replies], [self._calls] if line else [], [], left)
            if writable:
                with suppress(BrokenPipeError):  # then there is an end to read
                    line = line[os.write(self._calls, line) :]
            elif readable:
                part = os.read(self._replies, 2**16)
                reply += part
                if not part:
                    why = "it ended itself"
                elif len(reply) > MAX_BYTES + 1:
                    why = "it wrote too much"
            else:
                why = "it took too long"
        if why is not None:
            self.disconnect()
            return dumps(("error", "RuntimeError", why))
        return reply.decode(errors="replace")


class Function:
    """What a test has in place of a function of the candidate's."""

    def __init__(self, name: str, candidate: Candidate) -> None:
        self._name, self._candidate = name, candidate
        self._last: object = None

    def __call__(self, *values: object, **named: object) -> object:
        try:
            arguments = dumps((values, named))
        except ValueError as error:
            raise UnfitTest(f"it calls {self._name} with something that cannot be sent: {error}") from None
        self._last = _read(self._candidate.call(self._name, arguments))
        match self._last:
            case ("value", value):
                return value
            case ("error", str(kind), str(message)):
                raise _raised(kind, message)
        raise RuntimeError("the candidate's process wrote something that is no reply")

    def __getattr__(self, attribute: str) -> object:
        if self._name in sys.stdlib_module_names:  # a test that counts on the program's imports
            return getattr(import_module(self._name), attribute)
        raise UnfitTest(f"it looks into {self._name}, which is in another process")

    def __str__(self) -> str:
        match self._last:
            case ("value", value):
                return f"{self._name} returned {reprlib.repr(value)}"
            case ("error", kind, message):
                return f"{self._name} raised {kind}: {message}"
        return f"{self._name} was not called"


class Names(dict[str, Any]):
    """The names in a test: its own, Python's, and what else it uses is the candidate's."""

    def __init__(self, candidate: Candidate, entry: str | None) -> None:
        super().__init__({"__name__": "test"})
        self._candidate = candidate
        self.functions: list[Function] = []
        if entry is not None:
            self[entry] = self.__missing__(entry, True)

    def __missing__(self, name: str, entry: bool = False) -> Function:
        if hasattr(builtins, name) and not entry:
            raise KeyError(name)
        function = Function(name, self._candidate)
        self.functions.append(function)
        self[name] = function
        return function


def _verdict(test: str, setup: str, names: Names) -> dict[str, Any]:
    """Evaluate a test: an expression that must be true, or statements that must not raise."""
    code, is_expression = _compiled(test)
    try:
        exec(compile(setup, "setup", "exec", dont_inherit=True), names)  # noqa: S102
    except UnfitTest:
        raise
    except BaseException as error:
        raise UnfitTest(f"the setup fails: {type(error).__name__}: {error}") from None
    try:
        if eval(code, names) or not is_expression:  # noqa: S307
            return {"passed": True, "why": ""}
        why = "it is not true"
    except UnfitTest:
        raise
    except BaseException as error:
        why = f"{type(error).__name__}: {error}"
    return {"passed": False, "why": "; ".join([*map(str, names.functions), why])[:_WHY]}


def _compiled(test: str) -> tuple[CodeType, bool]:
    """Return a test's code, and whether it is an expression."""
    with suppress(SyntaxError):
        return compile(test.strip(), "test", "eval", dont_inherit=True), True
    try:
        return compile(test, "test", "exec", dont_inherit=True), False
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnfitTest(f"it is not Python: {error}") from None


def _read(reply: str) -> object:
    try:
        return loads(reply)
    except ValueError as error:
        raise RuntimeError(f"the candidate's process wrote something that is no reply: {error}") from None


def _raised(kind: str, message: str) -> Exception:
    """Return an exception of Python's own by its name; one that would end a loop quietly gets another."""
    found = getattr(builtins, kind, None)
    if isinstance(found, type) and issubclass(found, Exception) and not issubclass(found, _QUIET):
        with suppress(TypeError):  # it takes other arguments
            return found(message)
    return RuntimeError(f"{kind}: {message}")


class Examiner:
    """Answers requests; see the module."""

    def __init__(self) -> None:
        self._candidate = Candidate()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one."""
        if "handles" in request:
            self._candidate.connect(*request["handles"])
        self._candidate.until = time.monotonic() + request["seconds"]
        try:
            verdict = _verdict(request["test"], request["setup"], Names(self._candidate, request["entry"]))
        except UnfitTest as error:
            verdict = {"unfit": str(error)}
        return {**verdict, "ended": self._candidate.ended}


answer = Examiner().answer
