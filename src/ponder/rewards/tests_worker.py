"""Evaluates tests; for `trial.py`. What they call of the candidate's is called elsewhere, and its value sent here.

A request is `{"test": source, "setup": source, "entry": name}`. The answer is `{"passed": ..., "why": ...}`, or
`{"unfit": why}` if the test itself is at fault, or `{"call": name, "arguments": text}`: then the next request is
`{"reply": text}`, and its answer is the test's next one. Only plain values come in, so no object of the candidate's
can pretend to equal what a test expects.
"""

from __future__ import annotations

import builtins
import reprlib
import threading
from queue import SimpleQueue
from types import CodeType
from typing import Any

from ponder.sandbox.plain import dumps, loads

WARM_UP = {"test": "True", "setup": "", "entry": None}
_WHY = 200  # characters


class UnfitTest(BaseException):
    """The test cannot be evaluated, whatever the candidate does; no test catches this."""


class Examiner:
    """Evaluates a test at a time, in a thread that waits where the test calls the candidate."""

    def __init__(self) -> None:
        self._steps: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._replies: SimpleQueue[str] = SimpleQueue()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a request; see the module."""
        if "reply" in request:
            self._replies.put(request["reply"])
        else:
            threading.Thread(target=self._examine, args=[request], daemon=True).start()
        return self._steps.get()

    def _examine(self, request: dict[str, Any]) -> None:
        names = Names(self, request["entry"])
        try:
            step = _verdict(request["test"], request["setup"], names)
        except UnfitTest as error:
            step = {"unfit": str(error)}
        self._steps.put(step)

    def call(self, name: str, arguments: str) -> str:
        """Have the candidate's function called; return the reply as it came."""
        self._steps.put({"call": name, "arguments": arguments})
        return self._replies.get()


class Function:
    """What a test has in place of a function of the candidate's."""

    def __init__(self, name: str, examiner: Examiner) -> None:
        self._name, self._examiner = name, examiner
        self._last: object = None

    def __call__(self, *values: object, **named: object) -> object:
        try:
            arguments = dumps((values, named))
        except ValueError as error:
            raise UnfitTest(f"it calls {self._name} with something that cannot be sent: {error}") from None
        self._last = _read(self._examiner.call(self._name, arguments))
        match self._last:
            case ("value", value):
                return value
            case ("error", str(kind), str(message)):
                raise _raised(kind, message)
        raise RuntimeError("the candidate's process wrote something that is no reply")

    def __str__(self) -> str:
        match self._last:
            case ("value", value):
                return f"{self._name} returned {reprlib.repr(value)}"
            case ("error", kind, message):
                return f"{self._name} raised {kind}: {message}"
        return f"{self._name} gave no value"


class Names(dict[str, Any]):
    """The names in a test: its own, Python's, and what else it uses is the candidate's."""

    def __init__(self, examiner: Examiner, entry: str | None) -> None:
        super().__init__({"__name__": "test"})
        self._examiner = examiner
        self.functions: list[Function] = []
        if entry is not None:
            self[entry] = self.__missing__(entry, True)

    def __missing__(self, name: str, entry: bool = False) -> Function:
        if hasattr(builtins, name) and not entry:
            raise KeyError(name)
        function = Function(name, self._examiner)
        self.functions.append(function)
        self[name] = function
        return function


def _verdict(test: str, setup: str, names: Names) -> dict[str, Any]:
    """Evaluate a test: an expression that must be true, or statements that must not raise."""
    code, is_expression = _compiled(test, setup)
    try:
        exec(compile(setup, "setup", "exec"), names)  # noqa: S102
    except Exception as error:
        raise UnfitTest(f"the setup fails: {type(error).__name__}: {error}") from None
    try:
        if eval(code, names) or not is_expression:
            return {"passed": True, "why": ""}
        why = "it is not true"
    except UnfitTest:
        raise
    except BaseException as error:
        why = f"{type(error).__name__}: {error}"
    return {"passed": False, "why": "; ".join([*map(str, names.functions), why])[:_WHY]}


def _compiled(test: str, setup: str) -> tuple[CodeType, bool]:
    try:
        return compile(test.strip(), "test", "eval"), True
    except SyntaxError:
        pass
    try:
        return compile(test, "test", "exec"), False
    except SyntaxError as error:
        raise UnfitTest(f"it is not Python: {error.msg}") from None


def _read(reply: str) -> object:
    try:
        return loads(reply)
    except ValueError as error:
        raise RuntimeError(f"the candidate's process wrote something that is no reply: {error}") from None


def _raised(kind: str, message: str) -> Exception:
    """Return an exception of Python's own by its name; those that end a loop quietly are not raised here."""
    found = getattr(builtins, kind, None)
    if isinstance(found, type) and issubclass(found, Exception):
        if not issubclass(found, StopIteration | StopAsyncIteration):
            try:
                return found(message)
            except TypeError:  # it takes other arguments
                pass
    return RuntimeError(f"{kind}: {message}")


answer = Examiner().answer
