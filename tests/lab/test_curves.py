"""Parts that compute from pools, on pools of which the truth is known."""

import json
import random

import numpy as np
import pytest

from lab.conftest import pool_of, sample
from ponder.lab.coverage import coverage
from ponder.lab.difficulty import by_difficulty
from ponder.lab.over_optimisation import over_optimisation
from ponder.lab.rewards import gap_closed, rewards
from ponder.lab.stopping import Drawing, stopping
from ponder.lab.votes import votes
from ponder.scaling import BetaBinomial, BetaRule, Doubling, Unanimous


def test_coverage_is_forecast(chances):
    """Chances from a Beta distribution: 8 samples say what 64 come to."""
    rng = random.Random(1)
    pool = chances([rng.betavariate(0.5, 2) for _ in range(300)])
    (curve,) = coverage([pool]).curves
    assert [one.value for one in curve.measured] == sorted(one.value for one in curve.measured)
    assert curve.measured[-1].value == np.mean([drawn.right.any() for drawn in pool.problems])
    assert curve.measured[0].value == pytest.approx(np.mean([drawn.right.mean() for drawn in pool.problems]))
    assert abs(curve.error) < 0.05
    assert abs(curve.forecast[-1] - BetaBinomial(0.5, 2).pass_at_k(64)) < 0.05
    assert curve.measured[3].low < curve.measured[3].value < curve.measured[3].high


def test_votes_of_a_plurality(chances):
    """A right answer of 0.4 beside eight wrong ones wins in the end; one of 0.05 loses."""
    (curve,) = votes([chances([0.4] * 30 + [0.05] * 30)]).curves
    right = curve.right["majority"]
    assert right[0].value == pytest.approx(0.225, abs=0.03)
    assert right[-1].value == pytest.approx(0.5, abs=0.02)
    assert curve.right["oracle"][-1].value > 0.95
    assert curve.gains["oracle"].p < 0.01
    assert curve.tokens == tuple(4.0 * k for k in curve.ks)


@pytest.mark.parametrize(
    ("rule", "labels", "stops"),
    [
        (BetaRule(0.95), [0] * 8, 4),
        (BetaRule(0.95), [0, 1, 0, 1, 0, 1, 0, 1], 9),
        (Unanimous(4), [0, 1, 1, 1, 1, 1, 1, 1], 8),
        (Doubling(), [0, 1, 0, 0, 1, 1, 1, 1], 4),
    ],
)
def test_when_a_rule_stops(rule, labels, stops):
    drawn = pool_of([[sample(label, label == 0) for label in labels]]).problems[0]
    assert Drawing.of(drawn, range(len(labels)), rule).stops == stops


def test_the_majority_while_samples_come():
    """A tie is the answer's that came first."""
    labels = [None, 1, 0, 0, 1, 1]
    drawn = pool_of([[sample(label, label == 0) for label in labels]]).problems[0]
    found = Drawing.of(drawn, range(6), BetaRule())
    assert found.right == (False, False, False, True, False, False)


def test_stopping_saves_where_answers_agree(chances):
    """All agree: Beta takes 4 samples of 16, and loses nothing."""
    found = {(one.rule, one.n): one for one in stopping([chances([1.0] * 10, samples=16)]).found}
    assert found["Beta 0.95", 16].used.value == 4 / 16
    assert found["unanimous 4", 16].used.value == 4 / 16
    assert found["doubling", 16].used.value == 2 / 16
    assert found["learned prior", 16].used.value <= 4 / 16
    assert all(one.gain.value == 0 for one in found.values())


@pytest.mark.slow
def test_stopping_costs_little(chances):
    rng = random.Random(2)
    found = stopping([chances([rng.betavariate(1, 2) for _ in range(60)])])
    means = found.means()
    assert 0.3 < means["Beta 0.95"][64][0] < means["Beta 0.95"][16][0] < 1
    assert means["Beta 0.9"][32][0] < means["Beta 0.95"][32][0]
    assert abs(means["Beta 0.95"][64][1]) < 0.02
    json.dumps(found.as_json(), allow_nan=False)


def test_votes_help_where_the_right_answer_leads(chances):
    """In the bin of medium problems; those that are hardly ever solved lose."""
    found = by_difficulty([chances([0.9] * 20 + [0.3] * 20 + [0.04] * 20)])
    bins = {one.level: one for one in found.bins}
    assert {level: one.problems for level, one in bins.items()} == pytest.approx(
        {"easy": 20, "medium": 20, "hard": 20}, abs=2
    )
    assert bins["medium"].gain["majority"].low > 0.4
    assert bins["hard"].gain["majority"].value < 0
    assert bins["hard"].gain["oracle"].value > 0.4
    assert bins["easy"].alone.value == pytest.approx(0.9, abs=0.03)


def scored(problems=40, samples=64, seed=0, hack=0.0):
    """A head whose score is right or wrong by two spreads, and long answers that are always wrong."""
    rng = random.Random(seed)

    def one():
        right = rng.random() < 0.3
        group = 0 if right else rng.randint(1, 9)
        score = 1 / (1 + np.exp(-rng.gauss(1.0 if right else -1.0, 1.0)))
        return sample(group, right, rng.gauss(-2, 1), 3, round(score, 4), "1000" if group == 9 else None)

    return pool_of([[one() for _ in range(samples)] for _ in range(problems)])


def test_a_good_reward_closes_the_gap():
    found = rewards([scored()], most=16)
    (curve,) = found.votes.curves
    assert curve.ks[-1] == 16
    weighted, best = curve.right["weighted by the head"][-1], curve.right["the head's best"][-1]
    assert weighted.value > curve.right["majority"][-1].value
    assert best.value > curve.right["oracle"][0].value + 0.2
    assert gap_closed(curve, "oracle") == 1
    assert gap_closed(curve, "majority") == 0
    assert [len(row) for row in found.tables()[0].rows] == [5] * len(curve.right)
    json.dumps(found.as_json(), allow_nan=False)


@pytest.mark.slow
def test_a_hacked_reward_is_noticed():
    """With digits planted, truth falls as the proxy rises, and the alarm fires; the head alone is silent."""
    clean, hacked = over_optimisation([scored(80, seed=1)], (0.0, 3.0)).found
    assert clean.alarm is None
    assert clean.false_alarms == 0
    assert clean.right[-1].value > clean.right[0].value + 0.3
    assert hacked.right[-1].value < hacked.right[0].value
    assert [one.value for one in hacked.proxy] == sorted(one.value for one in hacked.proxy)
    assert hacked.alarm is not None
    assert hacked.fallen is not None
