"""Pages have owners: the pool balances after cancelled, refused, crowded and waiting requests and scores."""

import random

import pytest
import torch

from asking import engine_ask, score
from forward import all_logits
from ponder.asks import ProgressEvent, TreeEvent
from ponder.asks.choice_trie import ChoiceTrie
from ponder.constraints import Ban
from ponder.decoders import BeamSearch
from ponder.engine import Engine, EngineLimits, FailedEvent, FinishedEvent, reading
from ponder.engine.admission import most_pages
from ponder.errors import CapacityError, CheckpointError, ParameterError
from ponder.sampling import SamplingParams
from stepping import assert_at_rest, forget, run
from tiny_models import tiny_config, tiny_transformer


@pytest.fixture
def engine(model, vocabulary):
    return Engine(model, vocabulary, 64)


def assert_balanced(engine):
    """Nothing is held; and what the cache keeps can all be had."""
    assert_at_rest(engine)
    forget(engine)


def finish(engine, ids):
    """Step until these requests are answered, tree and pool consistent after every step."""
    answers, steps = {}, 0
    while len(answers) < len(ids):
        steps += 1
        assert steps < 5000
        for event in engine.step():
            if isinstance(event, FinishedEvent):
                answers[event.request_id] = event.outputs
            assert not isinstance(event, FailedEvent)
        engine.check_integrity()
    return answers


@pytest.mark.parametrize("events", [0, 1, 2, 30])
def test_closing_the_iterator_frees_everything(engine, events):
    """A run that is closed before its first event, inside a step's events or later leaves no page held."""
    running = run(engine, engine_ask((1,) * 40, SamplingParams(max_tokens=60, n=3, ignore_eos=True)))
    for _ in range(events):
        next(running)
    assert events == 0 or engine.pool.num_busy > 0
    running.close()
    assert_balanced(engine)
    *_, last = run(engine, engine_ask((1,), SamplingParams(max_tokens=3)))
    assert last.outputs


def test_cancelling_beams_frees_everything(engine):
    """Beams say how their tree grows until they are done; cancelled before that they leave no page held."""
    request = engine_ask(
        (1,) * 40, SamplingParams(max_tokens=60, n=3, ignore_eos=True), decoder=BeamSearch(3)
    )
    number = engine.submit(request)
    progress, *trees = [event for _ in range(9) for event in engine.step()]
    assert isinstance(progress, ProgressEvent)
    assert len(trees) == 9
    assert all(isinstance(event, TreeEvent) for event in trees)
    assert engine.pool.num_busy > 0
    assert engine.cancel(number)
    assert_balanced(engine)
    assert not engine.cancel(number)
    assert engine.step() == []


class Broken:
    """A constraint that fails after two tokens; its own automaton, whose states count tokens."""

    start = 0
    growth = 0
    exact = True

    def plan(self, state, limit):
        return ()

    def compile(self, vocabulary):
        return self

    def mask(self, state):
        if state == 2:
            raise ArithmeticError("broken")

    def step(self, state, token):
        return state + 1

    def may_end(self, state):
        return True


def test_a_failing_constraint_fails_its_own_request_alone(engine):
    """The error reaches whoever asked; another request in the same batch gets the answer it gets alone."""
    request = engine_ask((1, 2, 3), SamplingParams(max_tokens=8, n=2, seed=1, ignore_eos=True))
    *_, alone = run(engine, request)
    forget(engine)
    other = run(engine, request)
    next(other)
    with pytest.raises(ArithmeticError, match="broken"):
        list(run(engine, engine_ask((1, 2), SamplingParams(max_tokens=8, n=3), Broken())))
    *_, last = other
    assert [o.token_ids for o in last.outputs] == [o.token_ids for o in alone.outputs]
    assert_balanced(engine)


def test_cancelling_one_leaves_the_others(engine):
    """Cancelled while it runs, while it waits, or never known: the others' answers are as alone."""
    kept = engine_ask((9, 8, 7), SamplingParams(max_tokens=20, seed=5, n=2))
    *_, alone = run(engine, kept)
    forget(engine)
    long = engine_ask((2,) * 100, SamplingParams(max_tokens=150, n=4, ignore_eos=True))
    running, staying, waiting = engine.submit(long), engine.submit(kept), engine.submit(long)
    for _ in range(3):
        engine.step()
    assert [engine.cancel(number) for number in (waiting, running, running, 12345)] == [
        True,
        True,
        False,
        False,
    ]
    engine.check_integrity()
    answers = finish(engine, [staying])
    assert [o.token_ids for o in answers[staying]] == [o.token_ids for o in alone.outputs]
    assert_balanced(engine)


