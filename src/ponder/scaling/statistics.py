"""How good a share of right answers is, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ponder.errors import ParameterError
from ponder.rewards import best_of_weights, expected_of_best

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
