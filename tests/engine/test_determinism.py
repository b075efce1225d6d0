"""Same seed, same tokens: whatever n is, whatever else runs, however the prompt was chunked."""

import random
import threading

import pytest

from asking import engine_ask, prompt_of
from ponder.constraints import Ban
from ponder.decoders import BeamSearch
from ponder.engine import Engine, EngineLimits, EngineLoop, FinishedEvent
from ponder.sampling import SamplingParams
from stepping import assert_at_rest, forget, run
from tiny_models import tiny_engine


@pytest.fixture(scope="module")
def tiny():
    return tiny_engine(seed=1)


def ids(outputs):
    return [output.token_ids for output in outputs]


def alone(engine, request):
    """A request's answer when nothing else runs and nothing is cached."""
    forget(engine)
    *_, last = run(engine, request)
    assert last.usage.hit_tokens == 0
    assert_at_rest(engine)
    return ids(last.outputs)


def together(engine, requests):
    """Submit all requests, some of them only later, and step until all are answered."""
    waiting, numbers, answers = list(enumerate(requests)), {}, {}
    while len(answers) < len(requests):
        for i, request in waiting[:3]:
            numbers[engine.submit(request)] = i
        waiting = waiting[3:]
        for event in engine.step():
            if isinstance(event, FinishedEvent):
                answers[numbers[event.request_id]] = ids(event.outputs)
        engine.check_integrity()
    assert_at_rest(engine)
    return answers


