"""Best-of-N: sample n texts from one prompt, keep one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ponder.asks import Grow, Path
from ponder.rewards import AnswerEquality, Problem, extract_answer
from ponder.scaling.budget import Budget
from ponder.scaling.effects import Choice, Search, extend, judge
from ponder.scaling.parameters import check_choice, check_number, check_sampling, sampling_for
from ponder.scaling.selection import BORDA_POWER, SELECTIONS, Selection, select


@dataclass(frozen=True, slots=True)
class BestOfN:
    """Best-of-N as in Snell et al., arXiv 2408.03314, section 5.

    All n texts are samples of one request, so the prompt is computed once. Which is kept:

    - "plain": the candidate with the highest score, ties going to the first.
    - "weighted": the scores of candidates with equal answers are added up, and the heaviest answer is kept.
      Scores that are logarithms count as probabilities relative to the best, exp(score - best score); note
      that sampling has already drawn texts in proportion to their probability, which then counts twice. Other
      scores must not be negative.
    - "borda": the same with a weight of (N - r + 1)^power for the candidate of rank r by score (Kang et al.,
      arXiv 2502.18581); for scores whose order means more than their differences.
    - "majority": candidates with equal answers are counted (self-consistency, Wang et al., arXiv 2203.11171).
    - "hybrid", the default: "weighted" with a reward whose scale is a probability or a logarithm (Montgomery
      et al., arXiv 2510.14913), "plain" with one that is just a number, "majority" without a reward. The
      scores should be calibrated, so that twice the score is twice the chance.

    Where answers are grouped, texts without an answer have no vote, ties go to the answer with more votes and
    then to the one seen first, and the candidate kept is the best-scored of the group. Without any answer it
    is the best-scored of all. A candidate that could not be scored has no weight and ranks last.

    Attributes
    ----------
    selection : how one is kept.
    sampling : fields of `SamplingParams`. If left out, the temperature is 0.8, or 0 for a single sample
        (greedy), and the seed 0; `problem_seed` makes of it one per problem. `n` is the budget's.
    equal : decides which answers are equal.
    power : of "borda", over 0. The paper found about 0.5 best for 8 samples, 1.2 for 64.
    """

    selection: Selection = "hybrid"
    sampling: Mapping[str, Any] = field(default_factory=dict)
    equal: Callable[[str, str], bool] = field(default_factory=AnswerEquality)
    power: float = BORDA_POWER

    name: ClassVar[str] = "best-of-n"

    def __post_init__(self) -> None:
        check_choice("selection", self.selection, SELECTIONS)
        check_sampling(self.sampling)
        check_number("power", self.power, over=0)

    @property
    def needs(self) -> frozenset[str]:
        return frozenset() if self.selection in ("majority", "hybrid") else frozenset({"reward"})

    def search(self, problem: Problem, budget: Budget) -> Search:
        sampling = sampling_for(self.sampling, problem, budget.n)
        extended = yield from extend(Grow(Path(problem.prompt), sampling))
        texts = extended.texts
        judgement = yield from judge(texts)
        outcomes = judgement.outcomes() if judgement else ()
        scores = outcomes if any(score is not None for score in outcomes) else None
        scale = judgement.scale if judgement else "number"
        answers = [extract_answer(text.text) for text in texts]
        chosen, votes = select(self.selection, answers, scores, scale, self.equal, power=self.power)
        return Choice(chosen, texts, judgement, scores, votes, sampling)
