"""Votes that end early: who votes, when it ends, what it costs; any budget, any cut."""

import asyncio
import operator
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ponder.errors import ParameterError, UnsupportedError
from ponder.rewards import Confidence, Problem, extract_answer
from ponder.scaling import (
    Auto,
    BestOfN,
    BetaRule,
    Budget,
    DeepConf,
    Doubling,
    Journal,
    Never,
    SelfConsistency,
    ShortM,
    Unanimous,
    solve,
    solve_all,
)
from ponder.testing import Babble, ScriptedModel, Word
from scaling.policies import clear_at
from scaling.test_drive import assert_ledger_is_the_models
from scaling.test_journal import replayed, run, whole_run

PROBLEM = Problem("What is 6 * 7?", "42")
SAMPLING = {"max_tokens": 20}
unhurried = settings(deadline=None, max_examples=40, phases=[Phase.explicit, Phase.reuse, Phase.generate])


def consistent(rule=None, wave=None):
    return SelfConsistency(rule or BetaRule(), wave, SAMPLING, equal=operator.eq)


def short(m=2, tokens=3):
    return ShortM(m, tokens, SAMPLING, equal=operator.eq)


def confident(online=True, eta=0.5, of="bottom", window=0.25, **values):
    values = {"warm_up": 2, "wave": 2, "slice": 3, "sampling": {**SAMPLING, "top_logprobs": 4}} | values
    return DeepConf(online, eta, of, window, equal=operator.eq, **values)


def auto(power=0.0, share=0.7):
    policy = replace(clear_at(share, (2, 3, 5)), power=power)
    return Auto(policy, sampling=SAMPLING, equal=operator.eq)


VOTES = st.one_of(
    st.builds(
        consistent,
        st.sampled_from([BetaRule(0.6), Unanimous(2), Doubling(), Never()]),
        st.sampled_from([None, 1, 2, 3]),
    ),
    st.builds(short, st.integers(1, 3), st.integers(1, 9)),
    st.builds(
        confident, st.booleans(), st.sampled_from([0.1, 0.5, 1.0]), window=st.sampled_from([0.3, 2, 50])
    ),
    st.builds(auto, st.sampled_from([0.0, 2.0]), st.sampled_from([0.3, 0.7, 2.0])),
)


def solved(strategy, model, n, tokens=None):
    return asyncio.run(solve(strategy, PROBLEM, model, None, Budget(n, max_generated_tokens=tokens)))


@pytest.mark.slow
@unhurried
@given(strategy=VOTES, n=st.integers(1, 7), tokens=st.one_of(st.none(), st.integers(1, 80)))
def test_any_budget_holds_to_the_token_and_leaves_an_answer(strategy, n, tokens):
    model = ScriptedModel()
    answer = solved(strategy, model, n, tokens)
    assert_ledger_is_the_models(answer.ledger, model)
    assert model.running == 0
    assert tokens is None or answer.ledger.generated_tokens <= tokens
    assert 1 <= len(answer.candidates) <= n
    members = [i for vote in answer.votes for i in vote.members]
    assert len(members) == len(set(members))
    if answer.votes:
        assert answer.chosen in answer.votes[0].members


@pytest.mark.slow
@unhurried
@given(strategy=VOTES, tokens=st.one_of(st.none(), st.integers(5, 60)), data=st.data())
def test_a_journal_cut_at_any_line_goes_on_to_the_same_answer(strategy, tokens, data):
    budget = Budget(4, max_generated_tokens=tokens)
    journal, answer = whole_run(strategy, budget)
    assert replayed(strategy, journal) == answer
    cut = Journal(journal.lines[: data.draw(st.integers(0, len(journal.lines)))])
    resumed = run(strategy, ScriptedModel(), cut, budget=budget)
    assert replace(resumed, ledger=answer.ledger) == answer
    assert resumed.ledger.generated_tokens == answer.ledger.generated_tokens
    assert replayed(strategy, cut) == resumed


