"""A load from its first request to its last, or until it is stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal

from ponder.bench.arrivals import Send
from ponder.bench.measurement import Measurement

Progress = Callable[[int], None]  # how many requests have ended


@dataclass(frozen=True, slots=True)
class Run:
    """What a load has come to.

    Attributes
    ----------
    measurements : of the requests that ended, in the order in which they did.
    unfinished : requests that were due and had not ended when the run was stopped.
    started_s : when it began, by `time.perf_counter`.
    duration_s : from there to the end of the last request, or to the stop.
    client_cpu_s : processor time that this process took meanwhile; as much as `duration_s` means that the
        client was the limit.
    stopped : what ended it early.
    """

    measurements: tuple[Measurement, ...]
    unfinished: int
    started_s: float
    duration_s: float
    client_cpu_s: float
    stopped: Literal["interrupted", "out of time"] | None


async def run_load(
    loop: Callable[[Send], Coroutine[Any, Any, None]],
    send: Send,
    seconds: float,
    stop: asyncio.Event,
    progress: Progress,
) -> Run:
    """Run a loop of requests until it is done, `seconds` have passed, or `stop` is set.

    What is under way then is cancelled, which closes its connection.
    """
    ended: list[Measurement] = []
    due = 0

    async def recorded(index: int, body: bytes, scheduled_s: float) -> Measurement:
        nonlocal due
        due += 1
        measurement = await send(index, body, scheduled_s)
        ended.append(measurement)
        progress(len(ended))
        return measurement

    cpu, start = time.process_time(), time.perf_counter()
    load = asyncio.create_task(loop(recorded))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({load, stopping}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        whole = load.done()
        end = time.perf_counter()
        cpu = time.process_time() - cpu
    finally:
        load.cancel()
        stopping.cancel()
        await asyncio.gather(load, stopping, return_exceptions=True)
    if whole:
        load.result()
        end = max(measurement.ended_s for measurement in ended)
    return Run(
        measurements=tuple(ended),
        unfinished=due - len(ended),
        started_s=start,
        duration_s=end - start,
        client_cpu_s=cpu,
        stopped=None if whole else "interrupted" if stop.is_set() else "out of time",
    )
