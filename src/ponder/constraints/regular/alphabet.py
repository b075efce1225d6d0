"""The symbols of a regular expression: characters that none of its sets tells apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ponder.constraints.regular.characters import LAST, Characters
from ponder.constraints.regular.nfa import too_large
from ponder.text.vocabulary import Ints, ranges

MAX_INTERVALS = 2**22  # of all sets together

Symbols = int
"""A set of symbols as the bits of a number."""


class Alphabet:
    """Numbers the symbols of some sets.

    Attributes
    ----------
    starts, symbols : [I] the first code point of each interval, and its symbol.
    sets : the symbols of each set, in the order given.
    every : all symbols.
    """

    def __init__(self, sets: Sequence[Characters]) -> None:
        edges = {edge for members in sets for first, last in members for edge in (first, last + 1)}
        self.starts = np.array(sorted({0} | edges - {LAST + 1}), dtype=np.int64)
        inside = [self._intervals(members) for members in sets]
        if sum(map(len, inside)) > MAX_INTERVALS:
            raise too_large("too many classes of characters that overlap")
        symbols = np.zeros(len(self.starts), dtype=np.int64)
        single = np.array([place[0] for place in inside if len(place) == 1], dtype=np.int64)
        symbols[single] = np.arange(len(single)) + 1
        known = len(single) + 1
        for place in inside:
            if len(place) > 1:
                old, new = np.unique(symbols[place], return_inverse=True)
                symbols[place] = known + new.reshape(-1)
                known += len(old)
        used, compact = np.unique(symbols, return_inverse=True)
        self.symbols: Ints = compact.reshape(-1).astype(np.int64)
        self.size = len(used)
        self.every: Symbols = (1 << self.size) - 1
        self.sets = [self._set(self.symbols[place]) for place in inside]

    def _intervals(self, members: Characters) -> Ints:
        spans = np.array(members, dtype=np.int64).reshape(-1, 2)
        first, end = np.searchsorted(self.starts, spans[:, 0]), np.searchsorted(self.starts, spans[:, 1] + 1)
        return ranges(first, end - first)

    def _set(self, numbers: Ints) -> Symbols:
        if len(numbers) == 1:
            return 1 << int(numbers[0])
        flags = np.zeros(self.size, dtype=np.bool_)
        flags[numbers] = True
        return int.from_bytes(np.packbits(flags, bitorder="little").tobytes(), "little")

    def numbers(self, symbols: Symbols) -> Ints:
        """Return the numbers of the symbols of a set."""
        if symbols.bit_count() == 1:
            return np.array([symbols.bit_length() - 1])
        packed = symbols.to_bytes(-(-self.size // 8), "little")
        return np.flatnonzero(np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little"))

    def of(self, character: int) -> Symbols:
        """Return the symbol of a character as a set."""
        return 1 << int(self.symbols[np.searchsorted(self.starts, character, side="right") - 1])
