"""The whole command against a server whose delays are known."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise

import pytest

from bench.fake_server import FakeServer
from ponder.errors import DataError, ParameterError, PonderError

SLACK_S = 0.25  # what a busy machine may add


@pytest.mark.timed
def test_closed_loop_times_are_the_servers(bench):
    """Time to first token, gaps and latency agree with the server's own clock."""
    with FakeServer(first_s=0.1, gap_s=0.05, tokens=5) as server:
        ran = bench("--url", server.url, "-c", 3, "--requests", 9, "--warmup", 2, "--max-tokens", 5, "--json")
    assert ran.status == 0
    summary, seen = ran.json["summary"], server.seen[2:]
    assert server.most_under_way == 3
    assert (summary["answered"], summary["failed"], summary["unfinished"]) == (9, 0, 0)
    first = summary["time_to_first_token"]
    true_first = [one.sent_s[0] - one.arrived_s for one in seen]
    assert first["count"] == 9
    assert first["p50"] >= 0.1
    assert 0 <= first["mean"] - sum(true_first) / 9 < SLACK_S
    gaps = summary["inter_token"]
    true_gaps = [b - a for one in seen for a, b in pairwise(one.sent_s)]
    assert gaps["count"] == 9 * 4
    assert gaps["mean"] == pytest.approx(sum(true_gaps) / len(true_gaps), abs=0.02)
    assert 0.3 <= summary["latency"]["p50"] < 0.3 + SLACK_S
    assert summary["time_per_output_token"]["mean"] == pytest.approx(gaps["mean"], abs=0.02)
    assert 0.9 <= summary["duration_s"] < 0.9 + 3 * SLACK_S  # three requests after one another
    assert summary["generated_tokens_per_s"] == pytest.approx(45 / summary["duration_s"])


@pytest.mark.slow
def test_prompts_are_exact_ids_that_share_a_prefix(bench):
    with FakeServer() as server:
        args = ("-c", 2, "--requests", 6, "--prompt-tokens", 40, "--shared-prefix-tokens", 16, "--ignore-eos")
        ran = bench("--url", f"{server.url}/v1", *args, "--seed", 5, "--json")
        bench("--url", server.url, *args, "--seed", 5, "--json")
    prompts = [one.body["prompt"] for one in server.seen]
    assert all(len(prompt) == 40 and all(type(token) is int for token in prompt) for prompt in prompts)
    assert len({tuple(prompt[:16]) for prompt in prompts}) == 1
    assert len({tuple(prompt) for prompt in prompts}) == 10  # four to warm up and six measured, twice
    assert sorted(prompts[:10]) == sorted(prompts[10:])
    assert all(one.body["ignore_eos"] and one.body["model"] == "fake-model" for one in server.seen)
    summary = ran.json["summary"]
    assert ran.json["exact_prompt_tokens"]
    assert summary["prompt_tokens"] == 6 * 40
    assert summary["cache_hit_rate"] == 3 / 40
    assert summary["server_counters"] == {"fake_prefix_cache_hits_total": 6 * 3}
    assert ran.json["server"] == {"url": server.url, "model": "fake-model", "version": "1.2.3"}


@pytest.mark.slow
def test_chat_counts_from_the_first_text_and_not_from_the_role(bench):
    with FakeServer(first_s=0.2, tokens=3) as server:
        ran = bench("--url", server.url, "-c", 1, "--requests", 2, "--endpoint", "chat", "-n", 2, "--json")
    assert all(one.path == "/v1/chat/completions" for one in server.seen)
    assert isinstance(server.seen[0].body["messages"][0]["content"], str)
    summary = ran.json["summary"]
    assert summary["time_to_first_token"]["p50"] >= 0.2
    assert summary["inter_token"]["count"] == 2 * 2 * 2
    assert summary["generated_tokens"] == 2 * 2 * 3


@pytest.mark.slow
def test_without_tokenize_and_usage_texts_are_sent_and_chunks_counted(bench):
    with FakeServer(has_tokenize=False, usage=False) as server:
        ran = bench("--url", server.url, "-c", 1, "--requests", 2, "--prompt-tokens", 10, "--json")
    assert len(server.seen[0].body["prompt"].split()) == 10
    assert not ran.json["exact_prompt_tokens"]
    assert (ran.json["summary"]["without_usage"], ran.json["summary"]["generated_tokens"]) == (2, 8)


