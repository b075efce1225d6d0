"""REBASE: reward-balanced search.

    S = N first steps of the answer
    repeat, max_steps times at most:
        score each text of S by the reward: r
        B = N - number of texts that are finished so far; stop if B = 0 or no text of S is unfinished
        for the unfinished texts j of S, from the highest r to the lowest:
            n_j = ceil(B * e^(r_j / T) / sum of e^(r_i / T) over j and all after it)
            B   = B - n_j
        S = for each of them: n_j next steps
    answer = best-of-N, weighted, over the finished texts

Wu et al., arXiv 2408.00724, section 3.2, and its code (T = 0.2). The n_j add up to B.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar

from ponder.asks import Boundary, Grow, Path
from ponder.rewards import AnswerEquality, Problem, Scale
from ponder.scaling.budget import Budget
from ponder.scaling.effects import Search, extend, note
from ponder.scaling.parameters import check_choice, check_count, check_number, check_sampling, sampling_for
from ponder.scaling.reasoning_step import BLANK_LINE, step_end
from ponder.scaling.scored import AGGREGATES, Aggregate, Scored, best, choose, score
from ponder.scaling.selection import SELECTIONS, Selection


@dataclass(frozen=True, slots=True)
class Rebase:
    """Grow N texts, the budget's n, and let the better ones have more next steps.

    Attributes
    ----------
    temperature : T, of the allocation; the lower, the more the best texts get. Of the sampling it is 1 as in
        the paper, unless `sampling` says otherwise.
    step, max_steps, aggregate, selection, sampling, equal : as in `StepBeam`.
    """

    temperature: float = 0.2
    step: Boundary = BLANK_LINE
    max_steps: int = 40
    aggregate: Aggregate = "last"
    selection: Selection = "weighted"
    sampling: Mapping[str, Any] = field(default_factory=dict)
    equal: Callable[[str, str], bool] = field(default_factory=AnswerEquality)

    name: ClassVar[str] = "rebase"
    needs: ClassVar[frozenset[str]] = frozenset({"reward"})

    def __post_init__(self) -> None:
        check_number("temperature", self.temperature, over=0)
        check_count("max_steps", self.max_steps)
        check_choice("aggregate", self.aggregate, AGGREGATES)
        check_choice("selection", self.selection, SELECTIONS)
        check_sampling(self.sampling)

    def search(self, problem: Problem, budget: Budget) -> Search:
        sampling = sampling_for(self.sampling, problem, budget.n, temperature=1.0)
        finished: list[Scored] = []
        grows = [Grow(Path(problem.prompt), sampling, until=step_end(self.step, 0, self.max_steps))]
        for number in range(self.max_steps):
            extended = yield from extend(*grows)
            scored = yield from score(extended.texts, self.aggregate)
            finished += [one for one in scored if one.finished]
            unfinished = [one for one in scored if not one.finished]
            live = [one for one in unfinished if one.text.live]
            widths = allocated(
                budget.n - len(finished),
                [one.score for one in live],
                self.temperature,
                scored[0].scale,
            )
            yield from note(best(finished + unfinished), live=[one.text.node for one in live], widths=widths)
            if not any(widths) or extended.stopped != "done":
                break
            until = step_end(self.step, number + 1, self.max_steps)
            grows = [
                Grow(one.text.path, {**sampling, "n": n}, until=until)
                for one, n in zip(live, widths, strict=True)
                if n
            ]
        return choose(finished + unfinished, self.selection, self.equal, sampling)


def allocated(
    total: int, scores: Sequence[float | None], temperature: float, scale: Scale = "probability"
) -> list[int]:
    """Return how many next steps each text gets of a total; who is not scored gets some if nobody is scored.

    Scores that are logarithms count as probabilities relative to the best, exp(score - best score).
    """
    top = max((one for one in scores if one is not None), default=None)
    if top is None:
        scores, top = [0.0] * len(scores), 0.0
    rewards = [
        None if one is None else math.exp(one - top) - 1 if scale == "logarithm" else one - top
        for one in scores
    ]
    # As fractions, so that no rounding of a sum decides; relative to the best, so that nothing overflows.
    weights = [Fraction(0 if r is None else math.exp(r / temperature)) for r in rewards]
    widths, left = [0] * len(scores), sum(weights)
    for j in sorted(range(len(scores)), key=lambda j: -weights[j]):
        widths[j] = math.ceil(total * weights[j] / left) if weights[j] else 0
        total, left = total - widths[j], left - weights[j]
    return widths
