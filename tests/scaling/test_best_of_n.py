"""Which candidate is kept, when generation stops, and what is counted."""

import asyncio
import math
from dataclasses import dataclass

import pytest

from ponder.asks import Boundary
from ponder.errors import DataError, ParameterError, PonderError
from ponder.rewards import Judgement, Problem, callable_verifier, math_verifier
from ponder.sampling import SamplingParams
from ponder.scaling import (
    SELECTIONS,
    STRATEGY_NAMES,
    Answer,
    BestOfN,
    Budget,
    Ledger,
    Progress,
    StepBeam,
    drive,
    problem_seed,
    solve,
    strategy_named,
    vote_weights,
)

PROBLEM = Problem("What is 6 * 7?", "42")


@dataclass
class Fixed:
    """A reward that gives these scores."""

    scores: tuple
    scale: str = "number"
    needs: frozenset = frozenset()
    name: str = "fixed"

    async def judge(self, problem, candidates):
        return Judgement.of(self.scores, tokens=7)


def best_of(model, selection, scores=None, **reward):
    n = len(model.script)
    judge = Fixed(scores, **reward) if scores else None
    return asyncio.run(solve(BestOfN(selection), PROBLEM, model, judge, Budget(n)))


def test_plain_keeps_the_highest_score_and_the_first_of_equals(scripted):
    assert best_of(scripted("1", "2", "3"), "plain", (0.1, 0.9, 0.9)).chosen == 1


def test_majority_counts_equal_answers_and_drops_empty_ones(scripted):
    answer = best_of(scripted("so 0.5", "none", "nothing", "no", "it is 3", "1/2"), "majority")
    assert (answer.answer, answer.chosen) == ("0.5", 0)
    assert [(vote.answer, vote.weight, vote.members) for vote in answer.votes] == [
        ("0.5", 2, (0, 5)),
        ("3", 1, (4,)),
    ]
    assert answer.scores is None


def test_majority_ties_go_to_the_first_seen(scripted):
    assert best_of(scripted("5", "6", "6", "5"), "majority").text == "5"


def test_weighted_adds_scores_and_shows_the_best_of_the_group(scripted):
    answer = best_of(scripted("1", "2", "a 1", "b 1"), "weighted", (0.25, 0.75, 0.375, 0.25))
    assert answer.answer == "1"
    assert answer.chosen == 2
    assert [vote.weight for vote in answer.votes] == [0.875, 0.75]


def test_weighted_takes_logarithms_as_probabilities(scripted):
    """Two texts of probability 0.3 outweigh one of 0.5; as plain numbers their sum would be lower."""
    scores = tuple(map(math.log, (0.5, 0.3, 0.3)))
    answer = best_of(scripted("1", "2", "a 2"), "weighted", scores, scale="logarithm")
    assert answer.answer == "2"
    assert [vote.weight for vote in answer.votes] == pytest.approx([0.6 / 0.5, 1.0])
    assert vote_weights([-1e4, -1e4 - 1], scale="logarithm") == pytest.approx([1, math.exp(-1)])


def test_weighted_refuses_negative_scores_that_are_no_logarithms(scripted):
    with pytest.raises(ParameterError, match="0 or more, for weighted selection"):
        best_of(scripted("1", "2"), "weighted", (-1.0, 1.0))


@pytest.mark.parametrize("selection", SELECTIONS)
def test_without_any_answer_the_best_scored_is_kept(scripted, selection):
    answer = best_of(scripted("a", "b", "c"), selection, (0.0, 1.0, 0.5))
    assert (answer.answer, answer.chosen) == (None, 1)


@pytest.mark.parametrize("selection", ["plain", "weighted"])
def test_selections_that_need_a_reward_say_so(scripted, selection):
    with pytest.raises(ParameterError, match="reward"):
        best_of(scripted("1"), selection)


