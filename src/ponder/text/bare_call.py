"""A call of a tool that is a JSON object and nothing around it but a fence of Markdown."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from ponder.text.call_form import NoCalls, ToolCall, call_of, read_object, skip, skip_space

_OPENINGS = ("```json {", "``` {", "{")
_ARGUMENTS = ('"arguments" :', '"parameters" :')

_CHARACTER = r'[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})'
_STRING = (  # whole, and what may become one
    re.compile(rf'"(?:{_CHARACTER})*"'),
    re.compile(rf'"(?:{_CHARACTER})*(?:\\(?:u[0-9a-fA-F]{{0,3}})?)?'),
)
_NUMBER = (
    re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"),
    re.compile(r"-|-?(?:0|[1-9][0-9]*)(?:\.[0-9]*|(?:\.[0-9]+)?[eE][-+]?[0-9]*)?"),
)
_CONSTANTS = {"t": "true", "f": "false", "n": "null"}
_VALUE = '"{[-0123456789tfn'


class BareCall:
    """Reads the call that a growing text begins with, of a model that leaves out the marks of its form.

    It is `{"name": ..., "arguments": {...}}`, in this order and with no other member, alone or between
    "```json" or "```" and "```"; `arguments` may be called `parameters`.

    Parameters
    ----------
    names
        Of the tools that can be called.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._arguments: JsonObject | None = None

    def read(self, text: str, *, ended: bool) -> tuple[ToolCall, int]:
        """Return the call that a text begins with, and where it ends.

        Parameters
        ----------
        text : what was given the last time, and what came after it.
        ended : whether nothing comes after it; the fence may then be left open.

        Raises
        ------
        NoCalls : it begins with none.
        """
        begin = skip_space(text, 0)
        if self._arguments is None:
            at = skip('"name" :', text, _skip_one(_OPENINGS, text, begin))
            at = _skip_one([f'"{name}" ,' for name in self._names], text, at)
            self._arguments = JsonObject(skip_space(text, _skip_one(_ARGUMENTS, text, at)))
        end = skip("}", text, self._arguments.end(text))
        read, _ = read_object(text, text.index("{", begin))
        name, arguments = read.values()
        call = call_of(name, arguments, self._names)
        if text.startswith("```", begin) and not (ended and not text[end:].strip()):
            end = skip("```", text, end)
        return call, end


class JsonObject:
    """Finds where the JSON object ends that stands at a place of a growing text."""

    def __init__(self, at: int) -> None:
        self._at = at  # what is before is read
        self._open: list[str] = []  # what closes the objects and lists that are open
        self._expected = "{"  # the signs that may come next

    def end(self, text: str) -> int:
        """Return where it ends. Raises NoCalls: it does not; `unfinished`: it may when the text goes on."""
        while self._expected:
            at = skip_space(text, self._at)
            if at == len(text):
                raise NoCalls(unfinished=True)
            self._at = self._read(text, at)
        return self._at

    def _read(self, text: str, at: int) -> int:
        """Return where what stands at a place ends, and set what may come next."""
        sign, expected = text[at], self._expected
        if sign not in expected:
            raise NoCalls
        if sign in "{}[]:,":
            end = at + 1
        elif sign in _CONSTANTS:
            end = skip(_CONSTANTS[sign], text, at)
        else:
            end = _end_of(*(_STRING if sign == '"' else _NUMBER), text, at)
        if sign in "{[":
            self._open.append("}" if sign == "{" else "]")
            self._expected = '"}' if sign == "{" else f"{_VALUE}]"
        elif sign in ":,":
            self._expected = _VALUE if sign == ":" or self._open[-1] == "]" else '"'
        elif sign == '"' and "[" not in expected:  # a member's name
            self._expected = ":"
        else:
            if sign in "}]":
                self._open.pop()
            self._expected = f",{self._open[-1]}" if self._open else ""
        return end


def _end_of(whole: re.Pattern[str], begun: re.Pattern[str], text: str, at: int) -> int:
    """Return where a string or number ends, which at the text's end may go on."""
    if begun.fullmatch(text, at):
        raise NoCalls(unfinished=True)
    found = whole.match(text, at)
    if found is None:
        raise NoCalls
    return found.end()


def _skip_one(strings: Iterable[str], text: str, at: int) -> int:
    """Return where that of some strings ends which stands at a place of a text."""
    unfinished = False
    for string in strings:
        try:
            return skip(string, text, at)
        except NoCalls as error:
            unfinished |= error.unfinished
    raise NoCalls(unfinished)
