"""Prometheus metrics, named as vLLM names its own where they mean the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

if TYPE_CHECKING:
    from ponder.engine import EngineStats

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SLOW = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0)


class Metrics:
    """One server's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._http = Counter(
            "ponder:http_requests",
            "HTTP requests by endpoint and status; 499: the client went away.",
            ("path", "status"),
            registry=self._registry,
        )
        self.texts = Counter(
            "ponder:request_success",
            "Texts answered, by finish_reason.",
            ("finished_reason",),
            registry=self._registry,
        )
        self.first_token = self._histogram("time_to_first_token_seconds", "Arrival to first token.", _SLOW)
        self.inter_token = self._histogram(
            "inter_token_latency_seconds", "Between two tokens of a text.", _FAST
        )
        self.whole = self._histogram("e2e_request_latency_seconds", "Arrival to the last token.", _SLOW)

    def _histogram(self, name: str, what: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"ponder:{name}", what, buckets=buckets, registry=self._registry)

    def count_http(self, path: str, status: int) -> None:
        """Count an HTTP request; `path` is one of few, or the metric would grow without bound."""
        self._http.labels(path, str(status)).inc()

    def watch(self, model: str, stats: Callable[[], EngineStats]) -> None:
        """Report an engine's figures, read at each scrape."""
        self._registry.register(_EngineCollector(model, stats))

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)


class _EngineCollector:
    def __init__(self, model: str, stats: Callable[[], EngineStats]) -> None:
        self._model = model
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        stats = self._stats()
        busy = stats.busy_pages / stats.pages
        yield self._gauge("num_requests_running", "Requests that run.", stats.running)
        yield self._gauge("num_requests_waiting", "Requests that wait for their turn.", stats.waiting)
        yield self._gauge("num_texts_running", "Texts that grow.", stats.rows)
        yield self._gauge("kv_cache_usage_perc", "Share of the cache held by running requests, 0 to 1.", busy)
        for name, what, value in (
            ("prompt_tokens", "Prompt tokens.", stats.prompt_tokens),
            ("generation_tokens", "Tokens generated.", stats.generated_tokens),
            ("computed_tokens", "Tokens run through the model.", stats.computed_tokens),
            ("spec_decode_num_draft_tokens", "Tokens that speculation guessed.", stats.proposed_tokens),
            ("spec_decode_num_accepted_tokens", "Guesses that were right.", stats.accepted_tokens),
            ("prefix_cache_queries", "Prompt tokens looked up in the cache.", stats.prompt_tokens),
            ("prefix_cache_hits", "Prompt tokens found in the cache.", stats.hit_tokens),
            ("num_preemptions", "Times a request gave its memory to another.", stats.preemptions),
            ("num_evictions", "Cached pages that made room.", stats.evictions),
            ("engine_steps", "Forward passes.", stats.steps),
        ):
            yield self._counter(name, what, {(self._model,): value})
        ended = {
            (self._model, "finished"): stats.finished,
            (self._model, "failed"): stats.failed,
            (self._model, "cancelled"): stats.cancelled,
            (self._model, "refused"): stats.refused,
        }
        yield self._counter("engine_requests", "Requests by how they ended.", ended, ("outcome",))

    def _gauge(self, name: str, what: str, value: float) -> Metric:
        gauge = GaugeMetricFamily(f"ponder:{name}", what, labels=("model_name",))
        gauge.add_metric((self._model,), value)
        return gauge

    def _counter(
        self, name: str, what: str, values: Mapping[Any, float], labels: tuple[str, ...] = ()
    ) -> Metric:
        counter = CounterMetricFamily(f"ponder:{name}", what, labels=("model_name", *labels))
        for key, value in values.items():
            counter.add_metric(key, value)
        return counter


class Stopwatch:
    """Times the texts of one HTTP request from its arrival, `time.perf_counter` seconds."""

    def __init__(self, metrics: Metrics, arrival: float) -> None:
        self._metrics = metrics
        self._arrival = arrival
        self._last: dict[tuple[int, int], float] = {}

    def token(self, prompt: int, index: int) -> None:
        """Note a token of a prompt's text number `index`."""
        now = time.perf_counter()
        last = self._last.get((prompt, index))
        if last is not None:
            self._metrics.inter_token.observe(now - last)
        elif not any(text[0] == prompt for text in self._last):
            self._metrics.first_token.observe(now - self._arrival)
        self._last[prompt, index] = now

    def answered(self, finish_reasons: Iterator[str]) -> None:
        """Note that all of a prompt's texts are there."""
        self._metrics.whole.observe(time.perf_counter() - self._arrival)
        for reason in finish_reasons:
            self._metrics.texts.labels(reason).inc()
