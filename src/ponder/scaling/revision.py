"""Sequential revision: each attempt is written with the ones before it in view; several chains of them.

    for each of `chains` chains, all at the same time:
        a_1 = an answer to the question
        a_i = another, given the question and the last `attempts` of a_1 .. a_(i-1)      i = 2 .. rounds
              and of each what the reward said of it in words, if it did
    with a reward:     b_c = the best attempt of chain c, and the answer is chosen among the b_c
    with a majority:   the answer that most attempts of all chains have

Snell et al., arXiv 2408.03314, section 6, whose model is trained to revise and sees 4 attempts. The last
attempt of a chain is not its best: there about 38 % of right answers are revised into wrong ones. With the
tests that a program failed as feedback it is self-debugging (Chen et al., arXiv 2304.05128).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ponder.asks import Grow, Path
from ponder.asks.path import branched
from ponder.rewards import AnswerEquality, Problem
from ponder.scaling.budget import Budget
from ponder.scaling.effects import Choice, Search, Text, extend, note
from ponder.scaling.parameters import (
    check_choice,
    check_count,
    check_flag,
    check_number,
    check_sampling,
    sampling_for,
)
from ponder.scaling.revision_prompt import REVISE, check_revise, revision_prompt
from ponder.scaling.samples import draw
from ponder.scaling.scored import AGGREGATES, Aggregate, Scored, best, choose, leader, score
from ponder.scaling.selection import SELECTIONS, Selection
from ponder.text import Prompt


@dataclass(frozen=True, slots=True)
class Revision:
    """Write n attempts, the budget's n, in chains of `rounds`: the fewer chains, the more is revised.

    Easy questions want few chains and hard ones more, says the paper. A small model that was not trained to
    revise often repeats its attempt. With a reward the answer's candidates are the best of each chain.

    Attributes
    ----------
    chains : None for the budget's n / rounds.
    rounds : attempts in a chain; at most n where the budget's n decides.
    attempts : how many of the last ones the next is given.
    revise : what asks for another attempt: a user's message, or text after a raw prompt's attempt.
    feedback : whether an attempt is shown with the reward's `Judgement.feedback`.
    enough : the score with which a chain ends; None revises on. With the highest that the reward can give
        ("all tests pass") "plain" chooses the same answer for less.
    selection : as in `BestOfN`, among the best of each chain; "majority", which "hybrid" is without a reward,
        among all attempts.
    aggregate, sampling, equal : as in `StepBeam`.
    """

    chains: int | None = None
    rounds: int = 4
    attempts: int = 4
    revise: str = REVISE
    feedback: bool = True
    enough: float | None = None
    aggregate: Aggregate = "last"
    selection: Selection = "hybrid"
    sampling: Mapping[str, Any] = field(default_factory=dict)
    equal: Callable[[str, str], bool] = field(default_factory=AnswerEquality)

    name: ClassVar[str] = "revision"

    def __post_init__(self) -> None:
        if self.chains is not None:
            check_count("chains", self.chains)
        check_count("rounds", self.rounds)
        check_count("attempts", self.attempts)
        check_revise(self.revise)
        check_flag("feedback", self.feedback)
        if self.enough is not None:
            check_number("enough", self.enough)
        check_choice("aggregate", self.aggregate, AGGREGATES)
        check_choice("selection", self.selection, SELECTIONS)
        check_sampling(self.sampling)

    @property
    def needs(self) -> frozenset[str]:
        return frozenset() if self.selection in ("majority", "hybrid") else frozenset({"reward"})

    def search(self, problem: Problem, budget: Budget) -> Search:
        chains, rounds = self._shape(budget.n)
        sampling = sampling_for(self.sampling, problem, chains * rounds)
        written: list[list[Scored]] = [[] for _ in range(chains)]
        grows, growing = draw(problem, sampling, 0, chains), list(range(chains))
        for number in range(1, rounds + 1):
            extended = yield from extend(*grows)
            scored = yield from score(extended.texts, self.aggregate)
            for i, attempt in zip(growing, scored, strict=True):
                written[i].append(attempt)
            yield from note(self._best(written, sampling), attempts=[one.text.node for one in scored])
            growing = [i for i in growing if not self._is_enough(written[i][-1])]
            if extended.stopped != "done" or not growing:
                break
            grows = [
                Grow(
                    Path(self._prompt(problem, written[i]), lineage=branched((), 0, number * chains + i)),
                    {**sampling, "n": 1},
                )
                for i in growing
            ]
        return self._choice(written, sampling)

    def _shape(self, n: int) -> tuple[int, int]:
        if self.chains is not None:
            return self.chains, self.rounds
        return max(1, n // self.rounds), min(self.rounds, n)

    def _is_enough(self, attempt: Scored) -> bool:
        return self.enough is not None and attempt.rank >= self.enough

    def _prompt(self, problem: Problem, chain: Sequence[Scored]) -> Prompt:
        return revision_prompt(problem, chain[-self.attempts :], self.revise, feedback=self.feedback)

    def _best(self, written: Sequence[Sequence[Scored]], sampling: Mapping[str, Any]) -> Text:
        attempts = [attempt for chain in written for attempt in chain]
        if any(attempt.why for attempt in attempts):  # perhaps nobody is scored yet
            return best(attempts)
        choice = self._choice(written, sampling)
        return choice.texts[choice.chosen]

    def _choice(self, written: Sequence[Sequence[Scored]], sampling: Mapping[str, Any]) -> Choice:
        attempts = [attempt for chain in written for attempt in chain]
        if self.selection != "majority" and any(attempt.score is not None for attempt in attempts):
            attempts = [leader(chain) for chain in written]
        return choose(attempts, self.selection, self.equal, sampling)
