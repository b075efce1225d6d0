"""Budget forcing: a text thinks for at least so long, and at most so long, before it answers.

    x = the model's text until its thoughts end
    while that end was ignored fewer than `waits` times, or there are fewer than `least` tokens:
        x = x without that end, and "Wait"
        x = x, and the model's text until its thoughts end
    whenever x has `most` tokens:
        x = x, and the model's text until a line break or `grace` tokens
        x = x, the end of thoughts, and "Final Answer:"; no end is ignored any more
    x = x, and the model's text until its end

Muennighoff et al., arXiv 2501.19393 (s1), section 3.1. There the model may not end its thoughts right after
"Wait"; here that is an end like any other. The landing at a line break is not the paper's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from ponder.asks import Boundary, End, Grow, Path, Tokens, Until
from ponder.asks.path import branched
from ponder.errors import ParameterError
from ponder.rewards import AnswerEquality, Problem
from ponder.sampling import SamplingParams
from ponder.scaling.budget import Budget
from ponder.scaling.effects import Search, Text, extend, note
from ponder.scaling.parameters import check_choice, check_count, check_sampling, sampling_for
from ponder.scaling.samples import draw
from ponder.scaling.scored import choose, score
from ponder.scaling.selection import SELECTIONS, Selection

LINE_BREAK = "\n"


@dataclass(frozen=True, slots=True)
class BudgetForcing:
    """Write n texts, the budget's n, whose thoughts are made longer or cut short; then choose as best-of-n.

    More thinking helps models that were trained to reason at length, up to a point, and others rarely:
    compare with plain samples of as many tokens. Where only a minimum and a maximum are wanted, the
    constraint `ponder.constraints.Thinking` holds them in a single request; it cannot write "Wait".

    Tokens are counted as the model writes them: an end that is ignored counts, what is put in does not.

    Attributes
    ----------
    waits : how many ends of the thoughts are ignored.
    wait : what is put in their place.
    end : what ends the thoughts, as it is spelled in the text; the end of the text does too. "": only that,
        for models without such a mark.
    least : tokens up to which every end is ignored.
    most : tokens after which the thoughts are made to end; None: never.
    grace : how many more may come until a line break.
    reserve : tokens of `max_tokens`, and of a text's equal share of the budget, that are kept for the answer
        and for what is put in: thoughts are made to end that much earlier.
    close : what begins the answer where thoughts are made to end.
    selection, sampling, equal : as in `BestOfN`.
    """

    waits: int = 2
    wait: str = "Wait"
    end: str = "</think>"
    least: int = 0
    most: int | None = None
    grace: int = 0
    reserve: int = 0
    close: str = "Final Answer:"
    selection: Selection = "hybrid"
    sampling: Mapping[str, Any] = field(default_factory=dict)
    equal: Callable[[str, str], bool] = field(default_factory=AnswerEquality)

    name: ClassVar[str] = "budget-forcing"

    def __post_init__(self) -> None:
        for name in ("waits", "least", "grace", "reserve"):
            check_count(name, getattr(self, name), 0)
        if self.most is not None:
            check_count("most", self.most)
            if self.most < self.least:
                raise ParameterError("most", self.most, f"at least `least`, which is {self.least}")
        for name in ("wait", "close"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise ParameterError(name, getattr(self, name), "text that is not empty")
        if not isinstance(self.end, str):
            raise ParameterError("end", self.end, 'text, or "" for the end of the text')
        if self.end:
            Boundary((self.end,))
        check_choice("selection", self.selection, SELECTIONS)
        check_sampling(self.sampling)

    @property
    def needs(self) -> frozenset[str]:
        return frozenset() if self.selection in ("majority", "hybrid") else frozenset({"reward"})

    def search(self, problem: Problem, budget: Budget) -> Search:
        sampling = sampling_for(self.sampling, problem, budget.n)
        forced = [_Forced(self._limit(sampling, budget)) for _ in range(budget.n)]
        growing, grows = forced, draw(problem, sampling, 0, budget.n, self._until(forced[0]))
        while growing:
            extended = yield from extend(*grows)
            for one, text in zip(growing, extended.texts, strict=True):
                one.text, one.tokens = text, one.tokens + text.grown
            texts = [one.text for one in forced if one.text]
            best = next((text for text in texts if text.finished), texts[0])
            yield from note(best, ignored=[one.ignored for one in forced])
            if extended.stopped != "done":
                break
            paths = [self._next(one, one.text) for one in growing if one.text]
            growing = [one for one, path in zip(growing, paths, strict=True) if path]
            grows = [
                Grow(path, {**sampling, "n": 1}, until=self._until(one))
                for one, path in zip(growing, filter(None, paths), strict=True)
            ]
        scored = yield from score(texts)
        return choose(scored, self.selection, self.equal, sampling)

    def _limit(self, sampling: Mapping[str, Any], budget: Budget) -> int | None:
        """Return after how many tokens thoughts must end, the grace included."""
        limits = [] if self.most is None else [self.most + self.grace]
        if self.reserve:
            limits.append(sampling.get("max_tokens", SamplingParams().max_tokens) - self.reserve)
            if budget.max_generated_tokens is not None:
                limits.append(budget.max_generated_tokens // budget.n - self.reserve)
        return max(1, min(limits)) if limits else None

    def _until(self, one: _Forced) -> Until:
        """Return where a text pauses next."""
        if one.answers:
            return End()
        ends = (self.end,) if self.end else ()
        if one.limit is None:
            return Boundary(ends) if ends else End()
        left = max(1, one.limit - self.grace) - one.tokens
        if left <= 0:
            ends, left = (*ends, LINE_BREAK), one.limit - one.tokens
        return Boundary(ends, left) if ends else Tokens(left)

    def _next(self, one: _Forced, text: Text) -> Path | None:
        """Return where a text goes on; None: nowhere."""
        if one.answers or text.finish_reason not in ("until", "stop"):
            return None
        ended = text.finish_reason == "stop" or (self.end != "" and text.stopped_by == self.end)
        over = one.limit is not None and one.tokens >= one.limit
        if ended and not over and (one.ignored < self.waits or one.tokens < self.least):
            one.ignored += 1
            path = self._without_end(text)
            lineage = branched(path.lineage, len(path.tokens), one.ignored)
            return replace(path, text=path.text + self.wait, lineage=lineage)
        if text.finish_reason == "stop":
            return None
        at_line_break = text.stopped_by == LINE_BREAK or text.text.endswith(LINE_BREAK)
        if not (ended or over or at_line_break):
            return text.path  # to land
        one.answers = True
        if ended:
            return text.path
        before = "" if text.text.endswith(LINE_BREAK) else LINE_BREAK
        end = self.end + LINE_BREAK if self.end else ""
        return replace(text.path, text=f"{before}{end}{self.close}")

    def _without_end(self, text: Text) -> Path:
        """Return a text without what ended its thoughts."""
        if text.live:
            return text.before(text.text.rindex(self.end))
        if isinstance(text.stopped_by, str):  # not shown; its first token may have shown something before it
            last = max(0, len(text.text) - 1)
            path = text.before(last)
            return replace(path, text=path.text + text.text[last:])
        if isinstance(text.stopped_by, int):  # the end token
            return text.first(len(text.path.tokens) - 1)
        return text.path


@dataclass(slots=True)
class _Forced:
    """A text that is forced.

    Attributes
    ----------
    limit : after how many tokens its thoughts must end; None: never.
    tokens : how many the model has written.
    ignored : how many ends were.
    answers : whether the thoughts are over.
    """

    limit: int | None
    text: Text | None = None
    tokens: int = 0
    ignored: int = 0
    answers: bool = False
