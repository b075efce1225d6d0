"""Against scipy, and against enumeration."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binomtest

from ponder.errors import ParameterError
from ponder.rewards import expected_of_best
from ponder.scaling import expected_maximum, expected_maximum_interval, pass_at_k, wilson_interval


@pytest.mark.parametrize("n", [1, 2, 7, 100, 1319])
def test_wilson_interval_is_scipys(n):
    for correct in {0, 1, n // 3, n - 1, n}:
        expected = binomtest(correct, n).proportion_ci(method="wilson")
        assert wilson_interval(correct, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_interval_of_nothing():
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_pass_at_k_is_the_share_of_subsets_with_a_right_one(n):
    for correct in range(n + 1):
        right = [i < correct for i in range(n)]
        for k in range(1, n + 1):
            subsets = list(combinations(right, k))
            assert pass_at_k(n, correct, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


@pytest.mark.parametrize(("n", "correct", "k"), [(4, 5, 1), (4, -1, 1), (4, 2, 0), (4, 2, 5), (0, 0, 1)])
def test_pass_at_k_refuses_impossible_counts(n, correct, k):
    with pytest.raises(ParameterError):
        pass_at_k(n, correct, k)


@pytest.mark.parametrize("scores", [[3.0], [1.0, 4.0, 2.0, 2.0], [0.0, 0.0, 1.0, 1.0, 1.0, 5.0]])
def test_the_expected_maximum_is_the_mean_over_all_choices(scores):
    for n in range(1, len(scores) + 1):
        choices = [max(chosen) for chosen in combinations(scores, n)]
        assert expected_maximum(scores, n) == pytest.approx(sum(choices) / len(choices))


def test_the_expected_maximum_predicts_that_of_another_sample():
    """Of uniform numbers it is n / (n + 1); the interval covers it in most of the samples."""
    covered = []
    for seed in range(40):
        scores = np.random.default_rng(seed).random(100).tolist()
        low, high = expected_maximum_interval(scores, 4, resamples=400, seed=seed)
        assert low < expected_maximum(scores, 4) < high
        covered.append(low < 4 / 5 < high)
    assert sum(covered) >= 32
    assert expected_maximum_interval(scores, 4) == expected_maximum_interval(scores, 4)


def test_the_value_of_the_best_scored_with_ties_shared():
    scores, values = [1, 2, 2, 0], [10.0, 0.0, 1.0, 7.0]

    def kept(chosen):
        best = max(scores[i] for i in chosen)
        tied = [values[i] for i in chosen if scores[i] == best]
        return sum(tied) / len(tied)

    for n in range(1, 5):
        choices = [kept(chosen) for chosen in combinations(range(4), n)]
        assert expected_of_best(scores, values, n) == pytest.approx(sum(choices) / len(choices))


def test_an_expected_maximum_needs_as_many_scores():
    for n in (0, 3):
        with pytest.raises(ParameterError, match="from 1 to the number of samples, which is 2"):
            expected_maximum([1.0, 2.0], n)
    with pytest.raises(ParameterError, match="between 0 and 1"):
        expected_maximum_interval([1.0, 2.0], 1, level=95)
