"""Platt scaling against scipy's minimum of the same loss."""

import asyncio
import json

import numpy as np
import pytest
from scipy.optimize import minimize

from ponder.errors import DataError, ParameterError
from ponder.rewards import Calibrated, Calibration, Candidate, Problem, calibrate, callable_verifier


def drawn(seed, slope, count=400, spread=1.0):
    rng = np.random.default_rng(seed)
    scores = rng.normal(3 * spread, spread, count)
    right = rng.random(count) < 1 / (1 + np.exp(-(slope * (scores / spread - 3) + 0.5)))
    return scores.tolist(), right.tolist()


def minimum(scores, right):
    """The curve of the least loss, by another method."""
    x, y = np.array(scores), np.array(right)
    t = np.where(y, (y.sum() + 1) / (y.sum() + 2), 1 / ((~y).sum() + 2))
    scale = x.std()

    def loss(at):
        return (np.logaddexp(0, at[0] * x / scale + at[1]) - t * (at[0] * x / scale + at[1])).sum()

    slope, offset = minimize(loss, [0, 0], method="BFGS", options={"gtol": 1e-9}).x
    return slope / scale, offset


@pytest.mark.parametrize("spread", [1e-3, 1.0, 1e4])
@pytest.mark.parametrize("seed", range(3))
def test_the_fit_is_the_minimum_in_any_unit(seed, spread):
    scores, right = drawn(seed, 1.5, spread=spread)
    fitted = calibrate("r", scores, right)
    slope, offset = minimum(scores, right)
    assert [fitted(s) for s in scores] == pytest.approx(
        (1 / (1 + np.exp(-(slope * np.array(scores) + offset)))).tolist(), abs=1e-4
    )
    assert (fitted.right, fitted.wrong) == (sum(right), 400 - sum(right))


def test_it_is_calibrated_on_held_out_texts_and_monotone():
    fitted = calibrate("r", *drawn(0, 2.0, 4000))
    scores, right = drawn(1, 2.0, 4000)
    p = np.array([fitted(score) for score in scores])
    for low in (0, 0.25, 0.5, 0.75):
        within = (p >= low) & (p < low + 0.25)
        assert p[within].mean() == pytest.approx(np.array(right)[within].mean(), abs=0.05)
    assert np.all(np.diff(p[np.argsort(scores)]) >= 0)
    assert 0 <= fitted(-1e300) < fitted(1e300) <= 1


def test_scores_that_say_the_reverse_give_a_flat_curve():
    scores, right = drawn(0, -2.0)
    fitted = calibrate("r", scores, right)
    assert fitted.slope == 0
    assert fitted(-5) == fitted(5) == pytest.approx(sum(right) / len(right), abs=0.01)


def test_where_scores_part_right_and_wrong_the_curve_is_finite():
    fitted = calibrate("r", [1, 2, 3, 4], [False, False, True, True])
    assert 0 < fitted(1) < 0.5 < fitted(4) < 1
    assert calibrate("r", [2, 2, 2], [True, True, False])(2) == pytest.approx((0.75 + 0.75 + 1 / 3) / 3)


@pytest.mark.parametrize(
    ("scores", "right"), [([1], [True]), ([1, 2], [True]), ([1, float("nan")], [True, False])]
)
def test_what_cannot_be_fitted_is_refused(scores, right):
    with pytest.raises(ParameterError):
        calibrate("r", scores, right)


def test_it_is_saved_as_json(tmp_path):
    fitted, file = calibrate("r", *drawn(0, 1.0)), tmp_path / "r.json"
    fitted.save(file)
    assert Calibration.load(file) == fitted
    text = file.read_text()
    assert json.loads(text)["format"] == "ponder.calibration.v1"
    for wrong in ("", "[]", "{}", text.replace("v1", "v9"), text.replace('"slope": ', '"slope": -')):
        (tmp_path / "wrong.json").write_text(wrong)
        with pytest.raises(DataError, match=r"wrong\.json cannot be read"):
            Calibration.load(tmp_path / "wrong.json")
    with pytest.raises(DataError, match=r"none\.json"):
        Calibration.load(tmp_path / "none.json")


def test_a_calibrated_reward_gives_probabilities():
    length = callable_verifier(lambda problem, text: len(text) or float("nan"), "length")
    fitted = Calibration("length", 0.5, -1.0, 3, 4)
    reward = Calibrated(length, fitted)
    judgement = asyncio.run(reward.judge(Problem("?"), [Candidate("ab"), Candidate(""), Candidate("abcd")]))
    assert judgement.outcomes() == (0.5, None, fitted(4))
    assert (judgement.scale, reward.name, reward.scale) == ("probability", "length", "probability")
    with pytest.raises(ParameterError, match="fitted on length"):
        Calibrated(length, Calibration("other", 1, 0, 1, 1))
