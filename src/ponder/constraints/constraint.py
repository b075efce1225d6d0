"""A constraint is a value; compiled for a tokenizer it becomes a state that follows one text."""

from __future__ import annotations

from typing import Protocol

import torch

from ponder.text import Tokenizer


class ConstraintState(Protocol):
    """Where one text stands. States are forked with the branch they belong to."""

    def mask(self) -> torch.Tensor | None:
        """Return which tokens may come next; None: all may.

        A bitmask (`sampling.bitmask`), [ceil(vocabulary / 32)] int32 on the CPU, read-only. States at the
        same place return the same tensor where they can: it is read once for all rows that have it.
        """
        ...

    def advance(self, token_id: int) -> None:
        """Take in a token that the mask allowed."""
        ...

    def rollback(self, tokens: int) -> None:
        """Forget the last `tokens` tokens."""
        ...

    def fork(self) -> ConstraintState:
        """Return an independent state at the same place."""
        ...

    def may_stop(self) -> bool:
        """Return whether the text may end here."""
        ...


class Constraint(Protocol):
    """A declarative value: frozen, comparable, free of any tokenizer."""

    def compile(self, tokenizer: Tokenizer) -> ConstraintState:
        """Return the state of an empty text."""
        ...
