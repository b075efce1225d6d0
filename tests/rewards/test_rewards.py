"""Each reward's scores, what they cost, and what it refuses."""

import asyncio

import pytest

from ponder.backends import GenerationRequest
from ponder.errors import DataError, ParameterError, PonderError
from ponder.rewards import (
    REWARD_NAMES,
    Candidate,
    Likelihood,
    Problem,
    callable_verifier,
    candidate_of,
    exact_verifier,
    extract_answer,
    math_verifier,
    reward_named,
)
from ponder.rewards.arithmetic import arithmetic_share


def texts(*items):
    return [Candidate(text, extract_answer(text)) for text in items]


def scores(reward, problem, candidates):
    return asyncio.run(reward.score(problem, candidates)).scores


def test_math_verifier_compares_the_final_answer():
    problem = Problem("?", "1/2")
    assert scores(math_verifier(), problem, texts(r"\boxed{0.5}", "0.5, no, 2", "half", "")) == (1, 0, 0, 0)


def test_exact_verifier_compares_text():
    problem = Problem("?", "Paris")
    assert scores(exact_verifier(), problem, texts("The answer is paris.", " Paris ", "Rome")) == (1, 1, 0)
    assert scores(exact_verifier(), Problem("?", "x+1"), texts(r"\boxed{1+x}")) == (0,)


@pytest.mark.parametrize("verifier", [math_verifier(), exact_verifier()])
def test_a_verifier_needs_a_reference(verifier):
    assert verifier.needs_reference
    with pytest.raises(DataError, match="the problem has none"):
        scores(verifier, Problem("?"), texts("1"))


def test_callable_verifier():
    reward = callable_verifier(lambda problem, text: len(text) > len(problem.question))
    assert not reward.needs_reference
    assert scores(reward, Problem("??"), texts("a", "abc")) == (0.0, 1.0)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1", None])
def test_a_callable_must_return_a_finite_number(value):
    with pytest.raises(PonderError, match="a finite number or a bool is allowed"):
        scores(callable_verifier(lambda problem, text: value), Problem("?"), texts("a"))


def test_an_error_in_a_callable_is_one_clear_error():
    with pytest.raises(PonderError, match="the reward mine failed: ZeroDivisionError: division by zero"):
        scores(callable_verifier(lambda problem, text: 1 / 0, "mine"), Problem("?"), texts("a"))


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("3 * 4 + 1 = 13", 1),
        ("1 + 3 * 4 = 13", 1),
        ("8 * 4 = 24", 0),
        ("8 * 4 = 24, 8 * 4 = 32", 0.5),
        ("<<16-3-4=9>>9", 1),
        ("$2 × 9 = $18", 1),
        ("5 - 8 = -3", 1),
        ("10 / 3 = 3.33", 1),
        ("7 / 2 = 3", 0),
        ("1,000 + 1 = 1,001.", 1),
        ("12 * 5 = 600", 0),
        ("4 / 0 = 0", 0),
        ("(15 - 2) * 3 = 39", 0),
        ("x = 5", 0),
        ("", 0),
    ],
)
def test_arithmetic_share(text, share):
    assert arithmetic_share(text) == share


def test_a_problem_has_roles_or_raw_text():
    assert Problem("hi", raw="Q: hi\nA:").prompt == "Q: hi\nA:"
    assert [message.role for message in Problem("hi", system="be brief").prompt] == ["system", "user"]
    with pytest.raises(ParameterError, match="system"):
        Problem("hi", system="be brief", raw="hi")


def test_rewards_by_name(local_model):
    for name in REWARD_NAMES:
        assert reward_named(name, local_model).name in name
    with pytest.raises(ParameterError, match="one of likelihood"):
        reward_named("judge", local_model)


def test_likelihood_of_what_the_model_wrote_is_free_and_is_what_scoring_finds(local_model):
    problem = Problem("What is the capital of France?")
    sampling = {"n": 3, "seed": 1, "max_tokens": 60, "temperature": 0.7}
    completion = local_model.generate_sync(GenerationRequest(problem.prompt, sampling))
    written = [candidate_of(output, completion.model) for output in completion.outputs]
    own = asyncio.run(Likelihood(local_model).score(problem, written))
    assert own.tokens == 0
    finished = [c for c in written if c.finish_reason == "stop"]
    assert finished
    strangers = [Candidate(candidate.text) for candidate in finished]
    scored = asyncio.run(Likelihood(local_model).score(problem, strangers))
    expected = [candidate.logprob for candidate in finished]
    assert scored.scores == pytest.approx(expected, rel=1e-3, abs=0.05)
    assert scored.tokens > 0


def test_mean_likelihood_divides_by_the_tokens(local_model):
    problem = Problem("?", raw="The capital of France is")
    candidates = texts(" Paris", " Paris, and it is a city")
    total = Likelihood(local_model)
    mean = Likelihood(local_model, normalise="tokens")
    asked = asyncio.run(local_model.score(problem.prompt, [c.text for c in candidates]))
    lengths = [len(text.token_ids) for text in asked.texts]
    sums = scores(total, problem, candidates)
    expected = [value / n for value, n in zip(sums, lengths, strict=True)]
    assert scores(mean, problem, candidates) == pytest.approx(expected)
    assert sums[0] > sums[1]


def test_one_stranger_makes_all_candidates_scored_alike(local_model):
    problem = Problem("?", raw="The capital of France is")
    own = Candidate(" Paris", logprob=-123.0, tokens=1, model=local_model.name)
    stranger = Candidate(" Paris")
    a, b = scores(Likelihood(local_model), problem, [own, stranger])
    assert a == b


def test_likelihood_refuses_an_unknown_normalisation(local_model):
    with pytest.raises(ParameterError, match="sum or tokens"):
        Likelihood(local_model, normalise="bytes")