def test_a_failure_while_stepping_ends_its_request(engine, monkeypatch):
    """What a forward pass raises reaches whoever asked, the pages are given back, and the next is served."""

    def fail(*arguments):
        raise RuntimeError("the device is gone")

    running = run(engine, engine_ask((1, 2, 3), SamplingParams(max_tokens=30, n=2, ignore_eos=True)))
    next(running)
    with monkeypatch.context() as patch:
        patch.setattr(engine.model, "forward", fail)
        with pytest.raises(RuntimeError, match="gone"):
            list(running)
    assert engine.stats().failed == 1
    assert_balanced(engine)
    *_, last = run(engine, engine_ask((1,), SamplingParams(max_tokens=3)))
    assert last.outputs


POISON = 60


def fails_on(forward, error):
    """A forward pass that raises where the poisoned token is in the batch."""

    def failing(batch, *arguments):
        if POISON in batch.token_ids:
            raise error
        return forward(batch, *arguments)

    return failing


def test_a_request_that_cannot_be_computed_fails_alone(engine, monkeypatch):
    """Of three in a batch the one that fails alone ends, with its own error; the others answer as alone."""
    never = {POISON: -100.0}
    requests = [
        engine_ask((i, 2, 3), SamplingParams(max_tokens=8, n=2, seed=i, ignore_eos=True, logit_bias=never))
        for i in range(2)
    ]
    expected = []
    for request in requests:
        *_, last = run(engine, request)
        expected.append([output.token_ids for output in last.outputs])
    forget(engine)
    monkeypatch.setattr(engine.model, "forward", fails_on(engine.model.forward, MemoryError("too large")))
    first = engine.submit(requests[0])
    bad = engine.submit(engine_ask((5, POISON), SamplingParams(max_tokens=8, n=3)))
    second = engine.submit(requests[1])
    events = engine.step()
    (failed,) = [event for event in events if isinstance(event, FailedEvent)]
    assert failed.request_id == bad
    assert isinstance(failed.error, MemoryError)
    engine.check_integrity()
    answers = finish(engine, [first, second])
    assert [[o.token_ids for o in answers[number]] for number in (first, second)] == expected
    assert_balanced(engine)


def test_a_request_whose_logits_are_not_numbers_fails_alone(engine, monkeypatch):
    """One NaN in one row of two ends the request whose rows they are; those before and after it go on."""
    never = {POISON: -100.0}
    request = engine_ask((1, 2, 3), SamplingParams(max_tokens=8, n=2, ignore_eos=True, logit_bias=never))
    always = {POISON: 100.0}
    bad = engine_ask((5, 6), SamplingParams(max_tokens=8, n=2, ignore_eos=True, logit_bias=always))
    *_, alone = run(engine, request)
    forget(engine)
    forward = engine.model.forward

    def damaged(batch, *arguments):
        logits = forward(batch, *arguments).clone()
        (rows,) = (batch.token_ids[batch.logit_rows] == POISON).nonzero(as_tuple=True)
        logits[rows[-1:], 7] = torch.nan
        return logits

    monkeypatch.setattr(engine.model, "forward", damaged)
    first, ending, second = (engine.submit(one) for one in (request, bad, request))
    assert not any(isinstance(event, FailedEvent) for event in engine.step())
    (failed,) = [event for event in engine.step() if isinstance(event, FailedEvent)]
    assert failed.request_id == ending
    assert isinstance(failed.error, CheckpointError)
    engine.check_integrity()
    answers = finish(engine, [first, second])
    for number in (first, second):
        assert [o.token_ids for o in answers[number]] == [o.token_ids for o in alone.outputs]
    assert_balanced(engine)


def test_an_interrupted_step_can_be_taken_again(engine, monkeypatch):
    """After an interrupt, in a prompt or later, the requests it held up go on to their answers."""
    request = engine_ask((1, 2, 3), SamplingParams(max_tokens=8, n=2, ignore_eos=True))
    long = engine_ask((7,) * 40, SamplingParams(max_tokens=20, n=3, seed=2, ignore_eos=True))
    expected = []
    for one in (request, long):
        *_, last = run(engine, one)
        expected.append([output.token_ids for output in last.outputs])
    forget(engine)

    def interrupt(*arguments):
        raise KeyboardInterrupt

    numbers = [engine.submit(request)]
    answers = {}
    for step in range(60):
        if step == 3:
            numbers.append(engine.submit(long))
        if step in (0, 3, 6, 7):
            with monkeypatch.context() as patch:
                patch.setattr(engine.model, "forward", interrupt)
                with pytest.raises(KeyboardInterrupt):
                    engine.step()
            engine.check_integrity()
        for event in engine.step():
            if isinstance(event, FinishedEvent):
                answers[event.request_id] = [output.token_ids for output in event.outputs]
    assert [answers[number] for number in numbers] == expected
    assert_balanced(engine)


