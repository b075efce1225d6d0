"""Tokens that are told only once their decoder cannot take them back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ponder.asks.events import BackEvent, TokenEvent
from ponder.asks.language_model import Told


class Settling:
    """Passes on what happens to one request, and holds back the tokens that its decoder may yet give up."""

    def __init__(self) -> None:
        self._out: defaultdict[int, int] = defaultdict(int)  # how many tokens of a text went out
        self._held: defaultdict[int, list[TokenEvent]] = defaultdict(list)  # those after them

    def take(self, event: Told) -> list[Told]:
        """Take an event; return those that can go out. No `BackEvent` does."""
        match event:
            case TokenEvent():
                held = self._held[event.index]
                held.append(event)
                if event.settled is None or event.finish_reason:
                    return self._release(event.index, len(held))
                return self._release(event.index, event.settled - self._out[event.index])
            case BackEvent():
                del self._held[event.index][event.tokens - self._out[event.index] :]
                return self._release(event.index, event.settled - self._out[event.index])
            case _:
                return [event]

    def _release(self, index: int, count: int) -> list[Told]:
        held = self._held[index]
        out, self._held[index] = held[: max(0, count)], held[max(0, count) :]
        self._out[index] += len(out)
        return [replace(event, settled=None) for event in out]


def settled(events: Iterable[Told]) -> Iterator[Told]:
    """Yield what happens to a request, tokens once they are settled."""
    settling = Settling()
    for event in events:
        yield from settling.take(event)
