"""How long the numbers in a JSON text may be, and which tokens would make one longer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ponder.constraints import bits
from ponder.constraints.bits import Bits
from ponder.text.vocabulary import Vocabulary

DIGITS = 17  # before the point, and after it: what a double tells apart
EXPONENT = 2
_NUMBER = re.compile(rb"-?(\d*)(?:\.(\d*))?(?:[eE][+-]?(\d*))?")
_LEADING = re.compile(rb"\d+")


@dataclass(frozen=True, slots=True)
class Numerals:
    """The most digits that a number may have before its point, after it, and in its exponent."""

    whole: int = DIGITS
    fraction: int = DIGITS
    exponent: int = EXPONENT

    @staticmethod
    def of(numbers: Iterable[int | float]) -> Numerals:
        """Return bounds with room for the numbers that a schema mentions, and a digit more."""
        whole, fraction, exponent = DIGITS, DIGITS, EXPONENT
        for number in numbers:
            spelled = str(number) if isinstance(number, int) else f"{number!r}"
            before, after, power = _NUMBER.fullmatch(spelled.encode()).groups(b"")  # type: ignore[union-attr]
            whole = max(whole, len(before) + 1)
            fraction = max(fraction, len(after) + 1)
            exponent = max(exponent, len(power))
            if power:
                whole = max(whole, int(power) + 2)
                fraction = max(fraction, int(power) + len(after) + 1)
        return Numerals(min(whole, 400), min(fraction, 400), exponent)

    def fits(self, begun: bytes) -> bool:
        """Return whether a number, or its beginning, is within the bounds. `true` and the like are."""
        return self.left(begun) >= 0

    def left(self, begun: bytes) -> int:
        """Return how many more digits may follow; negative: there are too many."""
        found = _NUMBER.match(begun)
        assert found is not None  # the expression matches nothing, too
        whole, fraction, power = (len(part) if part is not None else None for part in found.groups())
        lefts = [self.whole - (whole or 0)]
        if fraction is not None:
            lefts.append(self.fraction - fraction)
        if power is not None:
            lefts.append(self.exponent - power)
        return lefts[-1] if min(lefts) >= 0 else -1


class DigitTokens:
    """The tokens of a vocabulary by how many digits they begin with."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        found = (_LEADING.match(token) for token in vocabulary.tokens)
        leading = np.array([len(match[0]) if match else 0 for match in found], dtype=np.int64)
        self._masks = [bits.pack(leading <= left) for left in range(int(leading.max(initial=0)))]

    def at_most(self, digits: int) -> Bits | None:
        """Return the tokens that begin with no more digits than that; None: all do."""
        return self._masks[digits] if digits < len(self._masks) else None
