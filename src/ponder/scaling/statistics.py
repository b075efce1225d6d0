"""How good a share of right answers is, how sure that is, and whether two strategies differ."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from ponder.errors import ParameterError
from ponder.rewards import best_of_weights, expected_of_best
from ponder.scaling.parameters import check_count, check_number

_DRAWN = 1_000_000  # numbers of problems that a bootstrap draws at a time
_Z_95 = 1.959963984540054  # the 97.5 % quantile of the normal distribution


def wilson_interval(correct: int, n: int, z: float = _Z_95) -> tuple[float, float]:
    """Return the score interval of a share, 95 % by default (Wilson 1927, JASA 22); (0, 1) for n = 0."""
    if n == 0:
        return 0.0, 1.0
    share = correct / n
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low, high = (centre - half) / scale, (centre + half) / scale
    return (0.0 if correct == 0 else low), (1.0 if correct == n else high)


def pass_at_k(n: int, correct: int, k: int) -> float:
    """Return the chance that one of k samples is right, from n samples of which some are.

    The unbiased estimator 1 - C(n - c, k) / C(n, k) (Chen et al., arXiv 2107.03374, section 2.1).

    Raises
    ------
    ParameterError : not 0 <= correct <= n, or not 1 <= k <= n.
    """
    if not 0 <= correct <= n:
        raise ParameterError("correct", correct, f"from 0 to n, which is {n}")
    if not 1 <= k <= n:
        raise ParameterError("k", k, f"from 1 to n, which is {n}")
    if n - correct < k:
        return 1.0
    return 1.0 - math.prod(1 - k / i for i in range(n - correct + 1, n + 1))


def mcnemar_test(only_first: int, only_second: int) -> float:
    """Return the p-value of McNemar's exact test, two-sided, that two strategies are right equally often.

    Of n problems on which exactly one of them is right, each is as likely that one (McNemar 1947, as a sign
    test): min(1, 2 sum over k <= min(b, c) of C(n, k) / 2^n).

    Parameters
    ----------
    only_first, only_second : how many problems only the first, and only the second, has right: b and c.
    """
    for field, value in (("only_first", only_first), ("only_second", only_second)):
        if value < 0:
            raise ParameterError(field, value, "0 or more")
    n, fewer = only_first + only_second, min(only_first, only_second)
    return min(1.0, 2 * sum(math.comb(n, k) for k in range(fewer + 1)) / (1 << n))


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference of means, its bootstrap interval, and the two-sided p-value that there is none."""

    mean: float
    low: float
    high: float
    p: float


def paired_bootstrap(
    first: Sequence[float],
    second: Sequence[float],
    problems: Sequence[Hashable] | None = None,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Difference:
    """Return by how much the mean of `first` is above that of `second`, over pairs of the same problem.

    Problems are drawn with replacement, each with all its pairs, as those of several seeds: pairs of one
    problem are not independent. The interval is made of percentiles (Efron & Tibshirani 1993, chapter 13).

    Parameters
    ----------
    first, second : [n], 1 for right and 0 for wrong, or any other score.
    problems : [n], which problem a pair is of; by default each of its own.

    Raises
    ------
    ParameterError : not as many values in one as in the other, or none; no level or number of resamples.
    """
    check_number("level", level, over=0, below=1)
    check_count("resamples", resamples)
    groups = list(range(len(first))) if problems is None else list(problems)
    if not first or not len(first) == len(second) == len(groups):
        allowed = f"as many as the {len(first)} of first, and 1 at least"
        raise ParameterError("second, problems", (len(second), len(groups)), allowed)
    numbers: dict[Hashable, int] = {}
    places = [numbers.setdefault(group, len(numbers)) for group in groups]
    gaps = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    sums, sizes = np.bincount(places, gaps), np.bincount(places)
    random = np.random.default_rng(seed)
    means = np.empty(resamples)
    at_a_time = max(1, _DRAWN // len(sums))
    for start in range(0, resamples, at_a_time):
        part = means[start : start + at_a_time]
        drawn = random.integers(len(sums), size=(len(part), len(sums)))
        part[:] = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, ((1 - level) / 2, (1 + level) / 2))
    p = min(1.0, 2 * min(float((means <= 0).mean()), float((means >= 0).mean())))
    return Difference(float(gaps.mean()), float(low), float(high), p)


Difficulty = Literal["easy", "medium", "hard"]


def difficulty(pass_at_1: float) -> Difficulty:
    """Return a problem's bin by the share of samples that are right: from 50 %, from 10 %, below.

    The bounds are absolute and not quantiles, so that they mean the same for every model (Liu et al., arXiv
    2502.06703).
    """
    if not 0 <= pass_at_1 <= 1:
        raise ParameterError("pass_at_1", pass_at_1, "a share from 0 to 1")
    return "easy" if pass_at_1 >= 0.5 else "medium" if pass_at_1 >= 0.1 else "hard"


def problems_needed(gap: float, discordance: float, *, level: float = 0.95, power: float = 0.8) -> int:
    """Return how many problems a paired comparison needs to show a gap between two strategies.

    McNemar's test is significant at `level`, two-sided, with a chance of `power` (Connor 1987):

        n = (z_level sqrt(d) + z_power sqrt(d - g^2))^2 / g^2

    Parameters
    ----------
    gap : g, the difference of the shares of right answers.
    discordance : d, the share of problems that exactly one of the two has right; at least the gap.
    """
    check_number("level", level, over=0, below=1)
    check_number("power", power, over=0, below=1)
    if not 0 < abs(gap) <= discordance <= 1:
        raise ParameterError("discordance", discordance, f"from the gap, which is {gap} and not 0, to 1")
    z_level, z_power = NormalDist().inv_cdf((1 + level) / 2), NormalDist().inv_cdf(power)
    root = z_level * math.sqrt(discordance) + z_power * math.sqrt(discordance - gap * gap)
    return math.ceil(root * root / (gap * gap))


def expected_maximum(scores: Sequence[float], n: int) -> float:
    """Return the expected maximum of n samples, from the scores of single ones.

    The unbiased estimator: the mean of the maximum over all choices of n of them, sum_i x_(i) C(i-1, n-1) /
    C(N, n) with the scores in rising order. What best-of-n's reward is, if its samples are like these.

    Raises
    ------
    ParameterError : n is not from 1 to the number of scores.
    """
    return expected_of_best(scores, scores, n)


def expected_maximum_interval(
    scores: Sequence[float], n: int, *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Return the bootstrap interval of `expected_maximum` (percentiles; Efron 1979).

    It says how far other single samples would have moved it. For n near the number of scores it is too
    narrow: nothing is known beyond the largest score.

    Raises
    ------
    ParameterError : n is not from 1 to the number of scores, or `level` not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ParameterError("level", level, "between 0 and 1")
    weights = best_of_weights(len(scores), n)
    drawn = np.random.default_rng(seed).choice(np.asarray(scores, float), (resamples, len(scores)))
    low, high = np.quantile(np.sort(drawn, axis=1) @ weights, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
