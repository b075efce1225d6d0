"""The Dirichlet-multinomial distribution: counts whose shares differ from problem to problem."""

from __future__ import annotations

import math
from collections.abc import Sequence

_SMALLEST, _LARGEST = 1e-6, 1e6
_ROUNDS = 5000
_CLOSE = 1e-8


def log_rising(a: float, n: int) -> float:
    """Return log a (a + 1) ... (a + n - 1)."""
    return math.lgamma(a + n) - math.lgamma(a)


def fit_dirichlet(counts: Sequence[Sequence[int]]) -> tuple[float, ...]:
    """Return the likeliest parameters alpha_1 ... alpha_K for rows of K counts.

    Minka's fixed point ("Estimating a Dirichlet distribution", 2000, equation 55), where a difference of
    digammas is psi(n + a) - psi(a) = sum over j < n of 1 / (a + j):

        alpha_k  <-  alpha_k  *  sum_i [psi(n_ik + alpha_k) - psi(alpha_k)]
                               / sum_i [psi(n_i + alpha) - psi(alpha)]            alpha = sum_k alpha_k

    Parameters are kept from 1e-6, which means "never", to 1e6, which means "the same in every problem".
    """
    columns = [_more_than(column) for column in zip(*counts, strict=True)]
    totals = _more_than([sum(row) for row in counts])
    alphas = [1.0] * len(columns)
    for _ in range(_ROUNDS):
        whole = _digammas(totals, sum(alphas))
        new = [
            min(max(alpha * _digammas(column, alpha) / whole, _SMALLEST), _LARGEST)
            for alpha, column in zip(alphas, columns, strict=True)
        ]
        close = all(abs(a - b) <= _CLOSE * a for a, b in zip(alphas, new, strict=True))
        alphas = new
        if close:
            break
    return tuple(alphas)


def _more_than(column: Sequence[int]) -> list[int]:
    """Return how many of the counts are more than 0, 1, 2, ..."""
    return [sum(count > j for count in column) for j in range(max(column))]


def _digammas(more: Sequence[int], alpha: float) -> float:
    """Return the sum over counts n of psi(n + alpha) - psi(alpha)."""
    return math.fsum(times / (alpha + j) for j, times in enumerate(more))
