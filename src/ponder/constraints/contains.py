"""Texts with a given part: anywhere, at the start, or at the end."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ponder.constraints.composition import Composable, compile_language
from ponder.constraints.constraint import Language
from ponder.constraints.regex import Regex
from ponder.constraints.regular import dfa
from ponder.constraints.regular.dfa import Dfa
from ponder.constraints.regular.dfa_automaton import DfaAutomaton
from ponder.errors import ParameterError
from ponder.text.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Contains(Composable):
    r"""The text has `part` somewhere in it: a string, or any text of a `Language`.

    A `Regex` is looked for as by Python's `re.search`, so that `\b` sees what stands around, and
    `~Contains(Regex(...))` bans it. What stands around may be any bytes; `& Length()` asks for whole
    characters.
    """

    part: str | Language
    ignore_case: bool = False

    def __post_init__(self) -> None:
        _check(self.part, self.ignore_case)

    @property
    def allows_control(self) -> bool:
        return False

    def dfa(self) -> Dfa:
        return _around(self.part, self.ignore_case, before=True, after=True)

    def compile(self, vocabulary: Vocabulary) -> DfaAutomaton:
        return compile_language(self, vocabulary)


@dataclass(frozen=True, slots=True)
class StartsWith(Composable):
    """The text starts with `part`: a string, or any text of a `Language`; see `Contains`."""

    part: str | Language
    ignore_case: bool = False

    def __post_init__(self) -> None:
        _check(self.part, self.ignore_case)

    @property
    def allows_control(self) -> bool:
        return False

    def dfa(self) -> Dfa:
        return _around(self.part, self.ignore_case, before=False, after=True)

    def compile(self, vocabulary: Vocabulary) -> DfaAutomaton:
        return compile_language(self, vocabulary)


@dataclass(frozen=True, slots=True)
class EndsWith(Composable):
    """The text ends with `part`: a string, or any text of a `Language`; see `Contains`."""

    part: str | Language
    ignore_case: bool = False

    def __post_init__(self) -> None:
        _check(self.part, self.ignore_case)

    @property
    def allows_control(self) -> bool:
        return False

    def dfa(self) -> Dfa:
        return _around(self.part, self.ignore_case, before=True, after=False)

    def compile(self, vocabulary: Vocabulary) -> DfaAutomaton:
        return compile_language(self, vocabulary)


def _check(part: str | Language, ignore_case: bool) -> None:
    if not isinstance(ignore_case, bool):
        raise ParameterError("ignore_case", ignore_case, "true or false")
    if isinstance(part, str):
        Regex(re.escape(part), ignore_case)
        try:
            part.encode()
        except UnicodeEncodeError:
            raise ParameterError("part", part, "text without lone surrogates") from None
    elif not isinstance(part, Language):
        raise ParameterError("part", part, "a string or a regular set of texts, such as a Regex")
    elif ignore_case:
        raise ParameterError("ignore_case", ignore_case, "false unless the part is a string")


def _around(part: str | Language, ignore_case: bool, *, before: bool, after: bool) -> Dfa:
    if isinstance(part, str):
        part = Regex(re.escape(part), ignore_case)
    if isinstance(part, Regex):
        return part.found(before=before, after=after)
    inner = part.dfa()
    if after:
        inner = dfa.with_anything_after(inner)
    return dfa.concatenation(dfa.anything(), inner) if before else inner
