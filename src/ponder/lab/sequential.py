"""Parallel against sequential at a fixed number of attempts: n x 1, n/2 x 2, ..., 1 x n chains x rounds.

In each all attempts of all chains vote, so that only how they were written differs.

Snell et al., arXiv 2408.03314, figure 7: with a model trained to revise, easy problems are best served by
revisions alone and hard ones by a mixture. A model that was not trained to revise has no reason to gain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ponder.lab.comparison import Comparison, run_trial
from ponder.lab.study import Study
from ponder.rewards import Problem
from ponder.scaling import Budget, Revision, Search


@dataclass(frozen=True, slots=True)
class Again:
    """Revision after a raw few-shot prompt: the question is put again, in the form of the examples."""

    revision: Revision

    @property
    def name(self) -> str:
        return self.revision.name

    @property
    def needs(self) -> frozenset[str]:
        return self.revision.needs

    def search(self, problem: Problem, budget: Budget) -> Search:
        """Revise, with this problem's question as the request for another attempt."""
        return replace(self.revision, revise=f"Question: {problem.question}\nAnswer:").search(problem, budget)


def shapes(n: int) -> list[tuple[int, int]]:
    """Return (chains, rounds) whose product is n, from all parallel to all sequential, rounds doubling."""
    return [(n // rounds, rounds) for rounds in (2**i for i in range(n.bit_length())) if n % rounds == 0]


async def sequential(study: Study) -> Comparison:
    """Compare mixtures of chains and rounds with the first, all parallel."""
    task = study.steps_task
    problems = study.unseen(task, study.compared)
    sampling = {**task.sampling, "seed": study.seed, "temperature": 0.8}
    trials = []
    for chains, rounds in shapes(study.n):
        strategy = Again(Revision(chains, rounds, selection="majority", sampling=sampling))
        name = f"{chains} x {rounds}"
        trial, _ = await run_trial(study, name, strategy, problems, Budget(study.n), x=rounds)
        trials.append(trial)
    return Comparison(f"Chains x rounds on {task.name}", tuple(trials), axis="rounds in a chain")
