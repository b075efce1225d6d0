"""A string that is looked for in a text, however the text is cut into tokens, such as `</think>`."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from enum import Enum, auto
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from ponder.errors import ParameterError
from ponder.text.vocabulary import Trie, Vocabulary


class Kind(Enum):
    """What a token spells."""

    GOES_ON = auto()  # nothing but more of the mark
    BEGINS = auto()  # nothing but the beginning of the mark, or all of it
    OTHER = auto()


class Reading(NamedTuple):
    """What a token does.

    Attributes
    ----------
    matched : bytes of the mark that the text ends with; 0 where it is found.
    found : whether the mark is complete.
    rest : how many bytes of the token come after the mark.
    """

    kind: Kind
    matched: int = 0
    found: bool = False
    rest: int = 0


_OTHER = Reading(Kind.OTHER)


class Mark:
    """A mark in the texts of a vocabulary: the control token of that name, or else its characters.

    Attributes
    ----------
    control : the control token; None: the mark is its characters.
    rests : the fewest tokens that spell the mark after each number of its bytes; None: there are none.
    """

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.control = vocabulary.control.get(text)
        self._mark = text.encode()
        self._borders = [0] * (len(self._mark) + 1)
        for length in range(2, len(self._mark) + 1):
            self._borders[length] = self._matched(self._borders[length - 1], self._mark[length - 1])
        self.rests: list[tuple[int, ...] | None]
        if self.control is not None:
            self.rests = [(self.control,)]
            self._readings = [{self.control: Reading(Kind.BEGINS, found=True)}]
        else:
            self.rests = spellings(self._mark, vocabulary.trie)
            self._readings = self._read_all(vocabulary)

    @property
    def is_written(self) -> bool:
        """Whether the vocabulary can spell it."""
        return self.rests[0] is not None

    def read(self, matched: int, token: int) -> Reading:
        """Return what a token does after so many bytes of the mark."""
        return self._readings[matched].get(token, _OTHER)

    def special(self, matched: int) -> Mapping[int, Reading]:
        """Return the tokens that are more than other text after so many bytes of the mark."""
        return self._readings[matched]

    def read_bytes(self, matched: int, spelled: bytes) -> Reading:
        """Return what some bytes do after so many of the mark."""
        if self.control is not None:
            return _OTHER
        now = matched
        for place, byte in enumerate(spelled, 1):
            now = self._matched(now, byte)
            if now == len(self._mark):
                found = place
                break
        else:
            found = 0
        if not spelled:
            kind = Kind.OTHER
        elif matched and now == matched + len(spelled):
            kind = Kind.GOES_ON
        else:
            kind = Kind.BEGINS if now == len(spelled) else Kind.OTHER
        return Reading(kind, found=True, rest=len(spelled) - found) if found else Reading(kind, now)

    def _matched(self, matched: int, byte: int) -> int:
        """Return how many bytes of the mark the text ends with after another (Knuth, Morris and Pratt)."""
        mark = self._mark
        while matched and (matched == len(mark) or mark[matched] != byte):
            matched = self._borders[matched]
        return matched + (mark[matched] == byte)

    def _read_all(self, vocabulary: Vocabulary) -> list[dict[int, Reading]]:
        """Return for each number of matched bytes the tokens that are more than other text."""
        trie, tokens, mark = vocabulary.trie, vocabulary.tokens, self._mark
        holds = trie.byte == mark[0]
        holds[0] = False
        for first, last in pairwise(trie.levels):
            holds[first:last] |= holds[trie.parent[first:last]]
        holding = trie.numbers[holds[trie.node]].tolist()
        otherwise = {token: self.read_bytes(0, tokens[token]) for token in holding}
        readings = []
        for matched in range(len(mark)):
            going_on = set()  # the first bytes of tokens that go on with a match
            border = matched
            while border:
                going_on.add(mark[border])
                border = self._borders[border]
            special = otherwise.copy()
            for token in self._continuing(matched, trie).union(
                token for token in holding if tokens[token][0] in going_on
            ):
                special[token] = self.read_bytes(matched, tokens[token])
            readings.append(special)
        return readings

    def _continuing(self, matched: int, trie: Trie) -> set[int]:
        """Find the tokens that go on with a match: those that are a part of its rest, or begin with it."""
        found: set[int] = set()
        while matched:
            rest = self._mark[matched:]
            for length in range(1, len(rest) + 1):
                first = bisect_left(trie.strings, rest[:length])
                last = first
                while last < len(trie.strings) and (
                    trie.strings[last] == rest[:length]
                    or (length == len(rest) and trie.strings[last].startswith(rest))
                ):
                    last += 1
                found.update(trie.numbers[first:last].tolist())
            matched = self._borders[matched]
        return found


@lru_cache(32)
def mark_of(text: str, vocabulary: Vocabulary) -> Mark:
    """Return a mark, made once."""
    return Mark(text, vocabulary)


def written(field: str, text: str, vocabulary: Vocabulary) -> Mark:
    """Return a mark that is to be written. Raises ParameterError where it cannot be, or ends a text."""
    mark = mark_of(text, vocabulary)
    if mark.control is not None and mark.control in vocabulary.end_ids:
        raise ParameterError(field, text, "a token that does not end the text")
    if not mark.is_written:
        raise ParameterError(field, text, "a text that the vocabulary can spell")
    return mark


def spellings(text: bytes, trie: Trie) -> list[tuple[int, ...] | None]:
    """Return the fewest tokens that spell a text after each number of its bytes; None: there are none."""
    rests: list[tuple[int, ...] | None] = [None] * len(text) + [()]
    longest = len(trie.levels) - 1
    for first in reversed(range(len(text))):
        for last in range(first + 1, min(len(text), first + longest) + 1):
            place, rest, best = bisect_left(trie.strings, text[first:last]), rests[last], rests[first]
            is_token = place < len(trie.strings) and trie.strings[place] == text[first:last]
            if is_token and rest is not None and (best is None or len(rest) < len(best)):
                rests[first] = (int(trie.numbers[place]), *rest)
    return rests[:-1] if text else [()]
