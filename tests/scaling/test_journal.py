"""A run that was cut off anywhere goes on to the same answer, and is told again without a model."""

import asyncio
import json
from contextlib import aclosing
from dataclasses import dataclass, replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ponder.asks import Boundary, Grow, Path, Tokens
from ponder.errors import CapacityError, DataError
from ponder.rewards import Judgement, Problem
from ponder.scaling import (
    DVTS,
    Answer,
    BetaRule,
    Budget,
    Choice,
    Journal,
    Progress,
    Rebase,
    SelfConsistency,
    drive,
    extend,
    replay,
    solve,
    solve_all,
)
from ponder.testing import Babble, ScriptedModel, Trouble
from scaling.forged import summed
from scaling.step_search import Ones, StepBeam, best_of_n
from scaling.test_drive import assert_ledger_is_the_models

PROBLEM = Problem("What is 6 * 7?", "42")
STRATEGIES = st.one_of(
    st.builds(best_of_n, st.just("weighted"), st.just({"max_tokens": 20})),
    st.builds(StepBeam, st.integers(1, 2), st.integers(1, 3), st.integers(1, 3), st.integers(0, 3)),
)
unhurried = settings(deadline=None, max_examples=40, phases=[Phase.explicit, Phase.reuse, Phase.generate])


def run(strategy, model, journal, reward=None, budget=None):
    return asyncio.run(solve(strategy, PROBLEM, model, reward or Ones(), budget, journal=journal))


def replayed(strategy, journal, problem=PROBLEM):
    async def last():
        return [event async for event in replay(strategy, problem, journal)][-1]

    return asyncio.run(last())


def whole_run(strategy, budget=None):
    """Run with every token in the journal; return the journal and the answer."""

    async def last():
        events = drive(strategy, PROBLEM, ScriptedModel(), Ones(), budget, journal=journal, progress_s=0)
        return [event async for event in events][-1]

    journal = Journal()
    return journal, asyncio.run(last())


@pytest.mark.slow
@unhurried
@given(strategy=STRATEGIES, tokens=st.one_of(st.none(), st.integers(5, 60)), data=st.data())
def test_a_journal_cut_at_any_line_goes_on_to_the_same_answer(strategy, tokens, data):
    """What is in it is not generated again, and the ledger counts it."""
    budget = Budget(3, max_generated_tokens=tokens)
    journal, answer = whole_run(strategy, budget)
    kept = data.draw(st.integers(0, len(journal.lines)))
    cut = Journal(journal.lines[:kept])
    model = ScriptedModel()
    resumed = run(strategy, model, cut, budget=budget)
    assert replace(resumed, ledger=answer.ledger) == answer
    assert resumed.ledger.generated_tokens == answer.ledger.generated_tokens
    told = [json.loads(line) for line in journal.lines[:kept]]
    spent = {line["of"]: line["spent"].get("generated_tokens", 0) for line in told if "of" in line}
    assert model.usage.generated_tokens == answer.ledger.generated_tokens - sum(spent.values())
    assert replayed(strategy, cut) == resumed
    lines = list(cut.lines)
    assert run(strategy, ScriptedModel(), cut, budget=budget) == resumed  # all of it is there
    assert cut.lines == lines


@pytest.mark.slow
@unhurried
@given(strategy=STRATEGIES, events=st.integers(1, 60), tokens=st.one_of(st.none(), st.integers(5, 60)))
def test_a_run_that_is_closed_goes_on_on_the_same_model(strategy, events, tokens):
    """Both halves together cost what the model counted; every closed request is counted too."""
    model, journal, budget = ScriptedModel(), Journal(), Budget(3, max_generated_tokens=tokens)

    async def some():
        run = drive(strategy, PROBLEM, model, Ones(), budget, journal=journal, progress_s=0)
        async with aclosing(run) as told:
            for _ in range(events):
                if await anext(told, None) is None:
                    break

    asyncio.run(some())
    assert model.running == 0
    resumed = run(strategy, model, journal, budget=budget)
    assert_ledger_is_the_models(resumed.ledger, model)
    _, answer = whole_run(strategy, budget)
    assert replace(resumed, ledger=answer.ledger) == answer
    assert replayed(strategy, journal) == resumed


