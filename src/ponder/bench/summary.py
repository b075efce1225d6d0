"""Measurements -> figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from ponder.bench.load import Run
from ponder.bench.measurement import Measurement

REFUSED = "429"


@dataclass(frozen=True, slots=True)
class Distribution:
    """What many values are like; seconds here."""

    count: int
    mean: float
    p50: float
    p90: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Failures:
    """Requests that failed in one way, and what was said of the first."""

    count: int
    message: str | None


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in figures. Times are in seconds, and a distribution of no values is None.

    Latencies are those of answered requests, counted from when a request was due: in an open loop that is
    its scheduled arrival. Rates are per second of the whole run, and count answered requests only.

    Attributes
    ----------
    answered, refused, failed, unfinished : requests by how they ended: in full; with a 429; in another way;
        not before the run was stopped.
    failures : refused and failed ones by status or kind.
    retry_after : what came with refusals.
    time_to_first_token : of any choice.
    inter_token : gaps between chunks with tokens of the same choice.
    time_per_output_token : (end - first token) / (tokens of a choice - 1), a value for each request.
    latency : to the end of the answer.
    sent_late : of all requests; in an open loop how far the client fell behind its schedule.
    cached_prompt_tokens, cache_hit_rate : over the requests whose usage tells; None if none does.
    without_usage : answered requests whose tokens are counted by chunks, as the server did not tell.
    server_counters : by how much the server's counters of cached prompts grew meanwhile.
    client_cpu_share : processor time of the client per second; near 1, the client is what was measured.
    stopped : what ended the run early.
    """

    duration_s: float
    answered: int
    refused: int
    failed: int
    unfinished: int
    failures: Mapping[str, Failures]
    retry_after: Distribution | None
    requests_per_s: float
    prompt_tokens: int
    generated_tokens: int
    cached_prompt_tokens: int | None
    cache_hit_rate: float | None
    without_usage: int
    prompt_tokens_per_s: float
    generated_tokens_per_s: float
    time_to_first_token: Distribution | None
    inter_token: Distribution | None
    time_per_output_token: Distribution | None
    latency: Distribution | None
    sent_late: Distribution | None
    server_counters: Mapping[str, float]
    client_cpu_share: float
    stopped: str | None

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return asdict(self)


def percentile(ordered: Sequence[float], q: float) -> float:
    """Return the q-th percentile of ascending values, linear between them (Hyndman and Fan, type 7)."""
    place = (len(ordered) - 1) * q / 100
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def distribution(values: Iterable[float]) -> Distribution | None:
    """Return what these values are like; None if there are none."""
    ordered = sorted(values)
    if not ordered:
        return None
    return Distribution(
        count=len(ordered),
        mean=math.fsum(ordered) / len(ordered),
        p50=percentile(ordered, 50),
        p90=percentile(ordered, 90),
        p95=percentile(ordered, 95),
        p99=percentile(ordered, 99),
        max=ordered[-1],
    )


def time_per_output_token(measurement: Measurement, n: int) -> float | None:
    """Return the mean time of a choice's tokens after the first, in seconds; None if there is none."""
    first, tokens = measurement.first_token_s, measurement.generated / n
    return (measurement.ended_s - first) / (tokens - 1) if first is not None and tokens > 1 else None


def inter_token_gaps(measurement: Measurement) -> Iterable[float]:
    """Yield the gaps between chunks with tokens, each choice by itself, in seconds."""
    for row in measurement.chunk_times:
        for before, after in pairwise(row):
            yield after - before


def summarise(run: Run, n: int, counters: Mapping[str, float]) -> Summary:
    """Return a run's figures; `n` is how many choices each request asked for."""
    answered = [m for m in run.measurements if m.failure is None]
    refused = sum(m.failure == REFUSED for m in run.measurements)
    firsts = [(m.scheduled_s, m.first_token_s) for m in answered]
    per_token = [time_per_output_token(m, n) for m in answered]
    told = [m.tokens for m in answered if m.tokens is not None]
    caching = [(tokens.cached, tokens.prompt) for tokens in told if tokens.cached is not None]
    cached, cacheable = sum(c for c, _ in caching), sum(p for _, p in caching)
    prompt, generated = sum(tokens.prompt for tokens in told), sum(m.generated for m in answered)
    seconds = run.duration_s
    return Summary(
        duration_s=seconds,
        answered=len(answered),
        refused=refused,
        failed=len(run.measurements) - len(answered) - refused,
        unfinished=run.unfinished,
        failures=_failures(run.measurements),
        retry_after=distribution(m.retry_after_s for m in run.measurements if m.retry_after_s is not None),
        requests_per_s=len(answered) / seconds,
        prompt_tokens=prompt,
        generated_tokens=generated,
        cached_prompt_tokens=cached if caching else None,
        cache_hit_rate=cached / cacheable if cacheable else None,
        without_usage=len(answered) - len(told),
        prompt_tokens_per_s=prompt / seconds,
        generated_tokens_per_s=generated / seconds,
        time_to_first_token=distribution(first - due for due, first in firsts if first is not None),
        inter_token=distribution(gap for m in answered for gap in inter_token_gaps(m)),
        time_per_output_token=distribution(value for value in per_token if value is not None),
        latency=distribution(m.ended_s - m.scheduled_s for m in answered),
        sent_late=distribution(m.sent_s - m.scheduled_s for m in run.measurements),
        server_counters=counters,
        client_cpu_share=run.client_cpu_s / seconds,
        stopped=run.stopped,
    )


def _failures(measurements: Iterable[Measurement]) -> dict[str, Failures]:
    kinds: dict[str, list[str | None]] = {}
    for m in measurements:
        if m.failure is not None:
            kinds.setdefault(m.failure, []).append(m.message)
    return {kind: Failures(len(messages), messages[0]) for kind, messages in sorted(kinds.items())}
