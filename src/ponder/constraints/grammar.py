"""A text of a context-free grammar."""

from __future__ import annotations

from dataclasses import dataclass

from ponder.constraints.composition import Composable
from ponder.constraints.guided.automaton import MAX_GRAMMAR, GuidedAutomaton, compile_guided
from ponder.errors import ParameterError
from ponder.text.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Grammar(Composable):
    """The text is one of a grammar in Lark's syntax as llguidance reads it: `start: ...`.

    Control tokens spell nothing and are not allowed.
    """

    lark: str

    def __post_init__(self) -> None:
        if not isinstance(self.lark, str) or not self.lark.strip():
            raise ParameterError(
                "grammar", self.lark, "a grammar in Lark's syntax, such as 'start: /[a-z]+/'"
            )
        if len(self.lark) > MAX_GRAMMAR:
            raise ParameterError(
                "grammar", f"{len(self.lark)} characters", f"at most {MAX_GRAMMAR} characters"
            )
        if any("\ud800" <= letter <= "\udfff" for letter in self.lark):
            raise ParameterError("grammar", self.lark, "text without lone surrogates")
        if self.lark.lstrip().startswith("{"):
            raise ParameterError("grammar", self.lark, "Lark's syntax, which does not begin with '{'")

    def compile(self, vocabulary: Vocabulary) -> GuidedAutomaton:
        return compile_guided(self.lark, vocabulary)
