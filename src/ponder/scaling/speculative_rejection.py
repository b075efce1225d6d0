"""Speculative rejection: best-of-N that gives up early on texts with a low reward.

    S = N texts, grown by `every` tokens
    repeat:
        score each text of S by the reward, unfinished as it is
        S = the best (1 - drop) * |S| texts of S
        stop if all of them are finished
        S = its finished texts, and the others grown by `every` more tokens
    answer = argmax of the reward over all finished texts

Sun et al., arXiv 2410.20290, algorithm 1 (drop is its alpha), and its code. There texts are scored whenever
memory is full; here after a number of tokens, so that nothing depends on the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ponder.asks import Grow, Path, Tokens
from ponder.rewards import AnswerEquality, Problem
from ponder.scaling.budget import Budget
from ponder.scaling.effects import Search, extend, note
from ponder.scaling.parameters import check_choice, check_count, check_number, check_sampling, sampling_for
from ponder.scaling.scored import AGGREGATES, Aggregate, Scored, best, choose, ranked, score
from ponder.scaling.selection import SELECTIONS, Selection


@dataclass(frozen=True, slots=True)
class SpeculativeRejection:
    """Begin with N texts, the budget's n, and drop the lowest-scored share at every mark.

    It pays off where the reward of a beginning says something of the reward of the whole.

    Attributes
    ----------
    every : how many tokens lie between two marks.
    drop : alpha, the share that is dropped; one text is kept at least.
    aggregate, selection, sampling, equal : as in `StepBeam`; the parts between marks are the steps.
    """

    every: int = 64
    drop: float = 0.5
    aggregate: Aggregate = "last"
    selection: Selection = "plain"
    sampling: Mapping[str, Any] = field(default_factory=dict)
    equal: Callable[[str, str], bool] = field(default_factory=AnswerEquality)

    name: ClassVar[str] = "speculative-rejection"
    needs: ClassVar[frozenset[str]] = frozenset({"reward"})

    def __post_init__(self) -> None:
        check_count("every", self.every)
        check_number("drop", self.drop, over=0, below=1)
        check_choice("aggregate", self.aggregate, AGGREGATES)
        check_choice("selection", self.selection, SELECTIONS)
        check_sampling(self.sampling)

    def search(self, problem: Problem, budget: Budget) -> Search:
        sampling = sampling_for(self.sampling, problem, budget.n)
        finished: list[Scored] = []
        kept: list[Scored] = []
        grows = [Grow(Path(problem.prompt), sampling, until=Tokens(self.every))]
        while grows:
            extended = yield from extend(*grows)
            scored = yield from score(extended.texts, self.aggregate)
            finished += [one for one in scored if one.finished]
            unfinished = [one for one in scored if not one.finished]
            texts = [one for one in kept if one.finished] + scored
            kept = ranked(texts)[: max(1, round((1 - self.drop) * len(texts)))]
            yield from note(best(finished + unfinished), kept=[one.text.node for one in kept])
            if extended.stopped != "done":
                break
            grows = [
                Grow(one.text.path, {**sampling, "n": 1}, until=Tokens(self.every))
                for one in kept
                if one.text.live
            ]
        return choose(finished + unfinished, self.selection, self.equal, sampling)
