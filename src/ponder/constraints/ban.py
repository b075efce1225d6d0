"""Strings that may not occur in the text, however they are cut into tokens.

The text is read as bytes by an Aho-Corasick automaton (CACM 18(6), 1975) over the banned strings.
A token is masked exactly when reading its bytes from the present state would complete a banned
string, so the ban holds on the text and there is nothing to rewind.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch

from ponder.errors import ParameterError
from ponder.sampling import bitmask
from ponder.text import Tokenizer

MAX_STRINGS = 1000
MAX_LENGTH = 1000
MAX_CHARACTERS = 65536
MAX_VARIANTS = 256


@dataclass(frozen=True, slots=True)
class Ban:
    """No text may contain any of `strings`; with `ignore_case` in no mixture of upper and lower case.

    Signs that look or fold like a letter without being one (the Kelvin sign, full-width letters) are other
    characters. U+FFFD cannot be banned: bytes that are no character are shown as it.
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

    def compile(self, tokenizer: Tokenizer) -> BanState:
        patterns = {pattern for string in self.strings for pattern in _patterns(string, self.ignore_case)}
        return BanState(BanAutomaton(sorted(patterns), tokenizer.bytes_table, self.ignore_case))


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


class BanAutomaton:
    """States are the prefixes of the patterns, 0 the empty one; masks are made when first needed."""

    def __init__(self, patterns: list[bytes], vocabulary: tuple[bytes, ...], fold: bool) -> None:
        self.vocabulary = tuple(token.lower() for token in vocabulary) if fold else vocabulary
        self._by_bytes = sorted(range(len(vocabulary)), key=self.vocabulary.__getitem__)
        self._sorted = [self.vocabulary[token] for token in self._by_bytes]
        self._build(patterns)
        self._always = torch.tensor([not self._spells_pattern(text) for text in self.vocabulary])
        self._masks: dict[int, torch.Tensor] = {}

    def _build(self, patterns: list[bytes]) -> None:
        self._next: list[dict[int, int]] = [{}]
        self._remainders: list[list[bytes]] = [[]]  # of each state: what would complete a pattern from here
        self._ends = [False]
        for pattern in patterns:
            state = 0
            for i, byte in enumerate(pattern):
                if byte not in self._next[state]:
                    self._next[state][byte] = len(self._next)
                    self._next.append({})
                    self._remainders.append([])
                    self._ends.append(False)
                state = self._next[state][byte]
                self._remainders[state].append(pattern[i + 1 :])
            self._ends[state] = True
        self._fail = [0] * len(self._next)
        queue = list(self._next[0].values())
        for state in queue:
            for byte, child in self._next[state].items():
                self._fail[child] = self._step(self._fail[state], byte)
                self._ends[child] = self._ends[child] or self._ends[self._fail[child]]
                queue.append(child)

    def _step(self, state: int, byte: int) -> int:
        while state and byte not in self._next[state]:
            state = self._fail[state]
        return self._next[state].get(byte, 0)

    def _spells_pattern(self, text: bytes) -> bool:
        state = 0
        for byte in text:
            state = self._step(state, byte)
            if self._ends[state]:
                return True
        return False

    def read(self, state: int, token: int) -> int:
        """Return the state after the bytes of a token."""
        for byte in self.vocabulary[token]:
            state = self._step(state, byte)
        return state

    def mask(self, state: int) -> torch.Tensor:
        """Return the bitmask of the tokens that complete no pattern from `state`."""
        if state not in self._masks:
            mask = self._always.clone()
            suffix = state
            while suffix:
                for remainder in self._remainders[suffix]:
                    mask[self._starting_with(remainder)] = False
                suffix = self._fail[suffix]
            self._masks[state] = torch.from_numpy(bitmask.pack(mask.numpy()))
        return self._masks[state]

    def _starting_with(self, prefix: bytes) -> list[int]:
        first = bisect_left(self._sorted, prefix)
        last = first
        while last < len(self._sorted) and self._sorted[last].startswith(prefix):
            last += 1
        return self._by_bytes[first:last]


class BanState:
    """One text's place in the automaton, with the places before it for `rollback`."""

    def __init__(self, automaton: BanAutomaton, path: tuple[int, ...] = (0,)) -> None:
        self._automaton = automaton
        self._path = list(path)

    def mask(self) -> torch.Tensor:
        return self._automaton.mask(self._path[-1])

    def advance(self, token_id: int) -> None:
        self._path.append(self._automaton.read(self._path[-1], token_id))

    def rollback(self, tokens: int) -> None:
        if tokens:
            del self._path[-tokens:]

    def fork(self) -> BanState:
        return BanState(self._automaton, tuple(self._path))

    def may_stop(self) -> bool:
        return True
