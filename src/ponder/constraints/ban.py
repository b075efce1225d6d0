"""Strings that may not occur in the text, however they are cut into tokens.

The text is read as bytes by an Aho-Corasick automaton (CACM 18(6), 1975) over the banned strings.
A token is masked exactly when reading its bytes from the present state would complete a banned
string, so the ban holds on the text and there is nothing to rewind.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from ponder.constraints import bits, dfa
from ponder.constraints.bits import Bits
from ponder.constraints.composition import Composable
from ponder.constraints.dfa import Dfa
from ponder.constraints.dfa_automaton import MASK_BYTES
from ponder.constraints.recent import Recent
from ponder.errors import ParameterError
from ponder.text.vocabulary import Vocabulary

MAX_STRINGS = 1000
MAX_LENGTH = 1000
MAX_CHARACTERS = 65536
MAX_VARIANTS = 256


@dataclass(frozen=True, slots=True)
class Ban(Composable):
    """No text may contain any of `strings`; with `ignore_case` in no mixture of upper and lower case.

    Signs that look or fold like a letter without being one (the Kelvin sign, full-width letters) are other
    characters. U+FFFD cannot be banned: bytes that are no character are shown as it. Control tokens spell
    nothing and are allowed.
    """

    strings: str | Sequence[str]
    ignore_case: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.strings, str):
            object.__setattr__(self, "strings", (self.strings,))
        if not isinstance(self.strings, list | tuple):
            raise ParameterError("ban", self.strings, "a string or a list of strings")
        object.__setattr__(self, "strings", tuple(self.strings))
        if not isinstance(self.ignore_case, bool):
            raise ParameterError("ignore_case", self.ignore_case, "true or false")
        if not self.strings or len(self.strings) > MAX_STRINGS:
            raise ParameterError("ban", f"{len(self.strings)} strings", f"1 to {MAX_STRINGS}")
        for string in self.strings:
            if not isinstance(string, str) or not string or "\ufffd" in string:
                raise ParameterError("ban", string, "a string that is not empty, without U+FFFD")
            if len(string) > MAX_LENGTH:
                raise ParameterError("ban", string, f"at most {MAX_LENGTH} characters")
            _patterns(string, self.ignore_case)
        if sum(map(len, self.strings)) > MAX_CHARACTERS:
            raise ParameterError(
                "ban", f"{len(self.strings)} strings", f"at most {MAX_CHARACTERS} characters in all"
            )

    @property
    def allows_control(self) -> bool:
        return True

    def dfa(self) -> Dfa:
        return self._search().dfa(self.ignore_case)

    def compile(self, vocabulary: Vocabulary) -> BanAutomaton:
        return BanAutomaton(self._search(), vocabulary, self.ignore_case)

    def _search(self) -> AhoCorasick:
        return AhoCorasick({p for string in self.strings for p in _patterns(string, self.ignore_case)})


def _patterns(string: str, ignore_case: bool) -> list[bytes]:
    """The bytes that spell `string`; to ignore case, ASCII in lower case and other letters in all forms."""
    try:
        string.encode()
    except UnicodeEncodeError:
        raise ParameterError("ban", string, "text without lone surrogates") from None
    if not ignore_case:
        return [string.encode()]
    forms = [{c.lower()} if c.isascii() else _forms(c) for c in string]
    variants = 1
    for form in forms:
        variants *= len(form)
    if variants > MAX_VARIANTS:
        raise ParameterError(
            "ban", string, f"at most {MAX_VARIANTS} spellings when case is ignored, this has {variants}"
        )
    return [spelling.encode().lower() for spelling in map("".join, product(*forms))]


def _forms(letter: str) -> set[str]:
    final = {"ς"} if letter.casefold() == "σ" else set()  # the one letter with two small forms in use
    return {letter, letter.lower(), letter.upper(), letter.title(), letter.casefold()} | final


class AhoCorasick:
    """Finds patterns in bytes. States are the prefixes of the patterns, 0 the empty one."""

    def __init__(self, patterns: Iterable[bytes]) -> None:
        self.next: list[dict[int, int]] = [{}]
        self.ends = [False]  # whether a pattern ends here
        for pattern in sorted(patterns):
            state = 0
            for byte in pattern:
                if byte not in self.next[state]:
                    self.next[state][byte] = len(self.next)
                    self.next.append({})
                    self.ends.append(False)
                state = self.next[state][byte]
            self.ends[state] = True
        self.fail = [0] * len(self.next)  # the longest proper suffix that is a state
        self.by_length = list(self.next[0].values())  # all states but 0
        for state in self.by_length:
            for byte, child in self.next[state].items():
                self.fail[child] = self.step(self.fail[state], byte)
                self.ends[child] = self.ends[child] or self.ends[self.fail[child]]
                self.by_length.append(child)

    def step(self, state: int, byte: int) -> int:
        """Return the state after a byte."""
        while state and byte not in self.next[state]:
            state = self.fail[state]
        return self.next[state].get(byte, 0)

    def dfa(self, fold: bool) -> Dfa:
        """Return the set of strings without any pattern; with `fold` ASCII letters are read in lower case."""
        letters = sorted({byte for children in self.next for byte in children})
        classes = np.full(256, len(letters), dtype=np.int64)  # bytes of no pattern
        classes[letters] = np.arange(len(letters))
        if fold:
            classes[ord("A") : ord("Z") + 1] = classes[ord("a") : ord("z") + 1]
        num_classes = int(classes.max()) + 1
        dfa.check_size(len(self.next), num_classes)
        table = np.zeros((len(self.next), num_classes), dtype=np.int32)
        for state in (0, *self.by_length):
            table[state] = table[self.fail[state]]
            for byte, child in self.next[state].items():
                table[state, classes[byte]] = child
        ends = np.array(self.ends)
        table[ends[table]] = -1
        return dfa.trimmed(classes.astype(np.uint8), table, ~ends)


class BanAutomaton:
    """States are those of the search, which end no pattern; masks are made when first needed and kept."""

    start = 0

    def __init__(self, search: AhoCorasick, vocabulary: Vocabulary, fold: bool) -> None:
        self._search = search
        self._vocabulary = vocabulary
        self._fold = fold
        self._trie = vocabulary.lowered_trie if fold else vocabulary.trie
        self._always = self._without_pattern()
        self._masks: Recent[int, Bits] = Recent(max(16, MASK_BYTES // max(len(vocabulary) // 8, 1)))

    def mask(self, state: int) -> Bits:
        """Return the tokens that complete no pattern from `state`."""
        return self._masks.get(state, self._mask)

    def step(self, state: int, token: int) -> int | None:
        """Return the state after the bytes of a token; None: they complete a pattern."""
        search, spelled = self._search, self._vocabulary.tokens[token]
        for byte in spelled.lower() if self._fold else spelled:
            state = search.step(state, byte)
            if search.ends[state]:
                return None
        return state

    def may_end(self, state: int) -> bool:
        """A text without a banned string may end anywhere."""
        return True

    def must_end(self, state: int) -> bool:
        """Return whether every text token completes a pattern."""
        text = self._vocabulary.is_text
        return not bits.unpack(self.mask(state), len(text))[text].any()

    def forced(self, state: int) -> tuple[int, ...]:
        """Nothing is: the text may end."""
        return ()

    def plan(self, state: int, limit: int) -> tuple[int, ...]:
        """The text may end."""
        return ()

    @property
    def growth(self) -> int:
        """The text may end anywhere."""
        return 0

    @property
    def exact(self) -> bool:
        """It is."""
        return True

    def _without_pattern(self) -> npt.NDArray[np.bool_]:
        """[V]: the tokens that have no pattern in them and end no text."""
        search, trie = self._search, self._trie
        states = [0]  # after each node's bytes; -1: a pattern is in them
        for parent, byte in zip(trie.parent[1:].tolist(), trie.byte[1:].tolist(), strict=True):
            state = states[parent]
            if state >= 0:
                state = search.step(state, byte)
                if search.ends[state]:
                    state = -1
            states.append(state)
        spells = np.array(states)[trie.node] < 0
        without = np.ones(len(self._vocabulary), dtype=np.bool_)
        without[trie.numbers[spells]] = False
        without[list(self._vocabulary.end_ids)] = False
        return without

    def _mask(self, state: int) -> Bits:
        allowed = self._always.copy()
        while state:
            for first, last in self._completing(state):
                allowed[self._trie.numbers[first:last]] = False
            state = self._search.fail[state]
        return bits.pack(allowed)

    def _completing(self, state: int) -> Iterable[tuple[int, int]]:
        """Find the ranges of the trie's strings that begin with the rest of a pattern after `state`."""
        strings = self._trie.strings
        ahead = [(state, b"", 0, len(strings))]  # a state, its bytes after `state`, the strings that begin so
        while ahead:
            at, prefix, first, last = ahead.pop()
            for byte, child in self._search.next[at].items():
                longer = prefix + bytes((byte,))
                low = bisect_left(strings, longer, first, last)
                high = last if byte == 255 else bisect_left(strings, prefix + bytes((byte + 1,)), low, last)
                if low == high:
                    continue
                if self._search.ends[child]:
                    yield low, high
                else:
                    ahead.append((child, longer, low, high))
