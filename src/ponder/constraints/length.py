"""A text of so many characters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from ponder.constraints.composition import Composable, compile_language
from ponder.constraints.counting.character_classes import COUNT, utf8_table
from ponder.constraints.counting.count_automaton import CountAutomaton
from ponder.constraints.counting.count_table import count_table
from ponder.constraints.counting.counting import Counting
from ponder.constraints.counting.limits import check_limits
from ponder.constraints.regular import dfa
from ponder.constraints.regular.dfa import Dfa
from ponder.constraints.regular.dfa_automaton import DfaAutomaton
from ponder.text.vocabulary import Vocabulary

MAX_LENGTH = 10_000


@dataclass(frozen=True, slots=True)
class Length(Composable):
    """The text has `minimum` to `maximum` characters (Unicode code points), all of them whole.

    Without a `maximum` it may be of any length from `minimum` on.
    """

    minimum: int = 0
    maximum: int | None = None

    def __post_init__(self) -> None:
        check_limits(self.minimum, self.maximum, MAX_LENGTH)

    @property
    def allows_control(self) -> bool:
        return False

    def dfa(self) -> Dfa:
        return dfa.utf8(self.minimum, self.maximum)

    def compile(self, vocabulary: Vocabulary) -> CountAutomaton | DfaAutomaton:
        """Return a table over tokens, or a slower automaton where the vocabulary lacks short tokens."""
        if not count_table(character_counting(), vocabulary).is_complete:
            return compile_language(self, vocabulary)
        return CountAutomaton(character_counting(), vocabulary, self.minimum, self.maximum, "characters")


@cache
def character_counting() -> Counting:
    """Return the rule by which characters are counted: each adds 1."""
    nothing = np.zeros(1, dtype=np.int64)
    characters = utf8_table(np.zeros(COUNT, dtype=np.uint8))
    return Counting(characters, nothing[:, None], nothing[:, None] + 1, nothing, nothing, nothing)
