"""How often votes are right, by how many samples vote: a majority, weighted votes, the likeliest sample.

    one sample            pass@1
    majority              the answer that most of k samples have
    weighted by w         the answer whose samples' w add up to most: probability, or the pool's score
    best by s             the sample of the highest s among k
    oracle                whether any of k is right: pass@k, which no choice exceeds

Each is the mean over the subsets of a pool's samples: exact for "best" and the oracle, over random ones for
votes. Intervals are a bootstrap over problems.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ponder.lab.estimate import Estimate, Gain, gain_of, mean_of
from ponder.lab.pool import Drawn, Floats, Pool
from ponder.lab.report import Chart, Line, Table
from ponder.lab.subsets import Orders, random_orders, sizes, voted
from ponder.rewards import expected_of_best
from ponder.scaling import pass_at_k

Way = Callable[[Drawn, Orders, Sequence[int]], Floats]
"""Returns for each k in which share of the subsets of k samples the way is right, [K]."""

MAJORITY, ORACLE = "majority", "oracle"


def oracle(drawn: Drawn, orders: Orders, ks: Sequence[int]) -> Floats:
    """Whether any sample is right."""
    right = drawn.right
    return np.array([pass_at_k(len(right), int(right.sum()), k) for k in ks])


def majority(drawn: Drawn, orders: Orders, ks: Sequence[int]) -> Floats:
    """Votes of equal weight."""
    return voted(drawn, np.ones(len(drawn.samples)), orders, ks)


def weighted(weights: Callable[[Drawn], Floats], drawn: Drawn, orders: Orders, ks: Sequence[int]) -> Floats:
    """Votes of these weights."""
    return voted(drawn, weights(drawn), orders, ks)


def best(scores: Callable[[Drawn], Floats], drawn: Drawn, orders: Orders, ks: Sequence[int]) -> Floats:
    """The sample of the highest score; equal ones are as probable to be kept."""
    of, right = scores(drawn), drawn.right.astype(float)
    return np.array([expected_of_best(of, right, k) for k in ks])


def likelihood(drawn: Drawn) -> Floats:
    """The log-probability of each sample."""
    return np.array([sample.logprob for sample in drawn.samples])


def mean_likelihood(drawn: Drawn) -> Floats:
    """The mean log-probability of its tokens."""
    return np.array([sample.mean_logprob for sample in drawn.samples])


def probability(drawn: Drawn) -> Floats:
    """The probability of each sample, as a share of the likeliest one's."""
    logs = likelihood(drawn)
    shares: Floats = np.exp(logs - logs.max())
    return shares


def sureness(drawn: Drawn) -> Floats:
    """The mean entropy of its tokens, with the sign turned."""
    return np.array([-(sample.entropy or 0.0) for sample in drawn.samples])


def score(drawn: Drawn) -> Floats:
    """What the pool's reward says; the least where it said nothing."""
    known = [sample.score for sample in drawn.samples if sample.score is not None]
    least = min(known, default=0.0)
    return np.array([least if sample.score is None else sample.score for sample in drawn.samples])


PLAIN: Mapping[str, Way] = {
    MAJORITY: majority,
    "weighted by likelihood": partial(weighted, probability),
    "likeliest": partial(best, likelihood),
    ORACLE: oracle,
}
"""What needs no reward."""

REWARDED: Mapping[str, Way] = {
    MAJORITY: majority,
    "weighted by likelihood": partial(weighted, probability),
    "weighted by the head": partial(weighted, score),
    "likeliest": partial(best, likelihood),
    "likeliest per token": partial(best, mean_likelihood),
    "least entropy": partial(best, sureness),
    "the head's best": partial(best, score),
    ORACLE: oracle,
}
"""From weak rewards to strong ones, for pools whose scores are a head's."""


@dataclass(frozen=True, slots=True)
class VoteCurves:
    """How often each way is right, for each k, in one pool.

    Attributes
    ----------
    tokens : generated for k samples, on the mean over problems.
    right : by way, for each k.
    gains : by way, over the majority at the largest k.
    """

    pool: str
    problems: int
    ks: tuple[int, ...]
    tokens: tuple[float, ...]
    right: Mapping[str, tuple[Estimate, ...]]
    gains: Mapping[str, Gain]


@dataclass(frozen=True, slots=True)
class Votes:
    """The curves of several pools."""

    curves: tuple[VoteCurves, ...]
    title: str = "Votes"

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        return {
            curve.pool: {
                "problems": curve.problems,
                "samples": list(curve.ks),
                "generated_tokens": [round(tokens, 1) for tokens in curve.tokens],
                "right": {way: [one.as_json() for one in those] for way, those in curve.right.items()},
                "gain_over_majority": {way: gain.as_json() for way, gain in curve.gains.items()},
            }
            for curve in self.curves
        }

    def tables(self) -> list[Table]:
        """Return a table of the largest number of samples."""
        ways = list(self.curves[0].right) if self.curves else []
        rows = [
            (
                f"{curve.pool} ({curve.problems})",
                f"{curve.ks[-1]}, {curve.tokens[-1]:.0f} tokens",
                str(curve.right[ORACLE][0]),
                *(str(curve.right[way][-1]) for way in ways),
            )
            for curve in self.curves
        ]
        return [Table(self.title, ("pool (problems)", "samples", "one sample", *ways), tuple(rows))]

    def charts(self) -> list[Chart]:
        """Return a chart a pool."""
        return [
            Chart(
                curve.pool,
                "samples",
                "share right",
                tuple(
                    Line(way, tuple(map(float, curve.ks)), those, dashed=way == ORACLE)
                    for way, those in curve.right.items()
                ),
            )
            for curve in self.curves
        ]


def votes(pools: Sequence[Pool], ways: Mapping[str, Way] = PLAIN, *, most: int | None = None) -> Votes:
    """Measure ways to choose among k samples, in each pool, for k = 1, 2, 4, ... up to `most` or all."""
    return Votes(tuple(vote_curves(pool, ways, most) for pool in pools))


def vote_curves(pool: Pool, ways: Mapping[str, Way], most: int | None = None) -> VoteCurves:
    """Measure ways to choose in one pool."""
    ks = sizes(min(pool.samples, most or pool.samples))
    orders = random_orders(pool.samples)
    right = {
        name: np.array([way(drawn, orders, ks) for drawn in pool.problems]) for name, way in ways.items()
    }
    tokens = float(np.mean([drawn.tokens.mean() for drawn in pool.problems]))
    return VoteCurves(
        pool.name,
        len(pool.problems),
        tuple(ks),
        tuple(k * tokens for k in ks),
        {name: tuple(mean_of(column.tolist()) for column in of.T) for name, of in right.items()},
        {
            name: gain_of(of[:, -1].tolist(), right[MAJORITY][:, -1].tolist())
            for name, of in right.items()
            if name != MAJORITY
        },
    )
