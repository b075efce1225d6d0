"""Weighted, ranked and hybrid votes, against the formulas written again."""

import asyncio
import math
import operator
import random
from collections import defaultdict

import pytest

from ponder.errors import ParameterError
from ponder.rewards import Problem, callable_verifier
from ponder.scaling import BestOfN, Budget, solve
from ponder.scaling.selection import borda_weights, select


def drawn(seed, n=12):
    """Answers of four kinds, some without one, and a score for each, some without one."""
    rng = random.Random(seed)
    answers = [rng.choice(["1", "2", "3", "4", None]) for _ in range(n)]
    scores = [rng.random() if rng.random() < 0.8 else None for _ in range(n)]
    return [*answers, "1"], [*scores, rng.random()]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("power", [0.5, 1.2])
def test_borda_is_the_papers_formula(seed, power):
    answers, scores = drawn(seed)
    _, votes = select("borda", answers, scores, "number", operator.eq, power=power)
    ranked = sorted(
        (score, answer) for score, answer in zip(scores, answers, strict=True) if score is not None
    )
    expected = defaultdict(float)
    for r, (_, answer) in enumerate(reversed(ranked), 1):
        expected[answer] += (len(ranked) - r + 1) ** power
    for vote in votes:
        assert vote.weight == pytest.approx(expected[vote.answer], abs=1e-6)
    assert votes[0].weight == max(vote.weight for vote in votes)


def test_in_borda_the_first_of_equals_ranks_higher():
    assert borda_weights([0.5, None, 0.5, 2.0], 1.0) == [2.0, 0.0, 1.0, 3.0]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(
    ("scale", "same"), [("probability", "weighted"), ("logarithm", "weighted"), ("number", "plain")]
)
def test_hybrid_is_weighted_where_the_scale_is_a_weight(seed, scale, same):
    answers, scores = drawn(seed)
    if scale == "logarithm":
        scores = [score and math.log(score) for score in scores]
    hybrid = select("hybrid", answers, scores, scale, operator.eq)
    assert hybrid == select(same, answers, scores, scale, operator.eq)


def test_hybrid_is_a_majority_without_scores():
    answers = ["1", "2", None, "2"]
    assert select("hybrid", answers, None, "number", operator.eq)[0] == 1


def test_where_weights_are_equal_votes_count():
    """As where a verifier finds every candidate wrong."""
    assert select("weighted", ["1", "2", "2"], [0.0] * 3, "probability", operator.eq)[0] == 1


def test_only_who_is_named_takes_part_and_ties_go_by_that_order():
    answers = ["1", "2", "2", "1", "3"]
    chosen, votes = select("majority", answers, None, "number", operator.eq, order=[4, 2, 0])
    assert chosen == 4
    assert [(vote.answer, vote.members) for vote in votes] == [("3", (4,)), ("2", (2,)), ("1", (0,))]
    assert select("plain", answers, [5.0, 1.0, 2.0, 9.0, 0.0], "number", operator.eq, order=[4, 2])[0] == 2


def test_the_default_needs_no_reward_and_takes_one(scripted):
    texts = ("1", "2", "a 2")
    assert asyncio.run(solve(BestOfN(), Problem("?"), scripted(*texts), None, Budget(3))).answer == "2"
    first = callable_verifier(lambda problem, text: text == "1")
    assert asyncio.run(solve(BestOfN(), Problem("?"), scripted(*texts), first, Budget(3))).answer == "1"


def test_borda_needs_a_power_over_0():
    with pytest.raises(ParameterError, match="power"):
        BestOfN("borda", power=0)
