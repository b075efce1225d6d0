"""One thread that steps the engine for many callers: threads, tasks, and those who go away."""

import ast
import asyncio
import gc
import random
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import aclosing
from pathlib import Path

import pytest

from asking import engine_ask, score
from ponder import asks
from ponder.asks import ProgressEvent, Read, TokenEvent
from ponder.asks.choice_trie import ChoiceTrie
from ponder.decoders import BeamSearch
from ponder.engine import Engine, EngineLimits, EngineLoop, FinishedEvent
from ponder.engine import loop as loop_module
from ponder.errors import CheckpointError, ClosedError, DeadlineError, ParameterError, QueueFullError
from ponder.sampling import SamplingParams
from ponder.text import TokenIds
from stepping import assert_at_rest, forget, run

pytestmark = pytest.mark.usefixtures("one_thread")

LONG = 200  # tokens that take a while
PATIENCE_S = 60


@pytest.fixture
def loop(model, vocabulary):
    """A loop over an engine that is left at rest; closed in the end."""
    loop = EngineLoop(Engine(model, vocabulary, 256))
    yield loop
    if not loop._closed:
        at_rest(loop)
    loop.close()
    assert_at_rest(loop.engine)


def at_rest(loop):
    """Nothing is left, after all that was asked before."""
    loop.call(lambda: assert_at_rest(loop.engine)).result(PATIENCE_S)
    assert not loop._sinks
    assert loop._submitted == 0


def ask(first=1, max_tokens=8, decoder=None, constraint=None, deadline_s=None, **params):
    options = {"decoder": decoder} if decoder else {}
    params = SamplingParams(max_tokens=max_tokens, **{"ignore_eos": True} | params)
    return engine_ask((first, 2, 3), params, constraint, deadline_s=deadline_s, **options)


def ids(outputs):
    return [output.token_ids for output in outputs]


def expected(loop, request):
    """The answer in an engine of its own."""
    *_, last = run(Engine(loop.engine.model, loop.engine.tokenizer, 256), request)
    return ids(last.outputs)


def requests(count):
    return [
        ask(
            i % 5,
            5 + i,
            BeamSearch(3) if i % 4 == 3 else None,
            n=1 + i % 3,
            **({"seed": i} if i % 4 < 3 else {}),
        )
        for i in range(count)
    ]


def in_threads(functions):
    """Run functions in a thread each, begun together; raise what one of them raised."""
    barrier, failures = threading.Barrier(len(functions)), []

    def call(function):
        try:
            barrier.wait()
            function()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=call, args=(function,), daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert not any(thread.is_alive() for thread in threads), "a caller hangs"
    if failures:
        raise failures[0]


async def answer(loop, request):
    async with aclosing(loop.stream(request)) as events:
        *_, last = [event async for event in events]
    assert isinstance(last, FinishedEvent)
    return ids(last.outputs)


class Gate:
    """Holds the engine's thread, between two steps, until it is opened."""

    def __init__(self, loop):
        self._reached, self._opened = threading.Event(), threading.Event()
        self.future = loop.call(self._wait)
        assert self._reached.wait(PATIENCE_S)

    def _wait(self):
        self._reached.set()
        assert self._opened.wait(PATIENCE_S)

    def open(self):
        self._opened.set()


@pytest.mark.slow
def test_threads_and_tasks_at_once(loop):
    """Eight threads, and twelve tasks of each of two event loops, get their own answers."""
    asked = requests(12)
    wanted = [expected(loop, request) for request in asked]

    def alone(i):
        events = list(loop.run(asked[i]))
        assert len({event.request_id for event in events}) == 1
        assert ids(events[-1].outputs) == wanted[i]

    async def gather():
        answers = await asyncio.gather(*(answer(loop, request) for request in asked))
        assert answers == wanted

    for _ in range(3):
        loops = [lambda: asyncio.run(gather())] * 2
        in_threads([*(lambda i=i: alone(i) for i in range(8)), *loops])
        at_rest(loop)
    assert loop.stats().finished == 3 * (8 + 24)


