"""Diverse verifier tree search: beam searches of width 1 side by side.

    for each of n / M subtrees, all at the same time:
        repeat, max_steps times at most:
            S = M next steps of the subtree's text (at first: of the prompt)
            score each text of S by the reward
            the subtree's text = argmax of S; stop if it is finished
    answer = best-of-N, weighted, over the finished texts of all subtrees

Beeching, Tunstall and Rush, "Scaling test-time compute with open models" (Hugging Face, 2024), and its code,
search-and-learn. Subtrees do not compete before the end, so they stay as different as they begin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ponder.asks import Boundary, Grow, Path
from ponder.rewards import AnswerEquality, Problem
from ponder.scaling.budget import Budget
from ponder.scaling.effects import Search, extend, note
from ponder.scaling.lookahead import look_ahead
from ponder.scaling.parameters import check_choice, check_count, check_sampling, sampling_for
from ponder.scaling.reasoning_step import BLANK_LINE, step_end
from ponder.scaling.scored import AGGREGATES, Aggregate, Scored, best, choose, ranked, score
from ponder.scaling.selection import SELECTIONS, Selection


@dataclass(frozen=True, slots=True)
class DVTS:
    """Grow n / expand subtrees, each by the best of `expand` steps at a time.

    All that finish compete in the end, also those that were not the best of their subtree.

    Attributes
    ----------
    expand : M, how many next steps a subtree chooses from; at most the budget's n.
    step, max_steps, lookahead, aggregate, selection, sampling, equal : as in `StepBeam`.
    """

    expand: int = 4
    step: Boundary = BLANK_LINE
    max_steps: int = 40
    lookahead: int = 0
    aggregate: Aggregate = "last"
    selection: Selection = "weighted"
    sampling: Mapping[str, Any] = field(default_factory=dict)
    equal: Callable[[str, str], bool] = field(default_factory=AnswerEquality)

    name: ClassVar[str] = "dvts"
    needs: ClassVar[frozenset[str]] = frozenset({"reward"})

    def __post_init__(self) -> None:
        check_count("expand", self.expand)
        check_count("max_steps", self.max_steps)
        check_count("lookahead", self.lookahead, 0)
        check_choice("aggregate", self.aggregate, AGGREGATES)
        check_choice("selection", self.selection, SELECTIONS)
        check_sampling(self.sampling)

    def search(self, problem: Problem, budget: Budget) -> Search:
        expand = min(self.expand, budget.n)
        subtrees = budget.n // expand
        sampling = sampling_for(self.sampling, problem, subtrees * expand)
        finished: list[Scored] = []
        paths, n = [Path(problem.prompt)], subtrees * expand
        for number in range(self.max_steps):
            until = step_end(self.step, number, self.max_steps)
            extended = yield from extend(*(Grow(path, {**sampling, "n": n}, until=until) for path in paths))
            ahead = yield from look_ahead(extended.texts, self.lookahead, self.step, sampling)
            scored = yield from score(extended.texts, self.aggregate, ahead)
            finished += [one for one in scored if one.finished]
            unfinished = [one for one in scored if not one.finished]
            kept = [ranked(scored[i : i + expand])[0] for i in range(0, len(scored), expand)]
            yield from note(best(finished + unfinished), kept=[one.text.node for one in kept])
            paths, n = [one.text.path for one in kept if one.text.live], expand
            if not paths or extended.stopped != "done":
                break
        return choose(finished + unfinished, self.selection, self.equal, sampling)
