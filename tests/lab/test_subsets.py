"""Votes in subsets, against what `select` says of each."""

import random
from itertools import permutations

import numpy as np
import pytest

from lab.conftest import pool_of, sample
from ponder.lab.pool import Drawn
from ponder.lab.subsets import random_orders, sizes, voted
from ponder.scaling.selection import select


def drawn_at_random(rng, n=5):
    groups = [rng.choice([None, 0, 1, 2]) for _ in range(n)]
    return Drawn("d", "q", "0", tuple(sample(g, g == 0, rng.choice([-1.0, -2.0])) for g in groups))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("weigh", [True, False])
def test_votes_are_those_of_best_of_n(seed, weigh):
    """In all orders of 5 samples, for each k: ties, and samples without an answer, among them."""
    drawn = drawn_at_random(random.Random(seed))
    scores = [one.logprob for one in drawn.samples]
    weights = np.exp(scores) if weigh else np.ones(5)
    orders, ks = np.array(list(permutations(range(5)))), [1, 2, 3, 5]
    for k, share in zip(ks, voted(drawn, weights, orders, ks), strict=True):
        rights = []
        for order in orders:
            those = [drawn.samples[i] for i in order[:k]]
            answers = [one.answer for one in those]
            kept, votes = select(
                "weighted" if weigh else "majority",
                answers,
                [one.logprob for one in those],
                "logarithm",
                lambda a, b: a == b,
            )
            rights.append(bool(votes) and those[kept].right)
        assert share == pytest.approx(np.mean(rights))


def test_nobody_has_an_answer():
    drawn = pool_of([[sample(None, False)] * 3]).problems[0]
    assert voted(drawn, np.ones(3), random_orders(3), [1, 3]).tolist() == [0, 0]


def test_sizes():
    assert sizes(64) == [1, 2, 4, 8, 16, 32, 64]
    assert sizes(6) == [1, 2, 4, 6]
    assert sizes(1) == [1]


def test_orders_are_orders():
    orders = random_orders(7, 20)
    assert (np.sort(orders, axis=1) == np.arange(7)).all()
    assert len({tuple(order) for order in orders.tolist()}) == 20
