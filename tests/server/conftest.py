"""`ponder serve` with the default model, and servers over tiny models in a thread of this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from ponder.server.front.settings import ServerSettings
from ponder.server.run import Server
from serving import LOADED_S, ServeProcess, Tiny, wait_until_healthy
from tiny_models import tiny_local_model


@pytest.fixture(scope="session")
def serve_process(checkpoint: object) -> Iterator[ServeProcess]:
    """`ponder serve` with the default model, for as long as the tests run."""
    served = ServeProcess()
    try:
        served.wait_until_loaded()
        yield served
    finally:
        served.kill()


@pytest.fixture(scope="session")
def client(serve_process: ServeProcess) -> Iterator[httpx.Client]:
    """An HTTP client of it."""
    with httpx.Client(base_url=serve_process.url, timeout=LOADED_S) as client:
        yield client


@pytest.fixture
def tiny_server() -> Iterator[Callable[..., Tiny]]:
    """Return a function that starts a server with some settings over a tiny model."""
    running: list[tuple[Tiny, threading.Thread]] = []

    def start(model: Any = None, headers: dict[str, str] | None = None, **settings: Any) -> Tiny:
        model = model or tiny_local_model()
        server = Server(ServerSettings(port=0, **settings), lambda: model)
        client = httpx.Client(base_url=server.url, timeout=30, headers=headers)
        tiny = Tiny(server, client, model)

        def run() -> None:
            tiny.status = server.run()

        thread = threading.Thread(target=run)
        thread.start()
        running.append((tiny, thread))
        wait_until_healthy(server.url)
        return tiny

    yield start
    for tiny, thread in running:
        tiny.server.stop()
        tiny.server.stop()
        thread.join(20)
        tiny.client.close()


@pytest.fixture
def tiny(tiny_server: Callable[..., Tiny]) -> Tiny:
    """A server over a tiny model with the default settings."""
    return tiny_server()
