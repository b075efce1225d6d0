"""The driver: what it counts, where it stops, what runs at the same time, what it tells."""

import asyncio
import json
import time
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ponder.asks import Boundary, End, Grow, Path, Record, Service, Tokens
from ponder.asks.fronts import generate
from ponder.errors import CapacityError, DataError, ParameterError
from ponder.rewards import Problem, exact_verifier
from ponder.scaling import (
    Answer,
    Budget,
    Choice,
    EffectDone,
    Journal,
    Progress,
    drive,
    extend,
    problem_seed,
    solve,
    solve_all,
)
from ponder.testing import Babble, ScriptedModel, Trouble
from scaling.step_search import Ones, Reads, StepBeam, best_of_n
from tiny_models import tiny_local_model

PROBLEM = Problem("What is 6 * 7?", "42")
COUNTS = ("prompt_tokens", "hit_tokens", "cached_tokens", "generated_tokens")
unhurried = settings(deadline=None, max_examples=60, phases=[Phase.explicit, Phase.reuse, Phase.generate])


@dataclass(frozen=True)
class Growing:
    """Grows these asks, and then those."""

    rounds: tuple
    name: str = "growing"
    needs: frozenset = frozenset()

    def search(self, problem, budget):
        texts = ()
        for asks in self.rounds:
            grown = yield from extend(*asks)
            texts += grown.texts
        return Choice(0, texts)


def solved(strategy, model, reward=None, **budget):
    return asyncio.run(solve(strategy, PROBLEM, model, reward, Budget(**budget)))


async def told(*args, **options):
    return [event async for event in drive(*args, **options)]


def assert_ledger_is_the_models(ledger, model):
    for name in COUNTS:
        reward = "reward_" + name
        assert getattr(ledger, name) + getattr(ledger, reward) == getattr(model.usage, name)
    assert ledger.computed_tokens + ledger.reward_tokens == model.usage.computed_tokens
    assert ledger.requests + ledger.reward_requests == len(model.requests)


@pytest.mark.slow
@unhurried
@given(
    strategy=st.one_of(
        st.builds(best_of_n, st.just("weighted"), st.fixed_dictionaries({"max_tokens": st.integers(1, 20)})),
        st.builds(best_of_n, st.just("plain"), st.just({"stop": ["2\n", "1"]})),
        st.builds(StepBeam, st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(0, 9)),
        st.builds(StepBeam, seed=st.integers(0, 9), step_tokens=st.none()),
    ),
    n=st.integers(1, 5),
    tokens=st.one_of(st.none(), st.integers(1, 120)),
)
def test_the_ledger_is_the_models_and_the_limit_holds_to_the_token(strategy, n, tokens):
    """Over any strategy and budget, with a reward that asks the same model."""
    model = ScriptedModel()
    answer = solved(strategy, model, Reads(model), n=n, max_generated_tokens=tokens)
    ledger = answer.ledger
    assert_ledger_is_the_models(ledger, model)
    assert ledger.reward_tokens > 0
    if answer.stopped == "tokens":
        assert ledger.generated_tokens == tokens
        assert "cancelled" in {candidate.finish_reason for candidate in answer.candidates} or isinstance(
            strategy, StepBeam
        )
    else:
        assert answer.stopped == "done"
        assert tokens is None or ledger.generated_tokens <= tokens
        free = solved(strategy, ScriptedModel(), Reads(ScriptedModel()), n=n)
        assert free.candidates == answer.candidates


@pytest.mark.slow
@unhurried
@given(n=st.integers(1, 6), tokens=st.integers(1, 100), seed=st.integers(0, 5))
def test_a_budget_cuts_texts_off_and_changes_none(n, tokens, seed):
    """What is there is the beginning of what would have come; shares differ by what others left."""
    strategy = best_of_n("majority", {"seed": seed, "max_tokens": 30})
    cut = solved(strategy, ScriptedModel(), n=n, max_generated_tokens=tokens)
    free = solved(strategy, ScriptedModel(), n=n)
    for one, other in zip(cut.candidates, free.candidates, strict=True):
        assert other.path.tokens[: one.tokens] == one.path.tokens
        if one.finish_reason != "cancelled":
            assert replace(one, path=other.path) == other
    assert cut.stopped == ("tokens" if free.ledger.generated_tokens > tokens else "done")
    lengths = [candidate.tokens for candidate in cut.candidates if candidate.finish_reason == "cancelled"]
    assert not lengths or max(lengths) - min(lengths) <= 1  # equal shares


