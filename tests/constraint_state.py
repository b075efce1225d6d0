"""A place in an automaton as an object that moves along with one text, for tests that walk a text."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import torch

from ponder.constraints import bits
from ponder.constraints.bits import Bits
from ponder.constraints.cache import AutomatonCache
from ponder.constraints.constraint import Automaton, Constraint
from ponder.constraints.recent import Recent
from ponder.text import Tokenizer
from ponder.text.vocabulary import Vocabulary


class _Tensors:
    """Masks as tensors: the same tensor for the same mask, with end tokens where the text may end."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._ends = bits.of(vocabulary.end_ids, len(vocabulary))
        self._made: Recent[tuple[int, bool], tuple[Bits, torch.Tensor]] = Recent(256)

    def of(self, mask: Bits, may_end: bool) -> torch.Tensor:
        def make(_: tuple[int, bool]) -> tuple[Bits, torch.Tensor]:
            with_ends = mask | self._ends if may_end else mask.copy()
            return mask, torch.from_numpy(with_ends)  # the mask is kept so that its id stays its own

        return self._made.get((id(mask), may_end), make)[1]


class ConstraintState:
    """Where one text stands. States are forked with the branch they belong to, at no cost."""

    __slots__ = ("_automaton", "_end_ids", "_tensors", "_trail")

    def __init__(
        self,
        automaton: Automaton[Any],
        end_ids: frozenset[int],
        tensors: _Tensors,
        trail: tuple[Hashable, Any],
    ) -> None:
        self._automaton = automaton
        self._end_ids = end_ids
        self._tensors = tensors
        self._trail = trail  # the state, and the trail before it

    def mask(self) -> torch.Tensor | None:
        """Return which tokens may come next; None: all may.

        A bitmask (`sampling.bitmask`), [ceil(vocabulary / 32)] int32 on the CPU, read-only. Tokens that end
        a text are in it where the text may end. States at the same place return the same tensor where they
        can: it is read once for all rows that have it.
        """
        state, _ = self._trail
        mask = self._automaton.mask(state)
        return None if mask is None else self._tensors.of(mask, self._automaton.may_end(state))

    def advance(self, token_id: int) -> None:
        """Take in a token that the mask allowed; one that ends a text changes nothing."""
        state, _ = self._trail
        after = state if token_id in self._end_ids else self._automaton.step(state, token_id)
        if after is None:
            raise ValueError(f"token {token_id} is not allowed here")
        self._trail = (after, self._trail)

    def rollback(self, tokens: int) -> None:
        """Forget the last `tokens` tokens."""
        for _ in range(tokens):
            self._trail = self._trail[1]

    def fork(self) -> ConstraintState:
        """Return an independent state at the same place."""
        return ConstraintState(self._automaton, self._end_ids, self._tensors, self._trail)

    def may_stop(self) -> bool:
        """Return whether the text may end here."""
        return self._automaton.may_end(self._trail[0])


def compile_state(
    constraint: Constraint, tokenizer: Tokenizer, cache: AutomatonCache | None = None
) -> ConstraintState:
    """Return the state of an empty text; the automaton is taken from a cache if there is one."""
    vocabulary = tokenizer.vocabulary
    automaton = cache.get(constraint, vocabulary) if cache is not None else constraint.compile(vocabulary)
    trail = (automaton.start, None)
    return ConstraintState(automaton, frozenset(vocabulary.end_ids), _Tensors(vocabulary), trail)
