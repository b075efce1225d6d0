"""The scripted model keeps the laws of a real one: paths, samples, ends, costs, cancelling."""

import asyncio
import math
from contextlib import aclosing
from dataclasses import astuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ponder.asks import Boundary, Completion, End, Grow, Path, Read, States, TokenEvent, Tokens
from ponder.asks.fronts import agenerate, ascore, generate, read
from ponder.errors import CapacityError, ParameterError, UnsupportedError
from ponder.testing import END, Babble, Place, ScriptedModel, Trouble, Word

unhurried = settings(deadline=None, max_examples=80)


def grow(model, path, until=None, **params):
    return generate(model, Grow(path, params, until=until or End()))


async def events(model, ask):
    return [event async for event in model.run(ask)]


@pytest.mark.slow
@unhurried
@given(
    seed=st.integers(0, 5),
    n=st.integers(1, 4),
    cuts=st.lists(st.integers(0, 12), max_size=3),
    temperature=st.sampled_from([0.0, 0.7, 1.5]),
    stop=st.sampled_from([(), ("1\n",), ("2 ", "=1")]),
    min_tokens=st.integers(0, 6),
)
def test_a_path_with_the_first_tokens_gives_the_same_rest(seed, n, cuts, temperature, stop, min_tokens):
    """However often a text is interrupted, tokens and text are those of one that was not."""
    params = {"seed": seed, "temperature": temperature, "stop": stop, "min_tokens": min_tokens}
    whole = grow(ScriptedModel(), Path("what is 1+2"), n=n, max_tokens=16, **params)
    model = ScriptedModel()
    for output in whole.outputs:
        path, text = Path("what is 1+2", lineage=((0, output.index),) if output.index else ()), ""
        for cut in sorted(set(cuts)):
            if len(path.tokens) < cut < len(output.token_ids):
                paused = grow(model, path, Tokens(cut - len(path.tokens)), max_tokens=16, **params)
                assert paused.outputs[0].finish_reason == "until"
                path, text = paused.path(), text + paused.text
        rest = grow(model, path, max_tokens=16, **params)
        assert (*path.tokens, *rest.outputs[0].token_ids) == output.token_ids
        assert text + rest.text == output.text
        assert rest.outputs[0].finish_reason == output.finish_reason
        assert rest.outputs[0].stopped_by == output.stopped_by
        assert rest.outputs[0].lineage == output.lineage


@pytest.mark.slow
@unhurried
@given(seed=st.integers(0, 20), strings=st.sampled_from([("\n",), ("1", "22"), ("+\n", "33")]))
def test_steps_are_the_whole_text(seed, strings):
    """Pausing at each boundary gives a text cut into steps that end with one."""
    model, path, steps = ScriptedModel(), Path("p"), []
    while True:
        step = grow(model, path, Boundary(strings), seed=seed, max_tokens=30)
        steps.append(step.text)
        if step.outputs[0].finish_reason != "until":
            break
        assert step.outputs[0].stopped_by in strings
        assert step.text.endswith(step.outputs[0].stopped_by)
        path = step.path()
    assert "".join(steps) == grow(model, Path("p"), seed=seed, max_tokens=30).text


def test_a_boundary_keeps_what_its_token_brings_after_it():
    """Tokens of several characters: the step ends with the token and not with the string."""
    model = ScriptedModel(lambda place: ("a", ".\n", ".b", "c")[place.position], pieces=(".\n", ".b"))
    step = grow(model, Path("p"), Boundary("."))
    assert (step.text, step.outputs[0].stopped_by) == ("a.\n", ".")
    assert grow(model, step.path(), Boundary((".",))).text == ".b"
    assert grow(model, step.path(), Boundary(("zzz",), tokens=2)).text == ".bc"


