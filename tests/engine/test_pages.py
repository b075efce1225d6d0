"""Pages have owners: the pool balances after cancelled, refused, crowded and waiting requests and scores."""

import random

import pytest
import torch

from forward import all_logits
from ponder.constraints import Ban, ChoiceTrie
from ponder.decoders import BeamSearch
from ponder.engine import Engine, FinishedEvent, Request
from ponder.errors import CapacityError, ParameterError
from ponder.sampling import SamplingParams
from tiny_models import tiny_tokenizer, tiny_transformer


@pytest.fixture(scope="module")
def model():
    return tiny_transformer(seed=4)


@pytest.fixture(scope="module")
def vocabulary():
    return tiny_tokenizer()


@pytest.fixture
def engine(model, vocabulary):
    return Engine(model, vocabulary, 64)


def assert_balanced(engine):
    assert engine.pool.num_free == engine.pool.num_pages
    engine.pool.check_integrity()


def finish(engine, ids):
    """Step until these requests are answered, the pool consistent after every step."""
    answers, steps = {}, 0
    while len(answers) < len(ids):
        steps += 1
        assert steps < 5000
        for event in engine.step():
            if isinstance(event, FinishedEvent):
                answers[event.request_id] = event.outputs
        engine.pool.check_integrity()
    return answers


@pytest.mark.parametrize("events", [0, 1, 2, 30])
def test_closing_the_iterator_frees_everything(engine, events):
    """A run that is closed before its first event, inside a step's events or later leaves no page held."""
    run = engine.run(Request((1,) * 40, SamplingParams(max_tokens=60, n=3, ignore_eos=True)))
    for _ in range(events):
        next(run)
    assert events == 0 or engine.pool.num_free < 64
    run.close()
    assert_balanced(engine)
    *_, last = engine.run(Request((1,), SamplingParams(max_tokens=3)))
    assert last.outputs


def test_cancelling_beams_frees_everything(engine):
    """Beams say nothing until they are done; cancelled before that they leave no page held."""
    request = Request((1,) * 40, SamplingParams(max_tokens=60, n=3, ignore_eos=True), decoder=BeamSearch(3))
    number = engine.submit(request)
    for _ in range(9):
        assert engine.step() == []
    assert engine.pool.num_free < 64
    engine.cancel(number)
    assert_balanced(engine)


class Broken:
    """A constraint whose state fails at its third token."""

    def __init__(self, tokens=0):
        self.tokens = tokens

    def compile(self, tokenizer):
        return Broken()

    def mask(self):
        if self.tokens == 2:
            raise ArithmeticError("broken")

    def advance(self, token_id):
        self.tokens += 1

    def fork(self):
        return Broken(self.tokens)

    def may_stop(self):
        return True


def test_a_failing_constraint_fails_its_own_request_alone(engine):
    """The error reaches whoever asked; another request in the same batch gets the answer it gets alone."""
    request = Request((1, 2, 3), SamplingParams(max_tokens=8, n=2, seed=1, ignore_eos=True))
    *_, alone = engine.run(request)
    other = engine.run(request)
    next(other)
    with pytest.raises(ArithmeticError, match="broken"):
        list(engine.run(Request((1, 2), SamplingParams(max_tokens=8, n=3), Broken())))
    *_, last = other
    assert [o.token_ids for o in last.outputs] == [o.token_ids for o in alone.outputs]
    assert_balanced(engine)


def test_cancelling_one_leaves_the_others(engine):
    """Cancelled while it runs, while it waits, or never known: the others' answers are as alone."""
    kept = Request((9, 8, 7), SamplingParams(max_tokens=20, seed=5, n=2))
    *_, alone = engine.run(kept)
    long = Request((2,) * 100, SamplingParams(max_tokens=150, n=4, ignore_eos=True))
    running, staying, waiting = engine.submit(long), engine.submit(kept), engine.submit(long)
    for _ in range(3):
        engine.step()
    engine.cancel(waiting)
    engine.cancel(running)
    engine.cancel(running)
    engine.cancel(12345)
    answers = finish(engine, [staying])
    assert [o.token_ids for o in answers[staying]] == [o.token_ids for o in alone.outputs]
    assert_balanced(engine)


