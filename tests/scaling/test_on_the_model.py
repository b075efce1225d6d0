"""Strategies on the default model."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass

import pytest

from ponder.asks import Grow, Path, Tokens
from ponder.asks.fronts import score
from ponder.rewards import Likelihood, Problem
from ponder.scaling import (
    BestOfN,
    Budget,
    Choice,
    Journal,
    PowerSampling,
    drive,
    extend,
    replay,
    solve,
    solve_all,
)
from scaling.step_search import Ones, Reads, StepBeam
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
    assert first.answer == "88"
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


def test_on_the_model_the_ledger_is_the_engines_counters(local_model):
    """Over step searches and budgets, with a reward that asks the same model, steps within a limit too."""
    counts = ("prompt_tokens", "hit_tokens", "cached_tokens", "computed_tokens", "generated_tokens")
    problem = Problem("How many cards are in 8 packs of 11 cards?", raw=FEW_SHOT)
    for tokens in (None, 7, 40):
        for strategy in (BestOfN("plain", {"max_tokens": 12}), StepBeam(2, 2, 3, step_tokens=6)):
            before = local_model.loop.call(local_model.engine.stats).result(60)
            budget = Budget(3, max_generated_tokens=tokens)
            answer = asyncio.run(solve(strategy, problem, local_model, Reads(local_model), budget))
            after = local_model.loop.call(local_model.engine.stats).result(60)
            ledger = answer.ledger
            told = {name: getattr(ledger, name) + getattr(ledger, f"reward_{name}", 0) for name in counts}
            told["computed_tokens"] += ledger.reward_tokens
            assert told == {name: getattr(after, name) - getattr(before, name) for name in counts}
            assert tokens is None or ledger.generated_tokens <= tokens
            assert answer.stopped == "done" or ledger.generated_tokens == tokens
    assert_model_at_rest(local_model)


def test_on_the_model_a_run_that_was_closed_goes_on_to_the_same_answer(local_model):
    problem = Problem("How many cards are in 8 packs of 11 cards?", raw=FEW_SHOT)
    for strategy in (BestOfN("plain", {"max_tokens": 16}), StepBeam(2, 2, 3, step_tokens=6)):
        forget_model(local_model)
        whole = asyncio.run(solve(strategy, problem, local_model, Ones(), Budget(3)))
        journal = Journal()

        async def some(strategy=strategy, journal=journal):
            run = drive(strategy, problem, local_model, Ones(), Budget(3), journal=journal, progress_s=0)
            async with aclosing(run) as events:
                for _ in range(12):
                    await anext(events)

        asyncio.run(some())
        assert_model_at_rest(local_model)
        forget_model(local_model)
        resumed = asyncio.run(solve(strategy, problem, local_model, Ones(), Budget(3), journal=journal))
        assert [candidate.text for candidate in resumed.candidates] == [c.text for c in whole.candidates]
        assert [candidate.path for candidate in resumed.candidates] == [c.path for c in whole.candidates]

        async def again(strategy=strategy, journal=journal):
            return [event async for event in replay(strategy, problem, journal)][-1]

        assert asyncio.run(again()) == resumed


@dataclass(frozen=True)
class TokenByToken:
    """Grows a text in requests of one token."""

    sampling: dict
    name: str = "token-by-token"
    needs: frozenset = frozenset()

    def search(self, problem, budget):
        grown = yield from extend(Grow(Path(problem.prompt), self.sampling, until=Tokens(1)))
        while grown.texts[0].live:
            grown = yield from extend(Grow(grown.texts[0].path, self.sampling, until=Tokens(1)))
        return Choice(0, grown.texts)


@pytest.mark.parametrize("stop", ["\n", "= 88", "* 11 = 88"])
def test_on_the_model_pieces_are_the_whole_text(local_model, stop):
    """A stop string that begins in one request and is complete in a later one is not in the text."""
    problem = Problem("How many cards are in 8 packs of 11 cards?", raw=FEW_SHOT)
    sampling = {"temperature": 0.0, "seed": 0, "stop": [stop], "max_tokens": 16}
    whole = asyncio.run(solve(BestOfN("majority", sampling), problem, local_model, None, Budget(1)))
    pieces = asyncio.run(solve(TokenByToken(sampling), problem, local_model))
    assert pieces.candidate.path.tokens == whole.candidate.path.tokens
    assert (pieces.candidate.text, pieces.candidate.finish_reason) == (whole.candidate.text, "stop")


def test_on_the_model_a_text_that_was_cut_is_whole(local_model):
    """Text and log-probability are those of its tokens; only what comes after the cut was computed."""
    problem = Problem("How many cards are in 8 packs of 11 cards?", raw=FEW_SHOT)
    strategy = PowerSampling(1.0, 6, 3, "majority", {"max_tokens": 12})
    answer = asyncio.run(solve(strategy, problem, local_model, None, Budget(2)))
    for one in answer.candidates:
        assert local_model.tokenizer.decode(list(one.path.tokens), skip_special=False).startswith(one.text)
        assert "".join(one.steps) == one.text
        (read,) = score(local_model, problem.prompt, [one.path.tokens], ends=False).texts
        assert one.logprob == pytest.approx(read.logprob, abs=1e-3)
    ledger = answer.ledger
    assert ledger.computed_tokens <= ledger.prompt_tokens // ledger.requests + 2 * ledger.generated_tokens


def test_on_the_model_a_limit_that_suffices_changes_no_text(local_model):
    """Though it is shared out, since every text might have grown longer."""
    problem = Problem("How many cards are in 8 packs of 11 cards?", raw=FEW_SHOT)
    strategy = BestOfN("majority", {"stop": "\n", "max_tokens": 40})
    free = asyncio.run(solve(strategy, problem, local_model, None, Budget(4)))
    needed = free.ledger.generated_tokens
    limited = asyncio.run(solve(strategy, problem, local_model, None, Budget(4, needed)))
    assert limited.ledger.generated_tokens == needed
    assert limited.stopped == "done"
    assert [c.path for c in limited.candidates] == [c.path for c in free.candidates]
    assert [c.text for c in limited.candidates] == [c.text for c in free.candidates]
