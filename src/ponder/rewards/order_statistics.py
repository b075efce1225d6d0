"""Which of n samples is the best: order statistics of a pool of more of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ponder.errors import ParameterError

Floats = npt.NDArray[np.float64]


@lru_cache(maxsize=256)
def best_of_weights(count: int, n: int) -> Floats:
    """Return how probable it is that the best of n, drawn without replacement from `count`, has each rank.

    From the worst rank to the best: C(i - 1, n - 1) / C(count, n) for i = 1 .. count; [count], read-only.

    Raises
    ------
    ParameterError : n is not from 1 to `count`.
    """
    if not 1 <= n <= count:
        raise ParameterError("n", n, f"from 1 to the number of samples, which is {count}")
    ranks = np.arange(count, 1, -1, dtype=np.float64)
    factors = np.concatenate((np.array([n / count]), (ranks - n) / (ranks - 1)))
    weights: Floats = np.multiply.accumulate(factors)[::-1]
    weights.flags.writeable = False
    return weights


def by_rank(scores: Sequence[float] | Floats, values: Sequence[float] | Floats) -> Floats:
    """Return values in the rising order of their scores, [count]; where scores are equal, their mean."""
    _, rank, sizes = np.unique(np.asarray(scores, float), return_inverse=True, return_counts=True)
    means = np.bincount(rank, np.asarray(values, float)) / sizes
    ranked: Floats = np.repeat(means, sizes)
    return ranked


def expected_of_best(scores: Sequence[float] | Floats, values: Sequence[float] | Floats, n: int) -> float:
    """Return the mean value of the best-scored of n samples, over all choices of n from a pool.

    Samples of equal scores are equally probable to be kept.

    Raises
    ------
    ParameterError : n is not from 1 to the size of the pool.
    """
    return float(best_of_weights(len(scores), n) @ by_rank(scores, values))