@pytest.mark.parametrize("scores", [(1.0,), (float("nan"), float("nan")), (1.0, 2.0, 3.0)])
def test_a_reward_must_give_one_finite_score_each(scripted, scores):
    with pytest.raises(PonderError, match="one finite score for each of the 2"):
        best_of(scripted("1", "2"), "plain", scores)


@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("bad", [float("nan"), -float("inf"), "it is too long"])
def test_who_is_not_scored_is_named_and_ranks_last(scripted, selection, bad):
    """Behind negative scores too, and never as a 0."""
    scores = (bad, 0.25, 0.5) if selection == "weighted" else (bad, -2.0, -1.0)
    answer = best_of(scripted("a", "b", "c"), selection, scores)
    assert (answer.chosen, answer.scores) == (2, (None, *scores[1:]))
    assert [one.index for one in answer.unscored] == [0]
    assert ("too long" if isinstance(bad, str) else "one finite score") in answer.unscored[0].why
    assert answer.as_json()["candidates"][0]["score"] is None


def test_who_is_not_scored_has_no_weight(scripted):
    answer = best_of(scripted("1", "2", "2"), "weighted", (0.5, float("nan"), 0.25))
    assert [(vote.answer, vote.weight) for vote in answer.votes] == [("1", 0.5), ("2", 0.25)]


def test_an_answer_of_weight_0_comes_before_one_that_is_not_scored(scripted):
    answer = best_of(scripted("1", "2"), "weighted", (float("nan"), 0.0))
    assert [(vote.answer, vote.weight) for vote in answer.votes] == [("2", 0.0), ("1", 0.0)]


def test_a_verifier_without_a_reference_is_one_clear_error(scripted):
    with pytest.raises(DataError):
        asyncio.run(solve(BestOfN(), Problem("?"), scripted("1"), math_verifier()))


def test_one_request_and_one_ledger(scripted):
    model = scripted("1", "22", "333")
    answer = best_of(model, "plain", (1.0, 2.0, 3.0))
    assert len(model.requests) == 1
    ledger = answer.ledger
    prompt = len(model.characters.prompt(PROBLEM.prompt))
    assert (ledger.prompt_tokens, ledger.cached_tokens, ledger.generated_tokens) == (prompt, 2 * prompt, 6)
    assert (ledger.hit_tokens, ledger.computed_tokens) == (0, prompt + 0 + 1 + 2)
    assert (ledger.reward_tokens, ledger.requests) == (7, 1)
    assert answer.stopped == "done"


def test_ledgers_add_up():
    total = Ledger(1, 2, 3, 4, 5, 6.5) + Ledger(10, 20, 30, 40, 50, 0.25)
    assert total == Ledger(11, 22, 33, 44, 55, 6.75)
    assert sum([total, total], Ledger()).as_json()["seconds"] == 13.5


def test_sampling_defaults_and_that_callers_values_win(scripted):
    model = scripted("1")
    for sampling, n in (({}, 4), ({}, 1), ({"temperature": 0.3, "max_tokens": 5}, 4)):
        asyncio.run(solve(BestOfN("majority", sampling), PROBLEM, model, None, Budget(n)))
    several, single, given = (request.params for request in model.requests)
    assert (several["temperature"], several["n"]) == (0.8, 4)
    assert (single["temperature"], single["n"]) == (0.0, 1)
    assert (given["temperature"], given["max_tokens"]) == (0.3, 5)


def test_each_problem_has_random_numbers_of_its_own():
    seeds = {problem_seed(seed, Problem(question)) for seed in range(3) for question in "abc"}
    assert len(seeds) == 9
    assert all(SamplingParams(seed=seed) for seed in seeds)
    assert problem_seed(1, PROBLEM) == problem_seed(1, Problem(PROBLEM.question, "other"))


@pytest.mark.parametrize(
    ("sampling", "field"), [({"n": 2}, "n"), ({"temperature": -1}, "temperature"), ({"topp": 1}, "topp")]
)
def test_bad_sampling_is_refused_before_anything_runs(sampling, field):
    with pytest.raises(ParameterError, match=field):
        BestOfN(sampling=sampling)


