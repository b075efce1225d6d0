"""A text with so many of what a rule counts, such as words."""

from __future__ import annotations

from ponder.constraints.bits import Bits
from ponder.constraints.counting.count_table import NEVER, count_table
from ponder.constraints.counting.counting import Counting
from ponder.errors import ParameterError
from ponder.text.vocabulary import Vocabulary

State = tuple[int, int]
"""The count so far, which stops at the minimum where there is no maximum; and the place in the table."""


class CountAutomaton:
    """Follows a count along tokens. Masks are exact, and there are no dead ends. Safe to share by threads.

    Raises
    ------
    ParameterError : the vocabulary cannot spell `what` (such as "words") one at a time.
    """

    start: State = (0, 0)

    def __init__(
        self, counting: Counting, vocabulary: Vocabulary, minimum: int, maximum: int | None, what: str
    ) -> None:
        self._table = count_table(counting, vocabulary)
        if not self._table.is_complete:
            raise ParameterError(
                "constraint", f"a number of {what}", f"a vocabulary that can spell {what} one at a time"
            )
        self._is_text = vocabulary.is_text
        self._minimum = minimum
        self._maximum = maximum

    def mask(self, state: State) -> Bits:
        """Return the tokens after which the text can still have a count that is allowed."""
        return self._table.choice(state[1], self._left(state[0])).mask

    def step(self, state: State, token: int) -> State | None:
        """Return the state after a token's bytes."""
        count, place = state
        after = self._table.read(place, token) if self._is_text[token] else None
        if after is None:
            return None
        place, gain = after
        count += gain
        spare = self._table.spare(place)
        if self._maximum is None:
            return (min(count, self._minimum), place) if spare != NEVER else None
        return (count, place) if count + spare <= self._maximum else None

    def may_end(self, state: State) -> bool:
        """Return whether the text is whole characters and has enough of what is counted."""
        bonus = self._table.bonus(state[1])
        return bonus >= 0 and state[0] + bonus >= self._minimum

    def must_end(self, state: State) -> bool:
        """Return whether no text token may follow."""
        return self._table.choice(state[1], self._left(state[0])).is_empty

    def forced(self, state: State) -> tuple[int, ...]:
        """Return the token that is the only way on, if there is one."""
        return () if self.may_end(state) else self._table.choice(state[1], self._left(state[0])).only

    def plan(self, state: State, limit: int) -> tuple[int, ...] | None:
        """Return few tokens, at most `limit`, after which the text may end; None: none were found."""
        if self.may_end(state):
            return ()
        count, place = state
        return self._table.plan(place, max(self._minimum - count, 0), self._left(count), limit)

    @property
    def growth(self) -> int:
        """A character that is begun, and a phase from which the rest takes longer."""
        return self._table.growth

    @property
    def exact(self) -> bool:
        """It is."""
        return True

    def _left(self, count: int) -> int | None:
        return None if self._maximum is None else self._maximum - count
