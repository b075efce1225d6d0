"""The nucleus that an entropy head narrows, in the engine: whose states, which window, who may ask."""

import math
from dataclasses import replace

import pytest
import torch

from asking import as_engine_takes_it, engine_ask, face_ask, prompt_of, with_prompt
from ponder.asks import Record
from ponder.asks.fronts import generate
from ponder.backends.local import load_local
from ponder.decoders import (
    BeamSample,
    BeamSearch,
    ContrastiveSearch,
    DiverseBeamSearch,
    DraftModel,
    PromptLookup,
    Sample,
    Speculative,
    StochasticBeamSearch,
)
from ponder.engine import Engine, EngineLimits, FinishedEvent, Seat
from ponder.engine.runner import BatchRow, Runner
from ponder.errors import CheckpointError, ParameterError
from ponder.mixtures import Guidance
from ponder.sampling import SamplingParams, TraceSettings
from ponder.tree import Branch, PagePool, RadixTree
from stepping import assert_at_rest, assert_model_at_rest, run
from tiny_models import random_entropy_head, tiny_engine, tiny_local_model

pytestmark = pytest.mark.usefixtures("one_thread")

PROMPT = (1, 2, 3, 1, 2)


@pytest.fixture(scope="module")
def head(model):
    return random_entropy_head(model.config.hidden_size)


def ask(n=2, decoder=None, **values):
    params = {"max_tokens": 24, "ignore_eos": True, "n": n, "seed": 5, "real_temperature": 2.0}
    return engine_ask(PROMPT, SamplingParams(**params | values), decoder=decoder or Sample())


def last(events):
    *_, finished = events
    assert isinstance(finished, FinishedEvent)
    return finished.outputs


def read(model, text):
    """The states and logits after each token of a text, computed in one pass."""
    pool = PagePool(model.new_cache(8))
    runner, branch = Runner(model, pool), Branch(RadixTree(pool))
    row = BatchRow(branch, text, branch.extend(text), 256, range(len(text)))
    states = runner.new_states([row])
    return states, runner.forward([row], states)


def test_the_nucleus_is_that_of_the_window(model, vocabulary, head):
    """At each token p is exp(-mean / T) of the residuals at the last four positions, its own included."""
    outputs = last(run(Engine(model, vocabulary, 64, entropy_head=head), ask()))
    widths = set()
    for output in outputs:
        states, logits = read(model, (*PROMPT, *output.token_ids))
        residuals = head.residuals(states.numpy())[len(PROMPT) - 1 : -1].tolist()
        for place, trace in enumerate(output.traces):
            window = residuals[max(0, place - 3) : place + 1]
            p = math.exp(-sum(window) / len(window) / 2)
            probs = torch.softmax(logits[len(PROMPT) - 1 + place].double(), -1).sort(descending=True).values
            ahead = probs.cumsum(0) - probs
            edge = (ahead - p).abs().min()
            if edge > 1e-5:
                assert trace.kept == int((ahead < p).sum())
            widths.add(trace.kept)
    assert len(widths) > 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "decoder", [BeamSample(3), StochasticBeamSearch(3)], ids=lambda one: type(one).__name__
)
def test_beams_that_are_drawn_have_it_too(model, vocabulary, head, decoder):
    """A fork takes the residuals along; company and preemption change nothing, and it makes a difference."""
    wanted = last(run(Engine(model, vocabulary, 64, entropy_head=head), ask(decoder=decoder)))
    plain = ask(decoder=decoder, real_temperature=0.0)
    assert wanted != last(run(Engine(model, vocabulary, 64), plain))
    engine = Engine(model, vocabulary, 64, EngineLimits(token_budget=16), entropy_head=head)
    ids = [engine.submit(ask(decoder=decoder) if i % 2 else ask(seed=i)) for i in range(4)]
    found, steps = {}, 0
    while engine.busy:
        for event in engine.step():
            if isinstance(event, FinishedEvent):
                found[event.request_id] = event.outputs
        steps += 1
        if steps % 5 == 0 and engine.scheduler.running:
            engine.scheduler.preempt(engine.scheduler.running[-1])
    assert [found[ids[i]] for i in (1, 3)] == [wanted, wanted]
    assert_at_rest(engine)


@pytest.mark.slow
def test_the_prompt_may_come_from_the_cache(model, vocabulary, head):
    """Only states of rows with logits are read; log-probabilities of the prompt change nothing."""
    engine = Engine(model, vocabulary, 64, entropy_head=head)
    long = with_prompt(ask(), range(40))
    first, again = list(run(engine, long))[-1], list(run(engine, long))[-1]
    assert again.usage.hit_tokens == 39
    assert first.outputs == again.outputs
    assert last(run(engine, replace(long, record=Record(2)))) == first.outputs