def test_a_failure_while_stepping_frees_its_request(engine, monkeypatch):
    """Whatever a step raises, the run that it surfaces in gives its pages back."""

    def fail(*arguments):
        raise RuntimeError("the device is gone")

    run = engine.run(Request((1, 2, 3), SamplingParams(max_tokens=30, n=2, ignore_eos=True)))
    next(run)
    with monkeypatch.context() as patch:
        patch.setattr(engine.model, "forward", fail)
        with pytest.raises(RuntimeError, match="gone"):
            list(run)
    assert_balanced(engine)


def test_a_failed_step_can_be_taken_again(engine, monkeypatch):
    """After a step that raised, the requests it held up go on to their answers."""
    request = Request((1, 2, 3), SamplingParams(max_tokens=8, n=2, ignore_eos=True))
    *_, alone = engine.run(request)
    number = engine.submit(request)
    for _ in range(3):
        engine.step()
    with monkeypatch.context() as patch:
        patch.setattr(engine.model, "forward", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            engine.step()
    events = [event for _ in range(20) for event in engine.step()]
    engine.cancel(number)
    assert [o.token_ids for o in events[-1].outputs] == [o.token_ids for o in alone.outputs]


@pytest.mark.parametrize("seed", range(40))
def test_what_is_promised_is_enough(model, vocabulary, seed):
    """A pool of exactly the pages a request is said to need serves it, whatever its shape."""
    rng = random.Random(seed)
    width = rng.randrange(1, 7)
    params = SamplingParams(
        max_tokens=rng.randrange(1, 50),
        n=rng.randrange(1, width + 1) if seed % 2 else width,
        seed=seed,
        ignore_eos=rng.random() < 0.7,
    )
    decoder = {"decoder": BeamSearch(width)} if seed % 2 else {}
    request = Request((3,) * rng.randrange(1, 70), params, **decoder)
    pages = Engine(model, vocabulary, 2000)._pages(request)
    engine = Engine(model, vocabulary, pages)
    answers = finish(engine, [engine.submit(request)])
    assert len(next(iter(answers.values()))) == params.n
    assert_balanced(engine)
    with pytest.raises(CapacityError, match=f"may need {pages} cache pages and there are {pages - 1}"):
        Engine(model, vocabulary, pages - 1).submit(request)


@pytest.mark.parametrize("seed", range(6))
def test_a_crowd_is_served_from_a_small_pool(model, vocabulary, seed):
    """Thirty requests, some cancelled, through a pool for a few: all answered as alone, no page lost."""
    rng = random.Random(seed)
    engine, requests = Engine(model, vocabulary, 40), []
    for i in range(30):
        params = SamplingParams(
            max_tokens=rng.randrange(1, 30), n=rng.randrange(1, 4), seed=i, stop=("a", "e"), top_p=0.9
        )
        options = {"decoder": BeamSearch(3)} if i % 5 == 0 else {}
        ban = Ban(("b",)) if i % 3 == 0 else None
        requests.append(Request((rng.randrange(61),) * rng.randrange(1, 60), params, ban, **options))
    numbers = [engine.submit(request) for request in requests]
    cancelled = set(rng.sample(numbers, 6))
    answers, steps = {}, 0
    while len(answers) + len(cancelled - answers.keys()) < 30:
        steps += 1
        assert steps < 2000
        for event in engine.step():
            if isinstance(event, FinishedEvent):
                answers[event.request_id] = event.outputs
        engine.pool.check_integrity()
        if steps == 5:
            for number in cancelled:
                engine.cancel(number)
    assert_balanced(engine)
    roomy = Engine(model, vocabulary, 400)
    for number, request in zip(numbers, requests, strict=True):
        if number in answers:
            *_, last = roomy.run(request)
            assert [o.token_ids for o in answers[number]] == [o.token_ids for o in last.outputs]


def test_waiting_requests_are_admitted_in_order(model, vocabulary):
    """With room for one at a time, requests are answered one after another as they came."""
    request = Request((1,) * 20, SamplingParams(max_tokens=10, ignore_eos=True))
    engine = Engine(model, vocabulary, Engine(model, vocabulary, 100)._pages(request))
    numbers = [engine.submit(request) for _ in range(5)]
    assert list(finish(engine, numbers)) == numbers
    assert_balanced(engine)


def test_what_can_never_fit_is_refused_with_both_numbers(engine):
    """A prompt over the context and a request over the cache name what they need and what there is."""
    with pytest.raises(CapacityError, match=r"257 tokens long, and the model's context is 256"):
        engine.submit(Request((1,) * 256, SamplingParams(max_tokens=1)))
    with pytest.raises(CapacityError, match=r"may need \d+ cache pages and there are 64"):
        engine.submit(Request((1,) * 10, SamplingParams(max_tokens=200, n=100)))
    engine.submit(Request((1,) * 255, SamplingParams(max_tokens=1)))
    finish(engine, [1])
    assert_balanced(engine)


@pytest.mark.parametrize("token", [64, -1, 10**9])
def test_prompt_tokens_are_checked(engine, token):
    """A token id the model does not have is refused by its value."""
    with pytest.raises(ParameterError, match=rf"prompt = {token} is not allowed: token ids from 0 to 63"):
        engine.submit(Request((1, token), SamplingParams()))


def test_other_requests_that_are_refused(engine):
    """An empty prompt, and ids beyond the vocabulary in the parameters; nothing stays queued."""
    with pytest.raises(ParameterError, match="at least one token"):
        engine.submit(Request((), SamplingParams()))
    for params in ({"logit_bias": {64: 1.0}}, {"stop_token_ids": (64,)}):
        with pytest.raises(ParameterError, match="= 64 is not allowed: token ids from 0 to 63"):
            engine.submit(Request((1,), SamplingParams(**params)))
    with pytest.raises(ParameterError):
        next(engine.run(Request((), SamplingParams())))
    assert engine.step() == []
    assert_balanced(engine)


def test_scores_are_the_models_logprobs(engine, model):
    """Every path of a trie scores what its tokens have when each sequence is computed by itself."""
    rng = random.Random(0)
    for length in (1, 15, 16, 17, 100):
        prompt = tuple(rng.randrange(64) for _ in range(length))
        texts = [[rng.randrange(4) for _ in range(rng.randrange(1, 7))] for _ in range(9)]
        scores = engine.score(prompt, ChoiceTrie.build(texts))
        for text, scored in zip(texts, scores, strict=True):
            (logits,) = all_logits(model, [[*prompt, *text]])
            logprobs = torch.log_softmax(logits, dim=-1)
            expected = [logprobs[length - 1 + i, token].item() for i, token in enumerate(text)]
            assert scored == pytest.approx(expected, abs=1e-4)
        assert_balanced(engine)


def test_scoring_beside_a_run(engine):
    """Scoring between a run's steps changes neither, and takes no page that the run was promised."""
    request = Request((4,) * 30, SamplingParams(max_tokens=40, n=2, seed=1, ignore_eos=True))
    *_, alone = engine.run(request)
    trie = ChoiceTrie.build([[1, 2], [1, 3]])
    expected = engine.score((7, 8, 9), trie)
    run = engine.run(request)
    for _ in range(9):
        next(run)
    torch.testing.assert_close(engine.score((7, 8, 9), trie), expected)
    with pytest.raises(CapacityError, match=r"needs \d+ cache pages"):
        engine.score((7,) * 250, ChoiceTrie.build([[i] * 3 + [j] * 2 for i in range(60) for j in range(9)]))
    *_, last = run
    assert [o.token_ids for o in last.outputs] == [o.token_ids for o in alone.outputs]
    assert_balanced(engine)


def test_scoring_beyond_the_context_is_refused(engine):
    """The error says how long prompt and longest text are, and the context."""
    with pytest.raises(CapacityError, match=r"258 tokens long, and the model's context is 256"):
        engine.score((1,) * 250, ChoiceTrie.build([[1], [2] * 8]))
    assert_balanced(engine)
