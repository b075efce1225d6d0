"""The logistic function, and regression with it.

p_i = 1 / (1 + exp(-w . x_i))
minimise  sum_i weight_i (-t_i log p_i - (1 - t_i) log(1 - p_i)) + sum_k penalty_k w_k^2 / 2
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_STEPS = 100
_TOLERANCE = 1e-10  # of the loss
_LARGEST = 500.0  # beyond it exp overflows, and p is 0 or 1 to the bit


def logistic(x: float) -> float:
    """Return 1 / (1 + exp(-x)) without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def logistics(x: Floats) -> Floats:
    """Return 1 / (1 + exp(-x)) of each number."""
    probabilities: Floats = 1 / (1 + np.exp(-np.clip(x, -_LARGEST, _LARGEST)))
    return probabilities


def fit_logistic(x: Floats, targets: Floats, weights: Floats, penalty: Floats) -> Floats:
    """Return the w [K] that minimise the loss, by Newton's method with step halving.

    Parameters
    ----------
    x : [N, K].
    targets : [N], from 0 to 1.
    weights : [N], of the examples.
    penalty : [K], 0 or more.
    """
    w = np.zeros(x.shape[1])

    def loss(at: Floats) -> float:
        logits = x @ at
        return float(weights @ (np.logaddexp(0, logits) - targets * logits) + penalty @ (at * at) / 2)

    before = loss(w)
    for _ in range(_STEPS):
        p = logistics(x @ w)
        gradient = x.T @ (weights * (p - targets)) + penalty * w
        curvature = (x.T * (weights * p * (1 - p))) @ x + np.diag(penalty + 1e-12)
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while (after := loss(w - size * step)) > before and size > 1e-10:
            size /= 2
        if before - after < _TOLERANCE:
            break
        w, before = w - size * step, after
    return w