@pytest.mark.parametrize(
    "budget",
    [
        {"n": 0},
        {"n": 1.5},
        {"n": True},
        {"max_generated_tokens": 0},
        {"seconds": 0},
        {"seconds": float("nan")},
    ],
)
def test_bad_budgets_are_refused(budget):
    with pytest.raises(ParameterError):
        Budget(**budget)


def test_the_token_limit_holds_and_what_there_is_is_judged(scripted):
    model = scripted("1111", "2222", "3333")
    reward = callable_verifier(lambda problem, text: text.startswith("2"))
    budget = Budget(3, max_generated_tokens=7)
    answer = asyncio.run(solve(BestOfN("plain"), PROBLEM, model, reward, budget))
    assert [candidate.text for candidate in answer.candidates] == ["111", "22", "33"]
    assert {candidate.finish_reason for candidate in answer.candidates} == {"cancelled"}
    assert [candidate.logprob for candidate in answer.candidates] == [-1.5, -1.0, -1.0]
    assert (answer.stopped, answer.ledger.generated_tokens, answer.answer) == ("tokens", 7, "22")
    assert model.usage.generated_tokens == 7  # and no token more was generated
    assert model.running == 0


def test_the_time_limit_holds(scripted):
    budget = Budget(2, seconds=1e-9)
    model = scripted("11", "22")
    answer = asyncio.run(solve(BestOfN("majority"), PROBLEM, model, None, budget))
    assert answer.stopped == "seconds"
    assert answer.ledger.generated_tokens == 1
    assert model.closed == 1


def test_closing_the_stream_stops_the_model(scripted):
    model = scripted("1111", "2222")

    async def first():
        stream = drive(BestOfN("majority"), PROBLEM, model, None, Budget(2), progress_s=0)
        event = await anext(stream)
        await stream.aclose()
        return event

    event = asyncio.run(first())
    assert isinstance(event, Progress)
    assert event.texts == ("1", "")
    assert model.closed == 1


def test_progress_comes_before_the_answer(scripted):

    async def events():
        stream = drive(BestOfN("majority"), PROBLEM, scripted("12", "3"), None, Budget(2), progress_s=0)
        return [event async for event in stream if isinstance(event, Progress | Answer)]

    *progress, judged, answer = asyncio.run(events())
    assert [event.texts for event in progress] == [("1", ""), ("1", "3"), ("12", "3")]
    assert all(event.best is None for event in progress)
    assert isinstance(answer, Answer)
    assert judged.best == answer.candidate
    assert judged.ledger == answer.ledger


def test_an_answer_is_plain_data(scripted):
    values = best_of(scripted("1", "2", "2"), "weighted", (1.0, 2.0, 3.0)).as_json()
    assert values["answer"] == "2"
    assert values["chosen"] == 2
    assert values["candidates"][2]["score"] == 3.0
    assert values["votes"][0] == {"answer": "2", "weight": 5.0, "members": [1, 2]}


def test_strategies_by_name():
    assert [strategy_named(name).name for name in STRATEGY_NAMES] == list(STRATEGY_NAMES)
    with pytest.raises(ParameterError, match="one of best-of-n"):
        strategy_named("beam")
    with pytest.raises(ParameterError, match="plain, weighted, borda, majority"):
        strategy_named("best-of-n", {"selection": "vote"})
    with pytest.raises(ParameterError, match="keep = 3 is not allowed: left unset with best-of-n"):
        strategy_named("best-of-n", {"keep": 3})
    with pytest.raises(ParameterError, match="rule = 'mine' is not allowed: one of beta"):
        strategy_named("self-consistency", {"rule": "mine"})
    beam = strategy_named("step-beam", {"keep": 2, "step": "\n", "expand": None}, {"temperature": 0.5})
    assert beam == StepBeam(2, step=Boundary(("\n",)), sampling={"temperature": 0.5}, equal=beam.equal)