def test_samples_are_branches_and_branches_have_random_numbers_of_their_own():
    model = ScriptedModel(Babble(("a", "b", "c", "d")))
    outputs = grow(model, Path("p"), n=8, seed=3, max_tokens=12).outputs
    assert [output.lineage for output in outputs] == [(), *(((0, i),) for i in range(1, 8))]
    assert len({output.text for output in outputs}) == 8
    again = grow(model, Path("p", outputs[0].token_ids[:4]), n=3, seed=3, max_tokens=12).outputs
    assert again[0].text == outputs[0].text[4:]
    assert [output.lineage for output in again] == [(), ((4, 1),), ((4, 2),)]
    assert len({output.text for output in again}) == 3


def test_texts_of_a_list():
    model = ScriptedModel(["ab", "cd", "abe"])
    assert grow(model, Path("p"), n=4).texts == ["ab", "cd", "abe", "ab"]
    first = grow(model, Path("p"), Tokens(1)).path()
    assert grow(model, first, n=3).texts == ["b", "be", "b"]  # those that begin with "a"
    assert grow(model, Path("p", text="c")).text == "d"
    assert grow(model, Path("p", text="x")).outputs[0].token_ids == (END,)
    assert ScriptedModel("abc").script == "abc"
    assert grow(ScriptedModel("abc"), Path("p")).text == "abc"


def test_ends():
    endless = ScriptedModel(lambda place: "ab"[place.position % 2])
    assert grow(endless, Path("p"), max_tokens=3).outputs[0].finish_reason == "length"
    stopped = grow(endless, Path("p"), stop=["ba"])
    assert (stopped.text, stopped.outputs[0].stopped_by, len(stopped.outputs[0].token_ids)) == ("a", "ba", 3)
    late = grow(endless, Path("p"), stop=["ba"], min_tokens=4)
    assert late.text == "aba"  # the first that is complete when the text may end
    by_token = grow(endless, Path("p"), stop_token_ids=[ord("b")])
    assert (by_token.text, by_token.outputs[0].stopped_by) == ("a", ord("b"))
    short = ScriptedModel(lambda place: "ok"[place.position : place.position + 1])
    ended = grow(short, Path("p")).outputs[0]
    assert (ended.text, ended.finish_reason, ended.stopped_by, len(ended.token_ids)) == ("ok", "stop", END, 3)
    assert grow(short, Path("p"), min_tokens=5).text == "ok   "
    assert grow(short, Path("p"), ignore_eos=True, max_tokens=4).text == "ok  "
    assert grow(short, Path("p", text="ok"), max_tokens=2).outputs[0].finish_reason == "length"


@pytest.mark.slow
def test_at_temperature_0_the_likeliest_is_written_and_frequencies_are_the_probabilities():
    script = Babble(("a", "b", "c"))
    model = ScriptedModel(script)
    greedy = grow(model, Path("p"), temperature=0, max_tokens=1)
    odds = {letter: math.exp(script.logprob(Place("p", ()), letter)) for letter in "abc"}
    assert sum(odds.values()) == pytest.approx(1)
    assert greedy.text == max(odds, key=odds.__getitem__)
    drawn = grow(model, Path("p"), n=1000, seed=1, max_tokens=1).texts
    for letter, share in odds.items():
        assert drawn.count(letter) / 1000 == pytest.approx(share, abs=0.05)


def test_what_it_writes_is_as_likely_as_it_reads():
    model = ScriptedModel()
    written = grow(model, Path("p"), seed=2, max_tokens=9, n=2).outputs
    tokens = [tuple(t for t in output.token_ids if t != END) for output in written]
    reading = read(model, Read(Path("p"), tuple(tokens)))
    for output, score in zip(written, reading.texts, strict=True):
        expected = [trace.logprob for trace in output.traces if trace.token_id != END]
        assert score.token_logprobs == pytest.approx(expected)
    assert asyncio.run(ascore(model, "p", ["12"], ends=True)).texts[0].token_ids == (ord("1"), ord("2"), END)


