"""Server-sent events (HTML standard, section 9.2.6), as far as streams of completions use them."""

from __future__ import annotations

import re

from ponder.errors import PonderError

_LINE_END = re.compile(rb"\r\n|\n|\r")
_EVENT_BYTES = 2**24


class StreamError(PonderError):
    """A stream that breaks off, or holds what cannot be read."""


class EventParser:
    """Turns bytes, cut anywhere, into the data of events."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, received: bytes) -> list[str]:
        """Return the data of the events that these bytes complete.

        Raises
        ------
        StreamError : an event is larger than 16 MiB.
        """
        buffer = self._rest + received
        # A carriage return at the end may be the first half of a line end.
        whole = len(buffer) - buffer.endswith(b"\r")
        *lines, rest = _LINE_END.split(buffer[:whole])
        self._rest = rest + buffer[whole:]
        events = []
        for line in lines:
            if line:
                self._take(line)
            elif self._data:
                events.append(b"\n".join(self._data).decode("utf-8", "replace"))
                self._data, self._size = [], 0
        if self._size + len(self._rest) > _EVENT_BYTES:
            raise StreamError(f"an event of the stream is larger than {_EVENT_BYTES} bytes")
        return events

    def _take(self, line: bytes) -> None:
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
            self._size += len(value)