def test_an_interrupt_while_a_failure_is_isolated(engine, monkeypatch):
    """Of two in a batch, one fails alone and the other is interrupted: the interrupt comes through."""
    request = engine_ask(
        (1, 2, 3), SamplingParams(max_tokens=8, ignore_eos=True, logit_bias={POISON: -100.0})
    )
    *_, alone = run(engine, request)
    forget(engine)
    bad = engine.submit(engine_ask((5, POISON), SamplingParams(max_tokens=8)))
    number = engine.submit(request)

    def failing(batch, *arguments):
        if POISON in batch.token_ids:
            raise MemoryError("too large")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(engine.model, "forward", failing)
        with pytest.raises(KeyboardInterrupt):
            engine.step()
    events = [event for _ in range(20) for event in engine.step()]
    assert [event.request_id for event in events if isinstance(event, FailedEvent)] == [bad]
    (last,) = [event for event in events if isinstance(event, FinishedEvent)]
    assert last.request_id == number
    assert [o.token_ids for o in last.outputs] == [o.token_ids for o in alone.outputs]
    assert_balanced(engine)


def most_pages_of(model, vocabulary, request):
    """How many pages a request is said to need."""
    return most_pages(Engine(model, vocabulary, 2000).prepare(request))


@pytest.mark.parametrize("seed", range(20))
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
    request = engine_ask((3,) * rng.randrange(1, 70), params, **decoder)
    pages = most_pages_of(model, vocabulary, request)
    *_, expected = run(Engine(model, vocabulary, 2000), request)
    engine = Engine(model, vocabulary, pages)
    (outputs,) = finish(engine, [engine.submit(request)]).values()
    assert len(outputs) == params.n
    assert [o.token_ids for o in outputs] == [o.token_ids for o in expected.outputs]
    assert engine.stats().preemptions == 0
    assert_balanced(engine)
    with pytest.raises(CapacityError, match=f"may need {pages} cache pages and there are {pages - 1}"):
        Engine(model, vocabulary, pages - 1).submit(request)


@pytest.mark.slow
def test_what_is_promised_is_enough_whatever_is_cached(model, vocabulary):
    """Also where what the cache has of the prompt ends inside a page, which must be copied to go on."""
    prompt = tuple(range(26))
    for known in range(1, 26):
        for n in (1, 2):
            request = engine_ask(prompt, SamplingParams(max_tokens=7, n=n, ignore_eos=True))
            *_, expected = run(Engine(model, vocabulary, 2000), request)
            engine = Engine(model, vocabulary, most_pages_of(model, vocabulary, request))
            list(run(engine, engine_ask((*prompt[:known], 50), SamplingParams(max_tokens=1))))
            (outputs,) = finish(engine, [engine.submit(request)]).values()
            assert [o.token_ids for o in outputs] == [o.token_ids for o in expected.outputs]
            assert_balanced(engine)


def test_scoring_has_enough_whatever_is_cached(model, vocabulary):
    """The same of a score that needs every page there is."""
    prompt = tuple(range(26))
    trie = ChoiceTrie.build([[1, 2, 3], [4, 5, 6]])
    expected, _ = score(Engine(model, vocabulary, 2000), prompt, trie)
    for known in range(1, 26):
        engine = Engine(model, vocabulary, 2)
        list(run(engine, engine_ask((*prompt[:known], 50), SamplingParams(max_tokens=1))))
        scored, _ = score(engine, prompt, trie)
        assert scored == [pytest.approx(logprobs, abs=1e-4) for logprobs in expected]
        assert_balanced(engine)


