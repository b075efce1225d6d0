"""Against scipy, and against enumeration."""

import math
import random
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import betabinom, binom, binomtest

from ponder.errors import ParameterError
from ponder.rewards import expected_of_best
from ponder.scaling import (
    BetaBinomial,
    difficulty,
    expected_maximum,
    expected_maximum_interval,
    mcnemar_test,
    paired_bootstrap,
    pass_at_k,
    problems_needed,
    wilson_interval,
)


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


def simulated(right, wrong, problems, n, seed):
    """(right, n) of problems whose chances are Beta distributed."""
    rng = random.Random(seed)
    chances = [rng.betavariate(right, wrong) for _ in range(problems)]
    return [(sum(rng.random() < p for _ in range(n)), n) for p in chances]


@pytest.mark.parametrize(("right", "wrong"), [(0.6, 0.8), (2.0, 5.0), (0.3, 2.0)])
def test_a_beta_binomial_fit_finds_what_made_the_counts(right, wrong):
    counts = simulated(right, wrong, 4000, 8, 1)
    found = BetaBinomial.fit(counts)
    assert (found.right, found.wrong) == pytest.approx((right, wrong), rel=0.15)
    values = [c for c, _ in counts]
    best = betabinom.logpmf(values, 8, found.right, found.wrong).sum()
    for a, b in ((1.02, 1), (0.98, 1), (1, 1.02), (1, 0.98)):
        assert betabinom.logpmf(values, 8, a * found.right, b * found.wrong).sum() < best


@pytest.mark.parametrize("seed", range(3))
def test_eight_samples_of_200_problems_forecast_64(seed):
    """Within 0.05 of the share of problems that 64 samples solve."""
    rng = random.Random(seed)
    chances = [rng.betavariate(0.5, 1.0) for _ in range(200)]
    counts = [(sum(rng.random() < p for _ in range(8)), 8) for p in chances]
    exact = sum(1 - (1 - p) ** 64 for p in chances) / 200
    fitted = BetaBinomial.fit(counts)
    assert fitted.pass_at_k(64) == pytest.approx(exact, abs=0.05)
    assert fitted.pass_at_k(1) == pytest.approx(sum(c for c, _ in counts) / 1600, abs=0.01)


def test_the_forecast_is_the_chance_that_not_all_fail():
    model = BetaBinomial(0.7, 1.3)
    for k in (1, 4, 64):
        assert model.pass_at_k(k) == pytest.approx(1 - betabinom.pmf(0, k, 0.7, 1.3), abs=1e-12)


def test_hopeless_and_perfect_problems_have_a_fit():
    assert BetaBinomial.fit([(0, 8)] * 5).pass_at_k(64) < 1e-3
    assert BetaBinomial.fit([(8, 8)] * 5).pass_at_k(1) > 0.999
    for counts in ([], [(0, 0)], [(3, 2)], [(-1, 2)]):
        with pytest.raises(ParameterError, match="counts"):
            BetaBinomial.fit(counts)


def test_mcnemar_is_the_sign_test():
    for b, c in ((0, 0), (0, 5), (3, 3), (10, 2), (17, 40)):
        expected = binomtest(b, b + c).pvalue if b + c else 1.0
        assert mcnemar_test(b, c) == pytest.approx(expected, abs=1e-12)
    with pytest.raises(ParameterError, match="only_second"):
        mcnemar_test(1, -1)


@pytest.mark.slow
def test_a_paired_bootstrap_covers_the_true_difference():
    """In about 95 of 100 samples of 150 pairs; the truth is 0.1."""
    covered = significant = 0
    rng = random.Random(4)
    for seed in range(100):
        first = [float(rng.random() < 0.6) for _ in range(150)]
        second = [float(rng.random() < 0.5) for _ in range(150)]
        found = paired_bootstrap(first, second, resamples=200, seed=seed)
        covered += found.low <= 0.1 <= found.high
        significant += (found.p < 0.05) == (not found.low <= 0 <= found.high)
    assert 88 <= covered <= 100
    assert significant >= 90  # but for ties: the p-value and the interval say the same


@pytest.mark.slow
def test_pairs_of_one_problem_are_not_independent():
    """The same pairs ten times, as of ten seeds, tell no more than once."""
    rng = random.Random(2)
    first = [float(rng.random() < 0.6) for _ in range(60)]
    second = [float(rng.random() < 0.5) for _ in range(60)]
    once = paired_bootstrap(first, second)
    clustered = paired_bootstrap(first * 10, second * 10, list(range(60)) * 10)
    assert (clustered.mean, clustered.low, clustered.high) == pytest.approx((once.mean, once.low, once.high))
    alone = paired_bootstrap(first * 10, second * 10)
    assert alone.high - alone.low < 0.5 * (once.high - once.low)


def test_a_bootstrap_of_nothing_or_of_unequal_numbers_is_refused():
    for first, second in (([], []), ([1.0], [1.0, 0.0])):
        with pytest.raises(ParameterError):
            paired_bootstrap(first, second)
    with pytest.raises(ParameterError, match="resamples"):
        paired_bootstrap([1.0], [0.0], resamples=0)


def test_a_gap_must_be_within_the_discordance():
    for gap, discordance in ((0.0, 0.2), (0.3, 0.2), (0.1, 1.1)):
        with pytest.raises(ParameterError, match="discordance"):
            problems_needed(gap, discordance)
    with pytest.raises(ParameterError, match="power"):
        problems_needed(0.1, 0.2, power=1.0)


def test_difficulty_is_absolute():
    assert [difficulty(share) for share in (1.0, 0.5, 0.49, 0.1, 0.09, 0.0)] == [
        "easy",
        "easy",
        "medium",
        "medium",
        "hard",
        "hard",
    ]
    with pytest.raises(ParameterError, match="pass_at_1"):
        difficulty(50)


@pytest.mark.slow
@pytest.mark.parametrize(("discordance", "gap", "n"), [(0.25, 0.15, 85), (0.2, 0.1, 155), (0.15, 0.05, 469)])
def test_so_many_problems_show_a_gap_four_times_in_five(discordance, gap, n):
    """The power of the sign test of discordant pairs, summed over all outcomes."""
    assert problems_needed(gap, discordance) == n
    share, power = (discordance + gap) / (2 * discordance), 0.0
    for pairs in range(1, n + 1):
        bound = 1.96 * math.sqrt(pairs)  # |b - c| from here is significant: (b - c)^2 / (b + c) >= 1.96^2
        fewest = math.ceil((pairs + bound) / 2)
        outcomes = binom.sf(fewest - 1, pairs, share) + binom.cdf(pairs - fewest, pairs, share)
        power += binom.pmf(pairs, n, discordance) * outcomes
    assert power == pytest.approx(0.8, abs=0.04)


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
