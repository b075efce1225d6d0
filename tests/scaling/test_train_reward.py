"""Labels of a tree, the head that is fitted to them, and what is said of it."""

import asyncio
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from numpy.random import default_rng

from ponder.asks import Boundary
from ponder.errors import CheckpointError, DataError, ParameterError
from ponder.rewards import Candidate, Problem
from ponder.rewards.head import Head
from ponder.scaling import Budget, solve
from ponder.scaling.label_tree import Label, LabelTree, labels
from ponder.scaling.train_reward import LabelledSteps, auc, calibration_error, fit, quality, train
from ponder.testing import ScriptedModel

STEP = Boundary(("a", "e"), tokens=5)


def grown(tree: LabelTree, seed: int) -> tuple[Candidate, ...]:
    problem = Problem(f"problem {seed}")
    return asyncio.run(solve(tree, problem, ScriptedModel(), None, Budget())).candidates


@pytest.mark.parametrize("seed", range(5))
def test_labels_are_shares_of_the_ends_below(seed: int) -> None:
    """As counted from the texts themselves: an end is below a text that begins it, token by token."""
    tree = LabelTree((3, 2), STEP, {"max_tokens": 30})
    texts = grown(tree, seed)
    right = [text.text.count("a") % 2 == 0 for text in texts]
    found = labels(texts, right)
    tokens = [text.path.tokens if text.path else () for text in texts]
    for i, label in enumerate(found):
        below = [
            right[j]
            for j, other in enumerate(tokens)
            if texts[j].finish_reason not in ("until", "cancelled") and other[: len(tokens[i])] == tokens[i]
        ]
        equal = tokens.count(tokens[i])
        assert label == (Label(sum(below) / len(below), len(below) / equal) if below else None)
    assert any(label and label.ends > 1 for label in found)


def test_the_tree_has_its_shape() -> None:
    """Texts that can go on are expanded at each level, and each grows to its end."""
    texts = grown(LabelTree((3, 2), STEP, {"max_tokens": 30}), 1)
    first, second = ([text for text in texts if len(text.steps) == depth] for depth in (1, 2))
    assert len(first) == 3
    assert len(second) == 2 * sum(text.finish_reason == "until" for text in first)
    last = [text for text in texts if len(text.steps) == 3]
    assert len(last) == sum(text.finish_reason == "until" for text in second)
    assert all(text.finish_reason != "until" for text in last)


def planted(problems: int, seed: int, noise: float = 0.5) -> list[LabelledSteps]:
    """Steps whose values follow from one direction of their states."""
    rng = default_rng(seed)
    direction = default_rng(0).normal(size=20)
    made = []
    for _ in range(problems):
        states = rng.normal(size=(12, 20)).astype(np.float32)  # the last three of which are not of the state
        chance = 1 / (1 + np.exp(-(states @ direction) / noise))
        ends = np.tile([4.0, 1.0, 1.0], 4)
        values = rng.binomial(ends.astype(int), chance) / ends
        made.append(LabelledSteps(states, values, ends, np.tile([1, 2, 3], 4)))
    return made


def test_a_planted_direction_is_found() -> None:
    """The head tells right from wrong on problems it has not seen, and its scores are shares."""
    head = train(planted(120, 1), {"model": "none"})
    held = quality(head, LabelledSteps(*(np.concatenate(part) for part in _parts(planted(200, 2)))))
    assert min(held["auc"].values()) > 0.9
    assert held["calibration_error"] < 0.05
    assert head.provenance["model"] == "none"
    assert head.provenance["problems"] == 120


def _parts(steps: list[LabelledSteps]) -> list[list[np.ndarray]]:
    return [[getattr(one, name) for one in steps] for name in ("inputs", "values", "ends", "depths")]