@pytest.mark.slow
@pytest.mark.parametrize(("pages", "longest"), [(40, 30), (18, 60)])
@pytest.mark.parametrize("seed", range(4))
def test_a_crowd_is_served_from_a_small_pool(model, vocabulary, seed, pages, longest):
    """Thirty requests, some cancelled, through a pool for a few: all answered as alone, no page lost."""
    rng = random.Random(seed)
    engine, requests = Engine(model, vocabulary, pages), []
    for i in range(30):
        params = SamplingParams(
            max_tokens=rng.randrange(1, longest),
            n=rng.randrange(1, 4),
            seed=i,
            ignore_eos=longest > 30,
            stop=("a", "e") if i % 2 else (),
            top_p=0.9,
        )
        options = {"decoder": BeamSearch(3)} if i % 5 == 0 else {}
        ban = Ban(("b",)) if i % 3 == 0 else None
        requests.append(engine_ask((rng.randrange(61),) * rng.randrange(1, 60), params, ban, **options))
    check_rows(engine)
    numbers = [engine.submit(request) for request in requests]
    cancelled = set(rng.sample(numbers, 6))
    answers, steps = {}, 0
    while len(answers) + len(cancelled - answers.keys()) < 30:
        steps += 1
        assert steps < 2000
        for event in engine.step():
            if isinstance(event, FinishedEvent):
                answers[event.request_id] = event.outputs
            assert not isinstance(event, FailedEvent)
        engine.check_integrity()
        if steps == 5:
            for number in cancelled:
                engine.cancel(number)
    assert_balanced(engine)
    assert pages > 18 or engine.stats().preemptions > 0
    roomy = Engine(model, vocabulary, 400)
    for number, request in zip(numbers, requests, strict=True):
        if number in answers:
            forget(roomy)
            *_, last = run(roomy, request)
            assert [o.token_ids for o in answers[number]] == [o.token_ids for o in last.outputs]


def test_waiting_requests_are_admitted_in_order(model, vocabulary):
    """With room for one at a time, requests are answered one after another as they came.

    Whether they share their prompt or not; none is begun before the one before it has ended.
    """
    for others in (0, 1):
        params = SamplingParams(max_tokens=10, ignore_eos=True)
        requests = [engine_ask((1 + i * others,) * 20, params) for i in range(5)]
        engine = Engine(model, vocabulary, most_pages_of(model, vocabulary, requests[0]))
        numbers = [engine.submit(request) for request in requests]
        ended, steps = [], 0
        while engine.busy:
            steps += 1
            assert steps < 100
            begun = [event.request_id for event in engine.step() if not _waits(event)]
            assert set(begun) <= {numbers[len(ended)]}
            if engine.stats().finished > len(ended):
                ended.append(begun[0])
            assert engine.stats().running <= 1
            engine.check_integrity()
        assert ended == numbers
        # A shared page that is not full is one page too many here: it costs one start each, no more.
        assert engine.stats().preemptions <= (0 if others else 4)
        assert_balanced(engine)


def _waits(event):
    return isinstance(event, ProgressEvent) and event.state == "waiting"