@pytest.mark.timed
def test_open_loop_latency_has_no_coordinated_omission(bench):
    """A server that takes one request in 50 ms, asked 100 times a second: requests wait longer and longer.

    Whether they wait at the server or, under --max-concurrency, at the client, that is the latency.
    """
    service, results = 0.05, []
    for extra in ((), ("--max-concurrency", 1)):
        with FakeServer(first_s=service, gap_s=0, tokens=1, at_a_time=1) as server:
            args = ("--url", server.url, "--rate", 100, "--requests", 20, "--warmup", 0, "--json")
            results.append(bench(*args, *extra).json["summary"])
    free, held = results
    for summary in results:
        # The last is due after about 0.2 s and served after 20 * 50 ms.
        assert summary["latency"]["max"] > 0.6
        assert summary["time_to_first_token"]["max"] > 0.6
    assert free["sent_late"]["max"] < SLACK_S
    assert held["sent_late"]["max"] > 0.5
    assert server.most_under_way == 1


@pytest.mark.timed
def test_open_loop_sends_when_due(bench):
    with FakeServer(first_s=0.3, tokens=1) as server:
        summary = bench("--url", server.url, "--rate", 50, "--requests", 25, "--json").json["summary"]
    assert server.most_under_way > 5
    assert summary["sent_late"]["p50"] < 0.02
    assert summary["latency"]["p50"] == pytest.approx(0.3, abs=SLACK_S)


def test_refusals_are_counted_and_no_failure(bench):
    with FakeServer(refuse=2, retry_after="0") as server:
        ran = bench("--url", server.url, "-c", 1, "--requests", 4, "--warmup", 0, "--json")
    assert ran.status == 0
    summary = ran.json["summary"]
    assert (summary["answered"], summary["refused"], summary["failed"]) == (2, 2, 0)
    assert summary["failures"]["429"] == {"count": 2, "message": "the queue is full"}
    assert summary["retry_after"]["count"] == 2


@pytest.mark.parametrize(
    ("behaviour", "options", "kind"),
    [
        ({"status": 500}, (), "500"),
        ({"break_after": 2}, (), "stream"),
        ({"first_s": 5.0}, ("--timeout", 0.2), "timeout"),
    ],
)
def test_failures_are_named_and_give_status_1(bench, behaviour, options, kind):
    with FakeServer(**behaviour) as server:
        args = ("--url", server.url, "-c", 2, "--requests", 3, "--warmup", 0, *options)
        ran, shown = bench(*args, "--json"), bench(*args)
    assert ran.status == shown.status == 1
    assert ran.json["summary"]["failures"][kind]["count"] == 3
    assert f"{kind:<10} 3 requests, first: " in shown.out


def test_a_warm_up_that_fails_ends_it(bench):
    with FakeServer(status=401) as server, pytest.raises(PonderError, match=r"\(401\): out of"):
        bench("--url", server.url, "-c", 1)


def test_no_server_is_one_sentence(bench):
    with pytest.raises(PonderError, match="cannot be reached"):
        bench("--url", "http://127.0.0.1:9", "-c", 1)


@pytest.mark.slow
def test_the_key_is_sent_and_not_printed(bench, monkeypatch):
    with FakeServer() as server:
        monkeypatch.setenv("PONDER_API_KEY", "from-environment")
        ran = bench("--url", server.url, "-c", 1, "--requests", 1, "--json")
        bench("--url", server.url, "-c", 1, "--requests", 1, "--api-key", "by-option")
    assert "from-environment" not in ran.out
    keys = [one.headers["authorization"] for one in server.seen]
    assert set(keys) == {"Bearer from-environment", "Bearer by-option"}


@pytest.mark.slow
def test_a_dataset_is_sent(bench, tmp_path):
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"q": "one"}\n{"q": "two"}\n')
    with FakeServer() as server:
        args = ("--url", server.url, "-c", 1, "--requests", 3, "--warmup", 0, "--dataset", file)
        bench(*args, "--field", "q")
        assert [one.body["prompt"] for one in server.seen] == ["one", "two", "one"]
        with pytest.raises(DataError, match="line 1 has no text in a field 'prompt'"):
            bench(*args)


