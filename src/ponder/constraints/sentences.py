"""A text of so many sentences."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from ponder.constraints.composition import Composable
from ponder.constraints.counting.character_classes import class_of_each, utf8_table
from ponder.constraints.counting.count_automaton import CountAutomaton
from ponder.constraints.counting.counting import Counting, explore
from ponder.constraints.counting.limits import check_limits
from ponder.text.vocabulary import Vocabulary

MAX_SENTENCES = 10_000
TAIL = 2  # white-space characters after the last sentence
TERMINATORS = "!?…"  # beside the full stop
WIDE_TERMINATORS = "。！？"
CLOSERS = "\"'”’»)]」』）"
ABBREVIATIONS = (
    *("Mr", "Mrs", "Ms", "Dr", "Prof", "St", "Mt", "Jr", "Sr", "Rev", "Gen", "Col", "Capt", "Lt", "Sgt"),
    *("e.g", "i.e", "etc", "vs", "cf", "al", "approx", "Fig", "Inc", "Ltd", "Co", "Corp"),
)


@dataclass(frozen=True, slots=True)
class Sentences(Composable):
    """The text has `minimum` to `maximum` sentences, none of them unfinished, and whole characters.

    A sentence has a letter and ends

    - with one or more of `. ! ? …`, closing quotes and brackets after them, where white space follows;
    - with one or more of `。 ！ ？` in the same way, whatever follows;
    - with any of these at the end of the text.

    So 3.14 ends none, and nor does the number of a list's item ("1. "). Before white space a single full
    stop ends none after an abbreviation (`ABBREVIATIONS`: Mr, Dr, e.g, etc and so on) or after a capital
    letter that is a word ("J. Smith"). "No" is no abbreviation here: it is a sentence more often.

    The text may end where a sentence has ended, or where no letter has come since. After the last sentence
    that a `maximum` allows, at most 2 characters of white space may come.

    Raises
    ------
    ParameterError : a limit is no whole number from 0 to 10,000, or the maximum is below the minimum.
    """

    minimum: int = 0
    maximum: int | None = None

    def __post_init__(self) -> None:
        check_limits(self.minimum, self.maximum, MAX_SENTENCES)

    def compile(self, vocabulary: Vocabulary) -> CountAutomaton:
        return CountAutomaton(sentence_counting(), vocabulary, self.minimum, self.maximum, "sentences")


@dataclass(frozen=True, slots=True)
class _Between:
    """At the start or after a sentence, with so many characters of white space since."""

    spaces: int


@dataclass(frozen=True, slots=True)
class _Begun:
    """In a sentence. The word is what may become an abbreviation or is a single capital, or `_OTHER`."""

    has_letter: bool
    word: str


@dataclass(frozen=True, slots=True)
class _Stopped:
    """After a terminator and closers. The word is the beginning of an abbreviation with a full stop in it."""

    ends: bool  # whether white space ends the sentence
    word: str


@dataclass(frozen=True, slots=True)
class _Over:
    """After a terminator that ends the sentence whatever follows, unless more terminators or closers do."""


_OTHER = "?"  # the word of a `_Begun` that is of no interest
_CAPITAL = "^"  # any capital that no abbreviation has

_Phase = _Between | _Begun | _Stopped | _Over

_PREFIXES = frozenset(word[:length] for word in ABBREVIATIONS for length in range(1, len(word) + 1))
_LETTERS = "".join(sorted({letter for prefix in _PREFIXES for letter in prefix if letter.isalpha()}))
_CLASSES = ("other", "number", "letter", "capital", "space", "closer", "end", "wide end", ".", *_LETTERS)


@cache
def sentence_counting() -> Counting:
    """Return the rule by which sentences are counted."""
    start: _Phase = _Between(0)
    phases, onward, gain = explore(start, _CLASSES, _read)
    bonus = [
        -1 if isinstance(phase, _Begun) and phase.has_letter else int(isinstance(phase, _Stopped | _Over))
        for phase in phases
    ]
    spare = [int(not isinstance(phase, _Between) or phase.spaces > TAIL) for phase in phases]
    number = {phase: place for place, phase in enumerate(phases)}
    alike = [number[_typical(phase)] for phase in phases]
    capitals = [code for code in range(0x20000) if chr(code).isupper() and chr(code).isalpha()]
    signs = (CLOSERS, TERMINATORS, WIDE_TERMINATORS, ".", *_LETTERS)
    characters = class_of_each((r"\w+", r"[^\W\d_]+", capitals, r"\s+", *(map(ord, sign) for sign in signs)))
    arrays = (np.array(values, dtype=np.int64) for values in (bonus, spare, alike))
    return Counting(utf8_table(characters), onward, gain, *arrays)


def _typical(phase: _Phase) -> _Phase:
    """Return a phase after which most tokens do the same as after this one."""
    if isinstance(phase, _Over):
        return phase
    if isinstance(phase, _Stopped) and phase.ends:
        return _Stopped(True, "")
    has_letter = isinstance(phase, _Stopped) or (isinstance(phase, _Begun) and phase.has_letter)
    return _Begun(True, "") if has_letter else _Between(0)


def _read(phase: _Phase, name: str) -> tuple[_Phase, int]:
    """Return the phase after a character of a class, and whether a sentence ended before it."""
    if isinstance(phase, _Between):
        if name == "space":
            return _Between(min(phase.spaces + 1, TAIL + 1)), 0
        return _in_sentence(_Begun(False, ""), name), 0
    if isinstance(phase, _Begun):
        return _in_sentence(phase, name), 0
    if name == "wide end":
        return _Over(), 0
    if isinstance(phase, _Over):
        if name in ("end", ".", "closer"):
            return phase, 0
        return (_Between(1) if name == "space" else _in_sentence(_Begun(False, ""), name)), 1
    if name in ("end", "."):
        return _Stopped(True, ""), 0
    if name == "closer":
        return _Stopped(phase.ends, ""), 0
    if name == "space" and phase.ends:
        return _Between(1), 1
    return _in_sentence(_Begun(True, phase.word), name), 0


def _in_sentence(phase: _Begun, name: str) -> _Phase:
    """Return the phase after a character that ends no sentence by itself."""
    if name in ("other", "space", "closer"):
        return _Begun(phase.has_letter, "")
    if name in ("end", "wide end", "."):
        if not phase.has_letter:
            return _Begun(False, "")
        if name == "wide end":
            return _Over()
        is_short = name == "." and any(_is_short(word) for word in _endings(phase.word))
        return _Stopped(not is_short, _kept(phase.word + ".") if name == "." else "")
    if name in ("number", "letter"):
        return _Begun(phase.has_letter or name == "letter", _OTHER)
    letter = _CAPITAL if name == "capital" else name
    return _Begun(True, _kept(phase.word + letter) or _OTHER)


def _endings(word: str) -> list[str]:
    """Return a word and what is left of it after each of its full stops."""
    parts = word.split(".")
    return [".".join(parts[place:]) for place in range(len(parts))]


def _is_short(word: str) -> bool:
    return word in ABBREVIATIONS or (len(word) == 1 and (word == _CAPITAL or word.isupper()))


def _kept(word: str) -> str:
    """Return the longest ending of a word that may become an abbreviation, or is a single capital."""
    return next((end for end in _endings(word) if end in _PREFIXES or _is_short(end)), "")
