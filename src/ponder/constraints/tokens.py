"""A text of so many tokens."""

from __future__ import annotations

from dataclasses import dataclass

from ponder.constraints import bits
from ponder.constraints.bits import Bits
from ponder.constraints.composition import Composable
from ponder.constraints.counting.limits import check_limits
from ponder.errors import ParameterError
from ponder.text.vocabulary import Vocabulary

MAX_TOKENS = 2**24


@dataclass(frozen=True, slots=True)
class TokenCount(Composable):
    """The text has `minimum` to `maximum` tokens; without a `maximum`, any number.

    Control tokens that are no end are allowed, and they count.

    Raises
    ------
    ParameterError : a limit is no whole number from 0 to 16,777,216, or the maximum is below the minimum.
    """

    minimum: int = 0
    maximum: int | None = None

    def __post_init__(self) -> None:
        check_limits(self.minimum, self.maximum, MAX_TOKENS)

    def compile(self, vocabulary: Vocabulary) -> TokenCountAutomaton:
        return TokenCountAutomaton(vocabulary, self.minimum, self.maximum)


class TokenCountAutomaton:
    """States are the tokens so far; without a maximum they stop at the minimum. Safe to share by threads."""

    start = 0
    growth = 0  # each token is one less to come
    exact = True

    def __init__(self, vocabulary: Vocabulary, minimum: int, maximum: int | None) -> None:
        if minimum and not vocabulary.is_text.any():
            raise ParameterError("constraint", f"{minimum} tokens", "a vocabulary that has tokens of text")
        self._minimum = minimum
        self._maximum = maximum
        self._ends = frozenset(vocabulary.end_ids)
        self._no_more = bits.of((), len(vocabulary))
        self._all = bits.all_but(vocabulary.end_ids, len(vocabulary))
        self._filler = int(vocabulary.is_text.argmax())

    def mask(self, state: int) -> Bits:
        """Return all tokens that are no end; none at the maximum."""
        return self._no_more if state == self._maximum else self._all

    def step(self, state: int, token: int) -> int | None:
        """Count a token."""
        if state == self._maximum or token in self._ends:
            return None
        return min(state + 1, self._minimum) if self._maximum is None else state + 1

    def may_end(self, state: int) -> bool:
        """Return whether there are as many as the minimum."""
        return state >= self._minimum

    def must_end(self, state: int) -> bool:
        """Return whether there are as many as the maximum."""
        return state == self._maximum

    def forced(self, state: int) -> tuple[int, ...]:
        """Return none: which token comes does not matter here."""
        return ()

    def plan(self, state: int, limit: int) -> tuple[int, ...] | None:
        """Return as many tokens as are missing, of any text; None: those are more than `limit`."""
        missing = max(self._minimum - state, 0)
        return (self._filler,) * missing if missing <= limit else None