def test_a_step_that_is_taken_again_notes_nothing_twice(model, vocabulary, head):
    """A residual has its place."""
    engine = Engine(model, vocabulary, 64, entropy_head=head)
    job = engine.prepare(ask(n=1))
    engine.submit(job)
    for _ in range(5):
        engine.step()
        (text,) = job.group.live
        before = text.residuals
        assert len(before) == len(text.output)
        text.note_residual(0.5)
        text.note_residual(0.5)
        assert len(text.residuals) == len(text.output) + 1
        assert text.residuals[:-1] == before
        fork = text.fork()
        fork.note_residual(0.0)
        fork.drop()
        assert text.residuals[-1] == 0.5
        fork.drop()
    engine.cancel(job.request_id)
    assert_at_rest(engine)


def test_a_trace_shows_what_the_nucleus_kept(model, vocabulary, head):
    """It is observed with the residuals that the token was drawn with."""
    request = replace(ask(), record=Record(trace=TraceSettings(top=61)))
    for output in last(run(Engine(model, vocabulary, 64, entropy_head=head), request)):
        for trace in output.traces:
            kept = [logprob for logprob in trace.distribution.truncated if logprob > 0]
            assert len(kept) == trace.kept


def test_one_of_two_prompts_is_read(head):
    """With guidance the states are those after the request's own prompt."""
    model = tiny_local_model(seed=4, entropy_head=head)
    sampling = {"max_tokens": 12, "seed": 3, "ignore_eos": True, "n": 2}
    asked = [
        face_ask("abc", sampling | {"real_temperature": own}, mixture=Guidance(1.5, "xyz"))
        for own in (0.0, 1.0)
    ]
    plain, narrow = (generate(model, one).outputs for one in asked)
    assert plain != narrow
    assert_model_at_rest(model)
    model.close()


def test_without_a_head_it_is_refused(model, vocabulary):
    """By name, in one sentence."""
    with pytest.raises(ParameterError, match="no entropy head is loaded") as caught:
        Engine(model, vocabulary, 64).prepare(ask())
    assert caught.value.field == "real_temperature"


@pytest.mark.parametrize(
    ("decoder", "said"),
    [
        (Speculative(PromptLookup()), "speculation"),
        (Speculative(DraftModel()), "speculation"),
        (BeamSearch(2), "search"),
        (DiverseBeamSearch(2, 2), "search"),
        (ContrastiveSearch(), "search"),
    ],
    ids=str,
)
def test_decoders_that_refuse_it(model, vocabulary, head, decoder, said):
    """In the engine, and in what callers meet."""
    drafter = Seat(model, 16)
    with pytest.raises(ParameterError, match=said) as caught:
        Engine(model, vocabulary, 64, draft=drafter, entropy_head=head).prepare(ask(n=1, decoder=decoder))
    assert caught.value.field == "real_temperature"
    local = tiny_local_model(entropy_head=head)
    with pytest.raises(ParameterError, match=said) as caught:
        local.resolve(face_ask("a", {"real_temperature": 1.0}, decoder=decoder))
    assert caught.value.field == "real_temperature"
    local.close()


def test_greedy_needs_no_head():
    """What has no effect is put off before it is looked at."""
    engine = tiny_engine()
    assert engine.prepare(ask(temperature=0.0)).group.entropy_head is None


def test_the_default_model_with_a_head(checkpoint, tmp_path):
    """On its own kernels: the same bits for any n, beside others, and after a preemption."""
    size = checkpoint.config.hidden_size
    path = tmp_path / "head.safetensors"
    random_entropy_head(size, window=5, spread=0.3).save(path)
    model = load_local(checkpoint.name, device="cpu", entropy_head=str(path))
    sampling = {"max_tokens": 24, "seed": 9, "ignore_eos": True, "real_temperature": 1.0}
    prompt = "Once upon a time"
    (single,) = generate(model, face_ask(prompt, sampling)).outputs
    assert len({trace.kept for trace in single.traces}) > 3
    request = as_engine_takes_it(model, face_ask(prompt, sampling | {"n": 3}))
    engine = Engine(
        model.engine.model,
        model.tokenizer,
        10,
        EngineLimits(token_budget=16),
        entropy_head=model.engine.admission.entropy_head,
    )
    ids = [
        engine.submit(with_prompt(request, (*prompt_of(request), i) if i else prompt_of(request)))
        for i in range(3)
    ]
    found = {}
    while engine.busy:
        for event in engine.step():
            if isinstance(event, FinishedEvent):
                found[event.request_id] = event.outputs
    assert engine.stats().preemptions > 0
    assert found[ids[0]][0].traces == single.traces
    assert found[ids[2]] == last(run(engine, with_prompt(request, (*prompt_of(request), 2))))
    model.close()
    random_entropy_head(size + 1).save(path)
    with pytest.raises(CheckpointError, match="a hidden size of"):
        load_local(checkpoint.name, device="cpu", entropy_head=str(path))
