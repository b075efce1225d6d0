"""What a reward says: step scores, who is unscored, what it cost."""

import asyncio
import math

import pytest

from ponder.asks import Usage
from ponder.errors import DataError, ParameterError, PonderError, UnsupportedError
from ponder.rewards import (
    REWARD_NAMES,
    Candidate,
    Judgement,
    Likelihood,
    Problem,
    Unscored,
    arithmetic_verifier,
    callable_verifier,
    exact_verifier,
    judged,
    last,
    lowest,
    math_verifier,
    mean,
    product,
    reward_named,
)
from ponder.testing import Babble, Place, ScriptedModel


class Says:
    name, scale, needs = "says", "probability", frozenset()

    def __init__(self, judgement):
        self.judgement = judgement

    async def judge(self, problem, candidates):
        return self.judgement


def ask(reward, *texts, problem=None):
    candidates = [Candidate(text) for text in texts]
    return asyncio.run(judged(reward, problem or Problem("?"), candidates))


@pytest.mark.parametrize(
    ("aggregate", "value"), [(last, 0.25), (lowest, 0.25), (mean, 0.5), (product, 0.75 * 0.5 * 0.25)]
)
def test_step_scores_become_one(aggregate, value):
    judgement = Judgement(((0.75, 0.5, 0.25), (1.0,)))
    assert judgement.outcomes(aggregate) == (value, 1.0)


def test_steps_that_are_no_scores_leave_their_candidate_unscored():
    steps = ((0.5, math.nan), (0.5, 1), (), (math.inf,))
    judgement = ask(Says(Judgement(steps, (Unscored(2, "too long"),), tokens=3)), *"abcd")
    assert judgement.steps == ((), (0.5, 1.0), (), ())
    assert [(one.index, "too long" in one.why) for one in judgement.unscored] == [
        (0, False),
        (2, True),
        (3, False),
    ]
    assert judgement.unscored[0].why.startswith("the reward says gave [[0.5, nan], [0.5, 1], [], inf]")
    assert judgement.outcomes() == (None, 1.0, None, None)
    assert (judgement.scale, judgement.tokens) == ("probability", 3)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_wrong_count_scores_nobody(count):
    """Nobody knows whose scores they are; what they cost is counted all the same."""
    judgement = ask(Says(Judgement.of([0.5] * count, tokens=3)), "a", "b")
    assert [one.index for one in judgement.unscored] == [0, 1]
    assert judgement.computed_tokens == 3
    with pytest.raises(PonderError, match="one finite score for each of the 2 candidates"):
        judgement.outcomes()


def test_one_candidate_that_fails_does_not_fail_the_others():
    def check(problem, text):
        return 1 / len(text)

    judgement = ask(callable_verifier(check, "mine"), "ab", "", "abcd")
    assert judgement.outcomes() == (0.5, None, 0.25)
    assert judgement.unscored == (Unscored(1, "the reward mine failed: ZeroDivisionError: division by zero"),)


def test_scales_and_needs():
    model = ScriptedModel()
    with pytest.raises(
        ParameterError, match="reward = 'head' is not allowed: head:FILE, which ponder train-"
    ):
        reward_named("head", model)
    told = {
        name: (reward_named(name, model).scale, *reward_named(name, model).needs)
        for name in REWARD_NAMES
        if name != "head"
    }
    assert told == {
        "likelihood": ("logarithm",),
        "mean-likelihood": ("logarithm",),
        "math": ("probability", "reference"),
        "exact": ("probability", "reference"),
        "arithmetic": ("number",),
        "self-certainty": ("number", "certainty"),
        "entropy": ("number",),
        "code": ("number", "tests"),
        "public-code": ("number", "tests"),
        "sentiment": ("number",),
        "profanity": ("number",),
    }
    assert arithmetic_verifier().name == "arithmetic"


@pytest.mark.parametrize("reward", [math_verifier(), exact_verifier()])
def test_a_reference_that_is_missing(reward):
    with pytest.raises(DataError, match="the problem has none"):
        ask(reward, "1")


def test_likelihood_is_what_the_model_reads_and_costs_what_it_computes():
    model = ScriptedModel()
    reading = ask(Likelihood(model), "12", "13", problem=Problem("?", raw="p"))
    assert model.requests[0].texts == ("12", "13")
    assert not model.requests[0].ends
    expected = [math.fsum(math.log(p) for p in _probabilities("p", text)) for text in ("12", "13")]
    assert reading.outcomes() == pytest.approx(expected)
    assert reading.requests == (Usage(1 + 3, 0, 0, 4, 0),)  # the prompt, and "1" once for both
    assert reading.computed_tokens == 4
    per_token = ask(Likelihood(model, "tokens"), "12", problem=Problem("?", raw="p"))
    assert per_token.outcomes() == pytest.approx((expected[0] / 2,))
    ask(Likelihood(model), "12")
    assert model.requests[-1].ends  # a reply of a conversation is over


def _probabilities(prompt, text):
    script = Babble()
    return [math.exp(script.logprob(Place(prompt, tuple(text[:i])), text[i])) for i in range(len(text))]


def test_likelihood_needs_a_model_that_reads():
    model = ScriptedModel()
    model.offers = type(model.offers)(texts=False)
    with pytest.raises(UnsupportedError, match="did not write"):
        ask(Likelihood(model), "1")
    own = Candidate("1", logprob=-2.0, tokens=2, model="scripted")
    assert asyncio.run(Likelihood(model).judge(Problem("?"), [own])).outcomes() == (-2.0,)
    with pytest.raises(ParameterError, match="sum or tokens"):
        Likelihood(model, normalise="bytes")
