r"""Reads any text byte by byte, as it is generated, for the strings that are values of JSON in it.

What a string says is told without escapes: `\n`, `\u006e` and the surrogate pair `\ud83d\ude00` are a
character each, and half a pair is a byte that no character has (`NONE`).

JSON is each object or array that a text has, and a string at the very beginning, white space aside. Where
something comes that JSON cannot have there, it is no JSON from there on, until the next `{` or `[`. Numbers
and literals are not looked at closely.

Unlike `json_schema.reader`, this trusts nobody, and keeps no more of a text than what it needs to go on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from ponder.constraints.json_schema.reader import Mode
from ponder.errors import ParameterError

MAX_POINTER = 1000  # characters
MAX_DEPTH = 1000  # containers that are open
NONE = b"\xff"
STOP = re.compile(rb'["\\\x00-\x1f]')  # what does not stand for itself in a string

_SPACE = frozenset(b" \t\r\n")
_SCALAR_BEGINS = frozenset(b"-0123456789tfn")
_SCALAR = re.compile(rb"[-+.0-9A-Za-z]*")
_OPENING = re.compile(rb"[\[{]")
_ESCAPE = re.compile(rb'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')
_ESCAPE_BEGUN = re.compile(rb"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_LOW = re.compile(rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}")  # the second half of a pair
_LOW_BEGUN = re.compile(rb"(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?\Z")
_SHORT = dict(zip(b'"\\/bfnrt', (b'"', b"\\", b"/", b"\b", b"\f", b"\n", b"\r", b"\t"), strict=True))


def pointer_steps(pointer: str, field: str) -> tuple[bytes, ...]:
    """Return the keys and places of a JSON pointer (RFC 6901), in UTF-8.

    Raises
    ------
    ParameterError : it is none, or too long. The pointer to the whole text, "", is none here.
    """
    is_pointer = pointer.startswith("/") and not re.search("~(?![01])", pointer)
    if not is_pointer or len(pointer) > MAX_POINTER or re.search("[\ud800-\udfff]", pointer):
        allowed = f"a JSON pointer such as /person/name, of at most {MAX_POINTER} characters"
        raise ParameterError(field, pointer, allowed)
    return tuple(step.replace("~1", "/").replace("~0", "~").encode() for step in pointer.split("/")[1:])


class JsonPlace(NamedTuple):
    """How far a text is read.

    Attributes
    ----------
    mode : what the next byte belongs to. `DONE`: to no JSON.
    opened : the open containers as bits, the innermost last: 1 for an object, 0 for an array, after a 1.
    met : how many steps of the pointer lead to the present value, or to what it stands in.
    counts : for each open container that the pointer leads through, how many items came before.
    key : how many bytes of a key are as the pointer has them; -1: it is another key.
    escape : the bytes of an escape, or of half a surrogate pair, that more is needed of.
    """

    mode: Mode = Mode.VALUE
    opened: int = 1
    met: int = 0
    counts: tuple[int, ...] = ()
    key: int = 0
    escape: bytes = b""


class Said(NamedTuple):
    """What some bytes add to a string.

    Attributes
    ----------
    text : in UTF-8 where it is one.
    closes : whether the string ends with it.
    """

    text: bytes
    closes: bool


@dataclass(frozen=True, slots=True)
class JsonValues:
    """The strings that stand where a pointer leads, or within what stands there.

    Attributes
    ----------
    steps : of the pointer. `*` is each key and each place.
    """

    steps: tuple[bytes, ...] = ()

    def is_inside(self, place: JsonPlace) -> bool:
        """Return whether the next byte belongs to one of the strings."""
        return place.mode is Mode.STRING and place.met == len(self.steps)

    def read(self, place: JsonPlace, data: bytes) -> tuple[JsonPlace, list[Said]] | None:
        """Return where the text is after some more bytes, and what they say in the strings.

        None: they open more than `MAX_DEPTH` containers.
        """
        scan = _Scan(self.steps, place, place.escape + data)
        return (scan.place, scan.said) if scan.run() else None


class _Scan:
    """Reads some bytes; most of its fields are those of the `JsonPlace` that it becomes."""

    def __init__(self, steps: tuple[bytes, ...], place: JsonPlace, data: bytes) -> None:
        self.steps = steps
        self.data = data
        self.mode, self.opened, self.met, self.counts, self.key, _ = place
        self.escape = b""
        self.said: list[Said] = []

    @property
    def place(self) -> JsonPlace:
        return JsonPlace(self.mode, self.opened, self.met, self.counts, self.key, self.escape)

    @property
    def depth(self) -> int:
        return self.opened.bit_length() - 1

    @property
    def leads(self) -> bool:
        """Whether the pointer leads to the innermost container and on into it."""
        return self.depth == len(self.counts)

    def run(self) -> bool:
        """Read all; return whether no more than `MAX_DEPTH` containers are open anywhere."""
        data, at = self.data, 0
        while at < len(data):
            if self.mode in (Mode.STRING, Mode.KEY):
                at = self._string(at)
                continue
            if self.mode is Mode.DONE:
                found = _OPENING.search(data, at)
                if found is None:
                    break
                at = found.start()
            elif self.mode is Mode.SCALAR:
                found = _SCALAR.match(data, at)
                assert found is not None
                at = found.end()
                if at == len(data):
                    break
                self.mode = Mode.AFTER
            self._structure(data[at])
            if self.depth > MAX_DEPTH:
                return False
            at += 1
        return True

    def _structure(self, byte: int) -> None:
        mode, is_object = self.mode, self.opened & 1
        is_value = mode in (Mode.VALUE, Mode.FIRST_ITEM)
        if byte in b"{[" and (is_value or mode is Mode.DONE):
            self._open(is_object=byte == 0x7B)
        elif byte == 0x22 and is_value:
            self.mode = Mode.STRING
        elif byte == 0x22 and mode in (Mode.FIRST_KEY, Mode.NEXT_KEY):
            self.mode, self.key = Mode.KEY, 0
        elif byte == 0x3A and mode is Mode.COLON:
            self.mode = Mode.VALUE
        elif byte == 0x2C and mode is Mode.AFTER:
            self.mode = Mode.NEXT_KEY if is_object else Mode.VALUE
            if not is_object and self.leads:
                self._count(self.counts[-1] + 1)
        elif (
            byte in b"}]"
            and mode in (Mode.AFTER, Mode.FIRST_KEY if is_object else Mode.FIRST_ITEM)
            and (is_object == (byte == 0x7D))
        ):
            self._close()
        elif byte in _SCALAR_BEGINS and is_value and self.depth:
            self.mode = Mode.SCALAR
        elif byte not in _SPACE:
            self._leave()
            if byte in b"{[":
                self._open(is_object=byte == 0x7B)

    def _open(self, *, is_object: bool) -> None:
        goes_on = self.met == self.depth < len(self.steps)
        self.opened = self.opened << 1 | is_object
        self.mode = Mode.FIRST_KEY if is_object else Mode.FIRST_ITEM
        if goes_on:
            self.counts += (0,)
            if not is_object:
                self._count(0)

    def _close(self) -> None:
        self.opened >>= 1
        self.counts = self.counts[: self.depth]
        self.met = min(self.met, self.depth)
        self._value_ends()

    def _value_ends(self) -> None:
        self.mode = Mode.AFTER if self.depth else Mode.DONE

    def _leave(self) -> None:
        """Find out that this is no JSON."""
        self.mode, self.opened, self.met, self.counts, self.key = Mode.DONE, 1, 0, (), 0

    def _count(self, number: int) -> None:
        """Come to an item of an array that the pointer leads through."""
        self.counts = (*self.counts[:-1], number)
        self._come_to(self.steps[self.depth - 1] in (b"*", b"%d" % number))

    def _come_to(self, is_met: bool) -> None:
        self.met = self.depth - (not is_met)

    def _string(self, start: int) -> int:
        """Read on inside a string; return the place after what was read."""
        data, at, parts = self.data, start, []
        ends = False
        while not ends:
            found = STOP.search(data, at)
            stop = len(data) if found is None else found.start()
            parts.append(data[at:stop])
            at = stop
            if found is None:
                break
            if data[at] == 0x5C:
                text, after = _unescaped(data, at)
                if text is None:  # more is needed
                    self.escape, at = data[at:], len(data)
                    break
                parts.append(text)
                ends, at = not text, after
            else:
                ends = True
        self._say(b"".join(parts), ends)
        if not ends:
            return at
        if data[at : at + 1] != b'"':
            self._leave()
        elif self.mode is Mode.KEY:
            self._key_ends()
        else:
            self._value_ends()
        return at + 1

    def _say(self, text: bytes, ends: bool) -> None:
        if self.mode is Mode.STRING:
            if self.met == len(self.steps):
                self.said.append(Said(text, ends))
        elif self.key >= 0 and self.leads:
            wanted = self.steps[self.depth - 1]
            self.key = self.key + len(text) if wanted.startswith(text, self.key) else -1

    def _key_ends(self) -> None:
        if self.leads:
            wanted = self.steps[self.depth - 1]
            self._come_to(wanted == b"*" or self.key == len(wanted))
        self.mode, self.key = Mode.COLON, 0


def _unescaped(data: bytes, at: int) -> tuple[bytes | None, int]:
    """Return the character of an escape, and the place after it.

    None: there are more bytes to come of it. No bytes: it is no escape.
    """
    found = _ESCAPE.match(data, at)
    if found is None:
        return (None if _ESCAPE_BEGUN.match(data, at) else b""), at
    after = found.end()
    if data[at + 1] != 0x75:
        return _SHORT[data[at + 1]], after
    point = int(data[at + 2 : after], 16)
    if 0xD800 <= point < 0xDC00:
        low = _LOW.match(data, after)
        if low is not None:
            half = int(data[after + 2 : low.end()], 16)
            point, after = 0x10000 + ((point - 0xD800) << 10) + (half - 0xDC00), low.end()
        elif _LOW_BEGUN.match(data, after):
            return None, after
    return (NONE if 0xD800 <= point < 0xE000 else chr(point).encode()), after