def test_a_replay_is_the_run_bit_for_bit():
    """Answer and ledger, seconds too, and the tree as it was told."""
    strategy, journal = StepBeam(2, 3, 3), Journal()

    async def both():
        events = drive(strategy, PROBLEM, ScriptedModel(), Ones(), journal=journal)
        first = [event async for event in events if not isinstance(event, Progress)]
        again = [event async for event in replay(strategy, PROBLEM, journal)]
        return first, [event for event in again if not isinstance(event, Progress)]

    first, again = asyncio.run(both())
    assert again[-1] == first[-1]
    assert first[-1].ledger.seconds > 0
    assert [(e.kind, e.nodes, e.note) for e in again[:-1]] == [(e.kind, e.nodes, e.note) for e in first[:-1]]


def test_judgements_are_in_the_journal():
    class Once:
        name, scale, needs, asked = "once", "logarithm", frozenset(), 0

        async def judge(self, problem, candidates):
            self.asked += 1
            return Judgement.of([-1.5, "too long", float("nan")], tokens=4)

    journal, reward = Journal(), Once()
    answer = run(best_of_n(), ScriptedModel(["a", "b", "c"]), journal, reward, Budget(3))
    assert (answer.scores, answer.ledger.reward_tokens) == ((-1.5, None, None), 4)
    assert run(best_of_n(), ScriptedModel(), journal, reward, Budget(3)) == answer
    assert replayed(best_of_n(), journal) == answer
    assert reward.asked == 1


def test_a_run_that_failed_goes_on():
    journal = Journal()
    model = ScriptedModel(["abcdef", "gh"], troubles=[Trouble(0, 5, CapacityError("full"))])
    with pytest.raises(CapacityError):
        run(best_of_n("majority"), model, journal, budget=Budget(2))
    answer = run(best_of_n("majority"), model, journal, budget=Budget(2))
    assert [candidate.text for candidate in answer.candidates] == ["abcdef", "gh"]
    assert model.usage.generated_tokens == 8
    assert_ledger_is_the_models(answer.ledger, model)


def test_the_clock_goes_on_from_where_it_was():
    """Seconds of a resumed run are those of both halves; a limit that is reached stays so in a replay."""

    async def for_ever():
        await asyncio.Event().wait()

    journal = Journal()
    model = ScriptedModel(["abcdef"], troubles=[Trouble(0, 3, wait=for_ever)])
    answer = run(best_of_n("majority"), model, journal, budget=Budget(1, seconds=0.1))
    assert (answer.stopped, answer.candidate.text) == ("seconds", "abc")
    assert replayed(best_of_n("majority"), journal) == answer
    without_answer = Journal(journal.lines[:-1])
    resumed = run(best_of_n("majority"), ScriptedModel(), without_answer, budget=Budget(1, seconds=0.1))
    assert (resumed.stopped, resumed.candidate) == ("seconds", answer.candidate)
    assert resumed.ledger.seconds >= 0.1


@pytest.mark.parametrize("events", [1, 4, 6, 9, 11])
def test_on_a_model_a_run_that_is_closed_within_a_step_counts_no_token_twice(tiny_model, events):
    """The engine counts a step's tokens with the first that it tells."""
    problem, budget = Problem("?", raw="abc"), Budget(4, max_generated_tokens=30)
    args = (best_of_n("majority", {"max_tokens": 12, "seed": 1}), problem, tiny_model, None, budget)

    async def some():
        async with aclosing(drive(*args, journal=journal, progress_s=0)) as told:
            for _ in range(events):
                await anext(told)

    journal = Journal()
    asyncio.run(some())
    answer, resumed = asyncio.run(solve(*args)), asyncio.run(solve(*args, journal=journal))
    assert [one.path for one in resumed.candidates] == [one.path for one in answer.candidates]
    assert resumed.ledger.generated_tokens == answer.ledger.generated_tokens == 30


