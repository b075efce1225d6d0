"""A text that thinks first, for so many tokens, and then answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from ponder.constraints.composition import Composable, Conjunction
from ponder.constraints.constraint import Constraint, situated
from ponder.constraints.counting.limits import check_limits
from ponder.errors import ParameterError
from ponder.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from ponder.constraints.thinking_automaton import ThinkingAutomaton

MAX_TOKENS = 2**24
MAX_MARK = 64  # bytes of `open`, `close` and the marks of calls
MAX_MESSAGE = 1000  # bytes
MAX_RANK = 1000


@dataclass(frozen=True, slots=True)
class Thinking(Composable):
    """The text thinks for `minimum` to `maximum` tokens, then comes `close`, then a text of `answer`.

    A block of thoughts begins after `open` and ends with `close`. Each of these is the control token of that
    name where the vocabulary has one; otherwise it is its characters, however they are cut into tokens, but
    no token may have characters after `close`. The tokens counted are those between `open` and the first
    token that spells nothing but `close`, the `message` included. Exactly:

    - Before `minimum` tokens `close` is not allowed.
    - `message` and `close` are forced, token by token, where no more tokens fit `maximum`, or, with
      `reserve`, `max_tokens`. Where the last tokens spell nothing but a beginning of `close`, its rest is
      forced, and no message.
    - The soft landing: with at most `grace` tokens left before that, and `minimum` reached, they are forced
      as soon as the thoughts end with a line break; what begins `close` must go on to be it; and where the
      next token of `close` is among the `rank` likeliest of the model's row, it is forced, without a message.
    - Thoughts are whole characters of UTF-8. A token that begins one comes only if there is room to complete
      it, and nothing is forced before that.
    - In a call of a tool, between the marks `calls`, nothing is forced and neither `open` nor `close` is
      read; its tokens count. What is due is forced right after it, so that only a call can exceed the
      maximum. No call begins with `grace` tokens left, or fewer.
    - Without `answer` another `open` begins another block. All blocks share one budget, or each has its own
      (`per`); where not a token is left, none may begin. With `answer` there is one block, at the beginning.
    - While it thinks, the text may not end, and no token comes after which there is no room for `close`.

    This is the mask's half of budget forcing (s1, arXiv 2501.19393). The other half appends "Wait" where
    the model wants to close: `ponder.scaling.BudgetForcing` does it.

    Attributes
    ----------
    answer : what comes right after `close`; None: anything. Give white space after `close` as a part of it.
    opened : whether the prompt ends with `open`, as with many chat templates (True); otherwise the text
        begins with it (False). "auto": True if the prompt ends with it, white space aside; if not, the text
        may begin with it, and without `answer` it may come anywhere.
    grace : how many tokens before the maximum the soft landing begins.
    rank : how many of the likeliest tokens `close` must be among; 0: it is not looked at. Only for samples,
        drawn with speculation or without.
    message : what is put before `close` where that is forced.
    reserve : how many of `max_tokens` are left for the answer when the thoughts are closed.
    per : whether a minimum and a maximum are for all blocks of the text ("turn") or for each ("block").
    calls : what begins and ends a call of a tool.
    limit : the text's `max_tokens`, which the engine fills in where there is a reserve.

    Raises
    ------
    ParameterError : a number is no whole number in its range, the maximum is below the minimum, a mark does
        not have 1 to 64 bytes or the message more than 1,000, or `answer` is no constraint.
    """

    minimum: int = 0
    maximum: int | None = None
    open: str = "<think>"
    close: str = "</think>"
    answer: Constraint | None = None
    opened: bool | Literal["auto"] = True
    grace: int = 0
    rank: int = 0
    message: str = ""
    reserve: int = 0
    per: Literal["turn", "block"] = "turn"
    calls: tuple[str, str] = ("<tool_call>", "</tool_call>")
    limit: int | None = None

    def __post_init__(self) -> None:
        check_limits(self.minimum, self.maximum, MAX_TOKENS)
        for name, most in (("grace", MAX_TOKENS), ("rank", MAX_RANK), ("reserve", MAX_TOKENS)):
            value = getattr(self, name)
            if type(value) is not int or not 0 <= value <= most:
                raise ParameterError(name, value, f"a whole number from 0 to {most}")
        if not isinstance(self.calls, list | tuple) or len(self.calls) != 2:
            raise ParameterError("calls", self.calls, "two marks, what begins a call and what ends it")
        object.__setattr__(self, "calls", tuple(self.calls))
        for name, text in (
            ("open", self.open),
            ("close", self.close),
            *(("calls", one) for one in self.calls),
        ):
            _check_text(name, text, 1, MAX_MARK)
        _check_text("message", self.message, 0, MAX_MESSAGE)
        if self.answer is not None and not hasattr(self.answer, "compile"):
            raise ParameterError("answer", self.answer, "a constraint")
        if not isinstance(self.opened, bool) and self.opened != "auto":
            raise ParameterError("opened", self.opened, "true, false or auto")
        if self.per not in ("turn", "block"):
            raise ParameterError("per", self.per, "turn or block")

    def situated(self, prompt_end: str, limit: int) -> Thinking:
        """Return this for a prompt that ends so and texts of so many tokens."""
        opened = self.opened
        if opened == "auto" and prompt_end.rstrip().endswith(self.open):
            opened = True
        answer = None if self.answer is None else situated(self.answer, prompt_end, limit)
        return replace(self, opened=opened, answer=answer, limit=limit if self.reserve else None)

    def compile(self, vocabulary: Vocabulary) -> ThinkingAutomaton:
        from ponder.constraints.thinking_automaton import ThinkingAutomaton

        return ThinkingAutomaton(self, vocabulary)


def thinking_of(constraint: Constraint | None) -> Thinking | None:
    """Return the constraint by which a text thinks first: itself, or a part of it; None: there is none."""
    parts = constraint.parts if isinstance(constraint, Conjunction) else (constraint,)
    return next((part for part in parts if isinstance(part, Thinking)), None)


def _check_text(field: str, text: object, least: int, most: int) -> None:
    if not isinstance(text, str) or not least <= len(text.encode("utf-8", "replace")) <= most:
        raise ParameterError(field, text, f"a string of {least} to {most} bytes")
    if any("\ud800" <= character < "\ue000" for character in text):
        raise ParameterError(field, text, "text without lone surrogates")
