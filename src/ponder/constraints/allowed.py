"""A constraint as an engine keeps to it: its automaton, and the tokens that end a text."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ponder.constraints import bits
from ponder.constraints.bits import Bits
from ponder.constraints.composition import JointAutomaton
from ponder.constraints.constraint import Automaton, follow
from ponder.constraints.recent import Recent
from ponder.constraints.tokens import TokenCountAutomaton
from ponder.text.vocabulary import Vocabulary

CAPACITY = 256  # masks with ends


class Allowed:
    """Which tokens may come, those that end a text among them. States are the automaton's.

    A token that ends a text leaves the state as it is. `name` is what the constraint is called, `names`
    what its parts are. Safe to share by threads.
    """

    def __init__(self, automaton: Automaton[Any], vocabulary: Vocabulary, name: str = "constraint") -> None:
        self.names = automaton.names if isinstance(automaton, JointAutomaton) else (name,)
        self._automaton = automaton
        self._vocabulary = vocabulary
        self._size = len(vocabulary)
        self._ends = frozenset(vocabulary.end_ids)
        self._end_bits = bits.of(vocabulary.end_ids, len(vocabulary))
        self._masks: Recent[tuple[int, bool], tuple[Bits, Bits]] = Recent(CAPACITY)

    @property
    def automaton(self) -> Automaton[Any]:
        """What says which text tokens may come."""
        return self._automaton

    def mask(self, state: Any) -> Bits | None:
        """Return which tokens may come next, one array for equal states where possible; None: all may."""
        mask = self._automaton.mask(state)
        if mask is None:
            return None
        may_end = self._automaton.may_end(state)

        def with_ends(_: tuple[int, bool]) -> tuple[Bits, Bits]:
            return mask, bits.frozen(mask | self._end_bits) if may_end else mask

        return self._masks.get((id(mask), may_end), with_ends)[1]  # kept with the mask whose id it is

    @property
    def none(self) -> Bits:
        """The mask of no token."""
        return bits.of((), self._size)

    def narrowed(self, mask: Bits, text: Bits) -> Bits:
        """Return a mask with only some of its text tokens."""
        return bits.frozen(mask & (text | self._end_bits))

    def without(self, mask: Bits | None, tokens: Collection[int]) -> Bits:
        """Return a mask without some tokens."""
        return bits.without(bits.full(self._size) if mask is None else mask, tokens)

    def step(self, state: Any, token: int) -> Any | None:
        """Return the state after a token; None: it is not allowed."""
        return state if token in self._ends else self._automaton.step(state, token)

    def may_end_shown(self, state: Any, text: bytes, after: Any) -> bool:
        """Return whether a text may end that shows some more bytes than those of `state`.

        They are spelled a byte at a time. Where tokens are counted, those that were taken count, which led
        to the state `after`.
        """
        tokens = self._vocabulary.single(text)
        if len(tokens) < len(text):
            return False
        for (part, at), (_, taken) in zip(self._parts(state), self._parts(after), strict=True):
            shown = taken if isinstance(part, TokenCountAutomaton) else follow(part, at, tokens)
            if shown is None or not part.may_end(shown):
                return False
        return True

    def denied(self, state: Any, token: int) -> tuple[int, ...]:
        """Return for each part of the constraint 1 if it forbids a token, else 0."""
        return tuple(int(self._denies(part, at, token)) for part, at in self._parts(state))

    def _parts(self, state: Any) -> list[tuple[Automaton[Any], Any]]:
        """Return what is followed side by side, each with its state."""
        automaton = self._automaton
        if isinstance(automaton, JointAutomaton):
            return list(zip(automaton.parts, state, strict=True))
        return [(automaton, state)]

    def _denies(self, automaton: Automaton[Any], state: Any, token: int) -> bool:
        if token in self._ends:
            return not automaton.may_end(state)
        mask = automaton.mask(state)
        return mask is not None and not bits.has(mask, token)

    def only(self, token: int | None) -> Bits:
        """Return the mask of one token; None: of those that end a text."""
        return self._end_bits if token is None else bits.of((token,), self._size)
