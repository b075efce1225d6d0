"""Requests of several contexts in company, on native kernels: to the bit what they are alone."""

import random
from dataclasses import replace

import pytest

from asking import at_rank, engine_ask, prompt_of, prompts_of
from decoders.mixing import mixing_engine
from ponder.asks import ProgressEvent, Service, TokenEvent
from ponder.decoders import (
    BeamSearch,
    ContrastiveSearch,
    PromptLookup,
    Sample,
    Speculative,
    StochasticBeamSearch,
)
from ponder.engine import EngineLimits, FailedEvent, FinishedEvent
from ponder.errors import DeadlineError
from ponder.mixtures import Contrast, DoLa, Guidance
from ponder.sampling import SamplingParams
from ponder.tree import PAGE_SIZE
from stepping import assert_at_rest, forget, run

pytestmark = pytest.mark.usefixtures("one_thread")

TEXT = tuple(random.Random(8).choices(range(61), k=90))
PAGES = 30
FOUR = {"num_layers": 4, "rope_layers": (True,) * 4, "sliding_windows": (None, 9, None, None)}


def ask(prompt, decoder=None, mixture=None, further=(), **params):
    params = SamplingParams(**{"max_tokens": 24, "ignore_eos": True, "seed": 2} | params)
    options = {} if decoder is None else {"decoder": decoder}
    return engine_ask(prompt, params, mixture=mixture, further_prompts=further, **options)


REQUESTS = {
    "guidance": ask(TEXT[:40], mixture=Guidance(1.5), further=(TEXT[:33] + TEXT[60:],), n=2),
    "guidance from little": ask(TEXT[:50], mixture=Guidance(2.0), further=(TEXT[49:50],), n=3),
    "guidance from much": ask(TEXT[:1], mixture=Guidance(1.5), further=(TEXT,), n=2),
    "guidance from itself": ask(TEXT[:48], mixture=Guidance(0.5), further=(TEXT[:48],), temperature=0.0),
    "guided beams": ask(TEXT[:20], BeamSearch(2), Guidance(1.5), (TEXT[20:40],), max_tokens=16),
    "guided draws": ask(TEXT[:20], StochasticBeamSearch(2), Guidance(1.5), (TEXT[:16],), max_tokens=16),
    "draft": ask(TEXT[:45], mixture=Contrast(), n=3),
    "draft and beams": ask(TEXT[:10], BeamSearch(3), Contrast("draft", 0.0)),
    "layer": ask(TEXT[:70], mixture=Contrast(2, 0.02), n=3),
    "DoLa": ask(TEXT[:31], mixture=DoLa((0, 1, 3)), n=3),
    "DoLa, guessed": ask(TEXT[:30] * 2, Speculative(PromptLookup(6, min_ngram=1)), DoLa("high"), n=2),
    "contrastive search": ask(TEXT[:35], ContrastiveSearch(5)),
    "contrastive search of much": ask(TEXT * 2, ContrastiveSearch(3), max_tokens=16),
    "plain": ask(TEXT[:60], n=3),
}


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self):
        return self.now


def make(num_pages=128, **limits):
    engine = mixing_engine(
        num_pages=num_pages, limits=EngineLimits(**limits), kernels="native", draft_pages=24, **FOUR
    )
    engine._clock = Clock()
    return engine


@pytest.fixture(scope="module")
def alone():
    """What each request is answered when it has the engine for itself."""
    ends = {}
    for name, request in REQUESTS.items():
        *_, ends[name] = run(make(), request)
    return {name: end.outputs for name, end in ends.items()}


def step(engine, ends):
    """Take a step; note how requests end, and that everything is sound."""
    for event in engine.step():
        if isinstance(event, FinishedEvent | FailedEvent):
            ends[event.request_id] = event
    engine.check_integrity()


def drain(engine, ends):
    steps = 0
    while engine.busy:
        steps += 1
        assert steps < 4000, "no end in sight"
        step(engine, ends)
    assert_at_rest(engine)


def together(names, rng):
    """Some requests by name, of several priorities."""
    return [(name, at_rank(REQUESTS[name], rng.choice((0, 0, 1)))) for name in names]


@pytest.mark.slow
@pytest.mark.parametrize("budget", [1, 20, 256])
@pytest.mark.parametrize("seed", range(4))
def test_a_crowd_changes_nothing(alone, seed, budget):
    """All at once with a cache that is too small, prompts in small parts, and put aside at random places."""
    rng = random.Random(seed)
    engine, ends = make(PAGES, token_budget=budget), {}
    crowd = together(rng.sample(list(REQUESTS), 9), rng)
    names = {}
    for name, request in crowd:
        names[engine.submit(request)] = name
        for _ in range(rng.randrange(4)):
            step(engine, ends)
    while engine.busy:
        step(engine, ends)
        if engine.scheduler.running and rng.random() < 0.05:
            engine.scheduler.preempt(rng.choice(engine.scheduler.running))
            engine.check_integrity()
    assert_at_rest(engine)
    assert engine.stats().preemptions > 0
    for number, name in names.items():
        assert ends[number].outputs == alone[name], name


@pytest.mark.slow
@pytest.mark.parametrize("name", REQUESTS)
def test_put_aside_at_every_step(alone, name):
    """And brought back with nothing of it in the cache, or all, beside nobody."""
    request = REQUESTS[name]
    for place in (1, 2, 3, 4, 7, 13, 20):
        engine, ends = make(40, token_budget=24), {}
        number = engine.submit(request)
        for _ in range(place):
            step(engine, ends)
        if engine.scheduler.running:
            engine.scheduler.preempt(engine.scheduler.running[0])
            if place % 2:
                forget(engine)
        drain(engine, ends)
        assert ends[number].outputs == alone[name]


