"""Where a text stands in a character of UTF-8 after each token, and how it is completed."""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ponder.constraints.constraint import UNBOUNDED
from ponder.text.vocabulary import Vocabulary

WHOLE, BROKEN = 0, 8
LONGEST = 3  # bytes that a character can still lack
# First byte, last byte, and where it leads: from the beginning of a character, then from each place in one.
_WAYS: tuple[tuple[tuple[int, int, int], ...], ...] = (
    (
        *((0x00, 0x7F, WHOLE), (0xC2, 0xDF, 1), (0xE0, 0xE0, 3), (0xE1, 0xEC, 2), (0xED, 0xED, 4)),
        *((0xEE, 0xEF, 2), (0xF0, 0xF0, 6), (0xF1, 0xF3, 5), (0xF4, 0xF4, 7)),
    ),
    ((0x80, 0xBF, WHOLE),),
    ((0x80, 0xBF, 1),),
    ((0xA0, 0xBF, 1),),
    ((0x80, 0x9F, 1),),
    ((0x80, 0xBF, 2),),
    ((0x90, 0xBF, 2),),
    ((0x80, 0x8F, 2),),
    (),
)


@cache
def _table() -> npt.NDArray[np.uint8]:
    """[9, 256]: where a byte leads from each place (Unicode 16, table 3-7)."""
    table = np.full((BROKEN + 1, 256), BROKEN, dtype=np.uint8)
    for place, ways in enumerate(_WAYS):
        for first, last, to in ways:
            table[place, first : last + 1] = to
    return table


def place_after(place: int, spelled: bytes) -> int:
    """Return where a text stands after some bytes; `BROKEN`: they are no characters."""
    for byte in spelled:
        place = int(_table()[place, byte])
    return place


class WholeCharacters:
    """The tokens of a vocabulary as parts of characters.

    A place is a number from 0, after a whole character, to 7. Tokens that spell nothing lead nowhere.

    Attributes
    ----------
    after : [8, V] where each text token leads; `BROKEN` where it makes a character that is none.
    ends : [V] whether a token ends with a line break.
    to_whole : the fewest tokens that complete the character, by place; None: the vocabulary cannot.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        trie, size = vocabulary.trie, len(vocabulary)
        self.after = np.full((BROKEN, size), BROKEN, dtype=np.uint8)
        for place in range(BROKEN):
            at = np.full(len(trie.byte), place, dtype=np.uint8)
            for first, last in pairwise(trie.levels):
                at[first:last] = _table()[at[trie.parent[first:last]], trie.byte[first:last]]
            self.after[place, trie.numbers] = at[trie.node]
        self.ends = np.zeros(size, dtype=np.bool_)
        self.ends[trie.numbers] = trie.byte[trie.node] == ord("\n")
        self.to_whole: list[tuple[int, ...] | None] = [(), *[None] * (BROKEN - 1)]
        for _ in range(LONGEST):
            for place in range(1, BROKEN):
                for to, rest in enumerate(list(self.to_whole)):
                    best, ways = self.to_whole[place], np.flatnonzero(self.after[place] == to)
                    if rest is not None and ways.size and (best is None or len(rest) + 1 < len(best)):
                        self.to_whole[place] = (int(ways[0]), *rest)
        lacking = [UNBOUNDED + 1 if one is None else len(one) for one in self.to_whole]
        self._lacking = np.array([*lacking, UNBOUNDED + 1])

    def lacking(self, place: int) -> int:
        """Return how many tokens complete the character; more than any text has where none do."""
        return int(self._lacking[place])

    def within(self, place: int, left: int) -> npt.NDArray[np.bool_]:
        """[V]: the tokens after which `left` more complete the character."""
        whole: npt.NDArray[np.bool_] = self._lacking[self.after[place]] <= left
        return whole


@lru_cache(8)
def whole_characters(vocabulary: Vocabulary) -> WholeCharacters:
    """Return the tokens of a vocabulary as parts of characters, made once."""
    return WholeCharacters(vocabulary)