@dataclass(frozen=True)
class PutsIn:
    """Goes on from a text that it put in itself, whose tokens only the model knows."""

    name: str = "puts-in"
    needs: frozenset = frozenset()

    def search(self, problem, budget):
        first = yield from extend(Grow(Path(problem.prompt, text="so "), {"n": 3}, until=Tokens(9)))
        paths = [text.path for text in first.texts]
        more = yield from extend(*(Grow(path, {"n": 2}, until=Tokens(4)) for path in paths))
        return Choice(0, more.texts)


@pytest.mark.slow
@unhurried
@given(cut=st.integers(0, 60), paths=st.sampled_from(["tokens", "text"]))
def test_texts_that_cannot_go_on_from_their_tokens_begin_again(cut, paths):
    """The answer is the same; what was lost is paid again, and counted."""

    def model():
        made = ScriptedModel(Babble(("1", "2", "3")))
        made.offers = replace(made.offers, paths=paths)
        return made

    async def last(journal, model):
        events = drive(PutsIn(), PROBLEM, model, journal=journal, progress_s=0)
        return [event async for event in events][-1]

    journal = Journal()
    answer = asyncio.run(last(journal, model()))
    assert isinstance(answer, Answer)
    kept = Journal(journal.lines[:cut])
    resumed = asyncio.run(last(kept, model()))
    assert replace(resumed, ledger=answer.ledger) == answer
    assert resumed.ledger.generated_tokens >= answer.ledger.generated_tokens
    assert replayed(PutsIn(), kept) == resumed


def test_what_does_not_fit_is_one_error_that_names_the_line():
    journal, _ = whole_run(best_of_n("weighted"), Budget(2))
    with pytest.raises(DataError, match=r"line 1: .* it is a journal of something else"):
        replayed(best_of_n("weighted"), journal, Problem("other"))
    with pytest.raises(DataError, match=r"line 1: .*budget"):
        run(best_of_n("weighted"), ScriptedModel(), journal, budget=Budget(3))
    with pytest.raises(DataError, match=r'line 1: .*reward = "ones" where the run has "twos"'):
        run(best_of_n("weighted"), ScriptedModel(), journal, Ones("twos"), Budget(2))
    with pytest.raises(DataError, match=r"line \d+: the journal ends before the run"):
        replayed(best_of_n("weighted"), Journal(journal.lines[:4]))
    with pytest.raises(DataError, match="has no run"):
        replayed(best_of_n("weighted"), Journal())
    changed = [line.replace('"chosen":', '"chosen":1') for line in journal.lines]
    with pytest.raises(DataError, match=rf"line {len(changed)}: not as it was written"):
        replayed(best_of_n("weighted"), Journal(changed))
    with pytest.raises(DataError, match=rf"line {len(changed)}: the journal has answer\.chosen = 1\d* where"):
        replayed(best_of_n("weighted"), summed(changed))
    with pytest.raises(DataError, match="line 3: not a line of a journal"):
        replayed(best_of_n("weighted"), summed([*journal.lines[:2], '{"run":"","of":0,"grown":[{}]}']))


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (['{"run":""}', "{"], "line 2: not JSON"),
        (['{"question":"1 + 1"}'], "line 1: not a line of a journal, since it is of no run"),
        (['{"run":"0","begin":3}'], "line 1: written in format 3 of journals, and only format 4 can be read"),
        (["[1]"], "line 1: a JSON object is needed"),
        (["9" * 5000], "line 1: not JSON that can be read"),
        (["[" * 100_000], "line 1: not JSON that can be read"),
    ],
    ids=["cut", "data", "old", "list", "digits", "deep"],
)
def test_what_is_no_journal_is_refused_before_anything_is_added(tmp_path, lines, says):
    path = tmp_path / "run.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    for read in (Journal.open, Journal.read):
        with pytest.raises(DataError, match=says):
            read(path)
    assert path.read_text().splitlines() == lines


