"""A constraint as an engine keeps to it: its automaton, and the tokens that end a text."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ponder.constraints import bits
from ponder.constraints.bits import Bits
from ponder.constraints.composition import JointAutomaton
from ponder.constraints.constraint import Automaton, follow
from ponder.constraints.recent import Recent
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

    def spell(self, state: Any, text: bytes) -> Any | None:
        """Return the state after tokens of one byte each; None: there are none, or they are not allowed."""
        tokens = self._vocabulary.single(text)
        return follow(self._automaton, state, tokens) if len(tokens) == len(text) else None

    def denied(self, state: Any, token: int) -> tuple[int, ...]:
        """Return for each part of the constraint 1 if it forbids a token, else 0."""
        automaton = self._automaton
        if isinstance(automaton, JointAutomaton):
            found = [self._denies(*pair, token) for pair in zip(automaton.parts, state, strict=True)]
        else:
            found = [self._denies(automaton, state, token)]
        return tuple(map(int, found))

    def _denies(self, automaton: Automaton[Any], state: Any, token: int) -> bool:
        if token in self._ends:
            return not automaton.may_end(state)
        mask = automaton.mask(state)
        return mask is not None and not bits.has(mask, token)

    def only(self, token: int | None) -> Bits:
        """Return the mask of one token; None: of those that end a text."""
        return self._end_bits if token is None else bits.of((token,), self._size)
