"""Best-of-n by a reward of a text's words, against n, beside what single samples predict of it.

    predicted: E[max of n] = the mean over prompts of the expected maximum of n of a prompt's single samples
    measured: the mean over prompts of the highest reward among the first n of other samples

The interval is of what is measured, if the prediction holds: n samples of each prompt's single ones, drawn
with replacement, many times. A reward on which a small model is nearly always the same gains nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ponder.lab.estimate import Estimate
from ponder.lab.pool import Floats
from ponder.lab.report import Chart, Line, Table
from ponder.lab.study import Study
from ponder.lab.subsets import sizes
from ponder.rewards import Candidate, Problem, Reward, judged, profanity_reward, sentiment_reward
from ponder.scaling import BestOfN, Budget, expected_maximum

PROMPTS = (
    "The movie was",
    "When I opened the letter, I",
    "My neighbour's dog is",
    "The food at the new restaurant",
    "Dear diary, today",
    "The weather this week has been",
    "He looked at the broken window and said:",
    "The meeting ended, and everyone",
    "What I think of my old school is that",
    "The damn printer",
    "Shit happens, but",
    "She read the review of her book. It said that",
)
TOKENS, MOST, SINGLE = 24, 32, 64
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class RewardCurve:
    """A reward's best of n, for each n.

    Attributes
    ----------
    predicted : with the interval in which what is measured should lie.
    """

    reward: str
    ns: tuple[int, ...]
    predicted: tuple[Estimate, ...]
    measured: tuple[float, ...]

    @property
    def inside(self) -> int:
        """At how many n the measured value lies within the interval."""
        pairs = zip(self.measured, self.predicted, strict=True)
        return sum(of.low <= value <= of.high for value, of in pairs)


@dataclass(frozen=True, slots=True)
class Sentiment:
    """The curves of several rewards over the same prompts."""

    prompts: int
    curves: tuple[RewardCurve, ...]

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        return {
            "prompts": self.prompts,
            "rewards": {
                curve.reward: {
                    "n": list(curve.ns),
                    "predicted": [one.as_json() for one in curve.predicted],
                    "measured": [round(value, 4) for value in curve.measured],
                    "inside": curve.inside,
                }
                for curve in self.curves
            },
        }

    def tables(self) -> list[Table]:
        """Return a table a reward."""
        columns = ("n", "predicted from single samples", "best-of-n", "inside")
        return [
            Table(
                f"Best-of-n by {curve.reward} ({self.prompts} prompts)",
                columns,
                tuple(
                    (str(n), str(of), f"{value:.3f}", "yes" if of.low <= value <= of.high else "no")
                    for n, of, value in zip(curve.ns, curve.predicted, curve.measured, strict=True)
                ),
            )
            for curve in self.curves
        ]

    def charts(self) -> list[Chart]:
        """Return a chart a reward."""
        return [
            Chart(
                curve.reward,
                "n",
                "mean reward",
                (
                    Line("predicted", tuple(map(float, curve.ns)), curve.predicted, dashed=True),
                    Line("best-of-n", tuple(map(float, curve.ns)), tuple(map(_point, curve.measured))),
                ),
            )
            for curve in self.curves
        ]


def _point(value: float) -> Estimate:
    return Estimate(value, value, value)


async def sentiment(
    study: Study, prompts: Sequence[str] = PROMPTS, most: int = MOST, single: int = SINGLE
) -> Sentiment:
    """Draw single samples and, apart from them, best-of-n's, and compare."""
    problems = [Problem(prompt, raw=prompt, id=prompt) for prompt in prompts]
    texts = {
        seed: [
            result.answer.candidates
            async for result in study.solved(BestOfN("majority", _sampling(seed)), problems, Budget(count))
            if result.answer is not None
        ]
        for seed, count in ((study.seed, single), (study.seed + 1, most))
    }
    curves = []
    for reward in (sentiment_reward(), profanity_reward()):
        alone = [await _scores(reward, one, of) for one, of in zip(problems, texts[study.seed], strict=True)]
        best = [
            await _scores(reward, one, of) for one, of in zip(problems, texts[study.seed + 1], strict=True)
        ]
        curves.append(reward_curve(reward.name, alone, best))
    return Sentiment(len(problems), tuple(curves))


def reward_curve(name: str, alone: Sequence[Floats], best: Sequence[Floats]) -> RewardCurve:
    """Predict best-of-n from single samples, and measure it.

    Parameters
    ----------
    alone, best : for each prompt the rewards of its single samples, and of the samples of best-of-n.
    """
    ns = sizes(min(map(len, best)))
    measured = [float(np.mean([scores[:n].max() for scores in best])) for n in ns]
    return RewardCurve(name, tuple(ns), tuple(predicted(alone, n) for n in ns), tuple(measured))


def predicted(alone: Sequence[Floats], n: int) -> Estimate:
    """Return E[max of n], and between what 95 % of the runs with n samples of each prompt lie."""
    random = np.random.default_rng(0)
    runs = np.mean([random.choice(scores, (RESAMPLES, n)).max(axis=1) for scores in alone], axis=0)
    low, high = np.quantile(runs, (0.025, 0.975))
    expected = float(np.mean([expected_maximum(scores.tolist(), n) for scores in alone]))
    return Estimate(expected, float(low), float(high))


def _sampling(seed: int) -> Mapping[str, Any]:
    return {"temperature": 1.0, "max_tokens": TOKENS, "seed": seed}


async def _scores(reward: Reward, problem: Problem, texts: Sequence[Candidate]) -> Floats:
    judgement = await judged(reward, problem, texts)
    return np.array([score for score in judgement.outcomes() if score is not None])
