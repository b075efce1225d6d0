"""Same seed, same tokens: whatever n is, whatever else runs, however the prompt was chunked."""

import random
import threading

import pytest

from ponder.constraints import Ban
from ponder.decoders import BeamSearch
from ponder.engine import FinishedEvent, Request
from ponder.engine import engine as engine_module
from ponder.sampling import SamplingParams
from tiny_models import tiny_local_model


@pytest.fixture(scope="module")
def tiny():
    return tiny_local_model(seed=1).engine


def ids(outputs):
    return [output.token_ids for output in outputs]


def alone(engine, request):
    *_, last = engine.run(request)
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
    assert engine.pool.num_free == engine.pool.num_pages
    engine.pool.check_integrity()
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
        requests.append(Request(prompt, SamplingParams(**params), ban, **decoder))
    return requests


def test_n_does_not_change_a_sample(tiny):
    """Sample i of n is sample i of any larger n."""
    prompt = tuple(range(20))
    many = alone(tiny, Request(prompt, SamplingParams(n=12, seed=3, max_tokens=30)))
    assert len(set(many)) > 6
    for n in (1, 2, 5, 11):
        assert alone(tiny, Request(prompt, SamplingParams(n=n, seed=3, max_tokens=30))) == many[:n]


def test_another_seed_is_another_text(tiny):
    """Twenty seeds give nearly twenty texts; each seed, its own again."""
    requests = [Request((5, 6), SamplingParams(seed=seed, max_tokens=20)) for seed in range(20)]
    first = [alone(tiny, request)[0] for request in requests]
    assert len(set(first)) > 15
    assert [alone(tiny, request)[0] for request in requests] == first


@pytest.mark.parametrize("order", range(4))
def test_company_does_not_change_an_answer(tiny, order):
    """Sixteen requests of many kinds, submitted in random order over several steps, answer as alone."""
    requests = mixed_requests(random.Random(7), 16)
    expected = [alone(tiny, request) for request in requests]
    shuffled = random.Random(order).sample(range(16), 16)
    answers = together(tiny, [requests[i] for i in shuffled])
    assert {shuffled[i]: answer for i, answer in answers.items()} == dict(enumerate(expected))


@pytest.mark.parametrize("budget", [1, 7, 16, 50])
def test_chunks_do_not_change_an_answer(tiny, monkeypatch, budget):
    """Prompts computed a few tokens a step, alone and in company, answer as in one piece."""
    requests = mixed_requests(random.Random(11), 8)
    expected = [alone(tiny, request) for request in requests]
    monkeypatch.setattr(engine_module, "TOKEN_BUDGET", budget)
    assert [alone(tiny, request) for request in requests] == expected
    assert together(tiny, requests) == dict(enumerate(expected))


def test_threads_get_their_own_answers(tiny):
    """Eight threads call `run` at once; each gets its answer and only its events."""
    requests = mixed_requests(random.Random(5), 8)
    expected = [alone(tiny, request) for request in requests]
    barrier, answers, failures = threading.Barrier(8), {}, []

    def call(i):
        try:
            barrier.wait()
            *tokens, last = tiny.run(requests[i])
            assert {event.request_id for event in tokens} <= {last.request_id}
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
        assert tiny.pool.num_free == tiny.pool.num_pages
        answers.clear()


def test_the_default_model(local_model, monkeypatch):
    """On the real model: n, company, order and chunks change no token."""
    engine, encode = local_model.engine, local_model.tokenizer.encode
    prompts = ["The capital of France is", "def add(a, b):\n    return", "Once upon a time " * 9, "1, 2, 3,"]
    requests = [
        Request(tuple(encode(prompt)), SamplingParams(n=1 + i % 2, seed=i, max_tokens=8, top_p=0.95))
        for i, prompt in enumerate(prompts)
    ]
    expected = [alone(engine, request) for request in requests]
    single = Request(requests[1].prompt, SamplingParams(n=1, seed=1, max_tokens=8, top_p=0.95))
    assert alone(engine, single) == expected[1][:1]
    for order in ((3, 2, 1, 0), (1, 3, 0, 2)):
        answers = together(engine, [requests[i] for i in order])
        assert {order[i]: answer for i, answer in answers.items()} == dict(enumerate(expected))
    monkeypatch.setattr(engine_module, "TOKEN_BUDGET", 13)
    assert together(engine, requests) == dict(enumerate(expected))