@pytest.mark.parametrize("name", REQUESTS)
def test_a_second_time_it_is_in_the_cache(alone, name):
    """What a request left is found by the same one, and by one for its further prompts."""
    engine, request = make(), REQUESTS[name]
    for _ in range(2):
        *_, end = run(engine, request)
        assert end.outputs == alone[name]
    if not isinstance(request.method, ContrastiveSearch):
        assert end.usage.hit_tokens == len(prompt_of(request)) - 1
    for prompt in prompts_of(request)[1:]:
        *_, end = run(engine, ask(prompt, max_tokens=1))
        assert end.usage.hit_tokens == len(prompt) - 1


@pytest.mark.slow
@pytest.mark.parametrize("name", REQUESTS)
def test_the_end_of_one_is_not_the_others(alone, name):
    """Cancelled, late or failed at any step it leaves no page; who runs beside it is answered as alone."""
    beside = "plain" if name != "plain" else "guidance"
    for place, how in [(place, how) for place in (1, 3, 8) for how in ("cancel", "deadline", "fail")]:
        engine, ends = make(60, token_budget=40), {}
        kept = engine.submit(REQUESTS[beside])
        number = engine.submit(
            replace(REQUESTS[name], service=Service(deadline_s=5.0 if how == "deadline" else None))
        )
        for _ in range(place):
            step(engine, ends)
        if number in ends:
            continue
        if how == "cancel":
            assert engine.cancel(number)
        elif how == "deadline":
            engine._clock.now = 6.0
        else:
            break_for(engine, number)
        drain(engine, ends)
        assert ends[kept].outputs == alone[beside]
        if how == "deadline":
            check_late(ends[number], alone[name], REQUESTS[name].method or Sample())
        elif how == "fail":
            assert isinstance(ends[number].error, ArithmeticError)


def break_for(engine, number):
    """Let each forward pass fail that has a row of a request."""
    forward = engine.runner.forward
    (job,) = (
        job for job in (*engine.scheduler.running, *engine.scheduler.waiting) if job.request_id == number
    )

    def broken(rows, *states):
        own = [context.branch for sequence in job.group.live for context in sequence.contexts]
        if any(row.branch is branch for row in rows for branch in own):
            raise ArithmeticError
        return forward(rows, *states)

    engine.runner.forward = broken


def check_late(end, whole, decoder):
    """What there was when the time was over is the beginning of the whole, but for beams that lose later."""
    if isinstance(end, FailedEvent):
        assert isinstance(end.error, DeadlineError)
        return
    for output in end.outputs:
        assert output.finish_reason == "deadline"
        assert output.traces
        if decoder.streams:
            assert output.traces == whole[output.index].traces[: len(output.traces)]


@pytest.mark.parametrize("name", REQUESTS)
def test_progress_is_told_of_the_prompt(name):
    """Never more of it than there is, and all of it before the first token."""
    engine, request = make(token_budget=PAGE_SIZE), REQUESTS[name]
    engine.submit(request)
    done, texts = [], 0
    while engine.busy:
        for event in engine.step():
            if isinstance(event, ProgressEvent):
                assert not texts
                done.append(event.done)
            texts += isinstance(event, TokenEvent)
    assert done == sorted(done)
    assert done[-1] == len(prompt_of(request))


@pytest.mark.parametrize("where", ["before", "after", "draft"])
@pytest.mark.parametrize("name", REQUESTS)
def test_an_interrupted_step_can_be_taken_again(alone, name, where, monkeypatch):
    """Before anything is computed, after it all was, and while the draft model runs: every second step."""
    engine, ends, steps = make(token_budget=24), {}, 0
    forward, drafted = engine.runner.forward, engine.drafter.logits

    def interrupted_forward(*arguments):
        if where == "after":
            forward(*arguments)
        raise KeyboardInterrupt

    def interrupted_draft(group):
        drafted(group)
        raise KeyboardInterrupt

    number = engine.submit(REQUESTS[name])
    while engine.busy:
        steps += 1
        assert steps < 300, "no end in sight"
        with monkeypatch.context() as patch:
            if where == "draft":
                patch.setattr(engine.drafter, "logits", interrupted_draft)
            else:
                patch.setattr(engine.runner, "forward", interrupted_forward)
            try:
                step(engine, ends)
            except KeyboardInterrupt:
                engine.check_integrity()
        step(engine, ends)
    assert ends[number].outputs == alone[name]
    assert_at_rest(engine)


def test_a_row_of_every_context_leaves_less_for_guesses():
    """`speculation_rows` bounds what a step computes, whatever the rows are of."""
    engine, counts = make(speculation_rows=8), []
    forward = engine.runner.forward

    def record(rows, *states):
        counts.append((len(rows), sum(len(row.tokens) for row in rows)))
        return forward(rows, *states)

    engine.runner.forward = record
    engine.submit(ask(TEXT[:17], mixture=Guidance(1.5), further=(TEXT[20:40],), n=2, max_tokens=60))
    engine.submit(
        ask(TEXT[:30] * 2, Speculative(PromptLookup(6, min_ngram=1)), max_tokens=60, temperature=0.0)
    )
    while engine.busy:
        engine.step()
    growing = [tokens for rows, tokens in counts if rows == 5 and tokens < 17]
    assert max(growing) == 8
