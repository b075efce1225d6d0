"""Sums, products, thresholds and vetoes of rewards: numbers, scales, costs, who is unscored."""

import asyncio
import math

import pytest

from ponder.asks import Usage
from ponder.errors import DataError, ParameterError
from ponder.rewards import (
    Candidate,
    Judgement,
    Problem,
    Product,
    Threshold,
    Unscored,
    Veto,
    Weighted,
    Within,
    exact_verifier,
    judged,
    mean,
)

COST = Usage(5, 1, 1, 4, 2)


class Says:
    """A reward that has said it already; None is unscored."""

    def __init__(self, name, *scores, scale="probability"):
        self.name, self.scale, self.needs, self.scores = name, scale, frozenset(), scores

    async def judge(self, problem, candidates):
        steps = tuple(
            () if score is None else score if isinstance(score, tuple) else (score,) for score in self.scores
        )
        unscored = tuple(
            Unscored(i, f"{self.name} failed") for i, score in enumerate(self.scores) if score is None
        )
        return Judgement(steps, unscored, 3, (COST,))


def ask(reward, count=3):
    return asyncio.run(judged(reward, Problem("?"), [Candidate(str(i)) for i in range(count)]))


def test_a_weighted_sum_counts_the_cost_of_all_and_needs_all_scores():
    a, b = Says("a", 0.5, 1.0, None), Says("b", (0.0, 0.25), 0.0, 1.0)
    judgement = ask(Weighted({a: 0.75, b: 0.25}))
    assert judgement.outcomes() == (0.375 + 0.0625, 0.75, None)
    assert judgement.unscored == (Unscored(2, "a: a failed"),)
    assert (judgement.tokens, judgement.requests, judgement.computed_tokens) == (6, (COST, COST), 14)
    assert ask(Weighted(((a, 1), (b, 2)), aggregate=mean)).outcomes()[0] == 0.5 + 2 * 0.125


@pytest.mark.parametrize(
    ("scales", "weights", "scale"),
    [
        (("probability", "probability"), (0.5, 0.5), "probability"),
        (("probability", "probability"), (1, 1), "number"),
        (("probability", "probability"), (2, -1), "number"),
        (("probability", "number"), (0.5, 0.5), "number"),
        (("logarithm", "logarithm"), (3, 1), "logarithm"),
    ],
)
def test_the_scale_of_a_sum(scales, weights, scale):
    parts = [(Says("r", scale=one), weight) for one, weight in zip(scales, weights, strict=True)]
    assert Weighted(parts).scale == scale


def test_what_does_not_add_up_is_refused():
    with pytest.raises(ParameterError, match="the two do not add up"):
        Weighted({Says("a", scale="logarithm"): 1, Says("b"): 1})
    with pytest.raises(ParameterError, match="finite weight"):
        Weighted({Says("a"): math.nan})
    with pytest.raises(ParameterError, match="one reward or more"):
        Weighted({})


def test_a_product_is_of_probabilities_alone():
    judgement = ask(Product((Says("a", 0.5, 0.5, None), Says("b", 0.5, 0.0, 1.0))))
    assert judgement.outcomes() == (0.25, 0.0, None)
    assert judgement.scale == "probability"
    for scale in ("number", "logarithm"):
        with pytest.raises(ParameterError, match="Calibrated makes of any"):
            Product((Says("a"), Says("b", scale=scale)))


def test_a_declared_range_becomes_zero_to_one_and_what_is_outside_is_unscored():
    judgement = ask(Within(Says("a", -1.0, (1.0, 0.0), 1.5, scale="number"), -1, 1))
    assert judgement.steps == ((0.0,), (1.0, 0.5), ())
    assert judgement.unscored == (Unscored(2, "a gave 1.5, outside of its range -1 to 1"),)
    with pytest.raises(ParameterError, match="the lower one first"):
        Within(Says("a"), 1, 1)


def test_a_threshold():
    judgement = ask(Threshold(Says("a", 0.5, 0.49, None), 0.5))
    assert judgement.outcomes() == (1.0, 0.0, None)
    assert judgement.unscored[0].why == "a failed"


def test_a_veto():
    by = Says("clean", 1.0, 0.0, None, scale="number")
    assert ask(Veto(Says("a", 0.5, 0.9, 0.9), by, 1)).outcomes() == (0.5, 0.0, 0.0)
    judgement = ask(Veto(Says("a", -2.0, -1.0, -1.0, scale="logarithm"), by, 1))
    assert judgement.outcomes() == (-2.0, None, None)
    assert [one.why for one in judgement.unscored] == ["vetoed: clean gave 0", "vetoed: clean gave no score"]
    assert judgement.computed_tokens == 14
    assert ask(Veto(Says("a", None, 0.9, 0.9), by, 1)).outcomes() == (None, 0.0, 0.0)


def test_what_a_part_needs_is_needed():
    for reward in (
        Weighted({exact_verifier(): 1}),
        Product((exact_verifier(),)),
        Veto(Says("a"), exact_verifier(), 1),
    ):
        assert "reference" in reward.needs
        with pytest.raises(DataError, match="the problem has none"):
            ask(reward)