def test_the_fit_is_the_minimum() -> None:
    """The gradient of the loss is 0 there, by differences; so it is in scikit-learn's sense the only one."""
    steps = LabelledSteps(*(np.concatenate(part) for part in _parts(planted(20, 3))))
    head, decay = fit(steps, 0.1), 0.1

    def loss(weights: np.ndarray, bias: float) -> float:
        p = Head(head.mean, head.scale, weights, bias).scores(steps.inputs)
        losses = -(steps.values * np.log(p) + (1 - steps.values) * np.log(1 - p))
        return float(np.average(losses, weights=steps.ends)) + decay / 2 * float(weights[:-3] @ weights[:-3])

    weights = head.weights.astype(np.float64)
    least = loss(weights, head.bias)
    for place, sign in product(range(20), (-1, 1)):
        moved = weights.copy()
        moved[place] += sign * 1e-2
        assert loss(moved, head.bias) > least
    assert min(loss(weights, head.bias + one) for one in (-1e-2, 1e-2)) > least


def test_auc_counts_pairs() -> None:
    """Against the pairs themselves, ties a half, soft labels as shares of both kinds."""
    rng = default_rng(5)
    scores, values = rng.integers(0, 5, 30) / 5, rng.integers(0, 5, 30) / 4
    weights = rng.integers(1, 4, 30).astype(float)
    pairs = [
        (values[i] * weights[i] * (1 - values[j]) * weights[j], scores[i], scores[j])
        for i, j in product(range(30), repeat=2)
    ]
    total = sum(weight for weight, *_ in pairs)
    wins = sum(weight * ((a > b) + (a == b) / 2) for weight, a, b in pairs)
    assert auc(scores, values, weights) == pytest.approx(wins / total)
    assert auc(scores, np.ones(30), weights) is None
    assert calibration_error(values.astype(float), values, weights) == 0


def test_the_same_steps_are_the_same_file(tmp_path: Path) -> None:
    """And a head that is read is the one that was written."""
    files = [tmp_path / name for name in ("one", "two")]
    for file in files:
        train(planted(40, 1), {"seed": 1}).save(file)
    assert files[0].read_bytes() == files[1].read_bytes()
    states = default_rng(1).normal(size=(5, 20)).astype(np.float32)
    one, two = (Head.load(file) for file in files)
    np.testing.assert_array_equal(one.scores(states), two.scores(states))
    assert one.provenance == train(planted(40, 1), {"seed": 1}).provenance


def test_what_cannot_be_learned_from() -> None:
    """Too few problems, and labels of one kind, are named."""
    with pytest.raises(DataError, match="too few"):
        train(planted(5, 1), {})
    steps = planted(20, 1)
    for one in steps:
        one.values[:] = 0
    with pytest.raises(DataError, match="all texts of the training problems are wrong"):
        train(steps, {})
    with pytest.raises(ParameterError, match="expand = "):
        LabelTree((4, 0))
    with pytest.raises(ParameterError, match="expand = "):
        LabelTree(())


def test_files_that_are_no_heads(tmp_path: Path) -> None:
    """Each is one sentence that names the file."""
    file = tmp_path / "head.safetensors"
    with pytest.raises(CheckpointError, match="cannot be read"):
        Head.load(file)
    file.write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="is no reward head"):
        Head.load(file)
    good = train(planted(40, 1), {})
    for broken in (
        Head(good.mean, good.scale * 0, good.weights, 0.0),
        Head(good.mean, good.scale, good.weights * np.float32(np.nan), 0.0),
        Head(good.mean[:3], good.scale, good.weights, 0.0),
    ):
        broken.save(file)
        with pytest.raises(CheckpointError, match="is no reward head"):
            Head.load(file)


def test_depths_of_a_tree_grow_by_one() -> None:
    """So `auc` by depth is by reasoning step."""
    depths = sorted({len(text.steps) for text in grown(LabelTree((2, 2, 2), STEP, {"max_tokens": 40}), 3)})
    assert all(after - before == 1 for before, after in pairwise(depths))
