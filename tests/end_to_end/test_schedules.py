"""On the real model: whatever the schedule, each request gets what it gets alone.

The same tokens, and on native kernels every bit of their log-probabilities, for any number of threads.
"""

import random
from dataclasses import replace

import pytest
import torch

from asking import engine_ask
from ponder.constraints import Ban
from ponder.decoders import BeamSearch, PromptLookup, Sample, Speculative
from ponder.engine import Engine, EngineLimits, FailedEvent, FinishedEvent
from ponder.sampling import SamplingParams
from stepping import assert_at_rest, run

PREFIX = (
    "The following is a list of short answers to questions about the natural world. Each of them is true. "
)
QUESTIONS = (
    "Why is the sky blue?",
    "What is rain?",
    "How do birds find their way when they fly south in autumn?",
    "Where does the wind come from?",
    "Why do leaves turn red?",
    "What do bees make?",
)
COUNT = 32


def requests(tokenizer):
    """Thirty-two requests: twelve with one beginning, prompts of 5 to 120 tokens, all kinds of parameters."""
    rng = random.Random(0)
    kinds = (
        {"temperature": 0.0},
        {"temperature": 0.8, "top_p": 0.9},
        {"temperature": 1.0, "top_k": 20},
        {"temperature": 0.7, "repetition_penalty": 1.2},
        {"temperature": 1.2, "min_p": 0.05, "n": 2},
        {"temperature": 0.9, "frequency_penalty": 0.5, "stop": (".",)},
    )
    made = []
    for i in range(COUNT):
        text = QUESTIONS[i % len(QUESTIONS)]
        text = PREFIX + text if i < 12 else " ".join([text, *rng.sample(QUESTIONS, rng.randrange(6))])
        prompt = tuple(tokenizer.encode(text)[:120])
        params = SamplingParams(**kinds[i % len(kinds)], seed=i, max_tokens=rng.randrange(4, 11))
        if i % 13 == 5:
            params = SamplingParams(max_tokens=6)
            made.append(engine_ask(prompt, params, decoder=BeamSearch(3)))
        else:
            ban = Ban(("the",)) if i % 7 == 3 else None
            decoder = Speculative(PromptLookup(5, min_ngram=1)) if i % 2 else Sample()
            made.append(engine_ask(prompt, params, ban, decoder, priority=-(i % 3)))
    return made


def contents(model, outputs):
    """What must be equal: tokens, and with native kernels also their traces."""
    exact = model.kernels.name == "native"
    return [(output.token_ids, output.traces if exact else None) for output in outputs]


@pytest.fixture(scope="module")
def asked(tokenizer):
    return requests(tokenizer)


@pytest.fixture(scope="module")
def alone(local_model, asked):
    """What each request gets with an engine to itself, nothing cached and nothing guessed."""
    answers = []
    engine = Engine(local_model.engine.model, local_model.tokenizer, 200)
    for request in asked:
        if isinstance(request.method, Speculative):
            request = replace(request, method=Sample())
        *_, last = run(engine, request)
        answers.append(contents(engine.model, last.outputs))
        engine.tree.evict(engine.pool.num_pages)
    return answers


@pytest.mark.parametrize(
    ("seed", "pages", "limits", "threads"),
    [
        (0, 400, EngineLimits(), 2),
        (1, 400, EngineLimits(token_budget=40), 1),
        (3, 24, EngineLimits(token_budget=100), 2),
    ],
)
def test_any_schedule_gives_the_same(local_model, asked, alone, request, seed, pages, limits, threads):
    """Random order, arrival at random steps; with few pages some are preempted and computed again,
    because there is no room for them and because the test says so.
    """
    request.addfinalizer(lambda: torch.set_num_threads(2))  # as conftest.py does
    torch.set_num_threads(threads)
    rng = random.Random(seed)
    engine = Engine(local_model.engine.model, local_model.tokenizer, pages, limits)
    coming, numbers, answers = rng.sample(range(COUNT), COUNT), {}, {}
    while coming or engine.busy:
        for _ in range(rng.choice((0, 0, 1, 2, 6))):
            if coming:
                i = coming.pop()
                numbers[engine.submit(asked[i])] = i
        if pages < 100 and engine.scheduler.running and rng.random() < 0.2:
            engine.scheduler.preempt(rng.choice(engine.scheduler.running))
        for event in engine.step():
            assert not isinstance(event, FailedEvent)
            if isinstance(event, FinishedEvent):
                answers[numbers[event.request_id]] = contents(engine.model, event.outputs)
        engine.check_integrity()
    assert answers == dict(enumerate(alone))
    assert_at_rest(engine)
    stats = engine.stats()
    assert stats.hit_tokens > 0
    if pages < 100:
        assert stats.preemptions > 0
        assert stats.evictions > 0