def test_as_long_as_the_budget_suffices_nothing_is_asked_twice():
    model = ScriptedModel()
    solved(best_of_n("majority", {"max_tokens": 10}), model, n=4, max_generated_tokens=40)
    assert len(model.requests) == 1
    assert model.requests[0].until == End()
    model = ScriptedModel(lambda place: "a")
    answer = solved(best_of_n("majority", {"max_tokens": 10}), model, n=4, max_generated_tokens=39)
    assert [candidate.tokens for candidate in answer.candidates] == [10, 10, 10, 9]
    assert [len(ask.path.tokens) for ask in model.requests] == [0, 9, 9, 9]
    assert {ask.until for ask in model.requests[:1]} == {Tokens(9)}


def test_a_strategys_own_limits_stay():
    """A step's boundary and its most tokens, within a share of the budget too."""
    model = ScriptedModel(lambda place: "ab\n"[place.position % 3])
    ask = Grow(Path("p"), {"n": 2, "max_tokens": 50}, until=Boundary("\n", 20))
    for budget in (None, 100, 7):
        answer = solved(Growing(((ask,),)), model, max_generated_tokens=budget)
        assert {candidate.text for candidate in answer.candidates} == {"ab\n"}
        assert {candidate.finish_reason for candidate in answer.candidates} == {"until"}
    five = Grow(Path("p"), {"n": 2, "max_tokens": 50}, until=Tokens(5))
    answer = solved(Growing(((five,),)), model, max_generated_tokens=11)
    assert [candidate.tokens for candidate in answer.candidates] == [5, 5]
    assert answer.stopped == "done"
    long = Grow(Path("p"), {"n": 2, "max_tokens": 50}, until=Boundary("z", 20))
    answer = solved(Growing(((long,),)), model, max_generated_tokens=12)
    assert [(c.tokens, c.finish_reason) for c in answer.candidates] == [(6, "cancelled")] * 2


def test_after_the_budget_nothing_grows():
    model = ScriptedModel(lambda place: "a")
    ask = Grow(Path("p"), {"max_tokens": 50})
    answer = solved(Growing(((ask,), (ask, ask))), model, max_generated_tokens=5)
    assert [(c.tokens, c.finish_reason) for c in answer.candidates] == [
        (5, "cancelled"),
        (0, "cancelled"),
        (0, "cancelled"),
    ]
    assert len(model.requests) == 1


def test_a_model_that_cannot_go_on_with_a_text_gives_equal_shares():
    model = ScriptedModel(["aaaaaaaa", "b"])
    model.offers = replace(model.offers, paths="text")
    answer = solved(best_of_n("majority"), model, n=2, max_generated_tokens=7)
    assert [candidate.text for candidate in answer.candidates] == ["aaa", "b"]
    assert (answer.stopped, answer.ledger.generated_tokens) == ("tokens", 4)


def test_a_search_has_no_token_limit():
    @dataclass(frozen=True)
    class Searching:
        name: str = "a search"
        unused: frozenset = frozenset()
        streams: bool = False

    ask = Grow(Path("p"), method=Searching())
    with pytest.raises(ParameterError, match="a search"):
        solved(Growing(((ask,),)), ScriptedModel(), max_generated_tokens=5)


def test_asks_of_one_effect_run_at_the_same_time():
    """The first waits for the second to begin, which would be for ever otherwise."""
    model = ScriptedModel(["ab"])

    async def second():
        while len(model.requests) < 2:
            await asyncio.sleep(0)

    model.troubles = [Trouble(0, wait=second)]
    answer = solved(Growing(((Grow(Path("p")), Grow(Path("q"))),)), model)
    assert [candidate.text for candidate in answer.candidates] == ["ab", "ab"]


def test_the_clock_ends_a_model_that_says_nothing_more():
    async def for_ever():
        await asyncio.Event().wait()

    model = ScriptedModel(["abcdef", "ghijkl"], troubles=[Trouble(0, 5, wait=for_ever)])
    begun = time.perf_counter()
    answer = solved(best_of_n("majority"), model, n=2, seconds=0.2)
    assert 0.2 <= time.perf_counter() - begun < 5
    assert (answer.stopped, [c.text for c in answer.candidates]) == ("seconds", ["abc", "gh"])
    assert_ledger_is_the_models(answer.ledger, model)
    assert model.running == 0