def test_costs():
    model = ScriptedModel(["ab", "cde"])
    first = grow(model, Path("12345"), n=2).usage
    # prompt, hits, cached (the second sample's prompt), computed (each text but its last token), generated
    assert astuple(first)[:5] == (5, 0, 5, 5 + 1 + 2, 5)
    again = grow(model, Path("12345"), n=2).usage
    assert astuple(again)[:5] == (5, 4, 4 + 5, 1 + 1 + 2, 5)
    further = grow(model, Path("12345", text="c")).usage
    assert astuple(further)[:5] == (6, 5, 5, 1 + 1, 2)
    reading = read(model, Read(Path("12345"), ("xy", "xz"))).usage
    assert astuple(reading)[:5] == (5 + 3, 4, 4, 1 + 3, 0)  # x is computed once
    assert astuple(model.usage)[:5] == (24, 13, 5 + 9 + 5 + 4, 8 + 4 + 2 + 4, 12)
    assert len(model.requests) == 4


def test_the_stream_tells_what_the_completion_holds():
    told = asyncio.run(events(ScriptedModel(), Grow(Path("p"), {"n": 3, "seed": 4, "stop": ["1"]})))
    completion = told[-1]
    assert isinstance(completion, Completion)
    for output in completion.outputs:
        own = [event for event in told if isinstance(event, TokenEvent) and event.index == output.index]
        assert tuple(event.trace for event in own) == output.traces
        assert "".join(event.text for event in own) == output.text
        assert [event.finish_reason for event in own[:-1]] == [None] * (len(own) - 1)
        assert own[-1].finish_reason == output.finish_reason
    assert [event.usage.generated_tokens for event in told if isinstance(event, TokenEvent)] == list(
        range(1, completion.usage.generated_tokens + 1)
    )


def test_closing_counts_what_was_told():
    model = ScriptedModel(["abcdef"])

    async def three():
        async with aclosing(model.run(Grow(Path("p")))) as told:
            async for event in told:
                if event.usage.generated_tokens == 3:
                    assert model.running == 1
                    return

    asyncio.run(three())
    assert (model.closed, model.running, model.usage.generated_tokens) == (1, 0, 3)


def test_troubles_come_when_they_are_told_to():
    arrived, go_on = [], []

    async def wait():
        arrived.append(True)
        while not go_on:
            await asyncio.sleep(0)

    model = ScriptedModel(["abc"], troubles=[Trouble(0, 2, CapacityError("full")), Trouble(2, 1, wait=wait)])
    with pytest.raises(CapacityError, match="full"):
        grow(model, Path("p"))
    assert model.usage.generated_tokens == 2
    assert grow(model, Path("p")).text == "abc"

    async def waiting():
        task = asyncio.create_task(agenerate(model, Grow(Path("p"))))
        while not arrived:
            await asyncio.sleep(0)
        assert not task.done()
        go_on.append(True)
        return await task

    assert asyncio.run(waiting()).text == "abc"


def test_requests_run_at_the_same_time():
    model = ScriptedModel(["abc"])

    async def both():
        return await asyncio.gather(*(agenerate(model, Grow(Path(p))) for p in "pq"))

    assert [completion.text for completion in asyncio.run(both())] == ["abc", "abc"]


def test_what_it_does_not_have_is_refused():
    model = ScriptedModel()
    with pytest.raises(UnsupportedError, match="read States"):
        read(model, Read(Path("p"), of=States()))
    with pytest.raises(UnsupportedError, match="without texts"):
        read(model, Read(Path("p")))
    with pytest.raises(ParameterError, match="at least one token"):
        read(model, Read(Path("p"), ("",)))
    with pytest.raises(ParameterError, match="temperature"):
        grow(model, Path("p"), temperature=-1)
    with pytest.raises(ParameterError, match="'ab'"):
        grow(ScriptedModel(lambda place: Word("ab")), Path("p"))
