"""Figures from measurements made by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponder.bench.load import Run
from ponder.bench.measurement import Measurement, TokenCounts
from ponder.bench.plot import step_counts, token_rates
from ponder.bench.summary import Failures, distribution, percentile, summarise

seconds = st.floats(0, 1e6, allow_subnormal=False)


@pytest.mark.slow
@given(st.lists(seconds, min_size=1, max_size=60), st.floats(0, 100))
def test_percentiles_are_numpys(values, q):
    expected = np.percentile(values, q)
    assert percentile(sorted(values), q) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(st.lists(seconds, min_size=1, max_size=60))
def test_distribution(values):
    found = distribution(values)
    assert found is not None
    assert (found.count, found.max) == (len(values), max(values))
    assert found.mean == pytest.approx(np.mean(values))
    assert found.p50 <= found.p90 <= found.p95 <= found.p99 <= found.max


def test_no_values_are_no_distribution():
    assert distribution([]) is None


def run(*measurements, duration_s=10.0, unfinished=0, stopped=None):
    return Run(measurements, unfinished, 100.0, duration_s, 1.0, stopped)


ONE = Measurement(
    0,
    100.0,
    100.5,
    103.0,
    chunk_times=((101.0, 101.5, 103.0),),
    tokens=TokenCounts(prompt=20, generated=5, cached=16),
)
TWO = Measurement(
    1, 101.0, 101.0, 105.0, chunk_times=((102.0, 104.0), (102.5, 103.5)), tokens=TokenCounts(40, 4, 0)
)


def test_figures_by_hand():
    summary = summarise(run(ONE), n=1, counters={"hits_total": 2.0})
    assert summary.time_to_first_token.mean == 1.0  # from when it was due, not from when it was sent
    assert summary.latency.max == 3.0
    assert summary.sent_late.p50 == 0.5
    assert (summary.inter_token.count, summary.inter_token.mean) == (2, 1.0)
    assert summary.time_per_output_token.mean == (103.0 - 101.0) / 4
    assert (summary.requests_per_s, summary.prompt_tokens_per_s, summary.generated_tokens_per_s) == (
        0.1,
        2.0,
        0.5,
    )
    assert (summary.cached_prompt_tokens, summary.cache_hit_rate) == (16, 0.8)
    assert summary.client_cpu_share == 0.1
    assert summary.as_json()["server_counters"] == {"hits_total": 2.0}


def test_choices_do_not_mix():
    """With n = 2 the gaps are each choice's own, and the time per token is that of one choice."""
    summary = summarise(run(TWO), n=2, counters={})
    assert sorted([summary.inter_token.mean, summary.inter_token.max]) == [1.5, 2.0]
    assert summary.time_to_first_token.mean == 1.0
    assert summary.time_per_output_token.mean == (105.0 - 102.0) / (4 / 2 - 1)


def test_hits_count_over_those_that_tell():
    silent = Measurement(2, 100.0, 100.0, 101.0, chunk_times=((100.5,),), tokens=TokenCounts(1000, 1, None))
    summary = summarise(run(ONE, TWO, silent), n=1, counters={})
    assert summary.cache_hit_rate == 16 / 60
    assert summary.prompt_tokens == 1060
    assert summarise(run(silent), n=1, counters={}).cache_hit_rate is None


def test_without_usage_chunks_are_counted():
    silent = Measurement(0, 100.0, 100.0, 101.0, chunk_times=((100.25, 100.5, 100.75),))
    summary = summarise(run(silent), n=1, counters={})
    assert (summary.without_usage, summary.generated_tokens, summary.prompt_tokens) == (1, 3, 0)


def test_failures_have_no_latency():
    refused = Measurement(1, 100.0, 100.0, 100.1, "429", "full", retry_after_s=2.0)
    broken = Measurement(2, 100.0, 100.0, 109.0, "stream", "it ended", chunk_times=((101.0, 105.0),))
    again = Measurement(3, 100.0, 100.0, 109.0, "stream", "other")
    summary = summarise(
        run(ONE, refused, broken, again, unfinished=3, stopped="out of time"), n=1, counters={}
    )
    assert (summary.answered, summary.refused, summary.failed, summary.unfinished) == (1, 1, 2, 3)
    assert summary.failures == {"429": Failures(1, "full"), "stream": Failures(2, "it ended")}
    assert summary.retry_after.mean == 2.0
    assert summary.latency.count == 1
    assert summary.generated_tokens == 5
    assert summary.stopped == "out of time"


def test_nothing_measured_is_no_error():
    summary = summarise(run(stopped="interrupted"), n=1, counters={})
    assert summary.answered == 0
    assert summary.latency is summary.cache_hit_rate is None


def test_what_the_plot_shows():
    times, counts = step_counts(run(ONE, TWO))
    assert list(zip(times, counts, strict=True)) == [(0.0, 0), (0.5, 1), (1.0, 2), (3.0, 1), (5.0, 0)]
    rates = token_rates(run(ONE, TWO), bins=5)  # of two seconds
    assert sum(rates) * 2 == pytest.approx(5 + 4)
    # Five tokens in three chunks and four in four.
    assert rates == pytest.approx([5 / 3, 5 / 6 + 3 / 2, 1 / 2, 0, 0])
