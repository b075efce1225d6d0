"""Self-consistency: the answer that most samples agree on, with an early end.

    repeat until the rule says stop or there are n samples:
        draw a wave of samples
        count equal answers
    answer = the one with most votes

Wang et al., arXiv 2203.11171; the rules are in `stopping.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ponder.rewards import AnswerEquality, Problem, extract_answer, group_answers
from ponder.scaling.budget import Budget
from ponder.scaling.effects import Choice, Search, Text, extend, note
from ponder.scaling.parameters import check_count, check_sampling, sampling_for
from ponder.scaling.samples import draw
from ponder.scaling.selection import select
from ponder.scaling.stopping import BetaRule, StopRule, least_to_stop


@dataclass(frozen=True, slots=True)
class SelfConsistency:
    """A majority of up to n samples, n the budget's, that ends once the vote is clear.

    Sample i is that of best-of-n with "majority". The rule is asked after each sample in order, so the answer
    does not depend on which came first by the clock. Texts without an answer have no vote.

    Attributes
    ----------
    rule : when to stop.
    wave : how many samples are drawn at a time. None: as many as it takes at least before the rule can stop;
        that draws no sample in vain.
    sampling, equal : as in `BestOfN`.
    """

    rule: StopRule = field(default_factory=BetaRule)
    wave: int | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    equal: Callable[[str, str], bool] = field(default_factory=AnswerEquality)

    name: ClassVar[str] = "self-consistency"
    needs: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        if self.wave is not None:
            check_count("wave", self.wave)
        check_sampling(self.sampling)

    def search(self, problem: Problem, budget: Budget) -> Search:
        sampling = sampling_for(self.sampling, problem, budget.n)
        texts: tuple[Text, ...] = ()
        labels: list[int | None] = []
        while True:
            left = budget.n - len(texts)
            wave = self.wave or least_to_stop(self.rule, labels, left)
            extended = yield from extend(*draw(problem, sampling, len(texts), min(wave, left)))
            before, texts = len(texts), texts + extended.texts
            answers = [extract_answer(text.text) for text in texts]
            labels = labelled(answers, self.equal)
            chosen, votes = select("majority", answers, None, "number", self.equal)
            yield from note(texts[chosen], votes=[len(vote.members) for vote in votes])
            clear = any(self.rule.stops(labels[:drawn]) for drawn in range(before + 1, len(texts) + 1))
            if clear or len(texts) == budget.n or extended.stopped != "done":
                return Choice(chosen, texts, votes=votes, sampling=sampling)


def labelled(answers: Sequence[str | None], equal: Callable[[str, str], bool]) -> list[int | None]:
    """Return a number for each answer, the same for equal ones; None where there is no answer."""
    labels: list[int | None] = [None] * len(answers)
    for number, group in enumerate(group_answers(answers, equal)):
        for i in group:
            labels[i] = number
    return labels
