"""Clients that leave or do not read, models that fail, signals, bad starts: against `ponder serve`."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest
import torch

from hostile import CONTEXT, LONG, Target, check_log, http_request, post_request, wait_for
from serving import ServeProcess, Tiny, ended, error, events
from tiny_models import tiny_local_model

COMPLETIONS = "/v1/completions"
FREED = 1.0  # seconds after a client left until nothing is held for it, beside the step that was under way
READ = 60.0


@pytest.fixture(scope="module")
def target(checkpoint: object) -> Iterator[Target]:
    """At most 8 texts at once; a step computes at most 64 tokens, so that none takes long."""
    limits = ("--max-rows", "8", "--token-budget", "64", "--max-waiting", "300")
    with Target(*limits, "--cache-bytes", "900000000") as target:
        yield target


def step_seconds(target: Target) -> float:
    """Return how long a step took, at most, just now: the engine answers between two steps."""
    start = time.perf_counter()
    assert target.client.get("/health").status_code == 200
    return time.perf_counter() - start


def streaming(**body: object) -> bytes:
    return post_request(COMPLETIONS, {**LONG, "stream": True, **body})


@pytest.mark.timed
def test_leaving_mid_stream(target: Target) -> None:
    """The pages of a text whose reader left are free within a second."""
    for reset in (False, True):
        with target.connect() as reader:
            reader.sendall(streaming())
            while b"data: " not in reader.recv(65536):
                pass
            assert target.busy() > 0
            step = step_seconds(target)
            if reset:  # no goodbye, as when a machine dies
                reader.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        wait_for(target.idle, FREED + step)
    target.check_unharmed()


@pytest.mark.timed
def test_leaving_mid_prefill(target: Target) -> None:
    """A long prompt that nobody waits for is not computed to its end."""
    for stream in (False, True):
        before = target.metric("ponder:computed_tokens_total")
        with target.connect() as reader:
            body = {**LONG, "prompt": [5, 6] * (CONTEXT // 2 - 100), "max_tokens": 50, "stream": stream}
            reader.sendall(post_request(COMPLETIONS, body))
            wait_for(lambda: target.busy() > 0, 20)
            step = step_seconds(target)
        wait_for(target.idle, FREED + step)
        assert target.metric("ponder:computed_tokens_total") - before < CONTEXT / 2
    target.check_unharmed()


@pytest.mark.timed
def test_leaving_without_a_stream(target: Target) -> None:
    """The same where the answer would have come as a whole, for many texts and for a beam search."""
    for body in ({}, {"n": 4}, {"use_beam_search": True, "n": 4}, {"prompt": ["a", "b", "c"]}):
        with target.connect() as reader:
            reader.sendall(post_request(COMPLETIONS, {**LONG, "max_tokens": 300, **body}))
            wait_for(lambda: target.busy() > 0, 20)
            step = step_seconds(target)
        wait_for(target.idle, FREED + step)
    target.check_unharmed()


@pytest.mark.timed
def test_leaving_with_more_in_the_pipe(target: Target) -> None:
    """A client that has sent its next request already is missed too when it leaves."""
    for more in (streaming(), http_request("GET", "/version"), b"x", b"x" * 1_000_000):
        for stream in (False, True):
            with target.connect() as reader:
                reader.sendall(post_request(COMPLETIONS, {**LONG, "max_tokens": 300, "stream": stream}))
                wait_for(lambda: target.busy() > 0, 20)
                reader.settimeout(0.3)
                with suppress(TimeoutError, ConnectionError):  # it takes as much as it wants
                    reader.sendall(more)
                time.sleep(0.1)
                step = step_seconds(target)
            wait_for(target.idle, FREED + step)
    target.check_unharmed()


@pytest.mark.timed
def test_leaving_the_queue(target: Target) -> None:
    """Requests that wait are forgotten when their clients leave; the one that runs is not."""
    with target.connect() as running:
        running.sendall(streaming(n=8, max_tokens=1000))
        while b"data: " not in running.recv(65536):
            pass
        waiting = [target.connect() for _ in range(20)]
        for i, client in enumerate(waiting):
            client.sendall(post_request(COMPLETIONS, {**LONG, "stream": i % 2 == 0}))
        wait_for(lambda: target.metric("ponder:num_requests_waiting") == 20, 20)
        step = step_seconds(target)
        for client in waiting:
            client.close()
        wait_for(lambda: target.metric("ponder:num_requests_waiting") == 0, FREED + step)
        assert target.metric("ponder:num_requests_running") == 1
        assert running.recv(65536)
    wait_for(target.idle, FREED + step)
    target.check_unharmed()


@pytest.mark.timed
def test_200_clients_that_leave(target: Target) -> None:
    """All of them mid-stream or in the queue: nothing is held a second later."""
    files = target.files()
    clients = [target.connect() for _ in range(200)]
    for i, client in enumerate(clients):
        client.sendall(streaming(prompt=[5 + i, 6, 7]))
    wait_for(lambda: target.requests() == 200, 30)
    wait_for(lambda: target.metric("ponder:num_texts_running") == 8, 30)
    step = step_seconds(target)
    for client in clients:
        client.close()
    wait_for(target.idle, FREED + 2 * step)
    wait_for(lambda: target.files() <= files + 2, 5)
    target.check_unharmed()


@pytest.mark.timed
def test_slow_reader(target: Target) -> None:
    """Who reads a byte a second has its answer kept for it; nobody else waits, and memory stays."""

    def seconds() -> float:
        start = time.perf_counter()
        target.complete(prompt="Once", max_tokens=4, cache_salt=str(start))
        return time.perf_counter() - start

    alone = statistics.median(seconds() for _ in range(3))
    with target.connect() as slow, target.connect() as fast:
        for reader in (slow, fast):
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.sendall(streaming(max_tokens=25, logprobs=20))
        rss = target.rss()
        slow.recv(1)
        answer = b""
        while b"[DONE]" not in answer:
            part = fast.recv(65536)
            assert part
            answer += part
            if len(answer) % 7 == 0:
                slow.recv(1)
        assert len(answer) > 20_000
        assert seconds() < 3 * alone + 1
        assert target.rss() < rss + 32 * 2**20
    target.check_unharmed()


@pytest.mark.timed
def test_readers_that_stop_are_given_up(
    tiny_server: Callable[..., Tiny], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that reads nothing for so long loses its connection and what was kept for it."""
    for place in ("guard", "listening"):
        monkeypatch.setattr(f"ponder.server.front.{place}.WRITE_SECONDS", 0.5)
    tiny = tiny_server(tiny_local_model(context_length=8192))
    host, port = tiny.client.base_url.host, tiny.client.base_url.port
    connections = tiny.server._http.server_state.connections
    for stream in (False, True):
        body = {
            "prompt": "a" * 2000,
            "max_tokens": 9,
            "n": 12,
            "echo": True,
            "logprobs": 20,
            "stream": stream,
        }
        with socket.socket() as silent:
            silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            silent.connect((host, port))
            silent.sendall(post_request(COMPLETIONS, body))
            wait_for(lambda: tiny.running() == 1, 10)
            wait_for(lambda: tiny.running() == 0, 60)
            wait_for(lambda: not connections, 60)  # megabytes of JSON are made first
    assert tiny.client.get("/health").status_code == 200