def mixed_requests(rng, count):
    """Requests of many kinds: lengths, n, truncation, penalties, bans, stops, beams."""
    requests = []
    for i in range(count):
        prompt = tuple(rng.randrange(61) for _ in range(rng.choice((1, 2, 15, 16, 17, 33, 90))))
        params = {"max_tokens": rng.randrange(1, 25), "n": rng.randrange(1, 5), "seed": rng.randrange(9)}
        params |= rng.choice(
            ({}, {"top_p": 0.8}, {"top_k": 5, "temperature": 2}, {"repetition_penalty": 1.5})
        )
        params |= rng.choice(({}, {"stop": ("a", "bc")}, {"min_tokens": params["max_tokens"] // 2}))
        ban = rng.choice((None, Ban(("e", "ab"))))
        decoder = {"decoder": BeamSearch(4)} if i % 4 == 3 else {}
        requests.append(engine_ask(prompt, SamplingParams(**params), ban, **decoder))
    return requests


def test_n_does_not_change_a_sample(tiny):
    """Sample i of n is sample i of any larger n."""
    prompt = tuple(range(20))
    many = alone(tiny, engine_ask(prompt, SamplingParams(n=12, seed=3, max_tokens=30)))
    assert len(set(many)) > 6
    for n in (1, 2, 5, 11):
        assert alone(tiny, engine_ask(prompt, SamplingParams(n=n, seed=3, max_tokens=30))) == many[:n]


@pytest.mark.slow
def test_another_seed_is_another_text(tiny):
    """Twenty seeds give nearly twenty texts; each seed, its own again."""
    requests = [engine_ask((5, 6), SamplingParams(seed=seed, max_tokens=20)) for seed in range(20)]
    first = [alone(tiny, request)[0] for request in requests]
    assert len(set(first)) > 15
    assert [alone(tiny, request)[0] for request in requests] == first


@pytest.mark.slow
@pytest.mark.parametrize("order", range(4))
def test_company_does_not_change_an_answer(tiny, order):
    """Sixteen requests of many kinds, submitted in random order over several steps, answer as alone.

    Also when they come again and find their prompts, and each other's, in the cache.
    """
    requests = mixed_requests(random.Random(7), 16)
    expected = [alone(tiny, request) for request in requests]
    shuffled = random.Random(order).sample(range(16), 16)
    forget(tiny)
    for known in (False, True):
        hits = tiny.stats().hit_tokens
        answers = together(tiny, [requests[i] for i in shuffled])
        assert {shuffled[i]: answer for i, answer in answers.items()} == dict(enumerate(expected))
        if known:
            wanted = sum(len(prompt_of(request)) - 1 for request in requests)
            assert tiny.stats().hit_tokens - hits == wanted


@pytest.mark.slow
def test_a_cached_beginning_does_not_change_an_answer(tiny):
    """Prompts that leave a cached one after any number of tokens answer as from an empty cache."""
    rng = random.Random(3)
    base = tuple(rng.randrange(30) for _ in range(70))
    params = SamplingParams(n=3, seed=5, max_tokens=20)
    for shared in (0, 1, 15, 16, 17, 31, 33, 48, 69, 70):
        prompt = base[:shared] + tuple(rng.randrange(30, 61) for _ in range(1 + shared % 20))
        expected = alone(tiny, engine_ask(prompt, params))
        alone(tiny, engine_ask(base, params))
        *_, last = run(tiny, engine_ask(prompt, params))
        assert ids(last.outputs) == expected
        assert last.usage.hit_tokens >= shared
        assert last.usage.cached_tokens == last.usage.hit_tokens + 2 * len(prompt)


# `EngineLimits` counts what a step computes; prompts get a page's worth whatever it says.
@pytest.mark.slow
@pytest.mark.parametrize("budget", [1, 7, 16, 17, 23, 50])
def test_chunks_do_not_change_an_answer(tiny, budget):
    """Prompts computed a few tokens a step, alone and in company, answer as in one piece."""
    requests = mixed_requests(random.Random(11), 8)
    expected = [alone(tiny, request) for request in requests]
    chunked = Engine(tiny.model, tiny.tokenizer, 512, EngineLimits(token_budget=budget))
    assert [alone(chunked, request) for request in requests] == expected
    forget(chunked)
    assert together(chunked, requests) == dict(enumerate(expected))


@pytest.mark.slow
@pytest.mark.parametrize("pages", [20, 40])
def test_giving_way_does_not_change_an_answer(tiny, pages):
    """In a cache too small for all at once, requests that gave their memory away go on as if they had not."""
    rng, requests = random.Random(13), []
    for i in range(12):
        prompt = tuple(rng.randrange(61) for _ in range(rng.choice((1, 15, 16, 17, 33, 60))))
        params = SamplingParams(max_tokens=rng.randrange(40, 80), n=1 + i % 3, seed=i, ignore_eos=i % 4 > 0)
        decoder = {"decoder": BeamSearch(3)} if i % 3 == 2 else {}
        requests.append(engine_ask(prompt, params, priority=rng.randrange(3), **decoder))
    expected = [alone(tiny, request) for request in requests]
    tight = Engine(tiny.model, tiny.tokenizer, pages)
    assert together(tight, requests) == dict(enumerate(expected))
    assert tight.stats().preemptions > 0


@pytest.mark.slow
def test_threads_get_their_own_answers(tiny):
    """Eight threads call `run` at once; each gets its answer and only its events."""
    requests = mixed_requests(random.Random(5), 8)
    expected = [alone(tiny, request) for request in requests]
    forget(tiny)
    loop, barrier, answers, failures = EngineLoop(tiny), threading.Barrier(8), {}, []

    def call(i):
        try:
            barrier.wait()
            *tokens, last = loop.run(requests[i])
            assert {event.request_id for event in tokens} == {last.request_id}
            assert all(not isinstance(event, FinishedEvent) for event in tokens)
            answers[i] = ids(last.outputs)
        except BaseException as error:
            failures.append(error)

    for _ in range(3):
        threads = [threading.Thread(target=call, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads)
        assert not failures
        assert answers == dict(enumerate(expected))
        loop.call(lambda: assert_at_rest(tiny)).result(60)
        answers.clear()
    loop.close()
    assert_at_rest(tiny)


def test_the_default_model(default_engine):
    """On the real model: n, company, order, chunks and what is cached change no token."""
    engine, encode = default_engine, default_engine.tokenizer.encode
    prompts = ["The capital of France is", "def add(a, b):\n    return", "Once upon a time " * 9, "1, 2, 3,"]
    requests = [
        engine_ask(tuple(encode(prompt)), SamplingParams(n=1 + i % 2, seed=i, max_tokens=8, top_p=0.95))
        for i, prompt in enumerate(prompts)
    ]
    expected = [alone(engine, request) for request in requests]
    single = engine_ask(prompt_of(requests[1]), SamplingParams(n=1, seed=1, max_tokens=8, top_p=0.95))
    assert alone(engine, single) == expected[1][:1]
    forget(engine)
    for order in ((3, 2, 1, 0), (1, 3, 0, 2)):
        answers = together(engine, [requests[i] for i in order])
        assert {order[i]: answer for i, answer in answers.items()} == dict(enumerate(expected))
    chunked = Engine(engine.model, engine.tokenizer, 64, EngineLimits(token_budget=17))
    assert together(chunked, requests) == dict(enumerate(expected))
