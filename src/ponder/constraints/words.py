"""A text of so many words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from ponder.constraints.composition import Composable
from ponder.constraints.counting.character_classes import class_of_each, marks, utf8_table
from ponder.constraints.counting.count_automaton import CountAutomaton
from ponder.constraints.counting.counting import Counting, explore
from ponder.constraints.counting.limits import check_limits
from ponder.text.vocabulary import Vocabulary

MAX_WORDS = 100_000
TAIL = 4  # characters after the last word
CLOSERS = '.,;:!?…"”»)]} \n'  # which they may be, beside joiners
JOINERS = "'’-"

_Phase = (
    int | str
)  # the characters since the last word, up to TAIL + 1; or "word" or "joiner", in or after one


@dataclass(frozen=True, slots=True)
class Words(Composable):
    r"""The text has `minimum` to `maximum` words and whole characters; without a `maximum`, any number.

    A word is what this finds, where `re` is Python's and M the characters of the Unicode category Mark:

        re.findall(rf"\w[\w{M}]*(?:['’-]\w[\w{M}]*)*", text)

    So a word is a run of letters, digits and `_`, with the marks that stand on them; an apostrophe or a
    hyphen between two of them does not split it. A text in a script without spaces has long words.

    After the last word that a `maximum` allows, at most 4 more characters may come, punctuation that closes
    a sentence or white space, so that the text ends.

    Raises
    ------
    ParameterError : a limit is no whole number from 0 to 100,000, or the maximum is below the minimum.
    """

    minimum: int = 0
    maximum: int | None = None

    def __post_init__(self) -> None:
        check_limits(self.minimum, self.maximum, MAX_WORDS)

    def compile(self, vocabulary: Vocabulary) -> CountAutomaton:
        return CountAutomaton(word_counting(), vocabulary, self.minimum, self.maximum, "words")


@cache
def word_counting() -> Counting:
    """Return the rule by which words are counted."""
    classes = ("other", "letter", "mark", "joiner", "closer")
    start: _Phase = 0
    phases, onward, gain = explore(start, classes, _read)
    number = {phase: place for place, phase in enumerate(phases)}
    zeros = np.zeros(len(phases), dtype=np.int64)
    spare = zeros.copy()
    spare[number[TAIL + 1]] = 1
    alike = zeros.copy()
    alike[[number["word"], number["joiner"]]] = number["word"]
    characters = class_of_each((r"\w+", marks(), map(ord, JOINERS), map(ord, CLOSERS)))
    return Counting(utf8_table(characters), onward, gain, zeros, spare, alike)


def _read(phase: _Phase, name: str) -> tuple[_Phase, int]:
    if name == "letter":
        return "word", int(isinstance(phase, int))
    if phase == "word" and name in ("mark", "joiner"):
        return ("word" if name == "mark" else "joiner"), 0
    if name not in ("joiner", "closer"):
        return TAIL + 1, 0
    since = 0 if phase == "word" else 1 if phase == "joiner" else int(phase)
    return min(since + 1, TAIL + 1), 0
