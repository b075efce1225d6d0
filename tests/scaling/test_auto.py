"""Auto: what it decides by which table, what it costs, what it takes from votes, tests and rewards."""

import asyncio
import math
import operator
from dataclasses import asdict, dataclass, replace

import pytest

from ponder.asks import Boundary
from ponder.errors import DataError, ParameterError
from ponder.rewards import CodeTests, Judgement, Problem, callable_verifier
from ponder.scaling import Auto, BestOfN, Budget, EffectDone, drive, solve, strategy_named
from ponder.scaling.fit_policy import stand
from ponder.scaling.self_consistency import labelled
from ponder.testing import Babble, ScriptedModel
from scaling.policies import clear_at
from scaling.step_search import Ones
from scaling.test_drive import assert_ledger_is_the_models


@dataclass(frozen=True)
class Scores:
    """Scores texts by a table."""

    scores: dict
    name: str = "scores"
    scale: str = "probability"
    needs: frozenset = frozenset()

    async def judge(self, problem, candidates):
        return Judgement(tuple((self.scores[one.text],) for one in candidates), scale="probability")


@dataclass(frozen=True)
class Drawn:
    """A sample of a pool."""

    group: int | None
    right: bool
    logprob: float
    tokens: int


PROBLEM = Problem("What is 6 * 7?", "42")
PROGRAM = Problem("Write it.", tests=CodeTests(("f() == 1",)))
WHOLE = {"equal": operator.eq, "sampling": {"max_tokens": 24}}


def told(strategy, model, n=8, reward=None, problem=PROBLEM, **budget):
    """Return the notes of a run, and its answer."""

    async def events():
        return [one async for one in drive(strategy, problem, model, reward, Budget(n, **budget))]

    *before, answer = asyncio.run(events())
    return [one.note for one in before if isinstance(one, EffectDone) and one.kind == "note"], answer


def actions(strategy, model, n=8, reward=None, problem=PROBLEM, **budget):
    notes, answer = told(strategy, model, n, reward, problem, **budget)
    return [note["action"] for note in notes], answer


@pytest.mark.parametrize(
    ("texts", "n", "decided", "drawn"),
    [
        ("77", 8, ["stop"], 2),  # all agree
        ("7177", 8, ["sample", "stop"], 4),  # three of four do
        ("71727374", 8, ["sample", "sample", "stop"], 8),  # half of them, and the last wave
        ("7172", 3, ["sample", "stop"], 3),  # the budget's n
        ("7", 1, ["stop"], 1),
    ],
)
def test_it_draws_as_many_as_the_table_says(scripted, texts, n, decided, drawn):
    model = scripted(*texts)
    decisions, answer = actions(Auto(clear_at(0.7), **WHOLE), model, n)
    assert decisions == decided
    assert (len(answer.candidates), answer.answer) == (drawn, "7")
    assert_ledger_is_the_models(answer.ledger, model)
    assert answer.ledger.generated_tokens == sum(one.tokens for one in answer.candidates)


def test_the_probes_are_the_first_samples_of_best_of_n_and_are_charged():
    auto = Auto(clear_at(2.0), **WHOLE)
    answer = asyncio.run(solve(auto, PROBLEM, ScriptedModel(), None, Budget(8)))
    whole = asyncio.run(solve(BestOfN("majority", **WHOLE), PROBLEM, ScriptedModel(), None, Budget(8)))
    assert [one.path.tokens for one in answer.candidates] == [one.path.tokens for one in whole.candidates]
    assert (answer.answer, answer.ledger.generated_tokens) == (whole.answer, whole.ledger.generated_tokens)


def test_what_it_saw_and_decided_is_noted(scripted):
    notes, _ = told(Auto(clear_at(0.7), **WHOLE), scripted(*"7.77"))
    first = {"n": 2, "share": 0.5, "lead": 0.5, "answers": 1, "tokens": 1.0, "worth": 0.5, "right": 0.3}
    assert notes[0].items() >= {**first, "action": "sample"}.items()
    assert notes[1].items() >= {"n": 4, "share": 0.75, "worth": 0.0, "right": 0.9, "action": "stop"}.items()


def test_a_higher_price_stops_sooner(scripted):
    dear = Auto(clear_at(0.7), price=0.5, **WHOLE)
    assert actions(dear, scripted(*"71717171"))[0] == ["give up"]
    assert actions(replace(dear, price=0.0), scripted(*"71717171"))[0] == ["sample", "sample", "stop"]


def test_likely_texts_weigh_more():
    """By the geometric mean of their tokens' probabilities, to the policy's power; the fit sees the same."""
    policy = replace(clear_at(2.0, (8,)), power=2.0)
    model = ScriptedModel(Babble(("1", "2", "3", "")))
    notes, answer = told(Auto(policy, **WHOLE), model, 8)
    means = [one.logprob / max(1, len(one.path.tokens)) for one in answer.candidates]
    assert list(answer.scores) == pytest.approx([2 * mean for mean in means])
    weights = {vote.answer: sum(math.exp(2 * means[i]) for i in vote.members) for vote in answer.votes}
    assert answer.answer == max(weights, key=weights.get)
    assert len({len(vote.members) for vote in answer.votes}) > 1

    labels = labelled([one.answer for one in answer.candidates], operator.eq)
    drawn = [
        Drawn(label, one.answer == answer.answer, one.logprob, len(one.path.tokens))
        for label, one in zip(labels, answer.candidates, strict=True)
    ]
    right, standing = stand(drawn, 2.0)
    assert right
    for name, value in asdict(standing).items():
        assert notes[-1][name] == pytest.approx(value)


