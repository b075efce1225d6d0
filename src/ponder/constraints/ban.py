"""Phrases that may not occur in the text, however they are cut into tokens.

The text is folded and read by an Aho-Corasick automaton over the folded phrases. A token is masked exactly
when reading its bytes from the present state would complete a phrase, so the ban holds on the text and there
is nothing to rewind.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from os import PathLike

import numpy as np

from ponder.constraints import bits, folding
from ponder.constraints.aho_corasick import AhoCorasick
from ponder.constraints.bits import Bits
from ponder.constraints.composition import Composable
from ponder.constraints.folding import Folding
from ponder.constraints.phrase_search import PhraseSearch, compile_search, word_is_last
from ponder.constraints.recent import Recent
from ponder.constraints.regular.dfa import Dfa
from ponder.constraints.text_file import read_text_file
from ponder.errors import ParameterError
from ponder.text.vocabulary import Ints, Vocabulary

MAX_STRINGS = 10_000
MAX_LENGTH = 1000  # characters of a string
MAX_BYTES = 2**20  # of all strings in UTF-8
MAX_FOLDED = 2**22  # bytes of all strings after folding
# A ban that `&` makes one set with others: its bytes and states, and the states of both together.
MAX_SMALL = 256
MAX_JOINED = 2**16
MASK_BYTES = 2**24  # of kept masks
MAX_TRIES = 512  # tokens that a plan is looked for among


@dataclass(frozen=True, slots=True)
class Ban(Composable):
    """No text may contain any of `strings`.

    U+FFFD cannot be banned: bytes that are no character are shown as it. Control tokens spell nothing and are
    allowed.

    To ignore case or variants, text and strings are folded, and the folded text may contain no folded string.
    They are folded code point by code point. So combining marks on one letter must come in the order in which
    the string has them, as given or in a normal form.

    Attributes
    ----------
    strings : a string or a list of 1 to 10,000, each of 1 to 1,000 characters; at most 1 MiB of UTF-8 in all.
    ignore_case : case is folded as Unicode says: "ß" is "ss", "ς" is "σ", the Kelvin sign is "k".
    whole_word : a string is banned only where no word character stands before and after it. Word characters
        are letters, marks, numbers (Unicode's L, M and N) and "_". Where the string's own first or last
        character is none, as in "$5" and "#tag", any character may stand beside it. While a text ends in a
        banned word, it may not end; only a token that goes on with the word may come.
    variants : names of what else is the same:

        - "normal_forms": characters and the code points they are composed of (NFC, NFD).
        - "compatibility": also full-width letters, ligatures, and all else that NFKC replaces.
        - "zero_width": characters that are not seen, and soft hyphens, are taken out.
        - "confusables": Greek and Cyrillic letters, digits and signs that pass for a Latin letter are that
          letter (`folding.CONFUSABLES`, `folding.SIGNS`), and case is ignored. "@" and "$" stay signs where
          whole words are banned.
    """

    strings: str | Sequence[str]
    ignore_case: bool = False
    whole_word: bool = False
    variants: Sequence[str] | AbstractSet[str] = ()

    def __post_init__(self) -> None:
        if isinstance(self.strings, str):
            object.__setattr__(self, "strings", (self.strings,))
        if not isinstance(self.strings, list | tuple):
            raise ParameterError("ban", self.strings, "a string or a list of strings")
        object.__setattr__(self, "strings", tuple(self.strings))
        for name in ("ignore_case", "whole_word"):
            if not isinstance(getattr(self, name), bool):
                raise ParameterError(name, getattr(self, name), "true or false")
        object.__setattr__(self, "variants", _checked_variants(self.variants))
        _check_strings(self._strings, "zero_width" in self.variants)

    @classmethod
    def from_file(
        cls,
        path: str | PathLike[str],
        ignore_case: bool = False,
        whole_word: bool = False,
        variants: Sequence[str] | AbstractSet[str] = (),
    ) -> Ban:
        """Ban the lines of a file in UTF-8. Lines of nothing but white space are skipped, and nothing else.

        Raises
        ------
        ParameterError : the file cannot be read, is too large or not UTF-8, or what `Ban` raises.
        """
        most = MAX_BYTES + 2 * MAX_STRINGS  # with the ends of lines
        lines = (line.removesuffix("\r") for line in read_text_file("ban", path, most).split("\n"))
        return cls(tuple(line for line in lines if line.strip()), ignore_case, whole_word, variants)

    @property
    def allows_control(self) -> bool:
        return True

    def stays_beside(self, states: int) -> bool:
        """Return whether this is a ban of whole words, is large, or makes a large set with the others."""
        if self.whole_word or sum(len(string.encode()) for string in self._strings) > MAX_SMALL:
            return True
        own = self.dfa().num_states
        return own > MAX_SMALL or own * states > MAX_JOINED

    def dfa(self) -> Dfa:
        if self.whole_word:
            raise ParameterError(
                "ban",
                "whole words under |, ~ or then",
                "whole words alone or under &; or a ban without whole_word",
            )
        table = folding.table(self._folding)
        spelled = [form for string in self._strings for form in folding.spellings(string, self._folding)]
        folded = [string.translate(table) for string in spelled]
        machine = AhoCorasick({string.encode() for string in folded})
        if not table:
            return machine.dfa({bytes((byte,)): bytes((byte,)) for byte in set("".join(folded).encode())})
        letters = set("".join(folded))
        units = {letter: letter for letter in letters if ord(letter) not in table}
        units |= {
            chr(point): text for point, text in table.items() if not text or not letters.isdisjoint(text)
        }
        return machine.dfa({unit.encode(): text.encode() for unit, text in units.items()})

    def compile(self, vocabulary: Vocabulary) -> BanAutomaton:
        if self._folding.changes_text:
            table = folding.table(self._folding)
            size = len("".join(self._strings).translate(table).encode())
            if size > MAX_FOLDED:
                raise ParameterError("ban", f"{size} bytes after folding", f"at most {MAX_FOLDED} bytes")
        return BanAutomaton(
            compile_search(self._strings, self._folding, vocabulary), vocabulary, self.whole_word
        )

    @property
    def _strings(self) -> tuple[str, ...]:
        assert isinstance(self.strings, tuple)
        return self.strings

    @property
    def _folding(self) -> Folding:
        return Folding(self.ignore_case, self.whole_word, tuple(self.variants))


def _checked_variants(variants: object) -> tuple[str, ...]:
    allowed = "names among " + ", ".join(folding.VARIANTS)
    if not isinstance(variants, list | tuple | set | frozenset):
        raise ParameterError("variants", variants, allowed)
    for name in variants:
        if name not in folding.VARIANTS:
            raise ParameterError("variants", name, allowed)
    return tuple(sorted(set(variants)))


def _check_strings(strings: Sequence[str], removes: bool) -> None:
    if not strings or len(strings) > MAX_STRINGS:
        raise ParameterError("ban", f"{len(strings)} strings", f"1 to {MAX_STRINGS}")
    for string in strings:
        if not isinstance(string, str) or not string:
            raise ParameterError("ban", string, "a string that is not empty")
    joined = "".join(strings)
    if "\ufffd" in joined:
        raise ParameterError(
            "ban", "U+FFFD", "strings without U+FFFD, which stands for bytes that are no character"
        )
    longest = max(strings, key=len)
    if len(longest) > MAX_LENGTH:
        raise ParameterError("ban", longest, f"at most {MAX_LENGTH} characters")
    try:
        size = len(joined.encode())
    except UnicodeEncodeError as error:
        raise ParameterError("ban", error.object[error.start], "text without lone surrogates") from None
    for string in strings if removes else ():
        if folding.ZERO_WIDTH.issuperset(string):
            raise ParameterError(
                "ban", string, 'a string with more in it than the variant "zero_width" removes'
            )
    if size > MAX_BYTES:
        raise ParameterError("ban", f"{size} bytes", f"at most {MAX_BYTES} bytes of UTF-8 in all")


class BanAutomaton:
    """States are the numbers of a `PhraseSearch`; masks are made when first needed and kept."""

    start = 0

    def __init__(self, search: PhraseSearch, vocabulary: Vocabulary, whole_word: bool) -> None:
        self._search = search
        self._vocabulary = vocabulary
        self._always = [
            np.frombuffer(search.always(word), np.int32) for word in (False, True)[: 1 + whole_word]
        ]
        self._whole_word = whole_word
        self._text = bits.pack(vocabulary.is_text)
        self._masks: Recent[int, Bits] = Recent(max(16, MASK_BYTES // max(len(vocabulary) // 8, 1)))

    def mask(self, state: int) -> Bits:
        """Return the tokens that complete no phrase from `state`."""
        return self._masks.get(state, self._mask)

    def step(self, state: int, token: int) -> int | None:
        """Return the state after the bytes of a token; None: they complete a phrase."""
        after = self._search.step(state, token)
        return None if after < 0 else after

    def follow(self, state: int, text: bytes) -> int | None:
        """Return the state after some bytes; None: a phrase is complete in them."""
        after = self._search.follow(state, text)
        return None if after < 0 else after

    def may_end(self, state: int) -> bool:
        """Return whether the text may end: always, unless it ends in a banned whole word."""
        return self._search.may_end(state)

    def must_end(self, state: int) -> bool:
        """Return whether every text token completes a phrase."""
        return not (self.mask(state) & self._text).any()

    def forced(self, state: int) -> tuple[int, ...]:
        """Return the one token that may come where the text may not end, if it is only one."""
        if self.may_end(state):
            return ()
        mask = self.mask(state)
        if np.count_nonzero(mask) > 1:
            return ()
        possible = bits.members(mask)
        return tuple(possible) if len(possible) == 1 else ()

    def plan(self, state: int, limit: int) -> tuple[int, ...] | None:
        """Return no token if the text may end, else one after which it may; None: no short one was found."""
        if self.may_end(state):
            return ()
        if limit < 1:
            return None
        for token in _shortest(self._vocabulary).tolist():
            after = self.step(state, token)
            if after is not None and self.may_end(after):
                return (token,)
        return None

    @property
    def growth(self) -> int:
        """A token that ends a banned word may need one more after it."""
        return 1

    @property
    def exact(self) -> bool:
        """Where whole words are banned, what follows a banned one may be a dead end."""
        return not self._whole_word

    def _mask(self, state: int) -> Bits:
        made = self._search.mask(state)
        return self._always[word_is_last(state)] if made is None else np.frombuffer(made, np.int32)


@lru_cache(maxsize=8)
def _shortest(vocabulary: Vocabulary) -> Ints:
    """Return the shortest text tokens, `MAX_TRIES` at most."""
    text = np.flatnonzero(vocabulary.is_text)
    lengths = np.array([len(vocabulary.tokens[token]) for token in text.tolist()], dtype=np.int64)
    return text[np.argsort(lengths, kind="stable")[:MAX_TRIES]]
