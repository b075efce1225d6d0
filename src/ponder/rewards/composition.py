"""Rewards made of rewards: sums, products, thresholds, vetoes.

Scores of different scales do not add up. A product is one of probabilities; a sum of logarithms is a product
of what they are logarithms of; other numbers are best weighed after `Within` has declared their range.
`Calibrated` makes a probability of any score.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from ponder.asks import LanguageModel
from ponder.errors import ParameterError
from ponder.rewards.feedback import joined
from ponder.rewards.judgement import Judgement, Scale, Unscored, last
from ponder.rewards.reading import Planned, joint_plan
from ponder.rewards.reward import Candidate, Problem, Reward, is_free, judged

Aggregate = Callable[[Sequence[float]], float]


@dataclass(frozen=True, slots=True)
class Weighted:
    """The sum of weight times score.

    A candidate that one part cannot score is unscored. The sum is a probability if all parts are and the
    weights are shares (not negative, 1 together), and a logarithm if all parts are.

    Attributes
    ----------
    parts : rewards and their weights, as pairs or as a mapping.
    aggregate : makes one number of a part's step scores.

    Raises
    ------
    ParameterError : there are no parts, a weight is not finite, or only some of the parts are logarithms.
    """

    parts: tuple[tuple[Reward, float], ...]
    aggregate: Aggregate = last

    name: ClassVar[str] = "weighted"

    def __post_init__(self) -> None:
        pairs = self.parts.items() if hasattr(self.parts, "items") else self.parts
        object.__setattr__(self, "parts", tuple((reward, weight) for reward, weight in pairs))
        weights = [weight for _, weight in self.parts]
        if not weights or not all(
            isinstance(weight, int | float) and math.isfinite(weight) for weight in weights
        ):
            raise ParameterError("parts", weights, "one reward or more, each with a finite weight")
        scales = {reward.scale for reward, _ in self.parts}
        if "logarithm" in scales and len(scales) > 1:
            names = ", ".join(f"{reward.name} ({reward.scale})" for reward, _ in self.parts)
            allowed = "all logarithms or none, which Calibrated makes of them: the two do not add up"
            raise ParameterError("parts", names, allowed)

    @property
    def scale(self) -> Scale:
        scales = {reward.scale for reward, _ in self.parts}
        weights = [weight for _, weight in self.parts]
        shares = min(weights) >= 0 and math.isclose(math.fsum(weights), 1)
        if scales == {"logarithm"}:
            return "logarithm"
        return "probability" if scales == {"probability"} and shares else "number"

    @property
    def needs(self) -> frozenset[str]:
        return _needs(*(reward for reward, _ in self.parts))

    def free_for(self, policy: LanguageModel, candidates: Sequence[Candidate]) -> bool:
        return all(is_free(reward, policy, candidates) for reward, _ in self.parts)

    def plan(
        self, policy: LanguageModel, problem: Problem, candidate: Candidate
    ) -> tuple[Planned, ...] | None:
        return joint_plan([reward for reward, _ in self.parts], policy, problem, candidate)

    async def judge(self, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
        weights = [weight for _, weight in self.parts]
        rewards = [reward for reward, _ in self.parts]

        def total(scores: Sequence[float]) -> float:
            return math.fsum(weight * score for weight, score in zip(weights, scores, strict=True))

        return await _combined(rewards, problem, candidates, self.aggregate, total)


@dataclass(frozen=True, slots=True)
class Product:
    """The product of probabilities: that all holds, if the parts err independently.

    Raises
    ------
    ParameterError : there are no parts, or one is no probability.
    """

    parts: tuple[Reward, ...]
    aggregate: Aggregate = last

    name: ClassVar[str] = "product"
    scale: ClassVar[Scale] = "probability"

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))
        others = [reward.name for reward in self.parts if reward.scale != "probability"]
        if others or not self.parts:
            allowed = "one reward or more, all of them probabilities, which Calibrated makes of any"
            raise ParameterError("parts", others, allowed)

    @property
    def needs(self) -> frozenset[str]:
        return _needs(*self.parts)

    def free_for(self, policy: LanguageModel, candidates: Sequence[Candidate]) -> bool:
        return all(is_free(reward, policy, candidates) for reward in self.parts)

    def plan(
        self, policy: LanguageModel, problem: Problem, candidate: Candidate
    ) -> tuple[Planned, ...] | None:
        return joint_plan(self.parts, policy, problem, candidate)

    async def judge(self, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
        return await _combined(self.parts, problem, candidates, self.aggregate, math.prod)


@dataclass(frozen=True, slots=True)
class Within:
    """A reward whose scores lie from `low` to `high`, as numbers from 0 to 1; others are unscored."""

    reward: Reward
    low: float
    high: float

    scale: ClassVar[Scale] = "number"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ParameterError(
                "low, high", (self.low, self.high), "two finite numbers, the lower one first"
            )

    @property
    def name(self) -> str:
        return self.reward.name

    @property
    def needs(self) -> frozenset[str]:
        return self.reward.needs

    def free_for(self, policy: LanguageModel, candidates: Sequence[Candidate]) -> bool:
        return is_free(self.reward, policy, candidates)

    def plan(
        self, policy: LanguageModel, problem: Problem, candidate: Candidate
    ) -> tuple[Planned, ...] | None:
        return joint_plan([self.reward], policy, problem, candidate)

    async def judge(self, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
        judgement = await judged(self.reward, problem, candidates)
        outside = {
            i: next(score for score in steps if not self.low <= score <= self.high)
            for i, steps in enumerate(judgement.steps)
            if any(not self.low <= score <= self.high for score in steps)
        }
        whys = [
            Unscored(i, f"{self.name} gave {score:g}, outside of its range {self.low:g} to {self.high:g}")
            for i, score in outside.items()
        ]
        width = self.high - self.low
        steps = tuple(
            () if i in outside else tuple((score - self.low) / width for score in own)
            for i, own in enumerate(judgement.steps)
        )
        return replace(judgement, steps=steps, unscored=(*judgement.unscored, *whys), scale=self.scale)


@dataclass(frozen=True, slots=True)
class Threshold:
    """1 where a reward's score is `least` or more, else 0."""

    reward: Reward
    least: float

    scale: ClassVar[Scale] = "number"

    @property
    def name(self) -> str:
        return f"{self.reward.name}>={self.least:g}"

    @property
    def needs(self) -> frozenset[str]:
        return self.reward.needs

    def free_for(self, policy: LanguageModel, candidates: Sequence[Candidate]) -> bool:
        return is_free(self.reward, policy, candidates)

    def plan(
        self, policy: LanguageModel, problem: Problem, candidate: Candidate
    ) -> tuple[Planned, ...] | None:
        return joint_plan([self.reward], policy, problem, candidate)

    async def judge(self, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
        judgement = await judged(self.reward, problem, candidates)
        steps = tuple(tuple(float(score >= self.least) for score in own) for own in judgement.steps)
        return replace(judgement, steps=steps, scale=self.scale)


@dataclass(frozen=True, slots=True)
class Veto:
    """A reward's score where another, `by`, gives `least` or more.

    A vetoed candidate has probability 0 where the reward's scale is that; otherwise it is unscored, ranks
    last and has no weight. One that `by` cannot score is vetoed. Both are asked of all candidates.

    Attributes
    ----------
    aggregate : makes one number of each reward's step scores.
    """

    reward: Reward
    by: Reward
    least: float
    aggregate: Aggregate = last

    @property
    def name(self) -> str:
        return self.reward.name

    @property
    def scale(self) -> Scale:
        return self.reward.scale

    @property
    def needs(self) -> frozenset[str]:
        return _needs(self.reward, self.by)

    def free_for(self, policy: LanguageModel, candidates: Sequence[Candidate]) -> bool:
        return is_free(self.reward, policy, candidates) and is_free(self.by, policy, candidates)

    def plan(
        self, policy: LanguageModel, problem: Problem, candidate: Candidate
    ) -> tuple[Planned, ...] | None:
        return joint_plan([self.reward, self.by], policy, problem, candidate)

    async def judge(self, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
        own, other = await asyncio.gather(
            judged(self.reward, problem, candidates), judged(self.by, problem, candidates)
        )
        scores = [self._score(own, other, i) for i in range(len(candidates))]
        return _joined(scores, (own, other))

    def _score(self, own: Judgement, other: Judgement, i: int) -> float | str:
        verdict = self.aggregate(other.steps[i]) if other.steps[i] else None
        if verdict is None or verdict < self.least:
            if self.scale == "probability":
                return 0.0
            return f"vetoed: {self.by.name} gave {'no score' if verdict is None else format(verdict, 'g')}"
        return self.aggregate(own.steps[i]) if own.steps[i] else _why(own, i)


async def _combined(
    rewards: Sequence[Reward],
    problem: Problem,
    candidates: Sequence[Candidate],
    aggregate: Aggregate,
    combine: Callable[[Sequence[float]], float],
) -> Judgement:
    judgements = await asyncio.gather(*(judged(reward, problem, candidates) for reward in rewards))

    def score(i: int) -> float | str:
        for reward, judgement in zip(rewards, judgements, strict=True):
            if not judgement.steps[i]:
                return f"{reward.name}: {_why(judgement, i)}"
        return combine([aggregate(judgement.steps[i]) for judgement in judgements])

    return _joined([score(i) for i in range(len(candidates))], judgements)


def _joined(scores: Sequence[float | str], judgements: Sequence[Judgement]) -> Judgement:
    """Return scores with what all judgements cost and say."""
    requests = tuple(usage for judgement in judgements for usage in judgement.requests)
    return Judgement.of(
        scores,
        tokens=sum(one.tokens for one in judgements),
        requests=requests,
        feedback=joined(one.feedback for one in judgements),
    )


def _why(judgement: Judgement, index: int) -> str:
    return next(one.why for one in judgement.unscored if one.index == index)


def _needs(*rewards: Reward) -> frozenset[str]:
    return frozenset().union(*(reward.needs for reward in rewards))