@pytest.mark.parametrize("events", [0, 1, 2, 5])
def test_closing_a_generator_cancels(loop, events):
    """Before its first event, in its prompt, or amid its text; pages are free when the loop answers next."""
    running = loop.run(ask(max_tokens=LONG, n=4))
    for _ in range(events):
        next(running)
    running.close()
    at_rest(loop)
    assert loop.stats().cancelled == (events > 0)


@pytest.mark.slow
def test_a_generator_that_is_forgotten_cancels(loop):
    """Nobody holds it any more."""
    running = loop.run(ask(max_tokens=LONG))
    next(running)
    del running
    gc.collect()
    at_rest(loop)
    assert loop.stats().cancelled == 1


def test_cancelling_a_task_cancels(loop):
    """Tasks that are cancelled at any time, also before their request was queued, leave nothing."""

    async def cancel_after(delay):
        task = asyncio.create_task(answer(loop, ask(max_tokens=LONG, n=4)))
        await asyncio.sleep(delay)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(at_rest, loop)

    for delay in (0, 0.0005, 0.002, 0.02):
        asyncio.run(cancel_after(delay))


def test_readers_whose_event_loop_is_gone(loop):
    """Their requests are cancelled when there is something to tell them; others go on."""

    async def begin():
        streams = [loop.stream(ask(max_tokens=LONG, n=n)) for n in (4, 1)]
        for events in streams:
            await anext(events)
        return streams

    other = ask(2, 30)
    wanted = expected(loop, other)
    runner = asyncio.new_event_loop()
    gate = None
    streams = runner.run_until_complete(begin())
    gate = Gate(loop)
    runner.close()
    running = loop.run(other)
    gate.open()
    *_, last = running
    assert ids(last.outputs) == wanted
    at_rest(loop)
    assert loop.stats().cancelled == 2
    for events in streams:
        asyncio.run(events.aclose())


def test_an_event_loop_is_woken_once_a_step(loop, monkeypatch):
    """However many of its tasks have something to read."""
    steps, wakes, step = [], [], loop.engine.step
    monkeypatch.setattr(loop.engine, "step", lambda: steps.append(1) or step())

    async def main():
        here = asyncio.get_running_loop()
        post = here.call_soon_threadsafe

        def counting(function, *given, **context):
            wakes.append(function is loop_module._put_all)
            return post(function, *given, **context)

        monkeypatch.setattr(here, "call_soon_threadsafe", counting)
        gate = Gate(loop)
        tasks = [asyncio.create_task(answer(loop, ask(i, 20))) for i in range(5)]
        while loop._submitted < 5:
            await asyncio.sleep(0.001)
        gate.open()
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert sum(wakes) == len(steps)


def test_only_the_last_event_wakes_who_waits_for_it(loop):
    """`take` sees all events, on the engine's thread, and what it makes of the last is the answer."""
    request, seen = ask(n=3), []

    def take(event):
        seen.append((event, threading.current_thread()))
        return event

    last = loop.last(request, take)
    events = [event for event, _ in seen]
    assert last is events[-1]
    assert ids(last.outputs) == expected(loop, request)
    assert {type(event) for event in events} == {ProgressEvent, TokenEvent, FinishedEvent}
    assert {thread for _, thread in seen} == {loop._thread}
    assert ids(asyncio.run(loop.last_async(request, take)).outputs) == ids(last.outputs)


def test_who_waits_for_the_last_event_learns_of_a_failure(loop):
    """What is refused, and what fails while it runs."""
    with pytest.raises(ParameterError):
        loop.last(engine_ask((), SamplingParams()), lambda event: event)
    with pytest.raises(DeadlineError):
        loop.last(ask(deadline_s=1e-9), lambda event: event)
    with pytest.raises(DeadlineError):
        asyncio.run(loop.last_async(ask(deadline_s=1e-9), lambda event: event))


