"""Searches over reasoning steps, all at the same number of generated tokens and with the same reward.

Best-of-n runs first, without a limit; what it generates for a problem on the mean is the limit of the
others, which holds to the token. The reward is by default a head on the model's own states, which costs none.

Snell et al., arXiv 2408.03314, figure 3: beam search is ahead of best-of-n at small budgets and on hard
problems, and behind at large ones and on easy problems, where it over-optimises the reward.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from ponder.lab.comparison import Comparison, Trial, run_trial
from ponder.lab.study import Study
from ponder.rewards import AnswerEquality
from ponder.scaling import (
    DVTS,
    BestOfN,
    Budget,
    Particles,
    Rebase,
    Result,
    StepBeam,
    Strategy,
    difficulty,
)
from ponder.scaling.selection import select
from ponder.tasks import Task


def searches(task: Task, sampling: Mapping[str, Any]) -> dict[str, Strategy]:
    """Return the searches that are compared, by name."""
    step = task.boundary
    return {
        "step beam": StepBeam(step=step, sampling=sampling),
        "DVTS": DVTS(step=step, sampling=sampling),
        "REBASE": Rebase(step=step, sampling=sampling),
        "particles": Particles(step=step, sampling=sampling),
        "lookahead 1": StepBeam(step=step, lookahead=1, sampling=sampling),
    }


async def search(study: Study) -> Comparison:
    """Compare best-of-n, votes and searches on problems that the reward was not trained on."""
    task = study.steps_task
    reward, problems = await study.judged(task)
    sampling = {**task.sampling, "seed": study.seed}
    best_of_n = BestOfN("weighted", sampling)
    first, results = await run_trial(
        study, "best-of-n, weighted", best_of_n, problems, Budget(study.n), reward
    )
    trials = [first, Trial("majority", _majority(results), first.tokens)]
    budget = Budget(study.n, max_generated_tokens=ceil(first.tokens))
    for name, strategy in searches(task, sampling).items():
        trial, _ = await run_trial(study, name, strategy, problems, budget, reward)
        trials.append(trial)
    levels = tuple(difficulty(_alone(result)) for result in results)
    return Comparison(f"Search on {task.name} by {reward.name}", tuple(trials), levels)


def _alone(result: Result) -> float:
    right = result.candidates_right or ()
    return sum(right) / max(1, len(right))


def _majority(results: list[Result]) -> tuple[float, ...]:
    """Return whether the majority of the same texts is right."""
    equal, found = AnswerEquality(), []
    for result in results:
        assert result.answer is not None
        assert result.candidates_right is not None
        answers = [candidate.answer for candidate in result.answer.candidates]
        chosen, _ = select("majority", answers, None, "number", equal)
        found.append(float(result.candidates_right[chosen]))
    return tuple(found)
