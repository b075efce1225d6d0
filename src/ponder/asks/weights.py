"""Weights of texts that were not drawn from the distribution that they stand for."""

from __future__ import annotations

import math
from collections.abc import Sequence


def effective_sample_size(log_weights: Sequence[float]) -> float:
    """Return (sum of weights)^2 / (sum of squared weights): how many equal weights would say as much.

    0 where all weights are 0, which is where all of their logarithms are -inf.
    """
    largest = max(log_weights, default=-math.inf)
    if largest == -math.inf:
        return 0.0
    weights = [math.exp(value - largest) for value in log_weights]
    return math.fsum(weights) ** 2 / math.fsum(weight**2 for weight in weights)
