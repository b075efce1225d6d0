"""Where do votes help? Problems binned by how often one sample is right.

The bin of a problem is that of pass@1 over one half of its samples, and votes are taken from the other half,
both ways round: what makes a problem look easy by chance does not count for its votes. The bins are
absolute (`ponder.scaling.difficulty`).

    gain = right votes of the other half - pass@1 of the other half
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from ponder.lab.estimate import Estimate, Gain, gain_of, mean_of
from ponder.lab.pool import Drawn, Pool
from ponder.lab.report import Chart, Table
from ponder.lab.subsets import random_orders
from ponder.lab.votes import PLAIN, Way
from ponder.scaling import difficulty
from ponder.scaling.statistics import Difficulty

LEVELS: tuple[Difficulty, ...] = get_args(Difficulty)
WAYS = ("majority", "weighted by likelihood", "oracle")


@dataclass(frozen=True, slots=True)
class Bin:
    """What votes of n samples do for the problems of one difficulty; `problems` counts halves as halves."""

    level: Difficulty
    problems: float
    alone: Estimate
    right: dict[str, Estimate]
    gain: dict[str, Gain]


@dataclass(frozen=True, slots=True)
class ByDifficulty:
    """The bins of all pools together, for votes of n samples."""

    n: int
    bins: tuple[Bin, ...]

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        return {
            "votes": self.n,
            "bins": {
                one.level: {
                    "problems": one.problems,
                    "alone": one.alone.as_json(),
                    "right": {way: value.as_json() for way, value in one.right.items()},
                    "gain": {way: value.as_json() for way, value in one.gain.items()},
                }
                for one in self.bins
            },
        }

    def tables(self) -> list[Table]:
        """Return one table, a row a bin."""
        columns = ("difficulty (problems)", "one sample", *(f"{way} of {self.n}: gain" for way in WAYS))
        rows = [
            (f"{one.level} ({one.problems:g})", str(one.alone), *(str(one.gain[way]) for way in WAYS))
            for one in self.bins
        ]
        return [Table("By difficulty", columns, tuple(rows))]

    def charts(self) -> list[Chart]:
        """Return nothing: a table says it."""
        return []


def by_difficulty(pools: Sequence[Pool]) -> ByDifficulty:
    """Measure votes of half the samples in each bin, over the problems of all pools together."""
    n = min(pool.samples for pool in pools) // 2
    halves = [pair for pool in pools for drawn in pool.problems for pair in _halves(drawn, n)]
    return ByDifficulty(n, tuple(_bin(level, halves) for level in LEVELS if _of(level, halves)))


Half = tuple[Difficulty, Drawn]


def _halves(drawn: Drawn, n: int) -> list[Half]:
    """Return each half of a problem's samples, with the difficulty that the other one says."""
    halves = (drawn.samples[:n], drawn.samples[n : 2 * n])
    return [
        (difficulty(sum(one.right for one in other) / n), replace(drawn, samples=half))
        for half, other in (halves, halves[::-1])
    ]


def _of(level: Difficulty, halves: Sequence[Half]) -> list[Drawn]:
    return [drawn for found, drawn in halves if found == level]


def _bin(level: Difficulty, halves: Sequence[Half]) -> Bin:
    those = _of(level, halves)
    alone = [float(drawn.right.mean()) for drawn in those]
    right = {name: [_right(PLAIN[name], drawn) for drawn in those] for name in WAYS}
    return Bin(
        level,
        len(those) / 2,
        mean_of(alone),
        {name: mean_of(values) for name, values in right.items()},
        {name: gain_of(values, alone) for name, values in right.items()},
    )


def _right(way: Way, drawn: Drawn) -> float:
    n = len(drawn.samples)
    return float(np.asarray(way(drawn, random_orders(n, 20), [n]))[0])