def check_rows(engine):
    """From now on, assert of every batch that its rows write slots of their own, each to one place."""
    forward = engine.runner.forward

    def checked(rows, *states):
        slots = [slot for row in rows for slot in row.slots]
        assert len(set(slots)) == len(slots)
        for row in rows:
            end = row.branch.length
            places = range(end - len(row.tokens), end)
            assert list(row.slots) == [row.branch.pages[p // 16] * 16 + p % 16 for p in places]
            assert row.branch.last(len(row.tokens)) == list(row.tokens)
            assert all(engine.pool.is_exclusive(slot // 16) for slot in row.slots)
        return forward(rows, *states)

    engine.runner.forward = checked


@pytest.mark.slow
def test_a_text_in_the_batch_gives_way_to_a_prompt_of_higher_rank(vocabulary):
    """While a long prompt is computed beside texts that grow, these take the last pages and have to return
    them inside a step: their rows leave it, and nothing is computed wrongly or fails."""
    model = tiny_transformer(tiny_config(context_length=1024))
    growing = engine_ask((1,), SamplingParams(max_tokens=90, n=3, seed=1, ignore_eos=True), priority=1)
    long = engine_ask(
        tuple(i % 60 for i in range(700)), SamplingParams(max_tokens=5, seed=2, ignore_eos=True)
    )
    expected = []
    for request in (growing, long):
        *_, last = run(Engine(model, vocabulary, 200), request)
        expected.append([output.token_ids for output in last.outputs])
    # Beside the text's 3 pages there is room for the prompt's 44 and one each for 4 rows; two times 3 go.
    engine = Engine(model, vocabulary, 3 + 44 + 4, EngineLimits(token_budget=16))
    check_rows(engine)
    numbers = [engine.submit(growing)]
    engine.step()
    numbers.append(engine.submit(long))
    answers = finish(engine, numbers)
    assert [[output.token_ids for output in answers[number]] for number in numbers] == expected
    assert engine.stats().preemptions == 1
    assert_balanced(engine)


def test_what_can_never_fit_is_refused_with_both_numbers(engine):
    """A prompt over the context and a request over the cache name what they need and what there is."""
    with pytest.raises(CapacityError, match=r"257 tokens long, and the model's context is 256"):
        engine.submit(engine_ask((1,) * 256, SamplingParams(max_tokens=1)))
    with pytest.raises(CapacityError, match=r"may need \d+ cache pages and there are 64"):
        engine.submit(engine_ask((1,) * 10, SamplingParams(max_tokens=200, n=100)))
    engine.submit(engine_ask((1,) * 255, SamplingParams(max_tokens=1)))
    finish(engine, [1])
    assert_balanced(engine)


@pytest.mark.parametrize("token", [64, -1, 10**9])
def test_prompt_tokens_are_checked(engine, token):
    """A token id the model does not have is refused by its value."""
    with pytest.raises(ParameterError, match=rf"prompt = {token} is not allowed: token ids from 0 to 63"):
        engine.submit(engine_ask((1, token), SamplingParams()))


def test_other_requests_that_are_refused(engine):
    """An empty prompt, and ids beyond the vocabulary in the parameters; nothing stays queued."""
    with pytest.raises(ParameterError, match="at least one token"):
        engine.submit(engine_ask((), SamplingParams()))
    for params in ({"logit_bias": {64: 1.0}}, {"stop_token_ids": (64,)}):
        with pytest.raises(ParameterError, match="= 64 is not allowed: token ids from 0 to 63"):
            engine.submit(engine_ask((1,), SamplingParams(**params)))
    with pytest.raises(ParameterError):
        next(run(engine, engine_ask((), SamplingParams())))
    assert engine.step() == []
    assert_balanced(engine)


def test_scores_are_the_models_logprobs(engine, model):
    """Every path of a trie scores what its tokens have when each sequence is computed by itself."""
    rng = random.Random(0)
    for length in (1, 15, 16, 17, 100):
        prompt = tuple(rng.randrange(64) for _ in range(length))
        texts = [[rng.randrange(4) for _ in range(rng.randrange(1, 7))] for _ in range(9)]
        for known in (0, min(length // 16 * 16, length - 1)):
            scores, hits = score(engine, prompt, ChoiceTrie.build(texts))
            assert hits == known, "whole pages are found again"
            for text, scored in zip(texts, scores, strict=True):
                (logits,) = all_logits(model, [[*prompt, *text]])
                logprobs = torch.log_softmax(logits, dim=-1)
                expected = [logprobs[length - 1 + i, token].item() for i, token in enumerate(text)]
                assert scored == pytest.approx(expected, abs=1e-4)
            assert_at_rest(engine)
        assert_balanced(engine)


def test_scoring_beside_a_run(model, vocabulary, monkeypatch):
    """Scoring between a run's steps changes neither. Where it needs the run's pages the run gives way, and
    goes on afterwards; what does not fit the cache at all is refused."""
    monkeypatch.setattr(reading, "PART_BYTES", 512 * 64 * 4)  # 512 nodes in a step
    engine = Engine(model, vocabulary, 46)
    request = engine_ask((4,) * 30, SamplingParams(max_tokens=40, n=2, seed=1, ignore_eos=True))
    *_, alone = run(engine, request)
    trie = ChoiceTrie.build([[1, 2], [1, 3]])
    expected, _ = score(engine, (7, 8, 9), trie)
    forget(engine)
    running = run(engine, request)
    for _ in range(9):
        next(running)
    scored, _ = score(engine, (7, 8, 9), trie)
    torch.testing.assert_close(scored, expected)
    assert engine.stats().preemptions == 0
    many = ChoiceTrie.build([[i] * 3 + [j] * 2 for i in range(60) for j in range(9)])
    with pytest.raises(CapacityError, match=r"needs 48 cache pages and there are 46"):
        score(engine, (7,) * 250, many)
    assert engine.stats().preemptions == 0
    wanted, _ = score(Engine(model, vocabulary, 64), (7,) * 200, many)
    scored, _ = score(engine, (7,) * 200, many)
    assert scored == wanted
    assert engine.stats().preemptions == 1
    engine.check_integrity()
    *_, last = running
    assert [o.token_ids for o in last.outputs] == [o.token_ids for o in alone.outputs]
    assert_balanced(engine)


def test_scoring_beyond_the_context_is_refused(engine):
    """The error says how long prompt and longest text are, and the context."""
    with pytest.raises(CapacityError, match=r"258 tokens long, and the model's context is 256"):
        score(engine, (1,) * 250, ChoiceTrie.build([[1], [2] * 8]))
    assert_balanced(engine)
