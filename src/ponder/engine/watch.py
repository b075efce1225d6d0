"""Who looks at the rows of a path while it is computed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch

from ponder.asks.read import Given, Likeliest, Logits, Of, Reading, States, TextScore, These
from ponder.decoders.text import States as StateRows
from ponder.sampling.sampler import best, trace_prompt
from ponder.sampling.softmax import log_softmax, logprobs_of
from ponder.sampling.trace import PromptTrace


class Watch(Protocol):
    """Wants some rows of a path: the row of a place is the one after that token."""

    @property
    def states(self) -> bool:
        """Whether it wants what the head reads for them."""
        ...

    def first(self, start: int) -> int | None:
        """Return the first place from `start` on whose row it wants."""
        ...

    def within(self, start: int, end: int) -> Sequence[int]:
        """Return the places from `start` to before `end` whose rows it wants."""
        ...

    def take(self, places: Sequence[int], logits: torch.Tensor, states: torch.Tensor | None) -> None:
        """Look at the rows of some of these places, [places, V]."""
        ...


class PromptTraces:
    """Traces the tokens of a prompt; what is new since it was last asked is `fresh`."""

    states = False

    def __init__(self, prompt: tuple[int, ...], alternatives: int) -> None:
        self._prompt = prompt
        self._alternatives = alternatives
        self._fresh: list[PromptTrace | None] = [None]  # the first token follows nothing

    def first(self, start: int) -> int | None:
        return start if start < len(self._prompt) - 1 else None

    def within(self, start: int, end: int) -> Sequence[int]:
        return range(start, min(end, len(self._prompt) - 1))

    def take(self, places: Sequence[int], logits: torch.Tensor, states: torch.Tensor | None) -> None:
        tokens = [self._prompt[place + 1] for place in places]
        self._fresh += trace_prompt(logits, tokens, self._alternatives)

    def fresh(self) -> tuple[PromptTrace | None, ...]:
        """Return the traces of tokens that were looked at since this was last asked, in order."""
        fresh, self._fresh = tuple(self._fresh), []
        return fresh


class AllStates:
    """Passes on the states of every token of a path."""

    states = True

    def __init__(self, length: int, read: Callable[[StateRows], None]) -> None:
        self._length = length
        self._read = read

    def first(self, start: int) -> int | None:
        return start if start < self._length else None

    def within(self, start: int, end: int) -> Sequence[int]:
        return range(start, min(end, self._length))

    def take(self, places: Sequence[int], logits: torch.Tensor, states: torch.Tensor | None) -> None:
        assert states is not None
        self._read(states.numpy(force=True))


class Reader:
    """Keeps what a `Read` of a path wants to know."""

    def __init__(self, path: tuple[int, ...], places: tuple[int, ...], of: Of) -> None:
        self._path = path
        self._places = places
        self._of = of
        self.states = isinstance(of, States)
        self._numbers: list[tuple[float, ...]] = []
        self._likeliest: list[tuple[tuple[int, float], ...]] = []
        self._rows: list[StateRows] = []

    def first(self, start: int) -> int | None:
        found = bisect_left(self._places, start)
        return self._places[found] if found < len(self._places) else None

    def within(self, start: int, end: int) -> Sequence[int]:
        return self._places[bisect_left(self._places, start) : bisect_left(self._places, end)]

    def take(self, places: Sequence[int], logits: torch.Tensor, states: torch.Tensor | None) -> None:
        match self._of:
            case Given():
                tokens = [self._path[place + 1] for place in places]
                self._numbers += [(number,) for number in logprobs_of(logits, range(len(places)), tokens)]
            case These(token_ids=wanted):
                for row in range(len(places)):
                    found = logprobs_of(logits[row : row + 1], [0] * len(wanted), wanted)
                    self._numbers.append(tuple(found))
            case Likeliest(count=count):
                self._likeliest += best(log_softmax(logits), count)
            case Logits():
                self._rows.append(logits.numpy(force=True).copy())
            case States():
                assert states is not None
                self._rows.append(states.numpy(force=True).copy())

    def reading(self) -> Reading:
        """Return what was read, without what it cost."""
        if isinstance(self._of, Given):
            scored = tuple(number for (number,) in self._numbers)
            return Reading((TextScore(self._path[1:], scored),), self._places)
        rows = np.concatenate(self._rows) if self._rows else None
        return Reading((), self._places, tuple(self._numbers), tuple(self._likeliest), rows)
