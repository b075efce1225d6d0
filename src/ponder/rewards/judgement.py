"""What a reward says: scores for the steps of candidates, who has none and why, and what it cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ponder.asks import Usage
from ponder.errors import PonderError
from ponder.rewards.feedback import Feedback, bounded

Scale = Literal["probability", "logarithm", "number"]
"""Of being right; its logarithm, so that differences matter and exp(score) is a weight; or anything, the more
the better."""


UNAFFORDABLE = "the budget leaves too little to score it"
"""Why a candidate is unscored that a run could not pay to have scored."""


def last(steps: Sequence[float]) -> float:
    """Return the last step's score."""
    return steps[-1]


def lowest(steps: Sequence[float]) -> float:
    """Return the score of the worst step."""
    return min(steps)


def mean(steps: Sequence[float]) -> float:
    """Return the mean of the steps' scores."""
    return math.fsum(steps) / len(steps)


def product(steps: Sequence[float]) -> float:
    """Return the product of the steps' scores: of probabilities, that all steps are right."""
    return math.prod(steps)


@dataclass(frozen=True, slots=True)
class Unscored:
    """A candidate without a score, by its index, and why in one sentence."""

    index: int
    why: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a reward says of some candidates.

    Attributes
    ----------
    steps : for each candidate a score for each of its steps, higher is better; a reward that looks at the
        outcome gives one score, and a candidate that is not scored has none.
    unscored : candidates without a score. They rank behind all others.
    tokens : what models computed for it, but for `requests`.
    requests : what each request to a language model cost that the reward made.
    scale : the reward's.
    feedback : what who revises a candidate may be told: which tests failed, what is wrong; `judged` keeps
        each within `MOST_FEEDBACK` printable characters.
    """

    steps: tuple[tuple[float, ...], ...]
    unscored: tuple[Unscored, ...] = ()
    tokens: int = 0
    requests: tuple[Usage, ...] = ()
    scale: Scale = "number"
    feedback: Feedback = ()

    @staticmethod
    def of(
        scores: Sequence[float | str],
        *,
        tokens: int = 0,
        requests: tuple[Usage, ...] = (),
        feedback: Feedback = (),
    ) -> Judgement:
        """Return a judgement of outcomes: one score a candidate, or why there is none."""
        steps = tuple(() if isinstance(score, str) else (float(score),) for score in scores)
        unscored = tuple(Unscored(i, score) for i, score in enumerate(scores) if isinstance(score, str))
        return Judgement(steps, unscored, tokens, requests, feedback=feedback)

    def among(self, indices: Sequence[int], count: int) -> Judgement:
        """Return it as one of `count` candidates, of whom those with other indices were not affordable."""
        steps: list[tuple[float, ...]] = [()] * count
        feedback = [""] * count
        for i, index in enumerate(indices):
            steps[index] = self.steps[i]
            feedback[index] = self.feedback[i] if self.feedback else ""
        judged = set(indices)
        unscored = [replace(one, index=indices[one.index]) for one in self.unscored]
        unscored += [Unscored(i, UNAFFORDABLE) for i in range(count) if i not in judged]
        unscored.sort(key=lambda one: one.index)
        told = tuple(feedback) if self.feedback else ()
        return replace(self, steps=tuple(steps), unscored=tuple(unscored), feedback=told)

    @property
    def computed_tokens(self) -> int:
        """All tokens that models computed for it."""
        return self.tokens + sum(usage.computed_tokens for usage in self.requests)

    def outcomes(self, aggregate: Callable[[Sequence[float]], float] = last) -> tuple[float | None, ...]:
        """Return one score for each candidate, None for who was not scored.

        Raises
        ------
        PonderError : nobody was scored, and not because of the budget alone.
        """
        whys = [one.why for one in self.unscored if one.why != UNAFFORDABLE]
        if whys and not any(self.steps):
            raise PonderError(whys[0])
        return tuple(aggregate(steps) if steps else None for steps in self.steps)


def checked(judgement: Judgement, count: int, reward: str) -> Judgement:
    """Return a judgement of `count` candidates in which whatever is no score is named as unscored.

    Raises
    ------
    ParameterError : there is feedback, and not one text for each candidate.
    """
    given = judgement.steps
    shown = [steps[0] if len(steps) == 1 else list(steps) for steps in given[:8]]
    why = f"the reward {reward} gave {shown}: one finite score for each of the {count} candidates is allowed"
    if len(given) != count:  # nobody knows whose they are
        unscored = tuple(Unscored(i, why) for i in range(count))
        return Judgement(((),) * count, unscored, judgement.tokens, judgement.requests)
    named = {one.index: one.why for one in judgement.unscored}
    steps = tuple(
        tuple(map(float, scores)) if i not in named and scores and all(map(math.isfinite, scores)) else ()
        for i, scores in enumerate(given)
    )
    unscored = tuple(Unscored(i, named.get(i, why)) for i in range(count) if not steps[i])
    return replace(
        judgement, steps=steps, unscored=unscored, feedback=bounded(judgement.feedback, count, reward)
    )