@pytest.mark.slow
def test_what_is_written_and_shown(bench, tmp_path):
    with FakeServer() as server:
        args = ("--url", server.url, "--requests", 8, "--rate", 100, "--out", tmp_path / "r.json")
        ran = bench(*args, "--plot", tmp_path / "r.png")
    written = json.loads((tmp_path / "r.json").read_text())
    assert written["settings"]["rate"] == 100
    assert written["summary"]["answered"] == 8
    assert {"ponder", "httpx"} <= written["versions"].keys()
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
    for row in ("first token", "between tokens", "per output token", "whole request", "sent late"):
        assert any(line.strip().startswith(row) for line in ran.out.splitlines())
    assert "8 answered, 0 refused (429), 0 failed, 0 unfinished" in ran.out


@pytest.mark.timed
def test_time_is_up(bench):
    with FakeServer(first_s=0.1, tokens=1) as server:
        args = ("--url", server.url, "-c", 2, "--requests", 1000, "--seconds", 0.5, "--json")
        summary = bench(*args).json["summary"]
    assert summary["stopped"] == "out of time"
    assert 0 < summary["answered"] <= 10
    assert summary["unfinished"] == 2
    assert summary["duration_s"] == pytest.approx(0.5, abs=SLACK_S)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_shows_what_there_is(tmp_path, number):
    program = (
        "import sys; from ponder.cli.bench import app; sys.exit(app(sys.argv[1:], standalone_mode=False))"
    )
    with FakeServer(first_s=0.05, gap_s=60.0, tokens=1) as server:
        args = [
            "serve",
            "--url",
            server.url,
            "--rate",
            "20",
            "--requests",
            "1000",
            "--json",
            "--plot",
            "r.png",
        ]
        with subprocess.Popen(
            [sys.executable, "-c", program, *args], stdout=subprocess.PIPE, cwd=tmp_path, env={**os.environ}
        ) as process:
            deadline = time.monotonic() + 30
            while len(server.seen) < 20 and time.monotonic() < deadline:
                time.sleep(0.02)
            process.send_signal(number)
            printed, _ = process.communicate(timeout=20)
    summary = json.loads(printed)["summary"]
    assert process.returncode == 130
    assert summary["stopped"] == "interrupted"
    assert 10 <= summary["answered"] < 1000
    assert (tmp_path / "r.png").exists()


@pytest.mark.timed
def test_many_at_once(bench):
    """A hundred connections, each with its own stream, none lost."""
    with FakeServer(first_s=0.5, gap_s=0.001, tokens=20) as server:
        args = ("--url", server.url, "-c", 100, "--requests", 200, "--warmup", 0, "--json")
        summary = bench(*args).json["summary"]
    assert (summary["answered"], summary["failed"]) == (200, 0)
    assert summary["generated_tokens"] == 200 * 20
    assert server.most_under_way > 75


@pytest.mark.parametrize(
    ("args", "field"),
    [
        (("--url", "nonsense", "-c", 1), "url"),
        (("-c", 1, "--rate", 2), "concurrency"),
        (("--url", "http://127.0.0.1:9", "-c", 1, "--device", "cpu"), "device"),
        (("--url", "http://127.0.0.1:9", "-c", 1, "--out", "/no/such/folder/x"), "out"),
        (("--url", "http://127.0.0.1:9", "-c", 1, "--plot", "x.pdf"), "plot"),
        (("-c", 1, "--start-timeout", 0), "start_timeout"),
    ],
)
def test_bad_options_are_named(bench, args, field):
    with pytest.raises(ParameterError) as error:
        bench(*args)
    assert error.value.field == field


@pytest.mark.parametrize("package", ["httpx", "matplotlib"])
def test_a_missing_extra_is_one_sentence(bench, monkeypatch, package):
    monkeypatch.setattr("ponder.cli.bench.find_spec", lambda name: None if name == package else name)
    with pytest.raises(
        PonderError, match=rf"ponder bench serve needs {package}: pip install 'ponder\[bench\]'"
    ):
        bench("-c", 1, "--plot", "x.png")


def test_an_unknown_model_does_not_wait_for_a_server(bench):
    with pytest.raises(PonderError, match="no-such-model"):
        bench("-c", 1, "--model", "no-such-model")


@pytest.mark.slow
def test_help_needs_no_extra():
    """The command line loads without the libraries of the load generator."""
    program = (
        "import sys, ponder.cli.bench; print(*sorted({'httpx', 'matplotlib', 'torch'} & sys.modules.keys()))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


def test_threads_are_gone():
    """The fake server of these tests leaves nothing behind."""
    with FakeServer():
        pass
    assert threading.active_count() == 1 or all(t.daemon for t in threading.enumerate()[1:])
