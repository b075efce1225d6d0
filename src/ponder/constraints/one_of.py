"""A text that is one of some given ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ponder.constraints.composition import Composable, compile_language
from ponder.constraints.constraint import Automaton
from ponder.constraints.regular import dfa
from ponder.constraints.regular.dfa import Dfa
from ponder.constraints.regular.texts_automaton import TextsAutomaton, can_spell
from ponder.errors import ParameterError
from ponder.text.vocabulary import Vocabulary

MAX_TEXTS = 50_000


@dataclass(frozen=True, slots=True)
class OneOf(Composable):
    """The text is exactly one of `texts`, however it is cut into tokens; an empty one may be among them."""

    texts: Sequence[str]

    def __post_init__(self) -> None:
        if not isinstance(self.texts, list | tuple):
            raise ParameterError("texts", self.texts, "a list of strings")
        object.__setattr__(self, "texts", tuple(self.texts))
        if not self.texts or len(self.texts) > MAX_TEXTS:
            raise ParameterError("texts", f"{len(self.texts)} texts", f"1 to {MAX_TEXTS}")
        for text in self.texts:
            if not isinstance(text, str):
                raise ParameterError("texts", text, "a string")
            try:
                text.encode()
            except UnicodeEncodeError:
                raise ParameterError("texts", text, "text without lone surrogates") from None

    @property
    def allows_control(self) -> bool:
        return False

    def dfa(self) -> Dfa:
        return dfa.texts(text.encode() for text in self.texts)

    def compile(self, vocabulary: Vocabulary) -> Automaton[Any]:
        texts, ends = dfa.longest(text.encode() for text in self.texts)
        if can_spell(vocabulary, texts):
            return TextsAutomaton(texts, ends, vocabulary)
        return compile_language(self, vocabulary)  # which looks for dead ends