@pytest.mark.parametrize("wave", [None, 1, 3, 5, 8])
def test_samples_are_those_of_best_of_n_whatever_the_waves(wave):
    whole = solved(BestOfN("majority", SAMPLING, operator.eq), ScriptedModel(), 8)
    answer = solved(consistent(Never(), wave), ScriptedModel(), 8)
    assert [candidate.text for candidate in answer.candidates] == [one.text for one in whole.candidates]
    assert (answer.answer, answer.votes, answer.chosen) == (whole.answer, whole.votes, whole.chosen)


@pytest.mark.parametrize("wave", [None, 1, 2, 4, 9])
def test_self_consistency_stops_when_the_vote_is_clear(scripted, wave):
    """At 4:0, and at 6:1 after one that disagrees (probability 0.965; 5:1 has 0.938)."""
    clear = solved(consistent(wave=wave), scripted(*"77777777777777777777"), 20)
    assert len(clear.candidates) == {None: 4, 1: 4, 2: 4, 4: 4, 9: 9}[wave]
    model = scripted(*"71777777777777777777")
    answer = solved(consistent(wave=wave), model, 20)
    assert len(answer.candidates) == {None: 7, 1: 7, 2: 8, 4: 8, 9: 9}[wave]
    assert (answer.answer, answer.votes[0].members[:3]) == ("7", (0, 2, 3))
    prompt = len(model.characters.prompt(PROBLEM.prompt))
    assert answer.ledger.computed_tokens <= prompt + len(answer.candidates)  # later waves find the prompt


def test_short_m_keeps_the_first_to_end_by_tokens(scripted):
    """The three shortest of five: the other two are halted within a slice."""
    model = scripted("1.......... 8", "22 7", "3333 7", "....5.5", "........................... 8")
    answer = solved(short(3, 4), model, 5)
    assert sorted(i for vote in answer.votes for i in vote.members) == [1, 2, 3]
    assert (answer.answer, answer.chosen) == ("7", 1)
    assert [candidate.tokens for candidate in answer.candidates] == [8, 4, 6, 7, 8]
    assert answer.candidates[0].finish_reason == "until"


def test_short_m_ties_go_to_the_shortest(scripted):
    model = scripted("......... 5", ". 6", ".... 7")
    assert solved(short(3), model, 3).answer == "6"
    assert solved(short(1), scripted("...5", "1", "7"), 3).chosen == 1  # of equals, the first sample


@pytest.mark.parametrize("tokens", [1, 2, 5, 50])
def test_short_m_does_not_depend_on_the_slice(tokens):
    votes = [solved(short(2, size), ScriptedModel(), 6).votes for size in (3, tokens)]
    assert votes[0] == votes[1]


def peaked(place):
    """Sample i writes 8 tokens and then its answer; every third sample is unsure of tokens 4 to 6."""
    sample = place.lineage[0][1] if place.lineage else 0
    if place.position == 8:
        return Word(str(sample % 3), -0.1, True, _row(0.99))
    unsure = sample % 3 == 2 and 4 <= place.position < 7
    return Word(".", -0.5, False, _row(0.3 if unsure else 0.9 + sample / 1000))


def _row(peak):
    return {".": float(np.log(peak)), **dict.fromkeys("012", float(np.log((1 - peak) / 3)))}


