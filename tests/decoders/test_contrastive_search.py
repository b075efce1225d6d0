"""Contrastive search chooses what its formula says, of states that are computed anew for each token tried."""

import math
import random
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from asking import at_rank, engine_ask, prompt_of
from constraint_state import compile_state
from decoders.mixing import OnlyOf
from plain_model import PlainModel
from ponder.asks import ProgressEvent, TokenEvent
from ponder.constraints import Ban
from ponder.decoders import ContrastiveSearch, Sample
from ponder.engine import Engine, EngineLimits, FailedEvent, FinishedEvent
from ponder.engine.scheduler import TRACED_CHUNK
from ponder.errors import CapacityError, ParameterError
from ponder.sampling import SamplingParams
from ponder.sampling.distribution import TraceSettings
from ponder.sampling.row import Row
from ponder.sampling.sampler import process
from ponder.tree import PAGE_SIZE
from stepping import assert_at_rest, forget, run
from tiny_models import tiny_config, tiny_tokenizer, tiny_transformer

pytestmark = pytest.mark.usefixtures("one_thread")

PROMPT = tuple(random.Random(3).choices(range(61), k=37))
LONG = tuple(random.Random(4).choices(range(61), k=TRACED_CHUNK + 43))
BARE = {"rope_layers": (False, False), "sliding_windows": (1, 1)}
"""Each token sees itself alone, so that a token said again has the state that it had."""


