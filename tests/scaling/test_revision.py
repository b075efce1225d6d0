"""Revision: what each attempt is shown, in which shape, and which attempt is chosen."""

import asyncio
import operator

import pytest

from ponder.errors import ParameterError
from ponder.rewards import Problem
from ponder.rewards.verifier import Verifier
from ponder.scaling import Budget, Revision, solve
from ponder.scaling.revision_prompt import revision_prompt
from ponder.testing import ScriptedModel

PROBLEM = Problem("What is 6 * 7?", "42")


def solved(strategy, model, reward=None, n=8, problem=PROBLEM):
    return asyncio.run(solve(strategy, problem, model, reward, Budget(n)))


def scored_by(scores):
    """A reward that scores texts by a table."""
    return Verifier("table", lambda _, candidate: scores[candidate.text], frozenset(), "probability")


def model(rounds):
    """Chain c's attempt in round r is the one-character text rounds[r][c]."""

    def word(place):
        number = place.lineage[0][1] if place.lineage else 0
        chains = len(rounds[0])
        return "" if place.tokens else rounds[number // chains][number % chains]

    return ScriptedModel(word)


ROUNDS = ["135", "246", "777", "189"]
SCORES = {"1": 0.2, "2": 0.5, "3": 0.9, "4": 0.1, "5": 0.3, "6": 0.3, "7": 0.25, "8": 0.6, "9": 0.1}


@pytest.mark.parametrize("attempts", [1, 2, 4])
def test_an_attempt_is_shown_the_last_ones_of_its_chain(attempts):
    writes = model(ROUNDS)
    solved(Revision(3, 4, attempts, equal=operator.eq), writes)
    first, *others = writes.requests
    assert (first.path.prompt, first.params["n"]) == (PROBLEM.prompt, 3)
    shown = [ask.path.prompt for ask in others]
    chains = ["".join(column) for column in zip(*ROUNDS, strict=True)]
    assert shown == [
        revision_prompt(PROBLEM, chain[max(0, number - attempts) : number], Revision().revise)
        for number in range(1, 4)
        for chain in chains
    ]
    assert {len(prompt) for prompt in shown} == {1 + 2 * min(number, attempts) for number in range(1, 4)}


def test_the_best_of_each_chain_competes():
    """By hand: chain 1 is 1 2 7 1, its best 2; chain 2 is 3 4 7 8, 3; chain 3 is 5 6 7 9, 5 (before 6)."""
    plain = solved(Revision(3, 4, selection="plain", equal=operator.eq), model(ROUNDS), scored_by(SCORES))
    assert [one.text for one in plain.candidates] == ["2", "3", "5"]
    assert plain.scores == (0.5, 0.9, 0.3)
    assert plain.text == "3"


def test_answers_of_several_chains_add_up():
    rounds = ["123", "225"]
    scores = {"1": 0.1, "2": 0.4, "3": 0.7, "5": 0.0}
    weighted = solved(
        Revision(3, 2, selection="weighted", equal=operator.eq), model(rounds), scored_by(scores)
    )
    assert [(vote.answer, vote.weight) for vote in weighted.votes] == [("2", 0.8), ("3", 0.7)]
    assert weighted.text == "2"


@pytest.mark.parametrize("reward", [None, scored_by(SCORES)])
def test_a_majority_is_of_all_attempts(reward):
    selection = "majority" if reward else "hybrid"
    answer = solved(Revision(3, 4, selection=selection, equal=operator.eq), model(ROUNDS), reward)
    assert len(answer.candidates) == 12
    assert [(vote.answer, len(vote.members)) for vote in answer.votes[:2]] == [("7", 3), ("1", 2)]
    assert answer.text == "7"


@pytest.mark.parametrize(("n", "chains", "rounds"), [(8, 2, 4), (11, 2, 4), (4, 1, 4), (3, 1, 3), (1, 1, 1)])
def test_a_budget_is_shared_between_chains_and_rounds(n, chains, rounds):
    writes = ScriptedModel()
    answer = solved(Revision(equal=operator.eq, sampling={"max_tokens": 3}), writes, n=n)
    assert len(answer.candidates) == chains * rounds
    assert [ask.params["n"] for ask in writes.requests] == [chains] + [1] * chains * (rounds - 1)
    assert answer.sampling["temperature"] == (0.8 if n > 1 else 0.0)


def test_after_raw_text_attempts_are_text():
    problem, writes = Problem("?", raw="Q: 1 + 1\nA: "), model(["1", "2", "3"])
    solved(Revision(1, 3, revise="A better answer:", equal=operator.eq), writes, problem=problem)
    assert writes.requests[2].path.prompt == (
        "Q: 1 + 1\nA: 1\n\nA better answer:\n\n2\n\nA better answer:\n\n"
    )


@pytest.mark.parametrize("name", ["chains", "rounds", "attempts", "revise"])
def test_bad_values_are_refused(name):
    with pytest.raises(ParameterError, match=name):
        Revision(**{name: 0})