@pytest.mark.timed
@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.05, 0.1])
def test_a_limit_on_seconds_is_exceeded_by_a_step_at_most(monkeypatch, seconds):
    model = tiny_local_model(context_length=4096)
    longest, step = 0.0, model.engine.step

    def timed():
        nonlocal longest
        begin = time.perf_counter()
        events = step()
        longest = max(longest, time.perf_counter() - begin)
        return events

    monkeypatch.setattr(model.engine, "step", timed)
    strategy = best_of_n("majority", {"max_tokens": 1000, "ignore_eos": True})
    answer = asyncio.run(solve(strategy, Problem("a", raw="a"), model, None, Budget(8, seconds=seconds)))
    model.close()
    assert answer.stopped == "seconds"
    assert answer.ledger.seconds <= seconds + longest + 0.05


def test_texts_that_ended_before_the_clock_keep_their_end():
    async def for_ever():
        await asyncio.Event().wait()

    model = ScriptedModel(["a", "ghijkl"], troubles=[Trouble(0, 4, wait=for_ever)])
    answer = solved(best_of_n("majority"), model, n=2, seconds=0.05)
    assert [candidate.finish_reason for candidate in answer.candidates] == ["stop", "cancelled"]


def test_an_error_of_one_request_ends_the_run_and_the_others():
    model = ScriptedModel(["a" * 1000], troubles=[Trouble(1, 3, CapacityError("full"))])
    with pytest.raises(CapacityError, match="full"):
        solved(Growing(((Grow(Path("p")), Grow(Path("q"))),)), model)
    assert model.running == 0
    assert model.usage.generated_tokens < 20


def test_what_is_missing_is_said_before_anything_is_spent():
    model = ScriptedModel()
    with pytest.raises(ParameterError, match="a reward, which this step-beam needs"):
        solved(StepBeam(), model)
    with pytest.raises(DataError, match="the problem has none"):
        asyncio.run(solve(best_of_n(), Problem("?"), model, exact_verifier()))
    assert model.requests == []


def test_a_seed_that_is_left_out_is_the_problems():
    model = ScriptedModel()
    solved(Growing(((Grow(Path("p")), Grow(Path("p"), {"seed": 7})),)), model)
    assert {ask.params["seed"] for ask in model.requests} == {problem_seed(0, PROBLEM), 7}


def test_how_requests_are_served():
    model = ScriptedModel(["a"])
    service = Service(priority=3, cache_salt="s")
    asyncio.run(solve(best_of_n("majority"), PROBLEM, model, service=service))
    assert model.requests[0].service == service


def test_the_tree_is_told_with_scores_and_notes():
    model = ScriptedModel(Babble(("1", "2", "\n", "")))
    events = asyncio.run(told(StepBeam(2, 2, 3), PROBLEM, model, Ones(), Budget()))
    effects = [event for event in events if isinstance(event, EffectDone)]
    assert [event.effect for event in effects] == list(range(len(effects)))
    nodes = {}
    for event in effects:
        for node in event.nodes:
            if event.kind == "extend":
                assert node.node == len(nodes)
                assert node.parent == -1 or nodes[node.parent].finish_reason == "until"
            else:
                assert node.scores is not None
            nodes[node.node] = node
        if event.kind == "note":
            assert set(event.note["kept"]) <= set(nodes)
    answer = events[-1]
    assert isinstance(answer, Answer)
    assert answer.ledger.generated_tokens == sum(node.tokens for node in nodes.values())
    whole = {-1: ""}
    for node in nodes.values():
        whole[node.node] = whole[node.parent] + node.text
    assert {candidate.text for candidate in answer.candidates} <= set(whole.values())


def test_progress_names_the_best_so_far():
    model = ScriptedModel(Babble(("1", "2", "\n")))
    events = asyncio.run(told(StepBeam(1, 2, 3), PROBLEM, model, Ones(), Budget(), progress_s=0))
    progress = [event for event in events if isinstance(event, Progress)]
    assert progress[0].best is None
    later = [event.best for event in progress if event.best is not None]
    assert all(best.text.startswith(later[0].text) for best in later)
    assert len({best.text for best in later}) > 1