def test_who_waits_for_the_last_event_may_go_away(loop):
    """Their request is cancelled, wherever it was."""

    async def main():
        seen = []
        task = asyncio.create_task(loop.last_async(ask(max_tokens=LONG, n=4), seen.append))
        while len(seen) < 20:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    at_rest(loop)
    assert loop.stats().cancelled == 1


def test_close_ends_everything(model, vocabulary):
    """What runs, what waits, and what has only just been asked for: all end with ClosedError."""
    loop = EngineLoop(Engine(model, vocabulary, 64, EngineLimits(max_rows=2)))
    ended = []

    def read(request):
        try:
            list(loop.run(request))
        except ClosedError as error:
            ended.append(str(error))

    threads = [threading.Thread(target=read, args=(ask(i, LONG),), daemon=True) for i in range(6)]
    for thread in threads:
        thread.start()
    while loop.stats().running + loop.stats().waiting < 6 or not loop.stats().generated_tokens:
        time.sleep(0.001)
    gate = Gate(loop)
    queued = threading.Thread(target=read, args=(ask(7, LONG),), daemon=True)
    queued.start()
    while not loop._submitted:
        time.sleep(0.001)
    call = loop.call(lambda: "called")
    closing = threading.Thread(target=loop.close, daemon=True)
    closing.start()
    while not loop._closed:
        time.sleep(0.001)
    gate.open()
    for thread in (*threads, queued, closing):
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), "somebody waits for ever"
    assert len(ended) == 7
    assert call.result(PATIENCE_S) == "called"
    assert gate.future.result(0) is None
    assert_at_rest(loop.engine)
    assert not loop._sinks


def test_close_ends_tasks(model, vocabulary):
    """The same for those who wait in an event loop, which is not blocked."""
    loop = EngineLoop(Engine(model, vocabulary, 64))

    async def main():
        tasks = [asyncio.create_task(answer(loop, ask(i, LONG))) for i in range(4)]
        while not loop.stats().generated_tokens:
            await asyncio.sleep(0.001)
        await asyncio.to_thread(loop.close)
        return await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), PATIENCE_S)

    assert [type(error) for error in asyncio.run(main())] == [ClosedError] * 4
    assert_at_rest(loop.engine)


def read_texts(loop, prompt, texts):
    """The log-probabilities of texts after a prompt."""
    job = loop.engine.prepare(Read(asks.Path(TokenIds(prompt)), texts), ChoiceTrie.build(texts))
    *_, last = loop.run(job)
    return [list(text.token_logprobs) for text in last.reading.texts]


@pytest.mark.parametrize("used", [False, True])
def test_nothing_can_be_asked_of_a_closed_loop(model, vocabulary, used):
    """Closed once or more, before it was used or after: all that could be asked is refused; figures stay."""
    loop = EngineLoop(Engine(model, vocabulary, 64))
    if used:
        list(loop.run(ask()))
    loop.close()
    loop.close()
    with pytest.raises(ClosedError, match="closed"):
        next(loop.run(ask()))
    with pytest.raises(ClosedError):
        asyncio.run(answer(loop, ask()))
    with pytest.raises(ClosedError):
        loop.call(lambda: None)
    with pytest.raises(ClosedError):
        read_texts(loop, (1,), ((1,),))
    with pytest.raises(ClosedError):
        asyncio.run(loop.probe(1))
    assert loop.stats().finished == used


def test_closing_from_its_own_thread(model, vocabulary):
    """What the engine's thread does may close the loop it is in."""
    loop = EngineLoop(Engine(model, vocabulary, 64))
    running = loop.run(ask(max_tokens=LONG))
    next(running)
    loop.call(loop.close).result(PATIENCE_S)
    with pytest.raises(ClosedError):
        list(running)


