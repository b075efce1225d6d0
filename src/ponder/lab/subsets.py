"""Votes in subsets of a problem's samples: what fewer samples would have come to.

A random order of the n samples gives a subset of each size k: its first k. In each subset the heaviest group
of equal answers is kept; ties go to the one with more votes, then to the one that comes first in the order,
as in `ponder.scaling.BestOfN`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ponder.lab.pool import Drawn, Floats

Orders = npt.NDArray[np.intp]

ORDERS = 100


def random_orders(n: int, count: int = ORDERS, seed: int = 0) -> Orders:
    """Return `count` random orders of n samples, [count, n]."""
    random = np.random.default_rng(seed)
    return np.argsort(random.random((count, n)), axis=1)


def sizes(n: int) -> list[int]:
    """Return 1, 2, 4, ... as far as they are below n, and n."""
    return [*(2**i for i in range(n.bit_length()) if 2**i < n), n]


def voted(drawn: Drawn, weights: Floats, orders: Orders, ks: Sequence[int]) -> Floats:
    """Return in which share of the orders the vote of the first k samples is right, for each k, [K].

    Parameters
    ----------
    weights : [n], of each sample's vote, 0 or more.
    orders : [R, n].
    """
    known = [group for group in drawn.groups if group is not None]
    if not known:
        return np.zeros(len(ks))
    count, groups = max(known) + 1, np.array([-1 if g is None else g for g in drawn.groups])
    right = np.zeros(count)
    np.maximum.at(right, groups[groups >= 0], drawn.right[groups >= 0])
    each = groups[orders]  # [R, n]
    votes = _sums(each, np.ones(each.shape), count, ks)  # [R, K, count]
    weight = _sums(each, weights[orders], count, ks)
    first = np.array(
        [np.where(each == g, np.arange(each.shape[1]), each.shape[1]).min(1) for g in range(count)]
    )
    best = np.where(votes > 0, weight, -1.0)
    leads = np.isclose(best, best.max(2, keepdims=True), rtol=1e-12, atol=0)
    votes = np.where(leads, votes, 0)
    leads &= votes == votes.max(2, keepdims=True)
    kept = np.where(leads, first.T[:, None, :], each.shape[1] + 1).argmin(2)  # [R, K]
    anybody = votes.max(2) > 0
    share: Floats = np.where(anybody, right[kept], 0.0).mean(0)
    return share


def _sums(each: Orders, values: Floats, count: int, ks: Sequence[int]) -> Floats:
    """Return the sum of each group's values among the first k, [R, K, count]."""
    rows, n = each.shape
    segment = np.searchsorted(ks, np.arange(1, n + 1))  # of which k a place is first a part
    used = (each >= 0) & (segment < len(ks))[None, :]
    place = (np.arange(rows)[:, None] * len(ks) + segment[None, :]) * count + each
    sums = np.bincount(place[used], values[used], rows * len(ks) * count)
    totals: Floats = sums.reshape(rows, len(ks), count).cumsum(axis=1)
    return totals
