"""Loading, clients that leave, draining, stopping."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

import httpx
import pytest

from ponder.errors import CheckpointError
from ponder.server.front.settings import ServerSettings
from ponder.server.run import Server
from serving import Tiny, error
from tiny_models import tiny_local_model

LONG = {"prompt": "a", "max_tokens": 4000, "ignore_eos": True}


@pytest.fixture
def slow(tiny_server) -> Tiny:
    """A server whose texts may get long enough to be interrupted."""
    return tiny_server(tiny_local_model(context_length=4096))


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_loading(checkpoint) -> None:
    """It listens at once; until the model is there everything is 503 with Retry-After."""
    loaded = threading.Event()
    model = tiny_local_model()

    def load():
        assert loaded.wait(20)
        return model

    server = Server(ServerSettings(port=0, quiet=True), load)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        for path in ("/health", "/v1/models", "/metrics", "/nowhere"):
            early = httpx.get(server.url + path)
            assert error(early, 503)["code"] == "loading"
            assert int(early.headers["Retry-After"]) > 0
        loaded.set()
        wait_for(lambda: httpx.get(server.url + "/health").status_code == 200)
    finally:
        loaded.set()
        server.stop()
        thread.join(20)


def test_model_that_cannot_be_loaded() -> None:
    """The server ends with what was wrong."""

    def load():
        raise CheckpointError("the file is damaged")

    with pytest.raises(CheckpointError, match="damaged"):
        Server(ServerSettings(port=0, quiet=True), load).run()


@pytest.mark.slow
def test_client_that_leaves(slow: Tiny, capfd) -> None:
    """What it asked for is cancelled, streamed or not, and the log says 499."""
    url = f"{slow.server.url}/v1/completions"
    with httpx.Client() as client, client.stream("POST", url, json={**LONG, "stream": True}) as response:
        content = response.iter_bytes()
        next(content)
        assert slow.running() == 1
    wait_for(lambda: slow.running() == 0, 5)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(url, json=LONG, timeout=httpx.Timeout(5, read=0.3))
    wait_for(lambda: slow.running() == 0, 5)
    assert slow.model.stats().finished == 0
    slow.server.stop()
    wait_for(lambda: slow.status == 0)
    assert capfd.readouterr().err.count("POST /v1/completions 499") == 2


@pytest.mark.slow
def test_client_that_leaves_the_queue(tiny_server) -> None:
    """A request that waits for its turn is forgotten too."""
    tiny: Tiny = tiny_server(tiny_local_model(context_length=4096, num_pages=260))
    url = f"{tiny.server.url}/v1/completions"
    full = {**LONG, "prompt": "a" * 90, "stream": True}
    with httpx.Client() as client, client.stream("POST", url, json=full) as response:
        content = response.iter_bytes()
        next(content)
        for _ in range(3):
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(url, json=LONG, timeout=httpx.Timeout(5, read=0.05))
        wait_for(lambda: tiny.running() == 1, 2)
    wait_for(lambda: tiny.running() == 0, 2)


@pytest.mark.slow
def test_drain(slow: Tiny) -> None:
    """What runs is finished, what comes is 503, and the end is 0."""
    with slow.client.stream(
        "POST", "/v1/completions", json={**LONG, "max_tokens": 1500, "stream": True}
    ) as response:
        lines = response.iter_lines()
        next(lines)
        slow.server.stop()
        late = httpx.post(slow.server.url + "/v1/completions", json={"prompt": "a"})
        assert error(late, 503)["code"] == "draining"
        assert "Retry-After" in late.headers
        assert error(httpx.get(slow.server.url + "/health"), 503)["code"] == "draining"
        rest = [line for line in lines if line]
    assert rest[-1] == "data: [DONE]"
    wait_for(lambda: slow.status == 0)
    with pytest.raises(httpx.ConnectError):
        httpx.get(slow.server.url + "/health")


def test_second_stop_does_not_wait(slow: Tiny) -> None:
    """What runs is cut off."""
    with slow.client.stream("POST", "/v1/completions", json={**LONG, "stream": True}) as response:
        lines = response.iter_lines()
        next(lines)
        slow.server.stop()
        slow.server.stop()
        with pytest.raises(httpx.TransportError):
            list(lines)
    wait_for(lambda: slow.status == 130, 5)


@pytest.mark.slow
def test_connections_are_counted(tiny_server) -> None:
    """Over the limit the answer is 503, and the connection is closed."""
    tiny: Tiny = tiny_server(max_connections=2)
    address = (tiny.client.base_url.host, tiny.client.base_url.port)
    held = [socket.create_connection(address) for _ in range(2)]
    try:
        time.sleep(0.1)
        with httpx.Client() as other:
            refused = other.get(tiny.server.url + "/v1/models")
        assert error(refused, 503)["code"] == "too_many_connections"
        assert refused.headers["Connection"] == "close"
    finally:
        for connection in held:
            connection.close()
    time.sleep(0.1)
    assert tiny.client.get("/v1/models").status_code == 200