@pytest.mark.slow
def test_model_that_fails(tiny_server: Callable[..., Tiny], capfd: pytest.CaptureFixture[str]) -> None:
    """An exception in a forward pass ends the requests in it with an error, and the server goes on."""
    tiny = tiny_server(tiny_local_model(context_length=4096), quiet=True)
    body = {"prompt": "a", "max_tokens": 12, "ignore_eos": True, "seed": 1}
    before = tiny.client.post(COMPLETIONS, json=body).json()["choices"]
    runner = tiny.model.engine.runner
    forward = runner.forward
    for wrong in ("raise", "nan", "inf"):
        for stream in (False, True):
            steps = 0

            def failing(rows: list, *states: torch.Tensor | None, wrong: str = wrong) -> torch.Tensor:
                nonlocal steps
                steps += 1
                if steps <= 5:
                    return forward(rows, *states)
                if wrong == "raise":
                    raise RuntimeError("secret of the machine")
                logits = forward(rows, *states)
                return torch.full_like(logits, float(wrong))

            runner.forward = failing
            response = tiny.client.post(COMPLETIONS, json={**body, "stream": stream}, timeout=20)
            runner.forward = forward
            if wrong == "inf":  # equal infinities are a distribution of sorts: an answer or an error, no hang
                assert response.status_code in (200, 400, 500)
            elif stream:
                assert response.status_code == 200
                *tokens, last = [json.loads(line[6:]) for line in response.text.split("\n\n") if line]
                assert tokens
                assert set(last) == {"error"}
                assert "secret" not in response.text
            else:
                error(response, 500)
                assert "secret" not in response.text
            assert tiny.running() == 0
            assert tiny.model.stats().busy_pages == 0
            tiny.model.engine.check_integrity()
            assert tiny.client.get("/health").status_code == 200
            assert tiny.client.post(COMPLETIONS, json=body).json()["choices"] == before
    assert "secret of the machine" in capfd.readouterr().err


