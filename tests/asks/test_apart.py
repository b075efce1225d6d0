"""Callers without an event loop get what a coroutine does, and leave nothing running."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ponder.asks.apart import iterate_apart, run_apart


async def thread() -> int:
    """The thread that runs this."""
    await asyncio.sleep(0)
    return threading.get_ident()


def test_a_thread_is_kept_for_the_next_caller() -> None:
    assert len({run_apart(thread()) for _ in range(20)}) == 1
    assert run_apart(thread()) != threading.get_ident()


def test_callers_may_have_a_loop_and_be_called_by_one() -> None:
    async def outer() -> int:
        return run_apart(thread())

    assert asyncio.run(outer())
    assert run_apart(outer())


def test_callers_do_not_wait_for_each_other() -> None:
    meet = threading.Barrier(4, timeout=20)

    async def one() -> int:
        return meet.wait()  # blocks its event loop until the others are there

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(lambda _: run_apart(one()), range(4))) == [0, 1, 2, 3]


@pytest.mark.parametrize("error", [ValueError("why"), SystemExit(3), KeyboardInterrupt()])
def test_errors_are_the_callers(error: BaseException) -> None:
    async def fails() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        run_apart(fails())
    assert caught.value is error
    assert run_apart(thread())


def test_closing_ends_what_is_iterated() -> None:
    ended = []

    async def numbers() -> AsyncGenerator[int]:
        try:
            for number in range(100):
                yield number
                await asyncio.sleep(0.001)
        finally:
            await asyncio.sleep(0.01)
            ended.append(True)

    items = iterate_apart(numbers())
    assert next(items) == 0
    items.close()
    assert ended == [True]
    assert list(iterate_apart(numbers())) == list(range(100))


def test_its_own_thread_may_close_it() -> None:
    """As when that thread collects a generator which everybody has forgotten."""
    suspended, closed = threading.Event(), threading.Event()

    async def numbers() -> AsyncGenerator[int]:
        yield 1
        await asyncio.to_thread(suspended.wait)
        items.close()
        closed.set()
        yield 2

    items = iterate_apart(numbers())
    assert next(items) == 1
    suspended.set()
    assert closed.wait(20)
    assert run_apart(thread())


def test_what_was_started_ends_with_it() -> None:
    ended = []

    async def stray() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    async def leaves_one() -> asyncio.Task[None]:
        task = asyncio.create_task(stray())
        await asyncio.sleep(0)
        return task

    assert run_apart(leaves_one()).cancelled()
    assert ended == [True]


HELD = """
import asyncio
from ponder.asks.apart import iterate_apart, run_apart

async def numbers():
    try:
        while True:
            yield 1
            await asyncio.sleep(0.01)
    finally:
        print("ended")

items = iterate_apart(numbers())
print(next(items))
"""


FORKED = """
import os
from ponder.asks.apart import run_apart

async def one():
    return 1

run_apart(one())
child = os.fork()
if child == 0:
    os._exit(run_apart(one()) + 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "shown"), [(HELD, "1\nended\n"), (FORKED, "2\n")], ids=["held", "forked"]
)
def test_python_ends(program: str, shown: str) -> None:
    """While somebody iterates; and a child that was forked has threads of its own."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program], capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, shown, "")
