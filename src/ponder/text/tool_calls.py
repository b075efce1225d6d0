"""Calls of tools in what a model writes, as Hermes and Qwen write them.

A call is `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`; where the text ends, `</tool_call>` may
be missing, which small models leave out. What is not exactly that, with the name of a tool that was given,
is text: nothing that a model says is lost.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NoReturn

OPEN, CLOSE = "<tool_call>", "</tool_call>"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call: the tool's name, and its arguments as JSON text of an object."""

    name: str
    arguments: str


class ToolCallReader:
    """Tells calls from text that comes in pieces; however it is cut, the same comes out.

    White space before a call, and after the last one, belongs to neither and is left out.

    Parameters
    ----------
    names
        Of the tools that can be called.
    begun
        What the text begins with already: a call may begin in it, but nothing of it is told again.
    """

    def __init__(self, names: Collection[str], begun: str = "") -> None:
        self._names = frozenset(names)
        self._rest, self._had = "", 0
        self._after_call = False
        self.push(begun)
        self._had = len(self._rest)  # characters at its beginning that are not told

    def push(self, text: str) -> list[str | ToolCall]:
        """Return what is certain by now: texts, none of them empty, and calls, in order."""
        self._rest += text
        out: list[str | ToolCall] = []
        while OPEN in self._rest:
            self._tell(len(self._rest[: self._rest.index(OPEN)].rstrip()), out)
            start, end = self._rest.index(OPEN) + len(OPEN), self._rest.find(CLOSE)
            if end < 0:
                return out
            call = _call(self._rest[start:end], self._names)
            if call is None:
                self._tell(end + len(CLOSE), out)
            else:
                out.append(call)
                self._take(end + len(CLOSE))
                self._after_call = True
        begun = next(n for n in range(len(OPEN) - 1, -1, -1) if self._rest.endswith(OPEN[:n]))
        self._tell(len(self._rest[: len(self._rest) - begun].rstrip()), out)
        return out

    def flush(self) -> list[str | ToolCall]:
        """Return what is left at the text's end: a call may lack its last mark, and is else text."""
        begun = self._rest.lstrip()
        call = _call(begun.removeprefix(OPEN), self._names) if begun.startswith(OPEN) else None
        rest = self._take(len(self._rest))
        if call is not None:
            return [call]
        return [rest] if rest and not (self._after_call and rest.isspace()) else []

    def _tell(self, count: int, out: list[str | ToolCall]) -> None:
        if told := self._take(count):
            out.append(told)
            self._after_call = False

    def _take(self, count: int) -> str:
        """Take so many characters off the rest; return those of them that are new."""
        told, self._rest = self._rest[:count], self._rest[count:]
        had, self._had = self._had, max(0, self._had - count)
        return told[had:]


def _call(written: str, names: frozenset[str]) -> ToolCall | None:
    try:
        read: Any = json.loads(written, parse_constant=_refuse)
        if not isinstance(read, dict) or not {"name"} <= read.keys() <= {"name", "arguments"}:
            return None
        name, arguments = read["name"], read.get("arguments", {})
        if not isinstance(name, str) or name not in names or not isinstance(arguments, dict):
            return None
        told = json.dumps(arguments, ensure_ascii=False, allow_nan=False)
        told.encode()  # half of a surrogate pair cannot be sent
    except (ValueError, RecursionError):
        return None
    return ToolCall(name, told)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
