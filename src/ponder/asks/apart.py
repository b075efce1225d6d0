"""Coroutines for callers without an event loop: each caller has a loop in a thread of its own meanwhile.

So a caller may have an event loop, as notebooks do, and may itself be called by such a coroutine, as a
reward that asks the model is. Threads that are free wait for the next caller: making one costs milliseconds,
with the threads in which requests are prepared.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import queue
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator
from concurrent.futures import Future
from contextlib import aclosing, contextmanager, suppress
from typing import Any, TypeVar

T = TypeVar("T")


def run_apart(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine and return what it does. An interrupt cancels it."""
    with _running(coroutine) as outcome:
        return outcome.result()


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

    with _running(pump()) as outcome:
        while (item := arrived.get()) is not None:
            yield item[0]
        outcome.result()


@contextmanager
def _running(coroutine: Coroutine[Any, Any, T]) -> Generator[Future[T]]:
    """Give what will come of a coroutine. Leaving the block ends it, and what it started."""
    try:
        thread = _free.pop()
    except IndexError:
        thread = _LoopThread()
    outcome = asyncio.run_coroutine_threadsafe(coroutine, thread.loop)
    try:
        yield outcome
    finally:
        if thread.end_tasks():
            _free.append(thread)


class _LoopThread:
    """A thread that runs an event loop, for one caller at a time."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="ponder-front", daemon=True)
        self._ending = False
        self._thread.start()
        _all.append(self)

    def end_tasks(self) -> bool:
        """Cancel what runs, wait until it has ended, and return whether the thread is free.

        It is not when Python ends, or when it is the thread itself that asks: it may be the one that collects
        a forgotten generator, and must not wait for itself.
        """
        if self._ending:
            return False
        ended = asyncio.run_coroutine_threadsafe(_end_others(), self.loop)
        if threading.current_thread() is self._thread:
            return False
        ended.result()
        return True

    def end(self) -> None:
        """End the thread, as Python ends: one that lives on hangs whoever waits for it."""
        self.end_tasks()
        self._ending = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()

    def _run(self) -> None:
        while not self._ending:
            with suppress(SystemExit, KeyboardInterrupt):  # a task's, whose caller raises it
                self.loop.run_forever()
        self.loop.close()


async def _end_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


_free: list[_LoopThread] = []  # its operations are atomic
_all: list[_LoopThread] = []


def _forget() -> None:
    _free.clear()
    _all.clear()


@atexit.register
def _end_all() -> None:
    for thread in _all:
        thread.end()


os.register_at_fork(after_in_child=_forget)  # a child has none of the threads
