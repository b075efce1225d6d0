"""Each reward's scores, what they cost, and what it refuses."""

import asyncio

import pytest

from ponder.errors import DataError, ParameterError, PonderError
from ponder.rewards import (
    Candidate,
    Problem,
    callable_verifier,
    exact_verifier,
    extract_answer,
    math_verifier,
)
from ponder.rewards.arithmetic import arithmetic_share


def texts(*items):
    return [Candidate(text, extract_answer(text)) for text in items]


def scores(reward, problem, candidates):
    return asyncio.run(reward.judge(problem, candidates)).outcomes()


def test_math_verifier_compares_the_final_answer():
    problem = Problem("?", "1/2")
    assert scores(math_verifier(), problem, texts(r"\boxed{0.5}", "0.5, no, 2", "half", "")) == (1, 0, 0, 0)


def test_exact_verifier_compares_text():
    problem = Problem("?", "Paris")
    assert scores(exact_verifier(), problem, texts("The answer is paris.", " Paris ", "Rome")) == (1, 1, 0)
    assert scores(exact_verifier(), Problem("?", "x+1"), texts(r"\boxed{1+x}")) == (0,)


@pytest.mark.parametrize("verifier", [math_verifier(), exact_verifier()])
def test_a_verifier_needs_a_reference(verifier):
    assert "reference" in verifier.needs
    with pytest.raises(DataError, match="the problem has none"):
        scores(verifier, Problem("?"), texts("1"))


def test_callable_verifier():
    reward = callable_verifier(lambda problem, text: len(text) > len(problem.question))
    assert "reference" not in reward.needs
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
