"""Texts that must mention given strings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from ponder.constraints import bits
from ponder.constraints.bits import Bits
from ponder.constraints.composition import Composable
from ponder.constraints.constraint import step_all
from ponder.constraints.regex import Regex
from ponder.constraints.regular import dfa
from ponder.constraints.regular.dfa import Dfa
from ponder.constraints.regular.dfa_automaton import DfaAutomaton
from ponder.errors import ParameterError
from ponder.text.vocabulary import Vocabulary

MAX_STRINGS = 16
MAX_LENGTH = 200

Places = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Mentions(Composable):
    r"""Every one of `strings` occurs in the text, in any order; they may overlap.

    With `whole_word` a word character (`\w`) at an edge of a string may have none beside it: "cats" does not
    mention "cat". Other characters at an edge, as in "$5", may have anything beside them. Alone, each string
    is followed by itself; combined by `&`, `|`, `~` or `then`, the states of all are multiplied, which works
    for few strings.
    """

    strings: str | Sequence[str]
    ignore_case: bool = False
    whole_word: bool = False

    def __post_init__(self) -> None:
        strings = (self.strings,) if isinstance(self.strings, str) else self.strings
        if not isinstance(strings, list | tuple):
            raise ParameterError("strings", strings, "a string or a list of strings")
        for field, value in (("ignore_case", self.ignore_case), ("whole_word", self.whole_word)):
            if not isinstance(value, bool):
                raise ParameterError(field, value, "true or false")
        if not strings or len(strings) > MAX_STRINGS:
            raise ParameterError("strings", f"{len(strings)} strings", f"1 to {MAX_STRINGS}")
        for string in strings:
            if not isinstance(string, str) or not 0 < len(string) <= MAX_LENGTH:
                raise ParameterError("strings", string, f"strings of 1 to {MAX_LENGTH} characters")
            try:
                string.encode()
            except UnicodeEncodeError:
                raise ParameterError("strings", string, "text without lone surrogates") from None
        object.__setattr__(self, "strings", tuple(strings))

    @property
    def allows_control(self) -> bool:
        return False

    def dfa(self) -> Dfa:
        return reduce(dfa.intersection, self._parts())

    def compile(self, vocabulary: Vocabulary) -> MentionsAutomaton:
        parts = (DfaAutomaton(part, vocabulary) for part in self._parts())
        return MentionsAutomaton(tuple(parts), vocabulary)

    def _parts(self) -> list[Dfa]:
        return [
            self._searched(string).found(before=True, after=True) for string in dict.fromkeys(self.strings)
        ]

    def stays_beside(self, states: int) -> bool:
        """Their states would be multiplied."""
        return True

    def _searched(self, string: str) -> Regex:
        pattern = re.escape(string)
        if self.whole_word:
            first, last = (r"\b" if re.match(r"\w", edge) else "" for edge in (string[0], string[-1]))
            pattern = first + pattern + last
        return Regex(pattern, self.ignore_case)


class MentionsAutomaton:
    """Looks for each string; a state has the place of each search. Every text can be gone on with."""

    def __init__(self, parts: tuple[DfaAutomaton, ...], vocabulary: Vocabulary) -> None:
        self.start: Places = tuple(part.start for part in parts)
        self._parts = parts
        self._mask = bits.pack(np.array(vocabulary.is_text))

    def mask(self, state: Places) -> Bits:
        """Return all text tokens."""
        return self._mask

    def step(self, state: Places, token: int) -> Places | None:
        """Go on in each search."""
        return step_all(self._parts, state, token)

    def may_end(self, state: Places) -> bool:
        """Return whether every string was found."""
        return all(part.may_end(at) for part, at in zip(self._parts, state, strict=True))

    def must_end(self, state: Places) -> bool:
        """Never: every text can be gone on with."""
        return False

    def forced(self, state: Places) -> tuple[int, ...]:
        """Nothing is."""
        return ()

    def plan(self, state: Places, limit: int) -> tuple[int, ...] | None:
        """Write what is missing, next always the string that needs the fewest tokens."""
        tokens: tuple[int, ...] = ()
        while not self.may_end(state):
            missing = (
                part.plan(at, limit - len(tokens))
                for part, at in zip(self._parts, state, strict=True)
                if not part.may_end(at)
            )
            shortest = min((plan for plan in missing if plan is not None), key=len, default=None)
            if shortest is None:
                return None
            for token in shortest:
                after = self.step(state, token)
                assert after is not None, "every text can be gone on with"
                state = after
            tokens += shortest
        return tokens

    @property
    def growth(self) -> int:
        """At most what all strings need more."""
        return sum(part.growth for part in self._parts)

    @property
    def exact(self) -> bool:
        """There are no dead ends."""
        return True
