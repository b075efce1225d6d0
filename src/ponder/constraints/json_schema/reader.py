"""Reads JSON text byte by byte, as it is generated: where the text is, and what closes.

A `Reader` is a small immutable value. It trusts a grammar to see to it that the bytes are JSON text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

_STRING_END = re.compile(rb'["\\]')
_SCALAR_END = re.compile(rb"[,\]}\s]")
_SPACE = frozenset(b" \t\r\n")


class Mode(IntEnum):
    """What the next byte belongs to, white space aside."""

    VALUE = 0  # a value must begin
    FIRST_ITEM = 1  # a value may begin, or the array closes
    FIRST_KEY = 2  # a key may begin, or the object closes
    NEXT_KEY = 3  # a key must begin
    KEY = 4  # inside a key
    COLON = 5  # between a key and its value
    STRING = 6  # inside a string value
    SCALAR = 7  # inside a number, or true, false, null
    AFTER = 8  # after a value in a container
    DONE = 9  # after the whole text


@dataclass(frozen=True, slots=True)
class Open:
    """A container that is open.

    Attributes
    ----------
    parent : the container that it stands in; None: it is the whole text.
    is_object : whether it is an object, and no array.
    began : how many bytes come before it.
    keys : the keys of an object so far, as they are spelled, without quotes.
    key : the last of them; None: there is none.
    count : the number of values that have closed in it.
    """

    parent: Open | None
    is_object: bool
    began: int
    keys: frozenset[bytes] = frozenset()
    key: bytes | None = None
    count: int = 0


class Closed(NamedTuple):
    """A value, or a key, that closed.

    Attributes
    ----------
    began, ended : its bytes are those from `began` to `ended - 1` of the whole text.
    within : the container that it stands in, just after.
    spelled : the bytes of a scalar; of a string, without quotes; of a container, none.
    is_key : whether it is a key.
    is_new : of a key: whether the object has no other of the same spelling.
    """

    began: int
    ended: int
    within: Open | None
    spelled: bytes = b""
    is_key: bool = False
    is_new: bool = True


class Reader(NamedTuple):
    """How far a JSON text is read.

    Attributes
    ----------
    mode : what the next byte belongs to.
    top : the innermost container that is open; None: none is.
    length : how many bytes were read.
    began : how many bytes come before the string, number or literal that is being read.
    begun : its bytes so far; of a string, without quotes.
    depth : how many containers are open.
    """

    mode: Mode = Mode.VALUE
    top: Open | None = None
    length: int = 0
    began: int = 0
    begun: bytes = b""
    depth: int = 0

    @property
    def path(self) -> tuple[str | int, ...]:
        """Where the present value stands: keys and places, from the outside in."""
        return path_of(self.top)

    def read(self, data: bytes) -> Reading:
        """Return where the text is after some more bytes, and what happened in them.

        Raises
        ------
        ValueError : the bytes cannot stand here in any JSON text.
        """
        inside = self.mode is Mode.STRING or self.mode is Mode.KEY
        if inside and b'"' not in data and b"\\" not in data and not self.begun.endswith(b"\\"):
            mode, top, length, began, begun, depth = self
            reader = Reader(mode, top, length + len(data), began, begun + data, depth)
            return Reading(reader, (), depth)
        return _Scan(self, data).run()


class Reading(NamedTuple):
    """What happened in some bytes: what closed, in order, and the most containers that were open."""

    reader: Reader
    closed: tuple[Closed, ...]
    deepest: int


def path_of(container: Open | None) -> tuple[str | int, ...]:
    """Return the keys and places that lead to the present value of a container."""
    steps: list[str | int] = []
    while container is not None:
        steps.append(key_text(container.key or b"") if container.is_object else container.count)
        container = container.parent
    return tuple(reversed(steps))


def key_text(spelled: bytes) -> str:
    """Return a key without its escapes."""
    if b"\\" in spelled:
        import json

        return str(json.loads(b'"' + spelled + b'"'))
    return spelled.decode("utf-8", "replace")


class _Scan:
    """Reads some bytes; its fields are those of the `Reader` that it becomes."""

    def __init__(self, reader: Reader, data: bytes) -> None:
        self.data = data
        self.mode, self.top, self.length = reader.mode, reader.top, reader.length
        self.began, self.begun, self.depth = reader.began, reader.begun, reader.depth
        self.closed: list[Closed] = []
        self.deepest = reader.depth

    def run(self) -> Reading:
        place, size = 0, len(self.data)
        while place < size:
            if self.mode in (Mode.STRING, Mode.KEY):
                place = self._string(place)
            elif self.mode is Mode.SCALAR:
                place = self._scalar(place)
            else:
                if self.data[place] not in _SPACE:
                    self._structure(self.data[place], place)
                place += 1
        reader = Reader(self.mode, self.top, self.length + size, self.began, self.begun, self.depth)
        return Reading(reader, tuple(self.closed), self.deepest)

    def _structure(self, byte: int, place: int) -> None:
        mode, top = self.mode, self.top
        at = self.length + place
        if mode is Mode.COLON and byte == 0x3A:
            self.mode = Mode.VALUE
        elif mode is Mode.AFTER and byte == 0x2C and top is not None:
            self.mode = Mode.NEXT_KEY if top.is_object else Mode.VALUE
        elif byte == 0x22 and mode in (Mode.FIRST_KEY, Mode.NEXT_KEY):
            self.mode, self.began, self.begun = Mode.KEY, at, b""
        elif byte in b"}]" and self._closes(byte == 0x7D):
            assert top is not None
            self.top, self.depth = top.parent, self.depth - 1
            self._value_closed(top.began, at + 1)
        elif mode not in (Mode.VALUE, Mode.FIRST_ITEM):
            raise ValueError(f"byte {byte} cannot stand here")
        elif byte == 0x22:
            self.mode, self.began, self.begun = Mode.STRING, at, b""
        elif byte in b"{[":
            self.top, self.depth = Open(top, byte == 0x7B, at), self.depth + 1
            self.deepest = max(self.deepest, self.depth)
            self.mode = Mode.FIRST_KEY if byte == 0x7B else Mode.FIRST_ITEM
        else:
            self.mode, self.began, self.begun = Mode.SCALAR, at, bytes((byte,))

    def _closes(self, is_object: bool) -> bool:
        first = Mode.FIRST_KEY if is_object else Mode.FIRST_ITEM
        return self.top is not None and self.top.is_object == is_object and self.mode in (first, Mode.AFTER)

    def _string(self, place: int) -> int:
        """Read on inside a string; return the place after what was read."""
        first, start = place, place
        data = self.data
        escape = _open_escape(self.begun)
        while True:
            if escape:  # skip what an escape that is open still needs
                start += 1
                escape = False
                if start >= len(data):
                    break
            found = _STRING_END.search(data, start)
            if found is None:
                start = len(data)
                break
            start = found.start()
            if data[start] == 0x22:
                return self._string_closed(first, start)
            start += 1
            escape = True
            if start >= len(data):
                break
        self.begun += data[first:]
        return len(data)

    def _string_closed(self, first: int, last: int) -> int:
        begun = self.begun + self.data[first:last]
        ended = self.length + last + 1
        if self.mode is Mode.KEY:
            top = self.top
            assert top is not None
            self.top = Open(top.parent, True, top.began, top.keys | {begun}, begun, top.count)
            self.closed.append(Closed(self.began, ended, self.top, begun, True, begun not in top.keys))
            self.mode, self.begun = Mode.COLON, b""
        else:
            self._value_closed(self.began, ended, begun)
        return last + 1

    def _scalar(self, place: int) -> int:
        found = _SCALAR_END.search(self.data, place)
        last = len(self.data) if found is None else found.start()
        self.begun += self.data[place:last]
        if found is not None:
            self._value_closed(self.began, self.length + last, self.begun)
        return last

    def _value_closed(self, began: int, ended: int, spelled: bytes = b"") -> None:
        self.begun, self.mode = b"", Mode.DONE
        if self.top is not None:
            top = self.top
            self.top = Open(top.parent, top.is_object, top.began, top.keys, top.key, top.count + 1)
            self.mode = Mode.AFTER
        self.closed.append(Closed(began, ended, self.top, spelled))


def _open_escape(begun: bytes) -> bool:
    r"""Return whether a string's bytes end with a `\` that escapes the next byte."""
    return (len(begun) - len(begun.rstrip(b"\\"))) % 2 == 1
