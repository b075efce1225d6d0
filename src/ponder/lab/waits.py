"""Budget forcing: the end of a text is ignored 0, 1, 2, 4 or 6 times, and "Wait" put in its place.

Greedy, as in s1 (Muennighoff et al., arXiv 2501.19393, table 4): there two Waits take a model that was
trained to reason at length from 50.0 to 53.3 % on AIME24, and the gain flattens near six. Beside each stands
the majority of as many plain samples as it writes texts: the same tokens, spent in parallel.
"""

from __future__ import annotations

import numpy as np

from ponder.lab.comparison import Comparison, Trial, run_trial
from ponder.lab.drawing import drawn_of
from ponder.lab.study import Study
from ponder.lab.votes import majority
from ponder.rewards import AnswerEquality
from ponder.scaling import BestOfN, Budget, BudgetForcing

WAITS = (0, 1, 2, 4, 6)
WAIT = "\nWait"
"""On a line of its own, as the steps of the examples are."""
ROOM = 16
"""How many times the tokens of an answer a text may have."""


async def waits(study: Study, counts: tuple[int, ...] = WAITS) -> Comparison:
    """Compare texts that had to go on with the greedy text that did not, and with votes.

    There are no more "Wait"s than the study's n.
    """
    counts = tuple(count for count in counts if count <= study.n)
    task = study.steps_task
    problems = study.unseen(task, study.compared)
    longest = {**task.sampling, "max_tokens": ROOM * task.max_tokens, "seed": study.seed}
    trials = []
    for count in counts:
        strategy = BudgetForcing(count, wait=WAIT, end="", sampling={**longest, "temperature": 0.0})
        trial, _ = await run_trial(study, f"{count} Waits", strategy, problems, Budget(1), x=count)
        trials.append(trial)
    most = max(counts) + 1
    sampled = BestOfN("majority", {**task.sampling, "seed": study.seed, "temperature": 0.8})
    trial, results = await run_trial(study, "samples", sampled, problems, Budget(most))
    equal, in_order = AnswerEquality(), np.arange(most)[None]
    drawn = [drawn_of(result, equal) for result in results]
    for k in (count + 1 for count in counts):
        right = tuple(float(majority(one, in_order, [k])[0]) for one in drawn)
        name = "one sample" if k == 1 else f"majority of {k}"
        trials.append(Trial(name, right, trial.tokens * k / most, k - 1))
    return Comparison(f"Waits on {task.name}", tuple(trials))
