"""When requests are made: by clients that wait for their answers, or by a clock that waits for nobody."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Iterator
from itertools import islice
from typing import Any

from ponder.bench.measurement import Measurement

BodyOf = Callable[[int], bytes]
Send = Callable[
    [int, bytes, float], Coroutine[Any, Any, Measurement]
]  # request number, body, when it was due

_LONGEST_RETRY_S = 10.0


def poisson_arrivals(rate: float, seed: int) -> Iterator[float]:
    """Yield the times of a Poisson process in seconds: gaps are exponential with mean 1 / rate."""
    rng = random.Random(f"{seed}/arrivals")
    at = 0.0
    while True:
        at += rng.expovariate(rate)
        yield at


async def closed_loop(send: Send, body_of: BodyOf, requests: int, concurrency: int) -> None:
    """Let each of `concurrency` clients send its next request when its last was answered.

    A client that is told to retry later (Retry-After) waits, at most ten seconds, before its next request;
    the refused one is not sent again.
    """
    indexes = iter(range(requests))

    async def client() -> None:
        for index in indexes:
            body = body_of(index)
            answered = await send(index, body, time.perf_counter())
            await asyncio.sleep(min(answered.retry_after_s or 0.0, _LONGEST_RETRY_S))

    async with asyncio.TaskGroup() as clients:
        for _ in range(min(concurrency, requests)):
            clients.create_task(client())


async def open_loop(send: Send, body_of: BodyOf, requests: int, rate: float, seed: int) -> None:
    """Send requests at the times of a Poisson process, whether or not earlier ones are answered.

    What is sent late, by a busy client or under a limit, is still due at its time, from which its latency
    counts: there is no coordinated omission.
    """
    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for index, after in enumerate(islice(poisson_arrivals(rate, seed), requests)):
            body = body_of(index)  # ahead of its time
            await asyncio.sleep(max(0.0, start + after - time.perf_counter()))
            group.create_task(send(index, body, start + after))


def limited(send: Send, max_concurrency: int) -> Send:
    """Return `send` with at most so many requests under way; the others wait their turn."""
    slots = asyncio.Semaphore(max_concurrency)

    async def send_in_turn(index: int, body: bytes, due: float) -> Measurement:
        async with slots:
            return await send(index, body, due)

    return send_in_turn