@pytest.mark.slow
def test_failure_beside_others(tiny_server: Callable[..., Tiny]) -> None:
    """Of requests in one batch only the one that fails by itself ends."""
    tiny = tiny_server(tiny_local_model(context_length=4096), quiet=True)
    body = {"prompt": "abc", "max_tokens": 60, "ignore_eos": True, "seed": 3}
    runner = tiny.model.engine.runner
    forward = runner.forward

    def failing(rows: list, *states: torch.Tensor | None) -> torch.Tensor:
        if any(5 in row.tokens and row.branch.length < 20 for row in rows):
            raise RuntimeError("poison")
        return forward(rows, *states)

    async def beside() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=tiny.server.url, timeout=60) as client:
            good = [client.post(COMPLETIONS, json={**body, "logit_bias": {"5": -100}}) for _ in range(4)]
            bad = [client.post(COMPLETIONS, json={"prompt": [5, 5, 5], "max_tokens": 3}) for _ in range(4)]
            return await asyncio.gather(*good, *bad)

    runner.forward = failing
    responses = asyncio.run(beside())
    runner.forward = forward
    assert [response.status_code for response in responses] == [200] * 4 + [500] * 4
    texts = {response.json()["choices"][0]["text"] for response in responses[:4]}
    assert len(texts) == 1
    assert tiny.model.stats().busy_pages == 0
    tiny.model.engine.check_integrity()


def test_drain(checkpoint: object) -> None:
    """What runs or waits is answered, streams too; what comes is 503 with Retry-After; the end is 0.

    Nothing was written to stdout.
    """
    with ServeTarget("--max-rows", "1") as target, ThreadPoolExecutor() as pool:
        body = {**LONG, "max_tokens": 100}
        with httpx.stream(
            "POST", target.url + COMPLETIONS, json={**body, "stream": True}, timeout=READ
        ) as first:
            lines = first.iter_lines()
            next(lines)
            queued = [
                pool.submit(httpx.post, target.url + COMPLETIONS, json=body, timeout=READ) for _ in "ab"
            ]
            wait_for(lambda: target.requests() == 3, 20)
            target.signal(signal.SIGTERM)
            wait_for(lambda: httpx.get(target.url + "/health").status_code == 503, 5)
            for path in (COMPLETIONS, "/v1/chat/completions", "/tokenize"):
                late = httpx.post(target.url + path, json={"prompt": "a"})
                assert error(late, 503)["code"] == "draining"
                assert int(late.headers["Retry-After"]) > 0
            rest = "".join(line + "\n\n" for line in lines if line)
            assert events(rest)[-1]["choices"][0]["finish_reason"] == "length"
            assert [answer.result().status_code for answer in queued] == [200, 200]
        assert target.wait(30) == 0
        assert target.written() == ""
        check_log(target.lines)


class ServeTarget(Target):
    """A target that the test stops itself."""

    def written(self) -> str:
        """What it has written to stdout, once it has ended."""
        assert self._process.process.stdout is not None
        return self._process.process.stdout.read()

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._process.kill()


def test_second_signal(checkpoint: object) -> None:
    """It ends at once, whatever runs, waits, or does not read."""
    with ServeTarget("--max-rows", "2") as target:
        clients = [target.connect() for _ in range(5)]
        for client in clients:
            client.sendall(streaming())
        wait_for(lambda: target.requests() == 5, 20)
        target.signal(signal.SIGINT)
        wait_for(lambda: httpx.get(target.url + "/health").status_code == 503, 5)
        start = time.perf_counter()
        target.signal(signal.SIGTERM)
        assert target.wait(10) == 130
        assert time.perf_counter() - start < 5
        for client in clients:
            client.close()
        check_log(target.lines)