@pytest.fixture(scope="module")
def one_thread():
    """A tiny product is not worth a second thread's waking."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make(num_pages=128, limits=None, kernels=None, row_invariant=False, **changes):
    model = tiny_transformer(tiny_config(**changes), 4, kernels=kernels, row_invariant=row_invariant)
    return Engine(model, tiny_tokenizer(), num_pages, limits)


@pytest.fixture
def engine():
    return make()


@pytest.fixture(scope="module")
def truth():
    return PlainModel(tiny_config(), 4)


def ask(top_k=4, alpha=0.6, prompt=PROMPT, constraint=None, trace=None, prompt_logprobs=None, **params):
    """A request decoded by contrastive search."""
    params = SamplingParams(**{"max_tokens": 12} | params)
    decoder = ContrastiveSearch(top_k, alpha)
    return engine_ask(prompt, params, constraint, decoder, trace=trace, prompt_logprobs=prompt_logprobs)


def answer(engine, request):
    """The output and the usage, after checking that what was streamed is what came out."""
    *events, end = run(engine, request)
    assert isinstance(end, FinishedEvent)
    assert all(isinstance(event, TokenEvent) for event in events)
    assert_at_rest(engine)
    (output,) = end.outputs
    assert "".join(event.text for event in events) == output.text
    assert tuple(event.trace for event in events if event.trace) == output.traces
    assert tuple(trace.token_id for trace in output.traces) == output.token_ids
    assert [event.finish_reason for event in events] == [None] * (len(events) - 1) + [output.finish_reason]
    assert end.usage.generated_tokens == len(output.token_ids)
    return output, end.usage


@dataclass
class Tried:
    """A search written out: its tokens, how each was chosen, and how many were tried."""

    tokens: list[int]
    score: float
    tried: int
    probs: list[float]
    logprobs: list[float]
    places: list[int]
    margins: list[float]


def searched(model, request):
    """What the search finds where all is computed from the beginning for every token that is tried."""
    params, decoder, tokenizer = request.params, request.method, tiny_tokenizer()
    ends = {*params.stop_token_ids, *(() if params.ignore_eos else tokenizer.eos_ids)}
    constraint = compile_state(request.constraint, tokenizer) if request.constraint else None
    found = Tried([], 0.0, 0, [], [], [], [])
    while len(found.tokens) < params.max_tokens:
        text = [*prompt_of(request), *found.tokens]
        logits = model.logits(text)[-1]
        forbidden = tuple(ends) if len(found.tokens) < params.min_tokens else ()
        row = Row(
            0, prompt_of(request), tuple(found.tokens), forbidden, constraint.mask() if constraint else None
        )
        values = process(torch.from_numpy(logits).float()[None], [row], params)[0].double().numpy()
        likely = [token for token in np.argsort(-values, kind="stable") if values[token] > -math.inf]
        likely = likely[: decoder.top_k]
        if not likely:
            break
        earlier = model.states(text)
        probs, scores = [], []
        for token in likely:
            state = model.states([*text, token])[-1]
            cosines = earlier @ state / np.linalg.norm(earlier, axis=-1) / np.linalg.norm(state)
            probs.append(float(np.exp(values[token] - np.logaddexp.reduce(values))))
            scores.append((1 - decoder.alpha) * probs[-1] - decoder.alpha * cosines.max())
        place = int(np.argmax(scores))
        token = int(likely[place])
        found.tokens.append(token)
        found.score += scores[place]
        found.tried += len(likely)
        found.probs.append(probs[place])
        found.logprobs.append(float(logits[token] - np.logaddexp.reduce(logits)))
        found.places.append(place)
        found.margins.append(min((scores[place] - s for i, s in enumerate(scores) if i != place), default=1))
        if token in ends:
            break
        if constraint is not None:
            constraint.advance(token)
    return found


def assert_as_truth(model, engine, request):
    """Tokens, probabilities and the score are those of the search written out."""
    output, usage = answer(engine, request)
    found = searched(model, request)
    assert min(found.margins, default=1) > 1e-5, "the test's search hangs on rounding"
    assert output.token_ids == tuple(found.tokens)
    assert output.score == pytest.approx(found.score, abs=1e-4)
    assert [trace.logprob for trace in output.traces] == pytest.approx(found.logprobs, abs=1e-4)
    assert [math.exp(trace.truncated_logprob) for trace in output.traces] == pytest.approx(
        found.probs, abs=1e-5
    )
    assert output.logprob == pytest.approx(sum(found.logprobs), abs=1e-3)
    assert usage.prompt_tokens == len(prompt_of(request))
    assert usage.hit_tokens == 0, "every state of the prompt is computed"
    assert usage.computed_tokens == len(prompt_of(request)) + found.tried
    assert usage.accepted_tokens == usage.proposed_tokens == 0
    return output, found


MODELS = {
    "plain": {},
    "windows": {"sliding_windows": (5, None)},
    "tied": {"tie_embeddings": True},
    "bare": BARE,
}


@pytest.mark.slow
@pytest.mark.parametrize("kernels", ["reference", "native"])
@pytest.mark.parametrize("name", MODELS)
def test_the_formula_over_whole_texts(name, kernels):
    """Several widths and weights; prompts of a token, of part of a page, of more than a chunk."""
    changes = MODELS[name]
    engine, model = make(kernels=kernels, **changes), PlainModel(tiny_config(**changes), 4)
    others = 0
    for top_k, alpha, prompt in (
        (4, 0.6, PROMPT),
        (2, 0.9, PROMPT[:1]),
        (7, 0.3, PROMPT[:16]),
        (5, 0.8, LONG),
    ):
        _, found = assert_as_truth(model, engine, ask(top_k, alpha, prompt, max_tokens=8))
        others += sum(place > 0 for place in found.places)
    assert others > 3, "the likeliest is not always taken"


KINDS = {
    "penalties": {"repetition_penalty": 1.5, "frequency_penalty": 0.5},
    "bias": {"logit_bias": {3: 4.0, 7: -100.0}, "top_logprobs": 3},
    "n-grams": {"no_repeat_ngram_size": 2},
    "min tokens": {"min_tokens": 6, "stop_token_ids": tuple(range(30))},
    "end tokens": {"stop_token_ids": tuple(range(0, 60, 6))},
    "ends ignored": {"ignore_eos": True},
    "banned": {"constraint": Ban(("e", "ab", "x", "3", "="))},
    "few tokens": {"constraint": OnlyOf((1, 2, 40))},
    "one token": {"constraint": OnlyOf((7,))},
    "none at last": {"constraint": OnlyOf(tuple(range(0, 64, 2)), ends=3)},
    "none at all": {"constraint": OnlyOf((7,), ends=0)},
    "one at most": {"max_tokens": 1},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_else_is_asked(truth, engine, kind):
    """Penalties and constraints act before tokens are tried; of those that may not come none is."""
    for prompt in (PROMPT, PROMPT[5:21], PROMPT[:16]):
        request = ask(prompt=prompt, **KINDS[kind])
        forget(engine)
        output, found = assert_as_truth(truth, engine, request)
        if len(output.token_ids) < request.params.max_tokens:
            last = output.token_ids[-1] if output.token_ids else None
            ends = {*request.params.stop_token_ids, *engine.tokenizer.eos_ids}
            assert output.finish_reason == ("stop" if last in ends else "constraint")
        assert not ("none" in kind and output.finish_reason != "constraint")
        assert kind != "none at all" or not output.token_ids
        assert kind != "one token" or found.tried == 12


@pytest.mark.slow
def test_an_end_token_is_tried_like_any_other(truth, engine):
    """It may be the likeliest and lose, or not be and win; then the text ends with it."""
    eos = engine.tokenizer.eos_ids[0]
    lost = won = 0
    for bias in np.arange(2.0, 9.0, 0.25).tolist():
        request = ask(max_tokens=4, logit_bias={eos: bias})
        forget(engine)
        output, found = assert_as_truth(truth, engine, request)
        ended = output.token_ids[-1] == eos
        assert ended == (output.finish_reason == "stop")
        won += ended and found.places[-1] > 0
        (first,) = run_greedy(engine, request)
        lost += first == eos and output.token_ids[0] != eos
    assert won > 0
    assert lost > 0


def run_greedy(engine, request):
    """The likeliest first token."""
    params = replace(request.params, temperature=0.0, max_tokens=1)
    *_, end = run(engine, replace(request, params=params, method=Sample()))
    return end.outputs[0].token_ids


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0])
def test_a_single_token_to_try_is_greedy(engine, alpha):
    """Whatever alpha is; and without alpha, whatever is tried."""
    for top_k in (1, 5) if alpha == 0 else (1,):
        params = {"max_tokens": 30, "ignore_eos": True}
        output, _ = answer(engine, ask(top_k, alpha, **params))
        forget(engine)
        *_, end = run(engine, engine_ask(PROMPT, SamplingParams(temperature=0.0, **params)))
        assert output.token_ids == end.outputs[0].token_ids
        forget(engine)


@pytest.mark.parametrize("length", [1, 2, 16, TRACED_CHUNK, TRACED_CHUNK + 1, 2 * TRACED_CHUNK - 30])
@pytest.mark.parametrize("said", ["first", "last"])
def test_every_prompt_token_counts(length, said):
    """A token that was said, be it as the very first or the last, is not said again where another may be."""
    engine = make(context_length=512, **BARE)
    prompt = [20] * length
    prompt[0 if said == "first" else -1] = 7
    for top_k, token in ((2, 9), (1, 7)):
        request = ask(top_k, 1.0, tuple(prompt), max_tokens=1, logit_bias={7: 90.0, 9: 60.0})
        assert answer(engine, request)[0].token_ids == (token,)


def test_every_token_of_the_answer_counts():
    """Of as many tokens as are possible, each comes once before one comes again."""
    engine = make(**BARE)
    tokens = (5, 9, 14, 30)
    request = ask(4, 1.0, (20, 21), constraint=OnlyOf(tokens), max_tokens=4, ignore_eos=True)
    output, _ = answer(engine, request)
    assert sorted(output.token_ids) == sorted(tokens)


def test_ties_go_to_the_likelier_token():
    """Two tokens that are one to the model are told apart by a bias alone, and alpha 1 does not see that."""
    engine = make(kernels="reference", row_invariant=True)
    table = engine.model.weights.embed
    table[7] = table[3]
    for likelier, other in ((7, 3), (3, 7)):
        bias = {likelier: 60.0, other: 59.0}
        output, _ = answer(engine, ask(2, 1.0, max_tokens=1, logit_bias=bias))
        assert output.token_ids == (likelier,)


def test_stop_strings_cut_the_same_text(engine):
    """Tokens are those without the stop string up to where it is complete; nothing is tried after that."""
    whole, _ = answer(engine, ask(max_tokens=16, ignore_eos=True))
    for place in (0, 3, 14):
        stop = engine.tokenizer.decode(whole.token_ids[place : place + 2])
        forget(engine)
        output, usage = answer(engine, ask(max_tokens=16, ignore_eos=True, stop=(stop,)))
        assert output.finish_reason == "stop"
        assert output.text == whole.text[: whole.text.index(stop)]
        assert output.token_ids == whole.token_ids[: len(output.token_ids)]
        assert usage.computed_tokens == len(PROMPT) + 4 * len(output.token_ids)


def test_every_event_comes_with_its_token(engine):
    """A token is shown in the step that chose it; the step that computes the prompt chooses none."""
    number = engine.submit(ask(max_tokens=3, ignore_eos=True))
    steps = []
    while engine.busy:
        steps.append([type(event) for event in engine.step() if event.request_id == number])
    assert steps == [[ProgressEvent], [TokenEvent], [TokenEvent], [TokenEvent, FinishedEvent]]


def test_prompt_logprobs_come_with_the_states(engine):
    """Both want each prompt token computed, in chunks: traces are those of a request that samples."""
    traces = []
    for decoder in (Sample(), ContrastiveSearch()):
        request = engine_ask(LONG, SamplingParams(max_tokens=4, seed=1), decoder=decoder, prompt_logprobs=3)
        number, found = engine.submit(request), []
        while engine.busy:
            for event in engine.step():
                assert event.request_id == number
                assert not isinstance(event, FailedEvent)
                found += getattr(event, "traces", ())
        traces.append(found)
    assert traces[0] == traces[1]
    assert len(traces[0]) == len(LONG)
    plain, _ = answer(engine, ask(prompt=LONG, max_tokens=4))
    traced, _ = answer(engine, ask(prompt=LONG, max_tokens=4, prompt_logprobs=0))
    assert plain == traced


@pytest.mark.parametrize("kind", ["none", "penalties", "banned", "none at last", "min tokens", "end tokens"])
def test_a_trace_is_of_its_own_token(truth, engine, kind):
    """The distribution kept with a token is that after the tokens before it."""
    request = ask(trace=TraceSettings(top=6), **KINDS.get(kind, {}))
    output, _ = answer(engine, request)
    plain, _ = answer(make(), replace(request, record=replace(request.record, trace=None)))
    assert tuple(replace(trace, distribution=None) for trace in output.traces) == plain.traces
    assert output.token_ids
    for place, trace in enumerate(output.traces):
        logits = truth.logits([*PROMPT, *output.token_ids[:place]])[-1]
        seen = trace.distribution
        assert list(seen.ids) == np.argsort(-logits, kind="stable")[:6].tolist()
        assert list(seen.logits) == pytest.approx(logits[list(seen.ids)].tolist(), abs=1e-4)
        if trace.token_id in seen.ids:
            shown = seen.truncated[seen.ids.index(trace.token_id)]
            assert shown == pytest.approx(math.exp(trace.truncated_logprob), abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("prompt", [PROMPT, LONG], ids=["a chunk", "two chunks"])
def test_preemption_at_any_step_changes_nothing(prompt):
    """While the prompt is computed, and while tokens are tried: what is brought back is tried as before."""
    request = ask(prompt=prompt, max_tokens=9, ignore_eos=True, trace=TraceSettings(top=2), prompt_logprobs=1)
    wanted, _ = answer(make(row_invariant=True), request)
    for steps in (1, 2, 3, 5, 9):
        for forgetful in (False, True):
            engine = make(row_invariant=True)
            engine.submit(request)
            for _ in range(steps):
                engine.step()
            engine.scheduler.preempt(engine.scheduler.running[0])
            engine.check_integrity()
            if forgetful:
                forget(engine)
            events = []
            while engine.busy:
                events += engine.step()
                engine.check_integrity()
            assert events[-1].outputs == (wanted,)
            assert_at_rest(engine)


@pytest.mark.slow
def test_no_more_pages_than_are_asked_for():
    """With the fewest pages that are not refused it runs; they are few: what is tried shares its text."""
    for length, tokens, top_k in ((16, 1, 4), (15, 1, 4), (16, 17, 3), (40, 20, 5), (1, 40, 8), (31, 2, 1)):
        request = ask(top_k, prompt=LONG[:length], max_tokens=tokens, ignore_eos=True)
        wanted, _ = answer(make(), request)
        for pages in range(1, 60):
            engine = make(pages)
            try:
                engine.prepare(request)
            except CapacityError:
                continue
            break
        assert pages <= (length + tokens - 1) // PAGE_SIZE + top_k
        for often in (False, True):  # preempted at every other step, it has to have them all again
            number, found, steps = engine.submit(request), None, 0
            while engine.busy:
                steps += 1
                assert steps < 1000
                for event in engine.step():
                    assert event.request_id == number
                    found = event.outputs[0] if isinstance(event, FinishedEvent) else found
                engine.check_integrity()
                if often and steps % 6 == 5 and engine.scheduler.running:
                    engine.scheduler.preempt(engine.scheduler.running[0])
            assert found.token_ids == wanted.token_ids
            assert_at_rest(engine)


@pytest.mark.slow
def test_what_is_tried_shares_its_text_beside_others():
    """A long text that was put aside comes back beside another: each token tried needs a page of its own."""
    engine = make(24)
    request = ask(4, prompt=LONG[:120], max_tokens=80, ignore_eos=True)
    number = engine.submit(request)
    for _ in range(60):
        engine.step()
    engine.scheduler.preempt(engine.scheduler.running[0])
    forget(engine)
    engine.submit(at_rank(ask(1, prompt=(1,), max_tokens=20, ignore_eos=True), -1))
    for _ in range(8):
        engine.step()
    assert engine.stats().running == 2
    engine.cancel(number)


@pytest.mark.slow
def test_company_changes_nothing():
    """In a crowd of others that are preempted and computed in small chunks, with states among what is not."""
    requests = [
        ask(1 + i % 5, 0.4 + 0.1 * (i % 5), PROMPT[: 9 + 5 * i] if i % 2 else LONG[i:], max_tokens=30 + i)
        for i in range(6)
    ]
    others = [
        engine_ask(PROMPT[i:], SamplingParams(max_tokens=50, n=2, seed=i, ignore_eos=True)) for i in range(3)
    ]
    wanted = [answer(make(row_invariant=True), request)[0] for request in requests]
    engine = make(18, EngineLimits(token_budget=40), row_invariant=True)
    ids, found = [], {}
    for request, other in zip(requests, others * 2, strict=True):
        ids.append(engine.submit(request))
        engine.submit(other)
    while engine.busy:
        for event in engine.step():
            assert not isinstance(event, FailedEvent)
            if isinstance(event, FinishedEvent):
                found[event.request_id] = event.outputs
        engine.check_integrity()
    assert [found[number] for number in ids] == [(output,) for output in wanted]
    assert engine.stats().preemptions > 0
    assert_at_rest(engine)


@pytest.mark.parametrize(
    ("options", "field"),
    [({"top_k": value}, "top_k") for value in (0, -1, 65, 2.0, True, None)]
    + [({"alpha": value}, "alpha") for value in (-0.1, 1.1, math.nan, "0", True, None)],
)  # fmt: skip
def test_values_that_mean_nothing_are_refused(options, field):
    """By name, when the decoder is made."""
    with pytest.raises(ParameterError) as caught:
        ContrastiveSearch(**options)
    assert caught.value.field == field


def test_there_is_one_answer(engine):
    """More are refused before anything runs."""
    with pytest.raises(ParameterError, match="one answer"):
        engine.prepare(ask(n=2))


def test_states_keep_nothing_but_themselves(engine):
    """Of all that a step computes, a text keeps one state for each token, and no more memory than that."""
    engine.submit(ask(8, prompt=LONG, max_tokens=20, ignore_eos=True))
    engine.submit(engine_ask(PROMPT, SamplingParams(max_tokens=20, n=4, ignore_eos=True)))
    for _ in range(12):
        engine.step()
    (text,) = engine.scheduler.running[0].group.live
    kept = len(LONG) + len(text.output)
    assert sum(len(part) for part in text.note.directions) == kept
    held = {id(owner): owner.nbytes for owner in map(owning, text.note.directions)}
    assert sum(held.values()) == kept * engine.model.config.hidden_size * 4
    for job in list(engine.scheduler.running):
        engine.cancel(job.request_id)


def owning(array):
    """The array that a view is of, or the array itself."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    assert array.base is None or not isinstance(array.base, torch.Tensor) or array.base.numel() == array.size
    return array