@pytest.mark.parametrize(
    ("first", "second", "differs"),
    [
        (
            best_of_n("weighted"),
            best_of_n("plain"),
            'settings.selection = "weighted" where the run has "plain"',
        ),
        (
            best_of_n("plain"),
            best_of_n("plain", {"temperature": 0.5}),
            "no strategy.settings.sampling.temperature where the run has 0.5",
        ),
        (Rebase(), Rebase(max_steps=9), "strategy.settings.max_steps = 40 where the run has 9"),
        (
            SelfConsistency(BetaRule(0.9)),
            SelfConsistency(BetaRule(0.8)),
            "strategy.settings.rule.threshold = 0.9 where the run has 0.8",
        ),
        (
            Rebase(step=Boundary(("\n",))),
            Rebase(step=Boundary((";",))),
            r'strategy.settings.step.strings\[0\] = "\\n" where the run has ";"',
        ),
        (Rebase(), DVTS(), 'strategy.name = "rebase" where the run has "dvts"'),
    ],
)
def test_another_setting_is_another_run(first, second, differs):
    """The error names the line and the setting. Nothing is asked, and nothing is added."""
    journal, budget = Journal(), Budget(4, max_generated_tokens=20)
    run(first, ScriptedModel(), journal, budget=budget)
    cut, model = Journal(journal.lines[:3]), ScriptedModel()
    with pytest.raises(DataError, match=rf"line 1: the journal has .*{differs}"):
        run(second, model, cut, budget=budget)
    assert (len(cut.lines), model.requests) == (3, [])


def test_of_a_strategy_from_outside_the_name_is_written_and_what_it_asks():
    journal, _ = whole_run(StepBeam(2, 3, 3))
    assert json.loads(journal.lines[0])["strategy"] == {"name": "step-beam"}
    with pytest.raises(
        DataError, match=r"line 2: the journal has extend\[0\].params.n = 6 where the run has 4"
    ):
        run(StepBeam(2, 2, 3), ScriptedModel(), Journal(journal.lines[:2]))


@pytest.mark.slow
def test_a_file_is_gone_on_with_after_a_line_that_was_cut_off(tmp_path):
    path = tmp_path / "run.jsonl"
    journal = Journal.open(path)
    answer = run(best_of_n("weighted"), ScriptedModel(), journal)
    journal.close()
    content = path.read_bytes()
    assert content.decode().splitlines() == journal.lines
    for size in range(0, len(content), 97):
        path.write_bytes(content[:size])
        again = Journal.open(path)
        resumed = run(best_of_n("weighted"), ScriptedModel(), again)
        again.close()
        assert replace(resumed, ledger=answer.ledger) == answer
        assert replayed(best_of_n("weighted"), Journal.open(path)) == resumed
    path.write_bytes(b"\xff\n")
    with pytest.raises(DataError, match="UTF-8"):
        Journal.open(path)
    with pytest.raises(DataError, match="cannot be opened"):
        Journal.open(tmp_path)


@pytest.mark.parametrize("lines", [3, 10, 17, 25])
def test_many_problems_in_one_journal(lines):
    """Problems that are answered are not asked again; the one that was cut off goes on."""
    problems = [Problem(f"{i} + {i}", str(2 * i)) for i in range(5)]

    async def results(journal, model, concurrency):
        options = {"journal": journal, "concurrency": concurrency}
        stream = solve_all(problems, best_of_n("majority"), model, None, Budget(3), **options)
        return [item async for item in stream]

    journal = Journal()
    *first, _ = asyncio.run(results(journal, ScriptedModel(), 3))
    kept, model = Journal(journal.lines[:lines]), ScriptedModel()
    *again, _ = asyncio.run(results(kept, model, 2))
    for one, other in zip(first, again, strict=True):
        assert other.answer.candidates == one.answer.candidates
        assert other.right == one.right
    answered = sum('"answer"' in line for line in journal.lines[:lines])
    assert len(model.requests) <= 5 - answered + 3
    *third, _ = asyncio.run(
        results(kept, ScriptedModel(troubles=[Trouble(0, error=CapacityError("asked"))]), 1)
    )
    assert [result.answer for result in third] == [result.answer for result in again]