def test_programs_are_written_until_one_passes(scripted):
    """Its tests decide, and not votes; what is hopeless is given up by the price of an attempt."""
    reward = Scores({"a": 0.5, "b": 1.0, "c": 0.0})
    auto = Auto(replace(clear_at(0.1), price=0.2), **WHOLE)  # after n failures 1 / (2 + n) is the chance
    notes, answer = told(auto, scripted(*"aacb"), 8, reward, PROGRAM)
    assert [(note["worth"], note["action"]) for note in notes] == [(0.25, "sample"), (0.0, "stop")]
    assert (answer.text, len(answer.candidates)) == ("b", 4)
    notes, answer = told(auto, scripted(*"caaa"), 8, reward, PROGRAM)
    assert [note["action"] for note in notes] == ["sample", "give up"]
    assert (answer.text, notes[1]["worth"]) == ("a", pytest.approx(1 / 6))


def test_a_number_says_nothing_of_being_right(scripted):
    """So all samples are drawn, and the best is taken."""
    reward = callable_verifier(lambda problem, text: len(text))
    decisions, answer = actions(Auto(clear_at(0.1), **WHOLE), scripted(*"7777777", "77"), 8, reward)
    assert decisions == ["sample", "sample", "stop"]
    assert answer.text == "77"


def test_votes_are_weighted_by_a_reward(scripted):
    """Two bad sevens have a fifth of the weight; the third wave has another good eight."""
    scores = {"7": 0.1, "8": 0.8}
    auto = Auto(clear_at(0.9, (3, 4, 8)), **WHOLE)
    notes, answer = told(auto, scripted(*"7787"), 8, Scores(scores))
    assert notes[0]["share"] == pytest.approx(0.8)
    assert answer.answer == "8"


def test_a_policy_can_search_where_there_are_steps_and_a_reward():
    steps = Boundary(("\n",), 6)
    policy = clear_at(2.0, (2, 4, 8), "search")
    searching = Auto(policy, step=steps, **WHOLE)
    model = ScriptedModel()
    decisions, answer = actions(searching, model, 8, Ones())
    assert decisions == ["search"]
    assert_ledger_is_the_models(answer.ledger, model)
    assert any(len(one.steps) > 1 for one in answer.candidates)
    probes = asyncio.run(solve(BestOfN(**WHOLE), PROBLEM, ScriptedModel(), Ones(), Budget(2))).candidates
    assert [one.text for one in answer.candidates[:2]] == [one.text for one in probes]
    for other, reward in ((replace(searching, step=None), Ones()), (searching, None)):
        assert actions(other, ScriptedModel(), 8, reward)[0] == ["sample", "sample", "stop"]


def test_a_policy_can_have_programs_revised():
    policy = clear_at(2.0, (2, 4, 8), "revise")
    model = ScriptedModel(["bad", "worse"])
    decisions, answer = actions(Auto(policy, **WHOLE), model, 4, Scores({"bad": 0.5, "worse": 0.0}), PROGRAM)
    assert decisions == ["revise", "stop"]
    asked = [ask.path.prompt for ask in model.requests]
    assert asked[1] != asked[2], "each of another attempt"
    assert "bad" in str(asked[1])
    assert "worse" in str(asked[2])
    assert_ledger_is_the_models(answer.ledger, model)


def test_a_budget_that_ends_ends_it(scripted):
    decisions, answer = actions(Auto(clear_at(2.0), **WHOLE), scripted("77777"), 8, max_generated_tokens=12)
    assert (decisions, answer.stopped) == (["sample", "stop"], "tokens")
    assert answer.ledger.generated_tokens == 12


def test_a_policy_is_named_by_its_file(tmp_path):
    path = str(tmp_path / "policy.json")
    clear_at(0.7).save(path)
    assert strategy_named("auto", {"policy": path}).policy == clear_at(0.7)
    with pytest.raises(DataError, match=r"missing\.json"):
        strategy_named("auto", {"policy": "missing.json"})


def test_bad_settings_are_refused():
    with pytest.raises(ParameterError, match="policy"):
        Auto("policy.json")
    with pytest.raises(ParameterError, match="price"):
        Auto(price=-1.0)
    with pytest.raises(ParameterError, match="revise"):
        Auto(revise=" ")
    with pytest.raises(ParameterError, match="set in the budget"):
        Auto(sampling={"n": 3})
    named = strategy_named("auto", {"price": 0.5, "step": "\n"})
    assert (named.price, named.step, named.policy) == (0.5, Boundary(("\n",)), Auto().policy)
