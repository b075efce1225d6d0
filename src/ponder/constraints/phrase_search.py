"""Follows the tokens of a text and tells which would complete a phrase.

The search is in C++ where that was built, else in Python. A state is a number: 24 bits of where the folded
text is in the phrases, a bit for whether a word character was last, and the bytes of an unfinished character.
A text begins with 0.

Where whole words are looked for, folded text has an `EDGE` between a word character and anything else, the
beginning and the end among it. So a phrase with its own edges is a string like others.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ponder.constraints import bits, folding
from ponder.constraints.aho_corasick import AhoCorasick
from ponder.constraints.folding import Folding
from ponder.text.vocabulary import Vocabulary

try:
    import ponder.constraints._search as _search
except ImportError:  # installed without a compiler
    native = False
else:
    native = True

EDGE, BROKEN = 0xFE, 0xFF  # bytes that UTF-8 has not: of an edge of a word, of bytes that are no character
_AT, _WORD = 2**24 - 1, 2**24


class PhraseSearch(Protocol):
    """Phrases and a vocabulary. Safe to share by threads. Tokens that end a text spell nothing here."""

    def always(self, word: bool) -> bytes:
        """Return the tokens with no phrase in them, as packed bits; `word`: a word character comes before."""
        ...

    def mask(self, state: int) -> bytes | None:
        """Return the tokens that complete no phrase, as packed bits; None: it is `always`."""
        ...

    def step(self, state: int, token: int) -> int:
        """Return the state after a token; -1: it completes a phrase."""
        ...

    def follow(self, state: int, text: bytes) -> int:
        """Return the state after some bytes; -1: a phrase is complete in them."""
        ...

    def may_end(self, state: int) -> bool:
        """Return whether no phrase is complete if the text ends here."""
        ...


def word_is_last(state: int) -> bool:
    """Return whether the last whole character of the folded text is one of words."""
    return bool(state & _WORD)


def compile_search(phrases: Sequence[str], how: Folding, vocabulary: Vocabulary) -> PhraseSearch:
    """Return a search for phrases, none of which is folded to nothing."""
    spelled = [form.encode() for phrase in phrases for form in folding.spellings(phrase, how)]
    if not native:
        return PlainSearch(spelled, how, vocabulary)
    return _search.PhraseSearch(_folded_tokens(vocabulary, how), b"".join(spelled), _lengths(spelled))


@lru_cache(maxsize=8)
def _folded_tokens(vocabulary: Vocabulary, how: Folding) -> _search.FoldedTokens:
    spelled = list(vocabulary.tokens)
    for token in vocabulary.end_ids:
        spelled[token] = b""
    ends = np.array(vocabulary.end_ids, dtype=np.int64)
    return _search.FoldedTokens(_native_folding(how), b"".join(spelled), _lengths(spelled), ends)


@lru_cache(maxsize=16)
def _native_folding(how: Folding) -> _search.Folding:
    table = sorted(folding.table(how).items())
    starts = np.cumsum([0, *(len(text) for _, text in table)], dtype=np.int32)
    folded = np.array([ord(one) for _, text in table for one in text], dtype=np.int32)
    words = folding.word_bits() if how.whole_word else np.zeros(0, dtype=np.uint8)
    return _search.Folding(np.array([point for point, _ in table], dtype=np.int32), starts, folded, words)


def _lengths(strings: Sequence[bytes]) -> npt.NDArray[np.int64]:
    return np.fromiter(map(len, strings), dtype=np.int64, count=len(strings))


class PlainSearch:
    """The search in Python: slower, and what the one in C++ is tested against."""

    def __init__(self, phrases: Sequence[bytes], how: Folding, vocabulary: Vocabulary) -> None:
        self._table = folding.table(how)
        self._marks_edges = how.whole_word
        self._machine = AhoCorasick({self._folded(phrase.decode()) for phrase in phrases})
        self._vocabulary = vocabulary
        self._trie = vocabulary.trie
        self._byte, self._first_child = self._trie.byte.tolist(), self._trie.first_child.tolist()
        # The state after each node's bytes if no phrase was begun before, after a word or not; -1: a phrase.
        self._free = [self._after_all(word * _WORD) for word in range(1 + how.whole_word)]
        self._always = [self._without(np.array(free)[self._trie.node] < 0) for free in self._free]

    def always(self, word: bool) -> bytes:
        return bits.pack(self._always[word]).tobytes()

    def mask(self, state: int) -> bytes | None:
        """Read the trie of the tokens as far as it matters that the text is in this state."""
        word = word_is_last(state)
        if state == word * _WORD:
            return None
        trie, free = self._trie, self._free[word]
        allowed = self._always[word].copy()
        ahead = [(0, state)]
        while ahead:
            node, at = ahead.pop()
            first = self._first_child[node]
            for child in range(first, first + int(trie.num_children[node])):
                after = self._read(at, self._byte[child]) if at >= 0 else -1
                if after != free[child]:  # else all that begins so is as always
                    place = int(trie.first_string[child])
                    allowed[trie.numbers[place : place + int(trie.num_strings[child])]] = after >= 0
                    ahead.append((child, after))
        return bits.pack(allowed).tobytes()

    def step(self, state: int, token: int) -> int:
        ends = token in self._vocabulary.end_ids
        return self.follow(state, b"" if ends else self._vocabulary.tokens[token])

    def follow(self, state: int, text: bytes) -> int:
        for byte in text:
            state = self._read(state, byte)
            if state < 0:
                return -1
        return state

    def may_end(self, state: int) -> bool:
        machine = self._machine
        return not (word_is_last(state) and machine.ends[machine.step(state & _AT, EDGE)])

    def _read(self, state: int, byte: int) -> int:
        pending, at = state >> 25, state & (_WORD | _AT)
        if pending:
            begun = pending.to_bytes((pending.bit_length() + 7) // 8, "big") + bytes((byte,))
            if _begins_character(begun):
                return int.from_bytes(begun, "big") << 25 | at
            try:
                return self._search(at, begun.decode())
            except UnicodeDecodeError:
                at = self._search(at, None)
        if at < 0:
            return -1
        if byte < 0x80:
            return self._search(at, chr(byte))
        return byte << 25 | at if _begins_character(bytes((byte,))) else self._search(at, None)

    def _search(self, state: int, character: str | None) -> int:
        """Return the state after a character; None: after bytes that are none."""
        at, word = state & _AT, word_is_last(state)
        folded, word = self._fold(character, word)
        for byte in folded:
            at = self._machine.step(at, byte)
            if self._machine.ends[at]:
                return -1
        return word * _WORD | at

    def _fold(self, character: str | None, word: bool) -> tuple[bytes, bool]:
        """Fold a character; return also whether a word character is last then, as `word` says of before."""
        folded = bytearray()
        for one in (None,) if character is None else self._table.get(ord(character), character):
            now = self._marks_edges and one is not None and folding.is_word(one)
            folded += bytes((EDGE,)) * (now != word) + (bytes((BROKEN,)) if one is None else one.encode())
            word = now
        return bytes(folded), word

    def _folded(self, phrase: str) -> bytes:
        folded, word = b"", False
        for character in phrase:
            more, word = self._fold(character, word)
            folded += more
        return folded + bytes((EDGE,)) * word

    def _after_all(self, start: int) -> list[int]:
        states = [start]
        for parent, byte in zip(self._trie.parent[1:].tolist(), self._byte[1:], strict=True):
            states.append(self._read(states[parent], byte) if states[parent] >= 0 else -1)
        return states

    def _without(self, spells: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        without = np.ones(len(self._vocabulary), dtype=np.bool_)
        without[self._trie.numbers[spells]] = False
        without[list(self._vocabulary.end_ids)] = False
        return without


def _begins_character(begun: bytes) -> bool:
    """Return whether some bytes are the beginning of a character and not all of it."""
    try:
        begun.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return False
