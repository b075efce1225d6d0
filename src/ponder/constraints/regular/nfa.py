"""A regular expression over characters as a nondeterministic automaton."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ponder.constraints.regular.characters import Characters
from ponder.errors import ParameterError

MAX_PLACES = 2**18
MAX_RANGES = 2**16  # of all sets together
EDGE = 1  # the kind of what is before and after a text; the other bits say which contexts a character is in
EMPTY_IS_INSIDE = re.fullmatch(r"\B", "") is not None  # not so before Python 3.14


@dataclass(frozen=True, slots=True)
class Assertion:
    """A condition on the kinds of the characters before and after a place."""

    name: Literal["start", "end", "boundary", "no boundary"]
    bits: int

    def holds(self, before: int, after: int) -> bool:
        """Return whether it holds between characters of two kinds."""
        if self.name == "start":
            return bool(before & self.bits)
        if self.name == "end":
            return bool(after & self.bits)
        differ = bool(before & self.bits) != bool(after & self.bits)
        if self.name == "boundary":
            return differ
        return not differ and (EMPTY_IS_INSIDE or not before & after & EDGE)


class Nfa:
    """Places, and what leads from one to another: a character of a set, nothing, or an assertion.

    It is built from its end: each method takes the place that follows and returns the one before it. At place
    0 the text is accepted if it ends.

    Attributes
    ----------
    moves : of each place the number of a set and where its characters lead.
    free : of each place where nothing leads.
    asserted : of each place an assertion and where it leads.
    sets : the sets by their numbers.
    contexts : the sets that assertions ask about, and the bit of each in a character's kind.
    """

    def __init__(self) -> None:
        self.moves: list[tuple[int, int] | None] = [None]
        self.free: list[list[int]] = [[]]
        self.asserted: list[tuple[Assertion, int] | None] = [None]
        self.sets: dict[Characters, int] = {}
        self.contexts: dict[Characters, int] = {}
        self._ranges = 0

    def set(self, members: Characters) -> int:
        """Return the number of a set."""
        if members not in self.sets:
            self.sets[members] = len(self.sets)
            self._ranges += len(members)
            if self._ranges > MAX_RANGES:
                raise too_large("too many different classes of characters")
        return self.sets[members]

    def read(self, number: int, after: int) -> int:
        """Read a character of the set of this number."""
        place = self.choose(())
        self.moves[place] = number, after
        return place

    def choose(self, afters: Iterable[int]) -> int:
        """Go on from one of several places."""
        if len(self.moves) == MAX_PLACES:
            raise too_large(f"more than {MAX_PLACES} characters, counts multiplied out")
        self.moves.append(None)
        self.free.append(list(afters))
        self.asserted.append(None)
        return len(self.moves) - 1

    def require(self, assertion: Assertion, after: int) -> int:
        """Go on only where an assertion holds."""
        place = self.choose(())
        self.asserted[place] = assertion, after
        return place

    def context(self, members: Characters) -> int:
        """Return the bit of these characters in a kind."""
        return self.contexts.setdefault(members, 2 << len(self.contexts))


def too_large(what: str) -> ParameterError:
    """Return the error that says what of a regular expression is too large."""
    return ParameterError("pattern", what, "a simpler expression, or smaller counts")
