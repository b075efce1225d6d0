"""Trials on the same problems, and a reward's best of n."""

import json

import numpy as np
import pytest

from ponder.lab.comparison import Comparison, Trial
from ponder.lab.sentiment import Sentiment, reward_curve
from ponder.lab.sequential import shapes
from ponder.scaling import problems_needed


def test_a_difference_and_how_many_problems_it_takes():
    first, second = Trial("a", (1.0, 0.0) * 20, 10.0), Trial("b", (1.0, 0.0) * 10 + (1.0,) * 20, 20.0)
    found = Comparison("Both", (first, second), ("easy", "hard") * 20)
    assert found.gain(second).value == 0.25
    assert found.gain(second).p < 0.01
    assert found.needed(second) == problems_needed(0.25, 0.25)
    assert found.needed(first) is None
    told = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert told["trials"]["b"]["by_difficulty"] == {"easy": 1.0, "hard": 0.5}
    assert told["baseline"] == "a"
    assert found.charts() == []
    assert [table.title for table in found.tables()] == ["Both (40 problems)", "Both, by difficulty"]
    assert found.tables()[0].markdown().splitlines()[2].startswith("| a | 0.500 (")


def test_shapes():
    assert shapes(16) == [(16, 1), (8, 2), (4, 4), (2, 8), (1, 16)]
    assert shapes(6) == [(6, 1), (3, 2)]


def test_the_best_of_n_is_as_single_samples_predict():
    """Rewards from one distribution: E[max of n of U(0, 1)] = n / (n + 1), and what is measured lies near."""
    rng = np.random.default_rng(3)
    alone, best = [rng.random(200) for _ in range(30)], [rng.random(16) for _ in range(30)]
    curve = reward_curve("any", alone, best)
    expected = [n / (n + 1) for n in curve.ns]
    assert [one.value for one in curve.predicted] == pytest.approx(expected, abs=0.03)
    assert curve.inside == len(curve.ns)
    shifted = reward_curve("any", alone, [scores - 0.3 for scores in best])
    assert shifted.inside == 0
    assert json.dumps(Sentiment(30, (curve, shifted)).as_json(), allow_nan=False)
