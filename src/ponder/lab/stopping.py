"""Votes that end early: which share of the samples a rule uses, and what that costs in right answers.

Samples are taken one by one in random orders of a pool's, until the rule says stop or there are N; the
majority of what was taken is compared with the majority of all N. A rule that learns is fitted on other
problems: the pool is cut in two halves, and each half is stopped by the prior of the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ponder.lab.estimate import Estimate, Gain, gain_of, mean_of
from ponder.lab.pool import Drawn, Pool
from ponder.lab.report import Chart, Table
from ponder.lab.subsets import random_orders
from ponder.scaling import AnswerPrior, BetaRule, Doubling, Learned, StopRule, Unanimous
from ponder.scaling.stopping import Labels, shape

SIZES = (16, 32, 64)
ORDERS = 20
LEARNED = "learned prior"
RULES: Mapping[str, StopRule] = {
    "Beta 0.95": BetaRule(0.95),
    "Beta 0.9": BetaRule(0.9),
    "unanimous 4": Unanimous(4),
    "doubling": Doubling(),
}


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a rule does to votes of up to n samples in one pool.

    Attributes
    ----------
    used : the share of the n samples that were drawn.
    gain : how much oftener the vote is right than that of all n; negative where stopping costs.
    """

    pool: str
    rule: str
    n: int
    used: Estimate
    gain: Gain


@dataclass(frozen=True, slots=True)
class Stopping:
    """What each rule does in each pool."""

    found: tuple[Stopped, ...]

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain data, and the mean over pools."""
        pools: dict[str, Any] = {}
        for one in self.found:
            of = pools.setdefault(one.pool, {}).setdefault(one.rule, {})
            of[str(one.n)] = {"used": one.used.as_json(), "gain": one.gain.as_json()}
        mean = {
            rule: {str(n): dict(zip(("used", "gain"), pair, strict=True)) for n, pair in of.items()}
            for rule, of in self.means().items()
        }
        return {"pools": pools, "mean": mean}

    def means(self) -> dict[str, dict[int, tuple[float, float]]]:
        """Return by rule and n the share used and the gain, on the mean over pools."""
        found: dict[str, dict[int, tuple[float, float]]] = {}
        for rule in dict.fromkeys(one.rule for one in self.found):
            for n in dict.fromkeys(one.n for one in self.found):
                those = [one for one in self.found if (one.rule, one.n) == (rule, n)]
                used = float(np.mean([one.used.value for one in those]))
                gain = float(np.mean([one.gain.value for one in those]))
                found.setdefault(rule, {})[n] = (round(used, 4), round(gain, 4))
        return found

    def tables(self) -> list[Table]:
        """Return the mean over pools, a row a rule."""
        means = self.means()
        ns = list(dict.fromkeys(one.n for one in self.found))
        columns = ("rule", *(f"of {n}: used, points" for n in ns))
        rows = [(rule, *(f"{of[n][0]:.0%}, {100 * of[n][1]:+.1f}" for n in ns)) for rule, of in means.items()]
        return [Table("Stopping (mean over pools)", columns, tuple(rows))]

    def charts(self) -> list[Chart]:
        """Return nothing: a table says it."""
        return []


def stopping(pools: Sequence[Pool], ns: Sequence[int] = SIZES) -> Stopping:
    """Measure each rule in each pool, for each n that the pool has samples for."""
    return Stopping(tuple(one for pool in pools for one in _of_pool(pool, ns)))


def _of_pool(pool: Pool, ns: Sequence[int]) -> list[Stopped]:
    orders = random_orders(pool.samples, ORDERS)
    ns = [n for n in ns if n <= pool.samples] or [pool.samples]
    halves = (pool.problems[0::2], pool.problems[1::2])
    learned = [Remembered(Learned(prior_of(half))) for half in halves]  # of half i, for the other one
    found = []
    for name in (*RULES, LEARNED):
        rules = [RULES.get(name) or learned[1 - number % 2] for number in range(len(pool.problems))]
        drawings = [
            [Drawing.of(drawn, order, rule) for order in orders]
            for drawn, rule in zip(pool.problems, rules, strict=True)
        ]
        for n in ns:
            used = [float(np.mean([one.taken(n) / n for one in those])) for those in drawings]
            right = [float(np.mean([one.right[one.taken(n) - 1] for one in those])) for those in drawings]
            full = [float(np.mean([one.right[n - 1] for one in those])) for those in drawings]
            found.append(Stopped(pool.name, name, n, mean_of(used), gain_of(right, full)))
    return found


def prior_of(problems: Sequence[Drawn]) -> AnswerPrior:
    """Return what these problems' answers say of other problems' answers."""
    counts = [[*Counter(group for group in drawn.groups if group is not None).values()] for drawn in problems]
    return AnswerPrior.fit(counts)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A problem's samples taken one by one in an order.

    Attributes
    ----------
    stops : after how many samples the rule says stop; more than there are if it never does.
    right : [n], whether the majority of the first k samples is right, for each k.
    """

    stops: int
    right: tuple[bool, ...]

    @staticmethod
    def of(drawn: Drawn, order: Sequence[int], rule: StopRule) -> Drawing:
        """Take the samples in this order."""
        samples = [drawn.samples[index] for index in order]
        labels = [sample.group for sample in samples]
        stops = next((k for k in range(1, len(labels) + 1) if rule.stops(labels[:k])), len(labels) + 1)
        votes: Counter[int] = Counter()
        leader, right = None, []
        known = {sample.group: sample.right for sample in samples}
        for label in labels:
            if label is not None:
                votes[label] += 1
                if leader is None or votes[label] > votes[leader]:
                    leader = label
                elif votes[label] == votes[leader]:
                    leader = next(one for one in votes if votes[one] == votes[label])  # seen first
            right.append(leader is not None and known[leader])
        return Drawing(stops, tuple(right))

    def taken(self, n: int) -> int:
        """Return how many of n samples are drawn."""
        return min(self.stops, n)


@dataclass(frozen=True, slots=True)
class Remembered:
    """A rule that looks at the counts of the leader, the runner-up and the others, asked once of each."""

    rule: Learned
    known: dict[tuple[int, int, int], bool] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.rule.name

    def stops(self, labels: Labels) -> bool:
        counts = shape(labels)
        if counts not in self.known:
            self.known[counts] = self.rule.stops(labels)
        return self.known[counts]