def test_probe(loop):
    """It takes a step's time at most, idle or busy; a thread that does not answer is found out."""
    assert 0 <= asyncio.run(loop.probe(PATIENCE_S)) < PATIENCE_S
    running = loop.run(ask(max_tokens=LONG, n=4))
    next(running)
    assert asyncio.run(loop.probe(PATIENCE_S)) < PATIENCE_S
    gate = Gate(loop)
    with pytest.raises(TimeoutError):
        asyncio.run(loop.probe(0.05))
    gate.open()
    assert asyncio.run(loop.probe(PATIENCE_S)) < PATIENCE_S
    running.close()


def test_what_a_call_raises_is_the_callers(loop):
    """The loop lives on, and so does what runs in it."""
    running = loop.run(ask(max_tokens=30))
    next(running)
    with pytest.raises(ZeroDivisionError):
        loop.call(lambda: 1 // 0).result(PATIENCE_S)
    assert loop.call(lambda: 5).result(PATIENCE_S) == 5
    *_, last = running
    assert ids(last.outputs) == expected(loop, ask(max_tokens=30))


def test_a_refused_request_is_refused_at_once(loop):
    """In the caller's thread, without the engine's."""
    with pytest.raises(ParameterError, match="at least one token"):
        next(loop.run(engine_ask((), SamplingParams())))
    with pytest.raises(ParameterError, match="at least one token"):
        asyncio.run(answer(loop, engine_ask((), SamplingParams())))
    assert loop._thread is None


def test_an_error_in_a_step_ends_its_requests_and_not_the_loop(loop, monkeypatch):
    """Whoever waits gets that error; the next request gets its answer."""
    step, broken = loop.engine.step, threading.Event()

    def break_once():
        if broken.is_set():
            broken.clear()
            raise ArithmeticError("a bug")
        return step()

    monkeypatch.setattr(loop.engine, "step", break_once)
    running = [loop.run(ask(i, LONG)) for i in range(3)]
    for events in running:
        next(events)
    broken.set()
    for events in running:
        with pytest.raises(ArithmeticError, match="a bug"):
            list(events)
    at_rest(loop)
    *_, last = loop.run(ask())
    assert ids(last.outputs) == expected(loop, ask())


def test_a_deadline_reaches_its_caller(loop):
    """As the error it is."""
    gate = Gate(loop)
    running = loop.run(ask(deadline_s=1e-9))
    gate.open()
    with pytest.raises(DeadlineError):
        list(running)


def test_the_thread_ends_when_there_is_nothing_to_do(loop, monkeypatch):
    """After a while; what is asked next starts another, again and again."""
    monkeypatch.setattr(loop_module, "LINGER_S", 0.02)
    wanted = expected(loop, ask())
    for _ in range(3):
        *_, last = loop.run(ask())
        assert ids(last.outputs) == wanted
        thread = loop._thread
        if thread is not None:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
        assert loop._thread is None


@pytest.mark.slow
def test_asking_while_the_thread_ends(loop, monkeypatch):
    """With no time to linger, every request may meet a thread that is just ending."""
    monkeypatch.setattr(loop_module, "LINGER_S", 0.0)

    def ask_often(i):
        for k in range(60):
            *_, last = loop.run(ask(i, 1 + k % 2))
            assert len(last.outputs[0].token_ids) == 1 + k % 2

    in_threads([lambda i=i: ask_often(i) for i in range(4)])
    at_rest(loop)


def test_a_full_queue_is_said_at_once(model, vocabulary):
    """While the engine is busy with something else, the request too many is refused without a wait."""
    loop = EngineLoop(Engine(model, vocabulary, 64, EngineLimits(max_waiting=3)))
    gate = Gate(loop)
    threads = [threading.Thread(target=lambda: list(loop.run(ask())), daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    while loop._submitted < 3:
        time.sleep(0.001)
    with pytest.raises(QueueFullError, match="3 requests are waiting, and at most 3 may"):
        next(loop.run(ask()))
    with pytest.raises(QueueFullError):
        asyncio.run(answer(loop, ask()))
    assert loop.stats().refused == 2
    gate.open()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    list(loop.run(ask()))
    at_rest(loop)
    assert loop.stats().finished == 4
    loop.close()


def test_cancelled_before_it_was_queued(model, vocabulary):
    """A request that is given up while the engine does something else never runs, and leaves its place."""
    loop = EngineLoop(Engine(model, vocabulary, 64, EngineLimits(max_waiting=1)))

    async def give_up():
        task = asyncio.create_task(answer(loop, ask()))
        while not loop._submitted:
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    gate = Gate(loop)
    asyncio.run(give_up())
    gate.open()
    at_rest(loop)
    assert loop.stats().prompt_tokens == 0
    list(loop.run(ask()))
    loop.close()


@pytest.mark.timed
def test_many_come_and_go(model, vocabulary):
    """Threads and tasks that submit and cancel at random for a few seconds: no deadlock, no wrong answer."""
    loop = EngineLoop(Engine(model, vocabulary, 40, EngineLimits(max_waiting=6, max_rows=8)))
    asked = requests(8)
    wanted = [expected(loop, request) for request in asked]
    end = time.monotonic() + 4
    counts = {"answered": 0, "left": 0, "refused": 0}
    lock = threading.Lock()

    def count(what):
        with lock:
            counts[what] += 1

    def thread(seed):
        rng = random.Random(seed)
        while time.monotonic() < end:
            i = rng.randrange(8)
            events = loop.run(asked[i])
            try:
                for event in events:
                    if rng.random() < 0.05:
                        count("left")
                        break
                    if isinstance(event, FinishedEvent):
                        assert ids(event.outputs) == wanted[i]
                        count("answered")
            except QueueFullError:
                count("refused")
                time.sleep(0.001)
            finally:
                events.close()

    async def task(seed):
        rng = random.Random(seed)
        while time.monotonic() < end:
            i = rng.randrange(8)
            try:
                got = await asyncio.wait_for(answer(loop, asked[i]), rng.choice((0.002, 0.02, PATIENCE_S)))
                assert got == wanted[i]
                count("answered")
            except TimeoutError:
                count("left")
            except QueueFullError:
                count("refused")
                await asyncio.sleep(0.001)

    async def tasks():
        await asyncio.gather(*(task(seed) for seed in range(8)))

    in_threads([*(lambda seed=seed: thread(seed) for seed in range(8)), lambda: asyncio.run(tasks())])
    at_rest(loop)
    assert min(counts.values()) > 0
    assert counts["answered"] > 50
    loop.close()
    forget(loop.engine)


def test_scores_from_many_threads(loop):
    """Between the steps of what runs; each gets its own."""
    tries = [ChoiceTrie.build([[i, 1], [i, 2, 3]]) for i in range(6)]
    fresh = Engine(loop.engine.model, loop.engine.tokenizer, 64)
    wanted = [score(fresh, (1, 2, 3), trie)[0] for trie in tries]
    running = loop.run(ask(max_tokens=60))
    next(running)

    def read(i):
        scored = read_texts(loop, (1, 2, 3), ((i, 1), (i, 2, 3)))
        assert scored == [pytest.approx(values, abs=1e-4) for values in wanted[i]]

    in_threads([lambda i=i: read(i) for i in range(6)])
    *_, last = running
    assert ids(last.outputs) == expected(loop, ask(max_tokens=60))


def test_events_come_as_they_happen(loop):
    """A first token can be read while the last one is far away; closing then stops it there."""
    running = loop.run(ask(max_tokens=LONG))
    for event in running:
        if isinstance(event, TokenEvent):
            break
        assert isinstance(event, ProgressEvent)
    assert loop.stats().generated_tokens < LONG
    running.close()
    at_rest(loop)


WAYS_TO_END = ("main thread ends", "exit", "exception", "task", "thread")


@pytest.fixture(scope="module")
def ended():
    """How Python ends in each way: seconds, status, stdout, stderr. One process imports, and then forks."""
    program = f"""
        import asyncio, contextlib, os, sys, threading, time
        sys.path.insert(0, {str(Path(__file__).parents[1])!r})
        from asking import engine_ask
        from ponder.engine import EngineLoop
        from ponder.errors import ClosedError
        from ponder.sampling import SamplingParams
        from tiny_models import tiny_engine

        for way in {WAYS_TO_END!r}:
            start, out, err = time.monotonic(), os.pipe(), os.pipe()
            child = os.fork()
            if not child:
                os.dup2(out[1], 1)
                os.dup2(err[1], 2)
                for end in (*out, *err):
                    os.close(end)
                break
            os.close(out[1])
            os.close(err[1])
            said = [os.fdopen(end[0]).read() for end in (out, err)]
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            print(repr((time.monotonic() - start, status, *said)), flush=True)
        else:
            sys.exit()

        loop = EngineLoop(tiny_engine(num_layers=8, context_length=100000, num_pages=5000))
        request = engine_ask((1, 2), SamplingParams(max_tokens=9000, n=4, ignore_eos=True))
        if way == "task":
            async def main():
                async for event in loop.stream(request):
                    break
            asyncio.run(main())
        elif way == "thread":
            begun = threading.Event()
            def read():
                with contextlib.suppress(ClosedError):
                    for event in loop.run(request):
                        begun.set()
            threading.Thread(target=read, daemon=True).start()
            begun.wait()
        else:
            events = loop.run(request)
            next(events)
        if way == "exit":
            sys.exit(3)
        if way == "exception":
            raise SystemExit("over")
        print("done")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=300
    )
    assert done.stderr == ""
    return dict(zip(WAYS_TO_END, map(ast.literal_eval, done.stdout.splitlines()), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS_TO_END)
def test_python_can_end_while_a_request_runs(ended, way):
    """At once, without a traceback of the engine's thread; the status is the program's own."""
    seconds, status, out, err = ended[way]
    assert status == {"exit": 3, "exception": 1}.get(way, 0), err
    assert out == ("" if way in ("exit", "exception") else "done\n")
    assert err == ("over\n" if way == "exception" else "")
    assert seconds < 45


def test_a_bug_between_steps_leaves_nobody_waiting(model, vocabulary, monkeypatch):
    """Where cancelling fails the thread ends, and who waits or comes later is told."""
    broken = EngineLoop(Engine(model, vocabulary, 64))
    monkeypatch.setattr(broken.engine, "cancel", lambda request_id: 1 / 0)
    seen = []
    monkeypatch.setattr(threading, "excepthook", lambda hook: seen.append(hook.exc_type))
    waiting = broken.run(engine_ask((1, 2), SamplingParams(max_tokens=LONG, ignore_eos=True)))
    next(waiting)
    left = broken.run(engine_ask((3,), SamplingParams(max_tokens=LONG, ignore_eos=True)))
    next(left)
    thread = broken._thread
    left.close()
    thread.join(PATIENCE_S)
    assert seen == [ZeroDivisionError]
    with pytest.raises(ClosedError, match="division by zero"):
        list(waiting)
    with pytest.raises(ClosedError):
        next(broken.run(engine_ask((1,), SamplingParams(max_tokens=1))))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_no_numbers_are_an_error(loop, monkeypatch, value):
    """Of the request that has them; the next one is served."""
    forward = loop.engine.model.forward
    request = engine_ask((1, 2), SamplingParams(max_tokens=2, ignore_eos=True))
    with monkeypatch.context() as patch:
        patch.setattr(loop.engine.model, "forward", lambda *given: forward(*given) * 0 + value)
        with pytest.raises(CheckpointError, match="not numbers"):
            list(loop.run(request))
    assert list(loop.run(request))[-1].outputs
