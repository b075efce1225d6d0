"""Texts of some tokens alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ponder.constraints import bits
from ponder.constraints.bits import Bits
from ponder.constraints.composition import Composable
from ponder.errors import ParameterError
from ponder.text.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class OnlyTokens(Composable):
    """The text has no other tokens than those with the given ids; control tokens may be among them.

    Where `may_end` is false the text never ends by itself, nor with a stop string: it gets as many tokens
    as it may have. Ids of tokens that end a text say nothing here.
    """

    tokens: Sequence[int]
    may_end: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.tokens, list | tuple) or not self.tokens:
            raise ParameterError("tokens", self.tokens, "a list of at least one token id")
        for token in self.tokens:
            if type(token) is not int or token < 0:
                raise ParameterError("tokens", token, "token ids, 0 or more")
        object.__setattr__(self, "tokens", tuple(sorted(set(self.tokens))))
        if not isinstance(self.may_end, bool):
            raise ParameterError("may_end", self.may_end, "true or false")

    def compile(self, vocabulary: Vocabulary) -> OnlyTokensAutomaton:
        if self.tokens[-1] >= len(vocabulary):
            raise ParameterError("tokens", self.tokens[-1], f"token ids from 0 to {len(vocabulary) - 1}")
        return OnlyTokensAutomaton(
            frozenset(self.tokens) - {*vocabulary.end_ids}, len(vocabulary), may_end=self.may_end
        )


class OnlyTokensAutomaton:
    """Has one state. Safe to share by threads."""

    start = 0
    growth = 0
    exact = True

    def __init__(self, tokens: frozenset[int], size: int, *, may_end: bool) -> None:
        self._tokens = tokens
        self._mask = bits.of(tokens, size)
        self._may_end = may_end

    def mask(self, state: int) -> Bits:
        """Return the tokens."""
        return self._mask

    def step(self, state: int, token: int) -> int | None:
        """Take any of the tokens."""
        return state if token in self._tokens else None

    def may_end(self, state: int) -> bool:
        """Return whether texts may end by themselves."""
        return self._may_end

    def must_end(self, state: int) -> bool:
        """Return whether there are no tokens but those that end a text."""
        return not self._tokens

    def forced(self, state: int) -> tuple[int, ...]:
        """Return none: which token comes is for the model to say."""
        return ()

    def plan(self, state: int, limit: int) -> tuple[int, ...] | None:
        """Return no token where texts may end by themselves; None: they may not."""
        return () if self._may_end else None
