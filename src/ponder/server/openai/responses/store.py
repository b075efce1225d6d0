"""The responses that a server remembers, until it ends or others need the room."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ponder.server.front.errors import ApiError
from ponder.server.openai.refused import shortened

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """A response, and the items that it answers: those of the responses before it, too.

    `size` is how many bytes of JSON that is.
    """

    response: Mapping[str, Any]
    input: Sequence[Item]
    size: int = field(init=False)

    def __post_init__(self) -> None:
        size = sum(len(json.dumps(one, ensure_ascii=False)) for one in (self.response, *self.input))
        object.__setattr__(self, "size", size)

    @property
    def items(self) -> Iterator[Item]:
        """The conversation up to the end of the response."""
        yield from self.input
        yield from self.response["output"]


class Shelf:
    """The responses of one key, of which the least recently used goes where there is no room.

    Parameters
    ----------
    most, most_bytes : how many responses there may be, and how many bytes of JSON.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._stored: OrderedDict[str, Stored] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._stored)

    @property
    def bytes(self) -> int:
        """How many bytes of JSON there are."""
        return self._bytes

    def keep(self, stored: Stored) -> None:
        """Keep a response; others, or it itself where it is too large, go."""
        self._stored[stored.response["id"]] = stored
        self._bytes += stored.size
        while len(self._stored) > self._most or self._bytes > self._most_bytes:
            _, gone = self._stored.popitem(last=False)
            self._bytes -= gone.size

    def get(self, id_: str, param: str | None = None) -> Stored:
        """Return a response, which counts as used. Raises ApiError (404), which names `param`."""
        if id_ not in self._stored:
            message = f"there is no response {shortened(id_)!r} here: it is unknown, deleted or forgotten"
            raise ApiError(404, message, param=param, code="response_not_found")
        self._stored.move_to_end(id_)
        return self._stored[id_]

    def delete(self, id_: str) -> None:
        """Forget a response. Raises ApiError (404)."""
        self._bytes -= self.get(id_).size
        del self._stored[id_]

    def items(self) -> dict[str, Item]:
        """Return the items of all responses by their ids."""
        return {item["id"]: item for stored in self._stored.values() for item in stored.items}


class Shelves:
    """The shelf of each key: nobody sees another's, nor takes its room."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._bounds = (most, most_bytes)
        self._shelves: dict[str, Shelf] = {}

    def of(self, key: str) -> Shelf:
        """Return a key's shelf."""
        return self._shelves.setdefault(key, Shelf(*self._bounds))
