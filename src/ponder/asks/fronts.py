"""What is asked of any language model in one call: asynchronous, and for callers without an event loop.

`x` is synchronous, `ax` asynchronous.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator, Sequence
from contextlib import aclosing, suppress
from typing import Any, TypeVar

from ponder.asks.grow import Grow
from ponder.asks.language_model import Completion, LanguageModel, Told
from ponder.asks.path import Path
from ponder.asks.read import Read, Reading
from ponder.errors import ParameterError
from ponder.text import Prompt

T = TypeVar("T")


async def agenerate(model: LanguageModel, ask: Grow) -> Completion:
    """Return the answer. Raises PonderError for what the caller can mend."""
    last = await _last(model, ask)
    assert isinstance(last, Completion), "what grows ends with its completion"
    return last


async def aread(model: LanguageModel, ask: Read) -> Reading:
    """Return what was read. Raises PonderError for what the caller can mend."""
    last = await _last(model, ask)
    assert isinstance(last, Reading), "what is read ends with its reading"
    return last


async def ascore(
    model: LanguageModel, prompt: Prompt, texts: Sequence[str], *, ends: bool = False
) -> Reading:
    """Score each text as what follows the prompt; with `ends`, including the end token after it."""
    if not isinstance(texts, list | tuple) or not texts:
        raise ParameterError("texts", texts, "a list of at least one text")
    return await aread(model, Read(Path(prompt), tuple(texts), ends=ends))


async def _last(model: LanguageModel, ask: Grow | Read) -> Told | None:
    async with aclosing(model.run(ask, stream=False)) as events:
        told = [event async for event in events]
    return told[-1] if told else None


def generate(model: LanguageModel, ask: Grow) -> Completion:
    """Like `agenerate`, for callers without an event loop."""
    return run_apart(agenerate(model, ask))


def read(model: LanguageModel, ask: Read) -> Reading:
    """Like `aread`, for callers without an event loop."""
    return run_apart(aread(model, ask))


def score(model: LanguageModel, prompt: Prompt, texts: Sequence[str], *, ends: bool = False) -> Reading:
    """Like `ascore`, for callers without an event loop."""
    return run_apart(ascore(model, prompt, texts, ends=ends))


def stream(model: LanguageModel, ask: Grow | Read) -> Generator[Told]:
    """Do what is asked and yield what happens, for callers without an event loop. Closing it cancels."""
    return iterate_apart(model.run(ask))


def run_apart(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a thread of its own, so that a caller may have an event loop, as notebooks do.

    An interrupt cancels the coroutine.
    """
    with _Apart(coroutine) as apart:
        outcome: T = apart.result()
        return outcome


def iterate_apart(items: AsyncGenerator[T]) -> Generator[T]:
    """Yield what an asynchronous generator does. Closing this closes that."""
    arrived: queue.SimpleQueue[tuple[T] | None] = queue.SimpleQueue()

    async def pump() -> None:
        try:
            async with aclosing(items):
                async for item in items:
                    arrived.put((item,))
        finally:
            arrived.put(None)

    with _Apart(pump()) as apart:
        while (item := arrived.get()) is not None:
            yield item[0]
        apart.result()


class _Apart:
    """A coroutine that runs in an event loop and a thread of its own; leaving the block ends it."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._outcome: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="ponder-front", daemon=True)

    def _run(self) -> None:
        try:
            self._outcome = asyncio.run(self._main())
        except BaseException as error:
            self._error = error
        finally:
            self._started.set()

    async def _main(self) -> Any:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._started.set()
        return await self._coroutine

    def result(self) -> Any:
        """Wait for the coroutine; return or raise what it did."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._outcome

    def __enter__(self) -> _Apart:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._started.wait()
        if self._thread.is_alive() and self._loop is not None and self._task is not None:
            with suppress(RuntimeError):  # it has just ended
                self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()
