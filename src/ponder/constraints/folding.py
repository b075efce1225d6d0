"""What counts as the same text to a ban: each code point is folded to some others, or to none.

Phrase and text are folded alike, code point by code point; then the one is looked for in the other. So a text
need not be whole to be folded, and a token is folded once for all texts.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
VARIANTS = ("compatibility", "confusables", "normal_forms", "zero_width")

ZERO_WIDTH = frozenset(
    chr(point)
    for first, last in (
        (0x00AD, 0x00AD),  # the soft hyphen
        (0x034F, 0x034F),  # the combining grapheme joiner
        (0x061C, 0x061C),  # the Arabic letter mark
        (0x180B, 0x180F),  # Mongolian variation selectors and vowel separator
        (0x200B, 0x200F),  # zero-width space and joiners, marks of direction
        (0x202A, 0x202E),  # embeddings of direction
        (0x2060, 0x206F),  # the word joiner, invisible operators, isolates
        (0xFE00, 0xFE0F),  # variation selectors
        (0xFEFF, 0xFEFF),  # the zero-width no-break space
        (0xE0000, 0xE007F),  # tags
        (0xE0100, 0xE01EF),  # more variation selectors
    )
    for point in range(first, last + 1)
)
"""What is not seen: the variant "zero_width" removes it."""

# Small letters, for case is folded first. Where a small letter and its capital look like different letters,
# the capital decides.
CONFUSABLES = {
    **dict(zip("авсԁеһніјкӏморԛгѕтухѵԝ", "abcdehhijklmopqrstyxvw", strict=True)),
    **dict(zip("αβεζηικμνορτυχ", "abezhikmnoptyx", strict=True)),
    **dict(zip("ıɡ013457", "igoleast", strict=True)),
}
"""Letters and digits that pass for a Latin letter, after their case was folded."""

SIGNS = {"@": "a", "$": "s"}
"""Signs that pass for a letter. Where whole words are banned they stay signs: "@alice" has the word alice."""

# Nothing above these folds to anything else: planes 0 to 2, and what is not seen in plane 14.
_FOLDING_POINTS = 0x30000
_MAX_POINT = 0x110000


@dataclass(frozen=True, slots=True)
class Folding:
    """How text is folded. `Ban` says what each of it means."""

    ignore_case: bool = False
    whole_word: bool = False
    variants: tuple[str, ...] = ()

    @property
    def changes_text(self) -> bool:
        """Whether any code point is folded to another."""
        return self.ignore_case or bool(self.variants)

    @property
    def form(self) -> Form | None:
        """The normal form that code points are taken apart to."""
        if "compatibility" in self.variants:
            return "NFKD"
        return "NFD" if "normal_forms" in self.variants else None

    def of(self, character: str) -> str:
        """Return what a code point is folded to."""
        folds_case = self.ignore_case or "confusables" in self.variants
        text = self._apart(character)
        if folds_case:
            text = self._apart(text.casefold()).casefold()
        if "confusables" in self.variants:
            text = "".join(self._look_alike(one) for one in text)
        if "zero_width" in self.variants:
            text = "".join(one for one in text if one not in ZERO_WIDTH)
        return text

    def _apart(self, text: str) -> str:
        form = self.form
        # One by one: the order of marks in a text hangs on what is around them.
        return text if form is None else "".join(unicodedata.normalize(form, one) for one in text)

    def _look_alike(self, character: str) -> str:
        alike = CONFUSABLES.get(character)
        if alike is None and not self.whole_word:
            alike = SIGNS.get(character)
        return character if alike is None else alike


@lru_cache(maxsize=16)
def table(folding: Folding) -> Mapping[int, str]:
    """Return what code points are folded to, for `str.translate`; those that do not change are left out."""
    found = {}
    for character in _changing(folding):
        folded = folding.of(character)
        if folded != character:
            found[ord(character)] = folded
    return found


def _changing(folding: Folding) -> Iterator[str]:
    """Find every code point that a folding may change."""
    form = folding.form
    if folding.ignore_case or "confusables" in folding.variants or form is not None:
        for character in map(chr, range(_FOLDING_POINTS)):
            is_apart = form is None or unicodedata.is_normalized(form, character)
            if not is_apart or character.casefold() != character:
                yield character
    if "confusables" in folding.variants:
        yield from CONFUSABLES
        yield from SIGNS
    if "zero_width" in folding.variants:
        yield from ZERO_WIDTH


def is_word(character: str) -> bool:
    """Return whether a code point is part of words: letters, marks, numbers (L, M, N in Unicode) and `_`."""
    return character == "_" or unicodedata.category(character)[0] in "LMN"


@lru_cache(maxsize=1)
def word_bits() -> npt.NDArray[np.uint8]:
    """Return a bit for each code point, the lowest of a byte first: whether it is part of words."""
    words = np.zeros(_MAX_POINT, dtype=np.bool_)
    for points in (range(0x34000), range(0xE0000, 0xE0200)):  # nothing is assigned between, and none after
        words[points.start : points.stop] = [is_word(chr(point)) for point in points]
    return np.packbits(words, bitorder="little")


def spellings(phrase: str, folding: Folding) -> Iterable[str]:
    """Return a phrase as given and in the normal forms that are the same to a folding.

    Marks on one letter may stand in another order in these.
    """
    if folding.form is None:
        return (phrase,)
    forms: tuple[Form, ...] = ("NFC", "NFD", "NFKC", "NFKD") if folding.form == "NFKD" else ("NFC", "NFD")
    return dict.fromkeys((phrase, *(unicodedata.normalize(form, phrase) for form in forms)))
