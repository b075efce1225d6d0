"""Phrases that may not occur in the text, however they are cut into tokens.

The text is folded and read by an Aho-Corasick automaton over the folded phrases. A token is masked exactly
when reading its bytes from the present state would complete a phrase, so the ban holds on the text and there
is nothing to rewind.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from os import PathLike

from ponder.constraints import folding
from ponder.constraints.aho_corasick import AhoCorasick
from ponder.constraints.ban_automaton import BanAutomaton
from ponder.constraints.ban_in_values import BanInValues
from ponder.constraints.composition import Composable
from ponder.constraints.folding import Folding
from ponder.constraints.json_values import JsonValues, pointer_steps
from ponder.constraints.phrase_search import compile_search
from ponder.constraints.regular.dfa import Dfa
from ponder.constraints.text_file import read_text_file
from ponder.errors import ParameterError
from ponder.text.vocabulary import Vocabulary

MAX_STRINGS = 10_000
MAX_LENGTH = 1000  # characters of a string
MAX_BYTES = 2**20  # of all strings in UTF-8
MAX_FOLDED = 2**22  # bytes of all strings after folding
# A ban that `&` makes one set with others: its bytes and states, and the states of both together.
MAX_SMALL = 256
MAX_JOINED = 2**16


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
    within : where the strings are banned. None: in the text as it is written. "values": in what each string
        value of JSON says, its escapes read, and nowhere else; so keys may have them. A JSON pointer such as
        "/person/name": in the string that it leads to, or those within what it leads to; "*" for a key or a
        place is each of them. JSON is every object and array that the text has, and a string that it begins
        with. Containers are nested at most 1,000 deep then.
    """

    strings: str | Sequence[str]
    ignore_case: bool = False
    whole_word: bool = False
    variants: Sequence[str] | AbstractSet[str] = ()
    within: str | None = None

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
        _checked_steps(self.within)

    @classmethod
    def from_file(
        cls,
        path: str | PathLike[str],
        ignore_case: bool = False,
        whole_word: bool = False,
        variants: Sequence[str] | AbstractSet[str] = (),
        within: str | None = None,
    ) -> Ban:
        """Ban the lines of a file in UTF-8. Lines of nothing but white space are skipped, and nothing else.

        Raises
        ------
        ParameterError : the file cannot be read, is too large or not UTF-8, or what `Ban` raises.
        """
        most = MAX_BYTES + 2 * MAX_STRINGS  # with the ends of lines
        lines = (line.removesuffix("\r") for line in read_text_file("ban", path, most).split("\n"))
        return cls(tuple(line for line in lines if line.strip()), ignore_case, whole_word, variants, within)

    @property
    def allows_control(self) -> bool:
        return True

    def stays_beside(self, states: int) -> bool:
        """Return whether this has no set of its own, is large, or makes a large set with the others."""
        if (
            self.whole_word
            or self.within is not None
            or sum(len(string.encode()) for string in self._strings) > MAX_SMALL
        ):
            return True
        own = self.dfa().num_states
        return own > MAX_SMALL or own * states > MAX_JOINED

    def dfa(self) -> Dfa:
        for name, is_set in (("whole_word", self.whole_word), ("within", self.within is not None)):
            if is_set:
                allowed = f"a ban with {name} alone or under &; or one without {name}"
                raise ParameterError("ban", f"a ban with {name} under |, ~ or then", allowed)
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

    def compile(self, vocabulary: Vocabulary) -> BanAutomaton | BanInValues:
        if self._folding.changes_text:
            table = folding.table(self._folding)
            size = len("".join(self._strings).translate(table).encode())
            if size > MAX_FOLDED:
                raise ParameterError("ban", f"{size} bytes after folding", f"at most {MAX_FOLDED} bytes")
        if self.within is None:
            return self._searching(vocabulary)
        return BanInValues(JsonValues(_checked_steps(self.within)), vocabulary, self._searching)

    def _searching(self, vocabulary: Vocabulary) -> BanAutomaton:
        search = compile_search(self._strings, self._folding, vocabulary)
        return BanAutomaton(search, vocabulary, self.whole_word)

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


def _checked_steps(within: object) -> tuple[bytes, ...]:
    if within is None or within == "values":
        return ()
    if not isinstance(within, str) or not within.startswith("/"):
        raise ParameterError("within", within, '"values", or a JSON pointer such as "/person/name"')
    return pointer_steps(within, "within")


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