def test_step_search_is_what_it_is_by_hand():
    """The same beam with plain calls; every continuation costs one computed token of its path."""
    strategy, script = StepBeam(3, 4, 3), Babble(("1", "2", "3", "\n"))
    until, model = Boundary("\n", strategy.step_tokens), ScriptedModel(script)
    answer = solved(strategy, model, Ones())
    assert_ledger_is_the_models(answer.ledger, model)

    other, beam = ScriptedModel(script), [(Path(PROBLEM.prompt), (), "until")]
    for step in range(strategy.steps):
        grown = []
        for path, steps, _ in beam:
            params = {"seed": strategy.seed, "max_tokens": 40, "n": 12 if step == 0 else strategy.expand}
            completion = generate(other, Grow(path, params, until=until))
            grown += [
                (completion.path(i), (*steps, output.text), output.finish_reason)
                for i, output in enumerate(completion.outputs)
            ]
        beam = sorted(grown, key=lambda text: -min(s.count("1") / len(s) for s in text[1]))[:3]
        assert all(finish == "until" for _, _, finish in beam)
    assert [candidate.steps for candidate in answer.candidates] == [steps for _, steps, _ in beam]
    assert [candidate.path for candidate in answer.candidates] == [path for path, _, _ in beam]

    further = [ask for ask in model.requests if ask.path.tokens]
    assert len(further) == 6
    prompt = len(model.characters.prompt(PROBLEM.prompt))
    lengths = [prompt + len(ask.path.tokens) for ask in further]
    assert answer.ledger.hit_tokens == sum(lengths) - len(lengths)


def test_text_that_a_strategy_puts_in_is_part_of_the_output():
    class Waits:
        name = "waits"
        needs = frozenset()

        def search(self, problem, budget):
            first = yield from extend(Grow(Path(problem.prompt), until=Tokens(2)))
            path = replace(first.texts[0].path, text=" Wait")
            more = yield from extend(Grow(path, until=Tokens(2)))
            last = yield from extend(Grow(more.texts[0].path, until=Tokens(2)))
            return Choice(0, last.texts)

    model = ScriptedModel(lambda place: "abcdefghijklmn"[place.position])
    answer = solved(Waits(), model)
    assert answer.candidate.steps == ("ab", " Wait", "hi", "jk")
    assert answer.candidate.logprob is None
    assert model.characters.decode(answer.candidate.path.tokens) == answer.candidate.text


def test_what_is_no_effect_is_named():
    class Odd:
        name = "odd"
        needs = frozenset()

        def search(self, problem, budget):
            yield 7

    with pytest.raises(TypeError, match="not 7"):
        solved(Odd(), ScriptedModel())


def test_closing_in_the_middle_of_a_judgement_ends_it():
    class Slow:
        name, scale, needs, ended = "slow", "number", frozenset(), False

        async def judge(self, problem, candidates):
            try:
                await asyncio.Event().wait()
            finally:
                self.ended = True

    slow = Slow()

    async def cancelled():
        task = asyncio.create_task(solve(best_of_n(), PROBLEM, ScriptedModel(["a"]), slow))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert slow.ended


def test_closing_counts_what_was_told():
    """With several requests under way, none of which may tell more than is counted."""
    model = ScriptedModel(lambda place: "a")
    strategy = Growing(((Grow(Path("p"), {"n": 2}), Grow(Path("q")), Grow(Path("r"))),))

    async def some():
        async with aclosing(drive(strategy, PROBLEM, model, journal=journal, progress_s=0)) as events:
            async for event in events:
                if event.ledger.generated_tokens > 10:
                    break

    journal = Journal()
    asyncio.run(some())
    assert (model.running, model.closed) == (0, 3)
    assert json.loads(journal.lines[-1])["spent"]["generated_tokens"] == model.usage.generated_tokens


@pytest.mark.slow
def test_many_problems_share_a_model():
    model = ScriptedModel()
    problems = [Problem(f"{i} + {i}", str(2 * i)) for i in range(6)]

    async def results():
        stream = solve_all(problems, best_of_n("majority"), model, None, Budget(3, 50), concurrency=4)
        return [item async for item in stream]

    *_, summary = asyncio.run(results())
    assert_ledger_is_the_models(summary.ledger, model)
    assert asdict(summary.ledger)["requests"] == len(model.requests)


@dataclass(frozen=True)
class Recording:
    """Grow one text, and keep what `record` says of it."""

    record: Record

    name, needs = "recording", frozenset()

    def search(self, problem, budget):
        grown = yield from extend(Grow(Path(problem.prompt), {"max_tokens": 4}, record=self.record))
        return Choice(0, grown.texts)


@pytest.mark.parametrize("record", [Record(), Record(state=True), Record(certainty=True)])
def test_what_a_strategy_records_is_kept(tiny_model, record):
    """Though neither the strategy nor a reward says that it needs it."""
    answer = asyncio.run(solve(Recording(record), Problem("ab", raw="ab"), tiny_model))
    assert (answer.candidate.state is not None) == record.state
    assert all((one.certainty is not None) == record.certainty for one in answer.candidate.measures)
