"""REBASE's allocations against the paper's formula, and what a search makes of them."""

import math
import random
from fractions import Fraction
from itertools import pairwise

import pytest

from ponder.errors import ParameterError
from ponder.scaling import Rebase
from ponder.scaling.rebase import allocated
from scaling.step_tree import COMMON, StepTree, noted, searched


def by_formula(total, rewards, temperature):
    """The formula as in the paper's code: sorted, ceil of what is left in proportion, subtract."""
    left = {j: Fraction(math.exp((r - max(rewards)) / temperature)) for j, r in enumerate(rewards)}
    widths = [0] * len(rewards)
    for j, _ in sorted(left.items(), key=lambda pair: pair[1], reverse=True):
        widths[j] = math.ceil(total * left[j] / sum(left.values()))
        total -= widths[j]
        del left[j]
    return widths


@pytest.mark.slow
def test_allocations_are_the_formulas_and_add_up():
    numbers = random.Random(0)
    for _ in range(1000):
        rewards = [numbers.choice((numbers.random(), 0.5)) for _ in range(numbers.randint(1, 8))]
        total, temperature = numbers.randint(0, 40), numbers.choice((0.05, 0.2, 1.0, 10.0))
        widths = allocated(total, rewards, temperature)
        assert widths == by_formula(total, rewards, temperature)
        assert sum(widths) == total
        order = sorted(range(len(rewards)), key=lambda j: -rewards[j])
        assert all(widths[i] + 1 >= widths[j] for i, j in pairwise(order))


def test_simple_allocations():
    assert allocated(6, [0.5, 0.5, 0.5], 0.2) == [2, 2, 2]
    assert allocated(4, [0.5, 0.5, 0.5], 0.2) == [2, 1, 1]
    e = math.e
    assert allocated(10, [0.0, 0.2], 0.2) == [10 - math.ceil(10 * e / (1 + e)), math.ceil(10 * e / (1 + e))]
    assert allocated(5, [-1e6, 0.3], 0.2) == [0, 5]
    assert allocated(3, [], 0.2) == []


def test_who_is_not_scored_gets_none_unless_nobody_is():
    assert allocated(5, [None, -3.0, None], 0.2) == [0, 5, 0]
    assert allocated(4, [None, None], 0.2) == [2, 2]


def test_logarithms_count_relative_to_the_best():
    shares = [0.5, 0.25, 0.125]
    logarithms = [math.log(share) - 50 for share in shares]
    assert allocated(20, logarithms, 0.2, "logarithm") == allocated(20, [2 * share for share in shares], 0.2)


def test_every_round_grows_as_many_texts_as_are_not_finished():
    for seed in range(4):
        tree, model = StepTree(seed), StepTree(seed).model()
        answer, effects = searched(Rebase(max_steps=4, **COMMON), tree, 7, model)
        grown = [effect for effect in effects if effect.kind == "extend"]
        finished = 0
        for effect in grown:
            assert len(effect.nodes) == 7 - finished
            finished += sum(node.finish_reason == "stop" for node in effect.nodes)
        assert finished == len(answer.candidates) == 7
        notes = [effect.note for effect in effects if effect.kind == "note"]
        for live, told in zip(noted(effects, "live"), notes, strict=True):
            assert list(told["widths"]) == allocated(
                sum(told["widths"]), [tree.value(text) for text in live], 0.2
            )
        assert model.requests[0].params["temperature"] == 1.0


@pytest.mark.parametrize("temperature", [0, -1, float("nan"), float("inf"), True, "0.2"])
def test_bad_temperatures_are_refused(temperature):
    with pytest.raises(ParameterError, match="temperature"):
        Rebase(temperature)
