"""GET /metrics."""

from __future__ import annotations

import pytest

from serving import Tiny, samples


def test_what_is_counted(tiny: Tiny) -> None:
    """Tokens, texts, latencies, statuses and the cache, of this server alone."""
    body = {"prompt": "a prompt of some length, " * 4, "n": 2, "max_tokens": 5, "ignore_eos": True}
    for stream in (False, True):
        assert tiny.client.post("/v1/completions", json={**body, "stream": stream}).status_code == 200
    tiny.client.post("/v1/completions", json={"prompt": 1})
    tiny.client.get("/nowhere")
    tiny.client.get("/elsewhere")
    found = samples(tiny)
    assert found["ponder:num_requests_running", "tiny"] == 0
    assert found["ponder:num_requests_waiting", "tiny"] == 0
    assert found["ponder:kv_cache_usage_perc", "tiny"] == 0
    assert found["ponder:prompt_tokens_total", "tiny"] == 200
    assert found["ponder:generation_tokens_total", "tiny"] == 20
    assert found["ponder:prefix_cache_queries_total", "tiny"] == 200
    assert 0 < found["ponder:prefix_cache_hits_total", "tiny"] < 100
    assert found["ponder:engine_requests_total", "tiny", "finished"] == 2
    assert found["ponder:num_preemptions_total", "tiny"] == 0
    assert found[("ponder:time_to_first_token_seconds_count",)] == 2
    assert found[("ponder:inter_token_latency_seconds_count",)] == 16
    assert found[("ponder:e2e_request_latency_seconds_count",)] == 2
    assert found["ponder:request_success_total", "length"] == 4
    assert found["ponder:http_requests_total", "/v1/completions", "200"] == 2
    assert found["ponder:http_requests_total", "/v1/completions", "400"] == 1
    assert found["ponder:http_requests_total", "other", "404"] == 2


@pytest.mark.slow
def test_a_server_has_its_own_metrics(tiny_server) -> None:
    """Two servers in one process do not count each other's requests."""
    one, two = tiny_server(), tiny_server()
    one.client.post("/v1/completions", json={"prompt": "a", "max_tokens": 2})
    assert samples(one)["ponder:generation_tokens_total", "tiny"] > 0
    assert samples(two)["ponder:generation_tokens_total", "tiny"] == 0
