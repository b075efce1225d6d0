"""One benchmark of one server: look at it, warm it up, measure it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from ponder.bench.arrivals import Send, closed_loop, limited, open_loop
from ponder.bench.client import PATHS, measure, request_body
from ponder.bench.load import Progress, Run, run_load
from ponder.bench.machine import taken_with
from ponder.bench.measurement import Measurement
from ponder.bench.settings import Settings
from ponder.bench.summary import REFUSED, Summary, summarise
from ponder.bench.target import Target, cache_counters, describe, tokenize
from ponder.bench.workload import (
    WORDS,
    PromptOf,
    dataset_texts,
    read_dataset,
    synthetic_ids,
    synthetic_texts,
)
from ponder.errors import PonderError


@dataclass(frozen=True, slots=True)
class Result:
    """A benchmark that was run: what was done, to what, and what came of it."""

    settings: Settings
    target: Target
    exact_prompts: bool
    started_at: str
    run: Run
    summary: Summary

    def as_json(self) -> dict[str, Any]:
        """Return all figures, the settings, and what they were taken with and on, as JSON values."""
        return {
            "settings": asdict(self.settings),
            "server": asdict(self.target),
            "exact_prompt_tokens": self.exact_prompts,
            "started_at": self.started_at,
            **taken_with(("ponder", "httpx")),
            "summary": self.summary.as_json(),
        }


class Benchmark:
    """A load for one server, warmed up and ready to be measured; made by `prepare`."""

    def __init__(
        self, settings: Settings, http: httpx.AsyncClient, target: Target, prompts: PromptOf
    ) -> None:
        self.settings, self.target = settings, target
        self._http, self._prompts = http, prompts

    async def warm_up(self) -> None:
        """Send the requests that are not measured.

        Raises
        ------
        PonderError : one failed; measuring would be in vain.
        """
        settings = self.settings
        clients = settings.concurrency or settings.max_concurrency or settings.warmup
        failed: list[Measurement] = []

        async def send(index: int, body: bytes, due: float) -> Measurement:
            measurement = await self._send(index, body, due)
            if measurement.failure not in (None, REFUSED):
                failed.append(measurement)
            return measurement

        if settings.warmup:
            await closed_loop(send, self._body, settings.warmup, clients)
        if failed:
            raise PonderError(f"a warm-up request failed ({failed[0].failure}): {failed[0].message}")

    async def measure(self, stop: asyncio.Event, progress: Progress) -> Result:
        """Send the measured requests, until all are answered, time is up or `stop` is set."""
        settings = self.settings
        send = limited(self._send, settings.max_concurrency) if settings.max_concurrency else self._send
        before = await cache_counters(self._http)
        started_at = datetime.now(UTC).isoformat(timespec="seconds")
        run = await run_load(self._loop(), send, settings.seconds, stop, progress)
        after = await cache_counters(self._http)
        grown = {name: value - before.get(name, 0.0) for name, value in after.items()}
        exact = not isinstance(self._prompts(0), str)
        return Result(settings, self.target, exact, started_at, run, summarise(run, settings.n, grown))

    def _loop(self) -> Callable[[Send], Coroutine[Any, Any, None]]:
        settings = self.settings

        def body_of(index: int) -> bytes:
            return self._body(settings.warmup + index)  # prompts that the warm-up has not left in a cache

        async def loop(send: Send) -> None:
            if settings.concurrency is not None:
                await closed_loop(send, body_of, settings.requests, settings.concurrency)
            elif settings.rate is not None:
                await open_loop(send, body_of, settings.requests, settings.rate, settings.seed)

        return loop

    def _body(self, index: int) -> bytes:
        return request_body(self.settings, self.target.model, self._prompts(index))

    async def _send(self, index: int, body: bytes, due: float) -> Measurement:
        settings = self.settings
        return await measure(self._http, PATHS[settings.endpoint], body, index, due, settings.timeout_s)


async def prepare(settings: Settings, http: httpx.AsyncClient, url: str, model: str | None) -> Benchmark:
    """Look at a server and make the prompts for it.

    Raises
    ------
    PonderError : the server cannot be reached or names no model, or the dataset cannot be read.
    """
    target = await describe(http, url, model)
    return Benchmark(settings, http, target, await _prompts(settings, http, target.model))


async def _prompts(settings: Settings, http: httpx.AsyncClient, model: str) -> PromptOf:
    if settings.dataset is not None:
        return dataset_texts(read_dataset(settings.dataset, settings.field))
    count, shared, seed = settings.prompt_tokens, settings.shared_prefix_tokens, settings.seed
    ids = await tokenize(http, model, WORDS) if settings.endpoint == "completions" else None
    if ids is None:
        return synthetic_texts(count, shared, seed)
    return synthetic_ids(sorted(set(ids)), count, shared, seed)
