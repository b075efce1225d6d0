"""A strategy over many problems: order, judgement, errors, totals."""

import asyncio

import pytest

from ponder.errors import CapacityError, ParameterError
from ponder.rewards import CodeTests, Judgement, Problem
from ponder.scaling import BestOfN, Budget, LineError, Result, StepBeam, Summary, solve_all, wilson_interval
from ponder.testing import ScriptedModel, Trouble


def results(problems, model, n=2, **options):
    async def collect():
        stream = solve_all(problems, BestOfN("majority"), model, None, Budget(n), **options)
        return [item async for item in stream]

    return asyncio.run(collect())


PROBLEMS = [
    Problem("a", "1", id="a"),
    LineError(2, "line 2: not JSON"),
    Problem("b", "2.0", id="b"),
    Problem("c", "3", id="c"),
    Problem("d", id="d"),
]


@pytest.mark.parametrize("concurrency", [1, 2, 8])
def test_results_in_order_then_the_summary(scripted, concurrency):
    *items, summary = results(PROBLEMS, scripted("so 1", "or 2"), concurrency=concurrency)
    assert [item.problem and item.problem.id for item in items] == ["a", None, "b", "c", "d"]
    assert [item.right for item in items] == [True, None, False, False, None]
    assert items[2].candidates_right == (False, True)
    assert items[1].error == "line 2: not JSON"
    assert (summary.n, summary.correct, summary.oracle, summary.errors) == (3, 1, 2, 1)
    assert summary.alone == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert summary.ledger.requests == 4
    values = summary.as_json()
    assert values["accuracy"] == pytest.approx(1 / 3)
    assert values["interval"] == list(wilson_interval(1, 3))
    assert items[2].as_json()["candidates_right"] == [False, True]
    assert items[1].as_json()["id"] is None


def test_a_problem_that_fails_leaves_the_others_alone(scripted):
    model = scripted("1")
    model.troubles = [Trouble(0, error=CapacityError("too long"))]
    *items, summary = results(PROBLEMS[2:], model)
    assert items[0].error == "too long"
    assert items[0].as_json()["right"] is None
    assert (summary.n, summary.errors) == (1, 1)


def test_nothing_to_judge(scripted):
    *_, summary = results([Problem("d")], scripted("1"))
    assert isinstance(summary, Summary)
    assert summary.accuracy is None


def test_problems_are_read_as_they_are_needed(scripted):
    taken = []

    def endless():
        while True:
            taken.append(len(taken))
            yield Problem(f"problem {len(taken)}", "1")

    async def three():
        stream = solve_all(endless(), BestOfN("majority"), scripted("1"), None, Budget(1), concurrency=2)
        first = [await anext(stream) for _ in range(3)]
        await stream.aclose()
        return first

    assert all(isinstance(item, Result) and item.right for item in asyncio.run(three()))
    assert len(taken) <= 5


def test_concurrency_must_be_positive(scripted):
    with pytest.raises(ParameterError, match="concurrency"):
        results([], scripted("1"), concurrency=0)


@pytest.mark.slow
def test_a_program_is_right_if_it_passes_the_hidden_tests(scripted):
    hidden, public = ("f(3) == 9", "f(4) == 16"), ("f(2) == 4",)
    problems = [Problem("a", tests=CodeTests(public, hidden)), Problem("b", tests=CodeTests(public))]
    model = scripted("def f(x): return x + x", "def f(x): return x * x")
    *items, summary = results(problems, model)
    if items[0].error and "cannot isolate" in items[0].error:
        pytest.skip(items[0].error)
    assert [item.candidates_right for item in items] == [(False, True), (True, True)]
    assert (summary.n, summary.oracle) == (2, 2)


class Slow:
    """A reward that is done with the first problem only once it was asked about the sixth."""

    name, scale, needs = "slow", "number", frozenset()

    def __init__(self):
        self.asked, self.sixth = 0, asyncio.Event()

    async def judge(self, problem, candidates):
        self.asked += 1
        if self.asked == 6:
            self.sixth.set()
        if problem.question == "0":
            await self.sixth.wait()
        return Judgement.of([1.0] * len(candidates))


def test_a_slow_problem_holds_up_no_other():
    """While the first is under way others begin as some end, and results come in their order."""

    async def collect():
        problems = [Problem(str(number)) for number in range(6)]
        stream = solve_all(problems, BestOfN("plain"), ScriptedModel(), Slow(), Budget(1), concurrency=2)
        async with asyncio.timeout(20):
            return [item async for item in stream]

    *solved, _ = asyncio.run(collect())
    assert [one.problem.question for one in solved] == [str(number) for number in range(6)]


def test_a_reward_that_lacks_is_said_once(scripted):
    """And not for each problem."""

    async def first():
        return await anext(solve_all(PROBLEMS, StepBeam(), scripted("1")))

    with pytest.raises(ParameterError, match="a reward, which this step-beam needs"):
        asyncio.run(first())


def test_watched(scripted):
    """Each problem's progress is told with the problem, the last with all of its tokens and its best text."""
    told = {}
    *items, _ = results(
        PROBLEMS, scripted("so 1", "or 2"), watch=lambda problem, now: told.update({problem.id: now})
    )
    for item in items:
        if item.problem is not None:
            last = told[item.problem.id]
            assert last.ledger.generated_tokens == item.answer.ledger.generated_tokens
            assert last.best == item.answer.candidate
    assert len(told) == 4
