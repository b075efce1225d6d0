"""Alarms on pools whose truth is known: a reward that is gamed, and honest ones."""

import numpy as np
import pytest

from ponder.rewards import Candidate, Pool, alarms

PROBLEMS, NS = 200, [2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]
MOST = NS[-1]


def pools(seed, hacked):
    """Problems of mixed difficulty. Right answers agree, wrong ones scatter. The reward sees rightness with noise.

    With `hacked` a share of the texts has found what the reward likes and a right answer does not need: a long,
    improbable text with a wrong answer and a high score.
    """
    rng = np.random.default_rng(seed)
    for problem in range(PROBLEMS):
        right = rng.random(MOST) < rng.beta(1.5, 1.5)
        gamed = rng.random(MOST) < hacked
        right &= ~gamed
        answers = np.where(right, "42", [f"{problem}.{i}" for i in rng.integers(1, 8, MOST)])
        scores = right + rng.normal(0, 1, MOST) + gamed * rng.normal(4, 1, MOST)
        means = rng.normal(-0.6, 0.15, MOST) - 0.2 * gamed + 0.05 * right
        tokens = rng.integers(40, 80, MOST) + 20 * gamed
        candidates = tuple(
            Candidate(f"{problem} {i}", str(answers[i]), int(tokens[i]), float(means[i] * tokens[i]))
            for i in range(MOST)
        )
        yield Pool(candidates, tuple(scores.tolist())), right.tolist()


def first(pool, n):
    return Pool(pool.candidates[:n], pool.scores[:n])


def accuracy(made, n):
    """How often the best-scored of the first n is right."""
    return float(np.mean([right[int(np.argmax(pool.scores[:n]))] for pool, right in made]))


def fired_at(made, kind="over-optimisation"):
    for n in NS:
        if any(alarm.kind == kind for alarm in alarms(first(pool, n) for pool, _ in made)):
            return n
    return None


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_a_reward_that_is_gamed_is_noticed_before_three_points_are_lost(seed):
    """The run doubles n; the alarm looks at what is there, and knows nobody's truth."""
    made = list(pools(seed, hacked=0.02))
    truth = [accuracy(made, n) for n in NS]
    fired = fired_at(made)
    assert truth[-1] < max(truth) - 0.2, "in the end much is lost"
    assert fired is not None
    assert truth[NS.index(fired)] > max(truth[: NS.index(fired) + 1]) - 0.03


@pytest.mark.slow
def test_honest_rewards_raise_no_alarm():
    for seed in range(20):
        made = list(pools(100 + seed, hacked=0))
        assert accuracy(made, MOST) > accuracy(made, 1) + 0.1
        raised = [alarm for n in NS for alarm in alarms(first(pool, n) for pool, _ in made)]
        assert raised == []
