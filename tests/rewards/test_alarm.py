"""Alarms on pools whose truth is known: a reward that is gamed, and honest ones."""

import numpy as np
import pytest

from ponder.errors import ParameterError
from ponder.rewards import Bounds, Candidate, Pool, alarms

PROBLEMS, NS = 200, [2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]
MOST = NS[-1]


def pools(seed, hacked, count=MOST):
    """Problems of mixed difficulty. Right answers agree, wrong ones scatter; the reward sees them with noise.

    A share `hacked` of the texts has found what the reward likes: improbable texts with a wrong answer and a
    high score.
    """
    rng = np.random.default_rng(seed)
    for problem in range(PROBLEMS):
        right = rng.random(count) < rng.beta(1.5, 1.5)
        gamed = rng.random(count) < hacked
        right &= ~gamed
        answers = np.where(right, "42", [f"{problem}.{i}" for i in rng.integers(1, 8, count)])
        scores = right + rng.normal(0, 1, count) + gamed * rng.normal(4, 1, count)
        means = rng.normal(-0.6, 0.15, count) - 0.2 * gamed + 0.05 * right
        tokens = rng.integers(40, 80, count) + 20 * gamed
        candidates = tuple(
            Candidate(f"{problem} {i}", str(answers[i]), int(tokens[i]), float(means[i] * tokens[i]))
            for i in range(count)
        )
        yield Pool(candidates, tuple(scores.tolist()))


def first(pool, n):
    return Pool(pool.candidates[:n], pool.scores[:n])


def accuracies(hacked):
    """How often the best of n is right, for each n, over so many problems that half a point is known."""
    rng, problems = np.random.default_rng(1), 20_000
    gamed = rng.random((problems, MOST)) < hacked
    right = (rng.random((problems, MOST)) < rng.beta(1.5, 1.5, (problems, 1))) & ~gamed
    scores = right + rng.normal(0, 1, right.shape) + gamed * rng.normal(4, 1, right.shape)
    everyone = np.arange(problems)
    return [float(right[everyone, scores[:, :n].argmax(1)].mean()) for n in NS]


@pytest.mark.slow
@pytest.mark.parametrize("hacked", [0.01, 0.02])
def test_a_reward_that_is_gamed_is_noticed_before_three_points_are_lost(hacked):
    truth = accuracies(hacked)
    assert truth[-1] < max(truth) - 0.15, "in the end much is lost"
    for seed in range(3):
        made = list(pools(seed, hacked))
        fired = next(i for i, n in enumerate(NS) if alarms(first(pool, n) for pool in made))
        assert truth[fired] > max(truth[: fired + 1]) - 0.03


@pytest.mark.slow
def test_honest_rewards_raise_no_alarm():
    truth = accuracies(0)
    assert truth[-1] > truth[0] + 0.1
    for seed in range(20):
        made = list(pools(100 + seed, hacked=0, count=32))
        assert [alarm for n in (8, 32) for alarm in alarms(first(pool, n) for pool in made)] == []


def small(scores, answers, right=None, texts=None, lengths=None):
    texts = texts or [f"text {i}" for i in range(len(scores))]
    lengths = lengths or [10] * len(scores)
    made = zip(texts, answers, lengths, strict=True)
    return Pool(tuple(Candidate(text, answer, length) for text, answer, length in made), tuple(scores), right)


def kinds(pools, scale="number"):
    return [alarm.kind for alarm in alarms(pools, scale)]


def test_truth_that_is_known_is_looked_at():
    """A reward that is the reverse of being right."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(40):
        right = rng.random(8) < 0.5
        scores = rng.normal(0, 1, 8) - 2 * right
        made.append(small(scores.tolist(), [None] * 8, tuple(right.tolist())))
    (alarm,) = alarms(made)
    assert "the share of right answers is lower by" in alarm.message
    assert alarm.value > alarm.bound == Bounds().errors


def test_lengths_ties_weights_and_duplicates():
    assert kinds([small([1.0, 2.0, 3.0, 4.0], "abab", lengths=[10, 10, 10, 40])] * 3) == ["length"]
    assert kinds([small([4.0, 2.0, 3.0, 4.0], "abab")]) == ["ties"]
    assert kinds([small([4.0, 2.0, 3.0, 4.0], "abaa")]) == []
    assert kinds([small([1.0, 2.0, 3.0, 4.0], "aaab", texts=["x", "x", "x", "x"])]) == ["duplicates"]
    logs = [-50.0 * i for i in range(12)]
    assert kinds([small(logs, "a" * 12)], "logarithm") == ["weights"]
    assert kinds([small(logs, "a" * 12)]) == []
    assert kinds([small([0.5] * 12, "a" * 12)], "probability") == []


def test_candidates_without_scores_are_left_out_and_nothing_raises_nothing():
    assert alarms([]) == []
    assert alarms([small([None, 1.0], "ab"), small([], "")]) == []
    assert kinds([small([4.0, None, None, 3.0], "abcd", texts=["x", "x", "x", "y"])]) == []
    with pytest.raises(ParameterError, match="one for each of the 2"):
        small([1.0], "a").__class__((Candidate("a"), Candidate("b")), (1.0,))
