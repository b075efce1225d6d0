"""Particles: weights against the formula, resampling against exact probabilities."""

import math
from collections import Counter

import numpy as np
import pytest
from scipy import special, stats

from ponder.scaling import Particles, Scored, problem_seed
from ponder.scaling.dice import dice
from ponder.scaling.particles import RESAMPLINGS, logit, particle_weights, resampled
from scaling.step_tree import COMMON, PROBLEM, StepTree, noted, searched, texts_of

WEIGHTS = [0.4, 0.3, 0.2, 0.1, 0.0]


def test_weights_are_the_softmax_of_logits():
    rewards = np.random.default_rng(0).random((50, 8))
    for row in rewards:
        logits = [logit(Scored(None, r, (r,), scale="probability")) for r in row]
        assert logits == pytest.approx(special.logit(row), abs=1e-9)
        odds = row / (1 - row)
        assert particle_weights(logits) == pytest.approx(odds / odds.sum(), rel=1e-9)


def test_rewards_are_clipped_and_other_scales_are_logits_already():
    assert logit(Scored(None, 1.0, scale="probability")) == pytest.approx(math.log((1 - 1e-7) / 1e-7))
    assert logit(Scored(None, 0.0, scale="probability")) == pytest.approx(math.log(1e-7 / (1 - 1e-7)))
    assert logit(Scored(None, -3.5, scale="logarithm")) == -3.5
    assert logit(Scored(None, 7.0, scale="number")) == 7.0
    assert particle_weights([logit(Scored(None, None)), 0.0, 0.0]) == [0, 0.5, 0.5]
    assert particle_weights([-math.inf, -math.inf]) == [0.5, 0.5]


@pytest.mark.parametrize("progress", [0.0, 0.1, 0.3, 0.49, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("spread", [0.1, 1.0, 5.0, 12.0])
def test_tempering_is_epfs(progress, spread):
    logits = np.random.default_rng(3).normal(0, spread, 16)
    plain = special.softmax(logits)
    share = 1 / (plain**2).sum() / 16
    temperature = max(1, (1 / share) * (1 - progress)) if share < 0.5 and progress < 0.5 else 1
    assert particle_weights(list(logits), progress) == pytest.approx(special.softmax(logits / temperature))


@pytest.mark.parametrize("resampling", RESAMPLINGS)
def test_counts_are_as_probabilities_say(resampling):
    """Over seeds and steps of many runs. Systematic draws hang together, so one of each run is counted."""
    counts = Counter()
    for i in range(2000):
        drawn = resampled(WEIGHTS, 6, resampling, dice(problem_seed(i, PROBLEM), i % 7))
        assert len(drawn) == 6
        counts.update(drawn if resampling == "multinomial" else [drawn[i % 6]])
    assert counts[4] == 0
    seen = [counts[j] for j in range(4)]
    expected = [sum(seen) * weight for weight in WEIGHTS[:4]]
    assert stats.chisquare(seen, expected).pvalue > 1e-4


def test_systematic_counts_differ_from_the_expected_by_less_than_one():
    for i in range(200):
        weights = np.random.default_rng(i).dirichlet([0.5] * 7)
        counts = Counter(resampled(list(weights), 20, "systematic", dice(5, i)))
        assert all(abs(counts[j] - 20 * weight) < 1 for j, weight in enumerate(weights))


def test_a_decision_has_its_own_random_numbers():
    assert dice(1, 2).random(4).tolist() == dice(1, 2).random(4).tolist()
    assert len({dice(seed, decision).random() for seed in range(9) for decision in range(9)}) == 81


@pytest.mark.parametrize("resampling", RESAMPLINGS)
def test_what_is_drawn_goes_on_and_what_is_finished_stays(resampling):
    for seed in range(3):
        tree, strategy = StepTree(seed), Particles(resampling, max_steps=4, sampling={"seed": seed}, **COMMON)
        answer, effects = searched(strategy, tree, 6)
        whole, rounds = texts_of(effects), noted(effects, "particles")
        weights = [effect.note["weights"] for effect in effects if effect.kind == "note"]
        for number, (texts, shares) in enumerate(zip(rounds, weights, strict=True)):
            assert len(texts) == 6
            assert shares == pytest.approx(
                particle_weights([special.logit(tree.value(text)) for text in texts])
            )
            drawn = resampled(shares, 6, resampling, dice(problem_seed(seed, PROBLEM), number))
            parents = sorted(texts[i] for i in drawn if not tree.ended(texts[i]))
            stay = sorted(texts[i] for i in drawn if tree.ended(texts[i]))
            if number + 1 < len(rounds):
                grown = [e for e in effects if e.kind == "extend"][number + 1].nodes
                assert sorted(whole[node.parent] for node in grown) == parents
                assert sorted(rounds[number + 1][: len(stay)]) == stay
        assert len(answer.candidates) == 6
        assert tree.value(answer.text) == max(tree.value(candidate.text) for candidate in answer.candidates)


@pytest.mark.parametrize("resampling", RESAMPLINGS)
def test_a_weight_of_0_is_never_drawn(resampling):
    """Not by the smallest of random numbers, 0."""

    class Zeros:
        def random(self, n=None):
            return 0.0 if n is None else np.zeros(n)

    assert set(resampled([0.0, 0.5, 0.0, 0.5], 2, resampling, Zeros())) <= {1, 3}
