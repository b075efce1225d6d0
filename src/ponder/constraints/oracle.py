"""A constraint that is asked of each text: a predicate in place of an automaton."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from ponder.constraints import bits
from ponder.constraints.bits import Bits
from ponder.constraints.composition import Composable
from ponder.errors import ParameterError, UnsupportedError
from ponder.text.vocabulary import Vocabulary

MAX_PATTERN = 100_000  # characters
MATCH_SECONDS = 1.0


def _always(text: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Oracle(Composable):
    """The text, and every beginning of it, is one that `begins` accepts; its end one that `ends` accepts.

    Nothing is known ahead: a token is drawn, the text with it is shown to `begins`, and if it is refused
    another token is drawn (adaptive rejection, arXiv 2504.05410). So an oracle can be anything, and costs a
    draw for each refusal. `begins` must accept every beginning of a text that is wanted, the empty one too.
    Both are called in the engine's thread with whole characters only: be quick. What they raise ends the
    request. A text may be cut off by `max_tokens` before it may end.
    """

    begins: Callable[[str], bool]
    ends: Callable[[str], bool] = _always

    def __post_init__(self) -> None:
        for field, value in (("begins", self.begins), ("ends", self.ends)):
            if not callable(value):
                raise ParameterError(field, value, "a function of a text that returns true or false")

    @staticmethod
    def pcre(pattern: str) -> Oracle:
        """Return the oracle of a regular expression with look-around, back-references and so on.

        The text matches the whole pattern. Read by the package `regex`, which must be installed.

        Raises
        ------
        ParameterError : the pattern is none, or too long. UnsupportedError : there is no `regex`.
        """
        try:
            import regex
        except ImportError:
            raise UnsupportedError("Oracle.pcre needs the package regex: pip install ponder[regex]") from None
        if not isinstance(pattern, str) or len(pattern) > MAX_PATTERN:
            raise ParameterError("pattern", pattern, f"a pattern of at most {MAX_PATTERN} characters")
        try:
            compiled = cast(Any, regex).compile(pattern)
        except (regex.error, RecursionError, OverflowError) as error:
            raise ParameterError("pattern", pattern, f"a regular expression: {error}") from None
        return Oracle(_Match(compiled, True), _Match(compiled, False))

    def compile(self, vocabulary: Vocabulary) -> OracleAutomaton:
        if not self.begins(""):
            raise ParameterError("begins", self.begins, "a function that accepts the empty text")
        return OracleAutomaton(self, vocabulary)


@dataclass(frozen=True, slots=True)
class _Match:
    pattern: Any
    partial: bool

    def __call__(self, text: str) -> bool:
        try:
            return bool(self.pattern.fullmatch(text, partial=self.partial, timeout=MATCH_SECONDS))
        except TimeoutError:
            raise ParameterError(
                "pattern", self.pattern.pattern, f"a pattern that is matched within {MATCH_SECONDS:g} s"
            ) from None


class OracleAutomaton:
    """A state is the text's bytes."""

    start = b""
    growth = 0
    exact = False

    def __init__(self, oracle: Oracle, vocabulary: Vocabulary) -> None:
        self._oracle = oracle
        self._tokens = vocabulary.tokens
        self._text = bits.pack(vocabulary.is_text)

    def mask(self, state: bytes) -> Bits:
        """Return all text tokens."""
        return self._text

    def step(self, state: bytes, token: int) -> bytes | None:
        """Ask whether the text may begin so. Bytes that are no character are refused."""
        text = state + self._tokens[token]
        shown, _ = _whole(text)
        return None if shown is None or not self._oracle.begins(shown) else text

    def may_end(self, state: bytes) -> bool:
        """Ask whether the text may be this, which it may not be in the middle of a character."""
        shown, begun = _whole(state)
        return shown is not None and not begun and self._oracle.ends(shown)

    def must_end(self, state: bytes) -> bool:
        """Nothing is known ahead."""
        return False

    def forced(self, state: bytes) -> tuple[int, ...]:
        """Nothing is known ahead."""
        return ()

    def plan(self, state: bytes, limit: int) -> tuple[int, ...] | None:
        """Nothing is known ahead."""
        return None


def _whole(text: bytes) -> tuple[str | None, bool]:
    """Return the whole characters of a text, and whether another has begun; None: it has bytes of none."""
    try:
        return text.decode(), False
    except UnicodeDecodeError as error:
        if error.end == len(text) and error.reason == "unexpected end of data":
            return text[: error.start].decode(), True
        return None, False