def test_while_it_loads(checkpoint: object) -> None:
    """Every route is 503 with Retry-After from the first moment; a signal then ends it at once."""
    served = ServeProcess("--api-key", "key")
    try:
        url = served.url
        codes = set()
        for method, path in (
            ("GET", "/health"),
            ("GET", "/metrics"),
            ("POST", COMPLETIONS),
            ("GET", "/nowhere"),
        ):
            early = httpx.request(method, url + path, headers={"Authorization": "Bearer key"})
            if early.status_code == 503:
                codes.add(error(early, 503)["code"])
                assert int(early.headers["Retry-After"]) > 0
        assert codes == {"loading"}
        assert httpx.get(url + "/metrics").status_code == 401
        served.signal(signal.SIGTERM)
        assert served.wait(15) in (0, 130)
        check_log(served.lines)
    finally:
        served.kill()


BAD_STARTS = [
    (["-m", "../../etc/passwd"], "passwd"),
    (["-m", "gpt-17\x1b[31m"], "gpt-17"),
    (["--max-waiting", "0"], "max_waiting"),
    (["--cache-bytes", "5"], "cache_bytes"),
    (["--device", "abacus"], "abacus"),
    (["--host", "256.256.256.256"], "256"),
    (["--health-timeout-s", "nan"], "health_timeout_s"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("args", "said"), BAD_STARTS, ids=str)
def test_bad_starts(capsys, monkeypatch, checkpoint: object, args: list[str], said: str) -> None:
    """One sentence on stderr without control characters, and no exit status but 1 or 2."""
    status, written = ended(capsys, monkeypatch, "--port", "0", *args)
    assert status in (1, 2)
    lines = [line for line in written.splitlines() if not line.startswith("ponder: listening")]
    assert len(lines) == 1, lines
    assert said in lines[0]
    check_log(lines)


KEYS: list[tuple[str, ...]] = [
    (),
    ("Authorization:",),
    ("Authorization: Bearer",),
    ("Authorization: Bearer ",),
    ("Authorization: Bearer wrong",),
    ("Authorization: Bearer righ",),
    ("Authorization: Bearer rightt",),
    ("Authorization: Bearer right right",),
    ("Authorization: Bearer RIGHT",),
    ("Authorization: Basic right",),
    ("Authorization: Basic OnJpZ2h0",),
    ("Authorization: Token right",),
    ("Authorization: right",),
    ("Authorization: Bearerright",),
    ("Authorization: Bearer r\xefght",),
    ("Authorization: Bearer \xff\xfe",),
    ("Authorization: Bearer " + "x" * 20_000,),
    ("Authorization: Bearer wrong", "Authorization: Bearer right"),
    ("X-API-Key: wrong",),
    ("Api-Key: right",),
    ("Cookie: api_key=right",),
]

LOCKED = [
    "/v1/models", "/metrics", "/version", "/tokenizer_info", "/nowhere", "/health/", "/health/../metrics",
    "*", "//health", "/HEALTH", "/%68ealth/x", "/metrics?/health", "/v1/completions", "http://localhost/health/x",
]  # fmt: skip


@pytest.mark.slow
def test_keys(tiny_server: Callable[..., Tiny], capfd: pytest.CaptureFixture[str]) -> None:
    """Without the key nothing but /health answers, whatever path, method or body; with it, all does."""
    tiny = tiny_server(api_key=("right",))
    address = (tiny.client.base_url.host, tiny.client.base_url.port)

    def status(request: bytes) -> int:
        with socket.create_connection(address, timeout=10) as connection:
            connection.sendall(request)
            return int(connection.recv(65536).split(b" ", 2)[1])

    for headers in KEYS:
        assert status(post_request(COMPLETIONS, {"prompt": "a"}, *headers)) == 401, headers
        for path in LOCKED:
            assert status(http_request("GET", path, *headers)) == 401, (path, headers)
        assert status(http_request("GET", "/health", *headers)) == 200
        assert status(http_request("POST", "/health", *headers)) == 405
        # Refused before its body is read.
        assert status(http_request("POST", COMPLETIONS, "Content-Length: 1000000", *headers)) == 401
    for right in ("Bearer right", "bearer right", "BEARER  right ", "wrong\r\nX-API-Key: right"):
        assert status(http_request("GET", "/v1/models", f"Authorization: {right}")) == 200
        assert status(post_request(COMPLETIONS, {"prompt": "a"}, f"Authorization: {right}")) == 200
    assert "right" not in capfd.readouterr().err
