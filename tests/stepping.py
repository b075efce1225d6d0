"""An engine stepped by hand, in one thread."""

from __future__ import annotations

import time
from collections.abc import Iterator

from asking import engine_ask
from ponder.asks import Grow, ProgressEvent
from ponder.backends.local import LocalModel
from ponder.engine import Engine, Event, FailedEvent, FinishedEvent
from ponder.sampling import SamplingParams


def run(engine: Engine, request: Grow) -> Iterator[Event]:
    """Submit a request and step until it is answered; its events but progress. Closing this cancels it.

    Raises what ends the request.
    """
    number = engine.submit(request)
    try:
        while True:
            for event in engine.step():
                if event.request_id != number or isinstance(event, ProgressEvent):
                    continue
                if isinstance(event, FailedEvent):
                    raise event.error
                yield event
                if isinstance(event, FinishedEvent):
                    return
    finally:
        engine.cancel(number)


def forget(engine: Engine) -> None:
    """Empty the prefix cache, so that what comes next is computed anew. Nothing may be running."""
    engine.tree.evict(engine.pool.num_pages)
    assert engine.pool.num_free == engine.pool.num_pages


def assert_at_rest(engine: Engine) -> None:
    """Nothing runs or waits, nobody holds a page, and every page that is kept is in the tree, once."""
    assert not engine.busy
    assert engine.pool.num_busy == 0
    assert engine.pool.num_free + engine.pool.num_idle == engine.pool.num_pages
    engine.check_integrity()


def assert_model_at_rest(model: LocalModel) -> None:
    """The same of a model's engine, on its thread, after all that was asked before."""
    model.loop.call(lambda: assert_at_rest(model.engine)).result(60)


def forget_model(model: LocalModel) -> None:
    """Empty a model's prefix cache, on its thread."""
    model.loop.call(lambda: forget(model.engine)).result(60)


def fill_queue(model: LocalModel) -> None:
    """Let as many of a model's requests wait as may, behind one that runs; each grows 200 tokens."""
    request = engine_ask((1,), SamplingParams(max_tokens=200, ignore_eos=True))

    def submit(count: int) -> None:
        for _ in range(count):
            model.engine.submit(request)

    model.loop.call(lambda: submit(1)).result(10)
    end = time.monotonic() + 10
    while not model.stats().running and time.monotonic() < end:
        time.sleep(0.001)
    model.loop.call(lambda: submit(model.engine.limits.max_waiting)).result(10)
