"""Open-loop arrivals are a Poisson process; closed-loop clients wait for their answers."""

import asyncio
import math
import time
from itertools import islice, pairwise

import pytest
from scipy import stats

from ponder.bench.arrivals import closed_loop, limited, open_loop, poisson_arrivals
from ponder.bench.measurement import Measurement


def ended(index, due, sent, **fields):
    return Measurement(index, due, sent, time.perf_counter(), **fields)


def no_body(index):
    return b""


@pytest.mark.parametrize("rate", [0.5, 7.0, 400.0])
def test_gaps_are_exponential_with_the_rate(rate):
    times = list(islice(poisson_arrivals(rate, seed=1), 20_000))
    gaps = [times[0], *(b - a for a, b in pairwise(times))]
    assert stats.kstest(gaps, "expon", args=(0, 1 / rate)).pvalue > 0.01
    # The last time is a sum of exponentials: a gamma variate.
    assert 0.01 < stats.gamma(len(times), scale=1 / rate).cdf(times[-1]) < 0.99


def test_counts_in_equal_spans_are_poisson():
    spans = [0] * 2_000
    for at in poisson_arrivals(3.0, seed=2):
        if at >= len(spans):
            break
        spans[int(at)] += 1
    observed = [spans.count(k) for k in range(8)] + [sum(count >= 8 for count in spans)]
    expected = [len(spans) * stats.poisson(3.0).pmf(k) for k in range(8)]
    expected.append(len(spans) - math.fsum(expected))
    assert stats.chisquare(observed, expected).pvalue > 0.01


def test_arrivals_follow_the_seed():
    first, same, other = (list(islice(poisson_arrivals(5.0, seed), 50)) for seed in (3, 3, 4))
    assert first == same != other


def test_a_slow_answer_holds_up_its_own_client_only():
    """Five clients, the first of which is not answered before everything else is."""
    sent, most, under_way, others_done = [], 0, 0, asyncio.Event()

    async def send(index, body, due):
        nonlocal under_way, most
        sent.append(index)
        under_way += 1
        most = max(most, under_way)
        await (others_done.wait() if index == 0 else asyncio.sleep(0.001))
        under_way -= 1
        if index == 39:
            others_done.set()
        return ended(index, due, due)

    asyncio.run(asyncio.wait_for(closed_loop(send, no_body, requests=40, concurrency=5), 10))
    assert sent == list(range(40))
    assert most == 5


def test_a_client_told_to_retry_later_waits():
    sent = []

    async def send(index, body, due):
        sent.append(time.perf_counter())
        return ended(index, due, due, failure="429", retry_after_s=0.1)

    asyncio.run(closed_loop(send, no_body, requests=3, concurrency=1))
    assert all(b - a >= 0.1 for a, b in pairwise(sent))


def test_open_loop_waits_for_no_answer():
    """Every request is under way before the first is answered, and each was due at its scheduled time."""
    dues, release = [], asyncio.Event()

    async def send(index, body, due):
        dues.append(due)
        if len(dues) == 20:
            release.set()
        await release.wait()
        return ended(index, due, due)

    asyncio.run(asyncio.wait_for(open_loop(send, no_body, requests=20, rate=500.0, seed=9), 10))
    schedule = list(islice(poisson_arrivals(500.0, 9), 20))
    assert [due - dues[0] for due in dues] == pytest.approx([at - schedule[0] for at in schedule], abs=1e-9)


def test_a_limit_delays_sending_and_not_the_schedule():
    under_way, most, late = 0, 0, []

    async def send(index, body, due):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        late.append(time.perf_counter() - due)
        await asyncio.sleep(0.02)
        under_way -= 1
        return ended(index, due, due)

    asyncio.run(open_loop(limited(send, 2), no_body, requests=20, rate=10_000.0, seed=0))
    assert most == 2
    assert late[-1] > 9 * 0.02 - 0.01  # nine pairs went before it
