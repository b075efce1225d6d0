"""A budget of many problems: who is granted what, that it holds, that it goes on where it was cut off."""

import asyncio
import operator

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ponder.errors import CapacityError, ParameterError
from ponder.rewards import Problem
from ponder.scaling import Auto, BestOfN, Budget, Claim, Journal, LineError, Summary, replay, solve_all
from ponder.scaling.allocation import granted
from ponder.testing import Rule, ScriptedModel, Trouble
from scaling.policies import clear_at

PROBLEMS = [Problem(f"{i} + {i}") for i in range(6)]
AUTO = Auto(clear_at(0.7, (2, 4, 8)), sampling={"max_tokens": 12}, equal=operator.eq)
unhurried = settings(deadline=None, max_examples=6, phases=[Phase.explicit, Phase.reuse, Phase.generate])


def solved(model, total, strategy=AUTO, problems=PROBLEMS, **options):
    async def results():
        stream = solve_all(problems, strategy, model, None, Budget(8), total_tokens=total, **options)
        return [item async for item in stream]

    return asyncio.run(results())


def texts(results):
    return [
        (result.error, result.answer and (result.answer.candidates, result.answer.chosen))
        for result in results
        if not isinstance(result, Summary)
    ]


def test_claims_of_the_most_worth_come_first():
    claims = {0: Claim(0.1, 10), 1: Claim(0.3, 30), 2: Claim(0.3, 20), 3: Claim(0.2, 5)}
    assert granted(claims, 1000, 1000) == {1: 30, 2: 20, 3: 5, 0: 10}
    assert granted(claims, 1000, 36) == {1: 30, 3: 5}
    assert granted(claims, 1000, 4) == {1: 30}, "one that fits, if it is more than the part"
    assert granted(claims, 25, 4) == {2: 20}
    assert granted(claims, 4, 1) == {0: 0, 1: 0, 2: 0, 3: 0}
    assert granted({}, 4, 1) == {}


def test_tokens_go_where_votes_are_not_clear():
    """Two problems have clear answers, and four, whose answers never repeat, the rest of the tokens."""

    def word(place):
        if place.tokens:
            return ""
        clear = any(f"{i} + {i}" in place.prompt for i in (0, 1))
        return "7" if clear else chr(97 + sum(child for _, child in place.lineage))

    *results, summary = solved(ScriptedModel(Rule(word)), 60, concurrency=3)
    drawn = [len(result.answer.candidates) for result in results]
    assert drawn[:2] == [2, 2]
    assert all(count >= 4 for count in drawn[2:])
    assert summary.ledger.generated_tokens <= 60
    spread = [len(one.answer.candidates) for one in solved(ScriptedModel(Rule(word)), 500)[:-1]]
    assert spread == [2, 2, 8, 8, 8, 8]


@pytest.mark.slow
@unhurried
@given(
    total=st.integers(6, 400),
    concurrency=st.sampled_from([1, 2, 32]),
    other=st.sampled_from([1, 3, 5]),
    cut=st.floats(0, 1),
)
def test_the_total_holds_and_a_cut_journal_goes_on_to_the_same(total, concurrency, other, cut):
    model, journal = ScriptedModel(), Journal()
    *results, summary = solved(model, total, concurrency=concurrency, journal=journal)
    assert model.usage.generated_tokens == summary.ledger.generated_tokens <= total
    assert all(result.answer is not None for result in results)
    *others, _ = solved(ScriptedModel(), total, concurrency=other)
    assert texts(others) == texts(results)
    for number, (problem, result) in enumerate(zip(PROBLEMS, results, strict=True)):
        assert replayed(journal, str(number), problem) == result.answer

    kept, model = Journal(journal.lines[: round(cut * len(journal.lines))]), ScriptedModel()
    *resumed, again = solved(model, total, concurrency=2, journal=kept)
    assert texts(resumed) == texts(results)
    assert again.ledger.generated_tokens == summary.ledger.generated_tokens


def replayed(journal, run, problem):
    async def last():
        return [event async for event in replay(AUTO, problem, journal, run)][-1]

    return asyncio.run(last())


def test_a_problem_that_fails_and_a_bad_line_stop_nobody():
    problems = [PROBLEMS[0], LineError(2, "line 2: bad"), *PROBLEMS[1:]]
    model = ScriptedModel(troubles=[Trouble(0, 1, CapacityError("full"))])
    *results, summary = solved(model, 300, problems=problems, concurrency=1)
    assert [result.error for result in results[:2]] == ["full", "line 2: bad"]
    assert all(result.answer is not None for result in results[2:])
    assert summary.errors == 2
    assert model.usage.generated_tokens <= 300


def test_a_strategy_that_claims_nothing_has_equal_shares():
    """Each problem has 7 or 8 of 45 tokens, what it leaves is not for others."""
    model = ScriptedModel(Rule(lambda place: "a"))
    plain = BestOfN("majority", {"max_tokens": 12}, equal=operator.eq)
    *results, _ = solved(model, 45, plain)
    assert [result.answer.ledger.generated_tokens for result in results] == [8, 8, 8, 7, 7, 7]


def test_what_cannot_be_shared_is_refused():
    with pytest.raises(ParameterError, match=r"total_tokens.*6 or more: one for each problem"):
        solved(ScriptedModel(), 5)
    with pytest.raises(ParameterError, match="total_tokens"):
        solved(ScriptedModel(), 0)
    journal = Journal()
    solved(ScriptedModel(), 100, journal=journal)
    errors = [result.error for result in solved(ScriptedModel(), 101, journal=journal)[:-1]]
    assert all("total_tokens" in error for error in errors)