def reference(confidences, window):
    """DeepConf's lowest group and mean of the lowest tenth, by a loop over tokens."""
    means = [
        sum(confidences[t - window + 1 : t + 1]) / window for t in range(window - 1, len(confidences))
    ] or [sum(confidences) / len(confidences)]
    lowest = sorted(means)[: max(1, len(means) // 10)]
    return min(means), sum(lowest) / len(lowest)


@pytest.mark.parametrize("eta", [0.1, 0.5, 0.9, 1.0])
def test_offline_deep_conf_is_its_formulas(eta):
    """Keep whose confidence is at the percentile or above; add up their confidences."""
    answer = solved(confident(online=False, eta=eta, window=3), ScriptedModel(Babble()), 12)
    values = [reference([m.confidence for m in c.measures], 3)[1] for c in answer.candidates]
    assert answer.scores == pytest.approx(values, abs=1e-6)
    bar = np.percentile(values, 100 * (1 - eta))
    weights = Counter()
    for value, candidate in zip(values, answer.candidates, strict=True):
        if value >= bar - 1e-9 and (said := extract_answer(candidate.text)):
            weights[said] += value
    assert {vote.answer: vote.weight for vote in answer.votes} == pytest.approx(dict(weights), abs=1e-6)


def test_online_deep_conf_ends_texts_that_fall_below_the_bar():
    """After a warm-up of three, whose third is the unsure one, every third text ends where it is unsure."""
    strategy = confident(eta=0.6, window=3, warm_up=3, wave=3, slice=1, consensus=1.0)
    answer = solved(strategy, ScriptedModel(peaked), 9)
    assert [candidate.tokens for candidate in answer.candidates] == [9, 9, 9, 9, 9, 5, 9, 9, 5]
    lowest = [reference([m.confidence for m in c.measures], 3)[0] for c in answer.candidates]
    bar = np.percentile(lowest[:3], 40)
    assert all(lowest[i] < bar for i in (2, 5, 8))
    voters = {i for vote in answer.votes for i in vote.members}
    assert voters == {i for i in range(9) if lowest[i] >= bar}
    assert {3, 4, 6, 7} <= voters


def test_online_deep_conf_stops_when_they_agree():
    model = ScriptedModel(lambda place: Word("7", -0.1, place.position == 3, _row(0.9)))
    answer = solved(confident(eta=1.0, warm_up=4), model, 30)
    assert len(answer.candidates) == 4
    assert answer.votes[0].weight == pytest.approx(sum(answer.scores))


def test_deep_conf_says_what_a_model_does_not_tell(scripted):
    with pytest.raises(UnsupportedError, match="likeliest tokens"):
        solved(confident(), scripted("1", "2"), 2)


@pytest.mark.parametrize(
    ("strategy", "values", "field"),
    [
        (SelfConsistency, {"wave": 0}, "wave"),
        (SelfConsistency, {"sampling": {"n": 3}}, "n"),
        (ShortM, {"m": 0}, "m"),
        (ShortM, {"slice": 1.5}, "slice"),
        (DeepConf, {"eta": 0}, "eta"),
        (DeepConf, {"eta": 1.1}, "eta"),
        (DeepConf, {"of": "entropy"}, "of"),
        (DeepConf, {"window": 0}, "window"),
        (BetaRule, {"threshold": 1.0}, "threshold"),
        (Unanimous, {"window": 1}, "window"),
    ],
)
def test_bad_values_are_refused_before_anything_runs(strategy, values, field):
    with pytest.raises(ParameterError, match=field):
        strategy(**values)


@pytest.mark.parametrize("of", ["self-certainty", "bottom", "entropy"])
def test_on_a_model_a_reward_of_certainty_is_told_what_it_needs(tiny_model, of):
    """Without anything set by the caller; and a replay tells the same."""
    journal, problem = Journal(), Problem("?", raw="abc")
    strategy = BestOfN("borda", SAMPLING, operator.eq)
    answer = asyncio.run(solve(strategy, problem, tiny_model, Confidence(of), Budget(4), journal=journal))
    assert None not in answer.scores
    assert len(set(answer.scores)) == 4
    assert replayed(strategy, journal, problem) == answer
    if of == "self-certainty":
        for score, candidate in zip(answer.scores, answer.candidates, strict=True):
            assert score == pytest.approx(np.mean([m.certainty for m in candidate.measures]))


@pytest.mark.slow
@pytest.mark.parametrize("strategy", [consistent(Unanimous(2)), short(), confident()])
def test_on_a_model_votes_do_not_depend_on_the_company(tiny_model, strategy):
    """Eight problems at a time give what one at a time gives."""
    problems = [Problem(f"{i}", raw="abc"[: 1 + i % 3]) for i in range(8)]

    async def results(concurrency):
        stream = solve_all(problems, strategy, tiny_model, None, Budget(6), concurrency=concurrency)
        return [item async for item in stream][:-1]

    for one, other in zip(asyncio.run(results(1)), asyncio.run(results(8)), strict=True):
        assert [c.text for c in one.answer.candidates] == [c.text for c in other.answer.candidates]
        assert one.answer.chosen == other.answer.chosen
