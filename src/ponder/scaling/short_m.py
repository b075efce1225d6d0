"""short-m@k: sample k texts at the same time, keep the m that end first, vote.

    grow k texts from the prompt, all at the same speed
    halt all of them when m have ended
    answer = the majority of those m; ties go to the shortest

Hassid et al., arXiv 2505.17813. It is for models that reason before they answer, of which many are right more
often where they reason for less long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ponder.asks import Tokens
from ponder.rewards import AnswerEquality, Problem, extract_answer
from ponder.scaling.budget import Budget
from ponder.scaling.effects import Choice, Search, Text, extend, note
from ponder.scaling.parameters import check_count, check_sampling, sampling_for
from ponder.scaling.samples import draw, go_on
from ponder.scaling.selection import select


@dataclass(frozen=True, slots=True)
class ShortM:
    """The majority of the first m of k texts to end, k the budget's n.

    "First" is by tokens, equals by sample index, and not by the clock. Texts that end because they have
    `max_tokens` come after all that end by themselves. If the budget ends before m texts have, those that
    have ended vote; if none has, all do.

    Attributes
    ----------
    m : how many vote; 1 is the shortest text.
    slice : all texts grow by so many tokens before it is looked who has ended: smaller ones generate less in
        vain, and cost a request a text each time.
    sampling, equal : as in `BestOfN`.
    """

    m: int = 3
    slice: int = 32
    sampling: Mapping[str, Any] = field(default_factory=dict)
    equal: Callable[[str, str], bool] = field(default_factory=AnswerEquality)

    name: ClassVar[str] = "short-m"
    needs: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        check_count("m", self.m)
        check_count("slice", self.slice)
        check_sampling(self.sampling)

    def search(self, problem: Problem, budget: Budget) -> Search:
        sampling = sampling_for(self.sampling, problem, budget.n)
        until = Tokens(self.slice)
        extended = yield from extend(*draw(problem, sampling, 0, budget.n, until))
        texts, stopped = list(extended.texts), extended.stopped
        while True:
            live = [i for i, text in enumerate(texts) if text.live]
            first = first_to_end(texts)[: self.m]
            if len(first) == self.m or not live or stopped != "done":
                break
            if first:
                yield from note(texts[first[0]], ended=first)
            stopped = yield from go_on(texts, live, sampling, until)
        answers = [extract_answer(text.text) for text in texts]
        order = first or range(len(texts))
        chosen, votes = select("majority", answers, None, "number", self.equal, order=order)
        return Choice(chosen, tuple(texts), votes=votes, sampling=sampling)


def first_to_end(texts: list[Text]) -> list[int]:
    """Return the indices of texts that have ended, the shortest first, and last those cut at `max_tokens`."""
    ended = [i for i, text in enumerate(texts) if text.finished]
    return sorted(ended, key=lambda i: (texts[i].finish_reason == "length", len(texts[i].path.tokens), i))
