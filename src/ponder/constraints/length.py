"""A text of so many characters."""

from __future__ import annotations

from dataclasses import dataclass

from ponder.constraints import dfa
from ponder.constraints.composition import Composable, compile_language
from ponder.constraints.dfa import Dfa
from ponder.constraints.dfa_automaton import DfaAutomaton
from ponder.errors import ParameterError
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
        for field, value in (("minimum", self.minimum), ("maximum", self.maximum)):
            if value is None and field == "maximum":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_LENGTH:
                raise ParameterError(field, value, f"a whole number from 0 to {MAX_LENGTH}")
        if self.maximum is not None and self.maximum < self.minimum:
            raise ParameterError("maximum", self.maximum, f"at least the minimum, {self.minimum}")

    @property
    def allows_control(self) -> bool:
        return False

    def dfa(self) -> Dfa:
        return dfa.utf8(self.minimum, self.maximum)

    def compile(self, vocabulary: Vocabulary) -> DfaAutomaton:
        return compile_language(self, vocabulary)
