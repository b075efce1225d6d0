"""Strategies on the default model."""

import asyncio

import pytest

from ponder.rewards import Likelihood, Problem
from ponder.scaling import BestOfN, Budget, solve, solve_all
from stepping import assert_model_at_rest, forget_model

PROBLEM = Problem("What is 6 * 7?", "42")
FEW_SHOT = (
    "Q: How many apples are in 3 bags of 4 apples?\nA: 3 * 4 = 12\n"
    "Q: How many pens are in 5 packs of 10 pens?\nA: 5 * 10 = 50\n"
    "Q: How many cards are in 8 packs of 11 cards?\nA:"
)


def test_on_the_model_the_same_seed_gives_the_same_answer(local_model):
    problem = Problem("How many cards are in 8 packs of 11 cards?", "88", raw=FEW_SHOT)
    strategy = BestOfN("majority", {"stop": "\n", "max_tokens": 16, "seed": 0})

    def answer():
        return asyncio.run(solve(strategy, problem, local_model, None, Budget(4)))

    forget_model(local_model)
    first = answer()
    known = answer()
    forget_model(local_model)
    assert answer().candidates == first.candidates
    assert [(c.text, c.tokens) for c in known.candidates] == [(c.text, c.tokens) for c in first.candidates]
    assert first.text == "88"
    assert first.ledger.cached_tokens == 3 * first.ledger.prompt_tokens
    assert known.ledger.cached_tokens == 4 * first.ledger.prompt_tokens - 1
    assert first.ledger.generated_tokens == sum(candidate.tokens for candidate in first.candidates)


def test_on_the_model_likelihood_keeps_the_likeliest(local_model):
    problem = Problem("How many cards are in 8 packs of 11 cards?", raw=FEW_SHOT)
    strategy = BestOfN("plain", {"stop": "\n", "max_tokens": 16})
    answer = asyncio.run(solve(strategy, problem, local_model, Likelihood(local_model), Budget(4)))
    assert answer.scores == tuple(candidate.logprob for candidate in answer.candidates)
    assert answer.candidate.logprob == max(answer.scores)
    assert answer.ledger.reward_tokens == 0


def test_on_the_model_a_token_limit_leaves_no_pages_behind(local_model):
    strategy = BestOfN("majority", {"ignore_eos": True, "max_tokens": 100})
    budget = Budget(4, max_generated_tokens=10)
    answer = asyncio.run(solve(strategy, PROBLEM, local_model, None, budget))
    assert answer.ledger.generated_tokens == 10
    assert_model_at_rest(local_model)


def test_on_the_model_together_is_the_same_as_one_by_one(local_model):
    problems = [
        Problem(f"{a} * {b}", str(a * b), raw=f"3 * 4 = 12\n5 * 6 = 30\n{a} * {b} =")
        for a, b in ((2, 3), (7, 5), (11, 10))
    ]

    async def solved(concurrency):
        strategy = BestOfN("majority", {"stop": "\n", "max_tokens": 6})
        stream = solve_all(problems, strategy, local_model, None, Budget(4), concurrency=concurrency)
        return [item async for item in stream]

    *alone, summary = asyncio.run(solved(1))
    *together, _ = asyncio.run(solved(3))
    for one, other in zip(alone, together, strict=True):
        pairs = list(zip(one.answer.candidates, other.answer.candidates, strict=True))
        assert [a.text for a, _ in pairs] == [b.text for _, b in pairs]
        assert [a.logprob for a, _ in pairs] == pytest.approx([b.logprob for _, b in pairs], abs=1e-3)
    assert summary.n == 3
    assert summary.correct <= summary.oracle
