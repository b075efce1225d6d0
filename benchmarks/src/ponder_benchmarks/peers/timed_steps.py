"""Steps of an engine with native kernels, taken by hand: the time and the work of each operation."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ponder.asks import Grow, Path, Service
from ponder.engine import Engine, FailedEvent
from ponder.sampling import SamplingParams
from ponder.text import TokenIds
from ponder_benchmarks.peers.step_work import Pass, work_of


@dataclass(frozen=True, slots=True)
class Step:
    """Tokens that a step computed, its seconds, and those of each operation."""

    tokens: int
    seconds: float
    operations_s: dict[str, float]


def profile_prompt(engine: Engine, prompt: Sequence[int], cache_salt: str) -> dict[str, Any]:
    """Return sums over all steps that a prompt takes, of which nothing is in the cache under this salt."""
    steps = list(_steps(engine, prompt, 1, 1, cache_salt))
    passes, done = [], 0
    for step in steps:
        last = done + step.tokens == len(prompt)
        passes.append(Pass(rows=1, new=step.tokens, shared=done, own=0, logits=int(last)))
        done += step.tokens
    return _summed(engine, steps, passes, 1)


def profile_rows(engine: Engine, prompt: Sequence[int], rows: int, count: int) -> dict[str, Any]:
    """Return means over `count` steps in which so many texts grow by a token after a prompt.

    `tokens` are those of all these steps. They are drawn, for texts that are the same would share pages.
    """
    steps = list(_steps(engine, prompt, rows, count + 1))[-count:]
    passes = [Pass(rows, 1, shared=len(prompt), own=i, logits=rows) for i in range(count)]
    return _summed(engine, steps, passes, count)


def _steps(
    engine: Engine, prompt: Sequence[int], n: int, max_tokens: int, cache_salt: str | None = None
) -> Iterator[Step]:
    """Step an engine that is idle until it has answered a request."""
    params = SamplingParams(n=n, max_tokens=max_tokens, temperature=1.0, ignore_eos=True, seed=0)
    service = Service(cache_salt=cache_salt)
    engine.submit(Grow(Path(TokenIds(tuple(prompt))), params, service=service))
    while engine.busy:
        engine.model.take_times()
        before, start = engine.stats().computed_tokens, time.perf_counter()
        events = engine.step()
        seconds = time.perf_counter() - start
        for event in events:
            if isinstance(event, FailedEvent):
                raise event.error
        yield Step(engine.stats().computed_tokens - before, seconds, engine.model.take_times())


def _summed(engine: Engine, steps: Sequence[Step], passes: Sequence[Pass], over: int) -> dict[str, Any]:
    """Return sums over steps, divided by a number; the tokens are not."""
    work = [work_of(engine.model, one) for one in passes]
    return {
        "tokens": sum(step.tokens for step in steps),
        "seconds": sum(step.seconds for step in steps) / over,
        "operations": {
            name: {
                "seconds": sum(step.operations_s[name] for step in steps) / over,
                "bytes": sum(own[name].bytes for own in work) / over,
                "macs": sum(own[name].macs for own in work) / over,
                "integers": first.integers,
            }
            for name, first in work[0].items()
        },
    }
