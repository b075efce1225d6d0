"""A journal alone tells its runs again, and whatever was changed in it is found."""

import asyncio
import json
import operator
import random
from dataclasses import replace

import pytest

from ponder.asks import Boundary
from ponder.errors import DataError, PonderError
from ponder.rewards import Problem
from ponder.rewards.code_tests import CodeTests
from ponder.scaling import (
    STRATEGY_NAMES,
    AbMcts,
    AnswerPrior,
    BestOfN,
    Beta,
    Budget,
    BudgetForcing,
    Journal,
    Learned,
    Mcts,
    Particles,
    PowerSampling,
    Rebase,
    Revision,
    SelfConsistency,
    StepBeam,
    drive,
    replayed,
    solve,
    strategy_named,
)
from ponder.scaling.strategies import described, strategy_described
from ponder.testing import ScriptedModel
from scaling.forged import entries, summed
from scaling.step_search import Ones
from scaling.step_search import StepBeam as Foreign

PROBLEM = Problem("What is 6 * 7?", "42", tests=CodeTests(("f(1) == 2",)), template_args={"is": ["Problem"]})
WHOLE = {"sampling": {"max_tokens": 24, "logit_bias": {49: 1.0}}}
STEPS = {**WHOLE, "step": Boundary(("\n",), 6), "max_steps": 3}
STRATEGIES = [
    BestOfN("plain", **WHOLE),
    StepBeam(**STEPS),
    Rebase(**STEPS),
    Mcts(3, **STEPS),
    Particles("systematic", tempering=True, **STEPS),
    AbMcts(Beta(), **WHOLE),
    PowerSampling(4.0, 12, 1, "plain", **WHOLE),
    BudgetForcing(1, end="+", selection="plain", **WHOLE),
    Revision(rounds=3, selection="plain", **WHOLE),
    SelfConsistency(Learned(AnswerPrior(2.0, 1.0, 1.0)), **WHOLE),
]
all_strategies = pytest.mark.parametrize("strategy", STRATEGIES, ids=[one.name for one in STRATEGIES])


def journal_of(strategy, n=4):
    """Run a strategy with every token in the journal; return the answer too."""

    async def last():
        events = drive(
            strategy, PROBLEM, ScriptedModel(), Ones(), Budget(n, 200), journal=journal, progress_s=0
        )
        return [event async for event in events][-1]

    journal = Journal()
    return journal, asyncio.run(last())


def told(journal, run=""):
    return asyncio.run(replayed(journal, run))


@pytest.mark.parametrize("name", STRATEGY_NAMES)
def test_a_strategy_is_made_again_of_its_description(name):
    """As JSON; `equal` has no state and is another object."""
    strategy = strategy_named(
        name, {}, {"logit_bias": {5: -1.0}, "sequence_bias": {(1, 2): 3.0}, "stop": ["a"]}
    )
    description = json.loads(json.dumps(described(strategy)))
    again = strategy_described(description)
    assert json.loads(json.dumps(described(again))) == description
    sampling = {"logit_bias": {5: -1.0}, "sequence_bias": [[[1, 2], 3.0]], "stop": ["a"]}
    assert again == replace(strategy, equal=again.equal, sampling=sampling)


