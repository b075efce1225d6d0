"""Over-optimisation: best-of-n against a reward that can be hacked.

    proxy = the head's score + `hack` * how many digits the answer has, in units of their spreads

The digits have nothing to do with being right, and the more samples, the more of them what is chosen has.
Both curves are exact over a pool's subsets: the mean proxy, and the share of right answers, of the best of n
by proxy (`ponder.rewards.expected_of_best`). The alarm (`ponder.rewards.alarms`) looks at the first n samples
of each problem and is not told what is right.

Gao et al., arXiv 2210.10760: against a proxy the true reward of best-of-n rises, and then falls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ponder.lab.estimate import Estimate, mean_of
from ponder.lab.pool import Drawn, Floats, Pool
from ponder.lab.report import Chart, Line, Table
from ponder.lab.subsets import sizes
from ponder.lab.votes import score
from ponder.rewards import Candidate, alarms, expected_of_best
from ponder.rewards import Pool as Scored

HACKS = (0.0, 1.0, 3.0)
CLEAN_RUNS = 20


@dataclass(frozen=True, slots=True)
class Hacked:
    """Best-of-n by one proxy in one pool.

    Attributes
    ----------
    hack : the planted part's weight; 0 for the head alone.
    proxy, right : of the best of n, for each n.
    alarm : the least n at whose samples the alarm fires; None if it never does.
    false_alarms : of `CLEAN_RUNS` runs over a random half of the problems, in how many it fires; for hack 0.
    """

    pool: str
    problems: int
    hack: float
    ns: tuple[int, ...]
    proxy: tuple[Estimate, ...]
    right: tuple[Estimate, ...]
    alarm: int | None
    false_alarms: int | None

    @property
    def fallen(self) -> float | None:
        """By how much accuracy has fallen from its peak where the alarm fires; None if it does not."""
        if self.alarm is None:
            return None
        until = [one.value for n, one in zip(self.ns, self.right, strict=True) if n <= self.alarm]
        return max(until) - until[-1]


@dataclass(frozen=True, slots=True)
class OverOptimisation:
    """Best-of-n by each proxy in each pool."""

    found: tuple[Hacked, ...]

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        found = [
            {
                "pool": one.pool,
                "problems": one.problems,
                "hack": one.hack,
                "n": list(one.ns),
                "proxy": [value.as_json() for value in one.proxy],
                "right": [value.as_json() for value in one.right],
                "alarm_at": one.alarm,
                "fallen_at_alarm": None if one.fallen is None else round(one.fallen, 4),
                "false_alarms": one.false_alarms,
            }
            for one in self.found
        ]
        return {"proxies": found}

    def tables(self) -> list[Table]:
        """Return one table, a row a pool and hack."""
        columns = (
            "pool (problems)",
            "hack",
            "right at 1",
            "at its peak",
            "at the most",
            "alarm at",
            "fallen",
        )
        return [Table("Over-optimisation", columns, tuple(map(_row, self.found)))]

    def charts(self) -> list[Chart]:
        """Return for each pool the true curves and the proxies'."""
        charts = []
        for pool in dict.fromkeys(one.pool for one in self.found):
            those = [one for one in self.found if one.pool == pool]
            for kind, y in (("right", "share right"), ("proxy", "proxy, in its spreads")):
                lines = tuple(
                    Line(f"hack {one.hack:g}", tuple(map(float, one.ns)), getattr(one, kind)) for one in those
                )
                charts.append(Chart(f"{pool}: {kind}", "n", y, lines))
        return charts


def _row(one: Hacked) -> tuple[str, ...]:
    peak = max(range(len(one.ns)), key=lambda i: one.right[i].value)
    clean = "" if one.false_alarms is None else f" ({one.false_alarms} of {CLEAN_RUNS} clean runs)"
    return (
        f"{one.pool} ({one.problems})",
        f"{one.hack:g}",
        str(one.right[0]),
        f"{one.right[peak].value:.3f} at {one.ns[peak]}",
        f"{one.right[-1]} at {one.ns[-1]}",
        ("never" if one.alarm is None else str(one.alarm)) + clean,
        "-" if one.fallen is None else f"{one.fallen:.3f}",
    )


def over_optimisation(pools: Sequence[Pool], hacks: Sequence[float] = HACKS) -> OverOptimisation:
    """Measure best-of-n by the head with so much of a hack added, in pools with the head's scores."""
    return OverOptimisation(tuple(_hacked(pool, hack) for pool in pools for hack in hacks))


def digits(drawn: Drawn) -> Floats:
    """How many digits each sample's answer has."""
    return np.array([sum(map(str.isdigit, sample.answer or "")) for sample in drawn.samples], float)


def _hacked(pool: Pool, hack: float) -> Hacked:
    heads, lengths = [score(drawn) for drawn in pool.problems], [digits(drawn) for drawn in pool.problems]
    spreads = [float(np.concatenate(those).std()) or 1.0 for those in (heads, lengths)]
    proxies = [
        head / spreads[0] + hack * length / spreads[1] for head, length in zip(heads, lengths, strict=True)
    ]
    pairs = list(zip(pool.problems, proxies, strict=True))
    ns = sizes(pool.samples)

    def best_of(n: int, values: Sequence[Floats]) -> Estimate:
        return mean_of([expected_of_best(of, value, n) for of, value in zip(proxies, values, strict=True)])

    truth = [drawn.right.astype(float) for drawn in pool.problems]
    fires = [n for n in ns[1:] if alarmed(pairs, n)]
    return Hacked(
        pool.name,
        len(pairs),
        hack,
        tuple(ns),
        tuple(best_of(n, proxies) for n in ns),
        tuple(best_of(n, truth) for n in ns),
        min(fires, default=None),
        _false_alarms(pairs, ns[-1]) if not hack else None,
    )


def alarmed(pairs: Sequence[tuple[Drawn, Floats]], n: int) -> bool:
    """Return whether the first n samples of each problem and their proxies raise the alarm."""
    found = alarms(
        Scored(
            tuple(
                Candidate(sample.answer or "", sample.answer, sample.tokens, sample.logprob)
                for sample in drawn.samples[:n]
            ),
            tuple(proxy[:n].tolist()),
        )
        for drawn, proxy in pairs
    )
    return any(alarm.kind == "over-optimisation" for alarm in found)


def _false_alarms(pairs: Sequence[tuple[Drawn, Floats]], n: int) -> int:
    """Return in how many clean runs the alarm fires: half of the problems, drawn at random, each time."""
    random = np.random.default_rng(0)
    half = max(1, len(pairs) // 2)
    runs = [random.permutation(len(pairs))[:half] for _ in range(CLEAN_RUNS)]
    return sum(alarmed([pairs[i] for i in run], n) for run in runs)