@all_strategies
def test_a_run_is_verified(strategy):
    """Answer and tree are those of the run; what is cut off is unfinished, and nothing is written."""
    journal, answer = journal_of(strategy)
    run = told(journal)
    assert (run.status, run.why, run.ledger) == ("verified", None, answer.ledger)
    assert run.answer == replace(answer, sampling=run.answer.sampling)
    (chosen,) = (node for node in run.nodes if node.node == run.chosen)
    assert answer.text.endswith(chosen.text)
    assert [node.node for node in run.nodes] == list(range(len(run.nodes)))
    assert sum(node.tokens for node in run.nodes) == answer.ledger.generated_tokens
    assert json.loads(json.dumps(run.as_json(tree=True), allow_nan=False))["text"] == answer.text
    for kept in range(1, len(journal.lines), 1 + len(journal.lines) // 8):
        cut = told(Journal(journal.lines[:kept]))
        assert (cut.status, cut.answer) == ("unfinished", None)
        assert cut.why.startswith(
            f"ends after effect {cut.effects - 1}" if cut.effects else "ends in effect 0"
        )
        assert cut.nodes == tuple(map(replace, cut.nodes))


def damaged(lines):
    """Yield copies of a journal's lines in which one is not what was written, and that one's index."""

    def changed(i, change):
        entry = json.loads(lines[i])
        change(entry)
        return i, [*lines[:i], json.dumps(entry, separators=(",", ":")), *lines[i + 1 :]]

    def other_token(entry):
        next(text for text in entry["grown"] if text["tokens"])["tokens"][0] += 1

    def other_score(entry):
        entry["judged"]["steps"][0] = [0.5]

    told, middle = [json.loads(line) for line in lines], len(lines) // 2
    yield changed(next(i for i, line in enumerate(told) if line.get("grown")), other_token)
    for i in [i for i, line in enumerate(told) if line.get("judged")][:1]:
        yield changed(i, other_score)
    yield changed(middle, lambda entry: entry.update(seconds=0.25))
    yield len(lines) - 1, [*lines[:-1], lines[-1].replace('"chosen":', '"chosen":1')]
    yield middle, [*lines[:middle], *lines[middle + 1 :]]
    yield middle, [*lines[:middle], lines[middle - 1], *lines[middle:]]
    yield middle, [*lines[:middle], lines[middle + 1], lines[middle], *lines[middle + 2 :]]


@all_strategies
def test_a_line_that_was_changed_is_named(strategy):
    """A token, a score, a time, the choice; a line that is missing, twice there, or elsewhere."""
    why = "the journal, line {}: not as it was written, or a line of its run before it is missing"
    for i, lines in damaged(journal_of(strategy)[0].lines):
        run = told(Journal(lines))
        assert (run.status, run.why) == ("different", why.format(i + 1))
        with pytest.raises(DataError, match=f"line {i + 1}: not as it was written"):
            asyncio.run(
                solve(strategy, PROBLEM, ScriptedModel(), Ones(), Budget(4, 200), journal=Journal(lines))
            )


@all_strategies
def test_sums_that_are_made_anew_do_not_help(strategy):
    """What does not follow is found: another score, ledger, choice, setting, problem."""

    def forged(change):
        lines = entries(journal)
        change(lines)
        return told(summed(lines))

    def scored(lines):
        for line in lines:
            for i, steps in enumerate((line.get("judged") or {}).get("steps", [])):
                line["judged"]["steps"][i] = [score + 0.25 + i for score in steps]

    def spent(lines):
        line = next(line for line in lines if "spent" in line and "stopped" in line)
        line["spent"]["generated_tokens"] += 1

    def first(key, value):
        return lambda lines: lines[0].update({key: {**lines[0][key], **value}})

    def last(key, value):
        return lambda lines: lines[-1][key].update(value)

    journal, _ = journal_of(strategy)
    number = len(journal.lines)
    assert forged(lambda lines: None).status == "verified"
    found = {
        **({"where the run has": forged(scored)} if "judged" in str(journal.lines) else {}),
        f"line {number}: not a line of a journal: ValueError: its ledger is ": forged(spent),
        f"line {number}: not a line of a journal: ValueError: its ledger": forged(
            last("ledger", {"requests": 99})
        ),
        f"line {number}: the journal has answer.chosen = 77 where the run has": forged(
            last("answer", {"chosen": 77})
        ),
        f"line {number}: the journal has answer.stopped": forged(last("answer", {"stopped": "seconds"})),
        "where the run has ": forged(first("problem", {"question": "What is 6 * 8?"})),
        f"line {number + 1}: the journal goes on, and the run ends with": forged(
            lambda lines: lines.append(lines[-1])
        ),
    }
    for says, run in found.items():
        assert run.status == "different"
        assert says in run.why


@pytest.mark.slow
@all_strategies
def test_whatever_a_line_holds_is_told_in_one_sentence(strategy):
    """Values of other kinds and sizes in any place, with sums that fit."""
    journal, _ = journal_of(strategy, 3)
    numbers = random.Random(1)
    values = (-1, 10**400, 1e308, float("nan"), float("inf"), "x", None, [], {}, [[]], True, {"is": "os"})
    for _ in range(10):
        lines = entries(journal)
        at: object = numbers.choice(lines)
        while True:
            places = [
                key for key in (at if isinstance(at, dict) else range(len(at))) if key not in ("run", "sum")
            ]
            if not places:
                break
            key = numbers.choice(places)
            if not isinstance(at[key], dict | list) or not at[key] or numbers.random() < 0.1:
                at[key] = numbers.choice(values)
                break
            at = at[key]
        try:
            run = told(summed(lines))
        except DataError:  # another format, or of no run
            continue
        assert run.status in ("verified", "different", "foreign", "failed", "unfinished")
        assert (run.why is None) == (run.status == "verified")
        assert "\n" not in (run.why or "")
        json.dumps(run.as_json(tree=True), allow_nan=False)


def test_what_is_not_ponders_is_not_made_of_its_name():
    run = told(journal_of(Foreign())[0])
    assert (run.status, run.effects) == ("foreign", 0)
    assert run.why == "the strategy step-beam is not ponder's, and is not made from its name"
    run = told(journal_of(BestOfN("plain", equal=operator.eq))[0])
    assert run.status == "foreign"
    assert run.why.startswith("a builtin_function_or_method, which the strategy has, is not ponder's")


def test_a_run_that_failed_failed():
    """Of itself, as it would again: the error is told."""

    class Nobody(Ones):
        async def judge(self, problem, candidates):
            return (await super().judge(problem, candidates[:1])).of(["too long"] * len(candidates))

    journal = Journal()
    with pytest.raises(PonderError, match="too long"):
        asyncio.run(solve(BestOfN("plain"), PROBLEM, ScriptedModel(), Nobody(), Budget(2), journal=journal))
    run = told(journal)
    assert (run.status, run.why, run.effects, len(run.nodes)) == ("failed", "too long", 2, 2)


def test_there_is_no_such_run():
    run = told(Journal(), "3")
    assert (run.status, run.why, run.begun) == ("different", "the journal has no run '3'", {})
