"""The page opens: quietly, from its own server alone, under any path, with a key, before the model is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from ponder.server.front.settings import ServerSettings
from ponder.server.run import Server
from serving import Tiny, serving
from tiny_models import tiny_local_model

from .playing import Playing

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tiny() -> Iterator[Tiny]:
    with serving(tiny_local_model()) as tiny:
        yield tiny


def test_it_asks_its_own_server_alone(page: Page, tiny: Tiny) -> None:
    """Whatever it does, and it says nothing to the console (the fixture looks)."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    playing = Playing(page, tiny.server.url).ready()
    playing.set("max tokens", "8")
    playing.say("hello")
    assert playing.texts()
    assert len(asked) > 5
    assert all(url.startswith((tiny.server.url + "/", "data:", "blob:")) for url in asked)


def test_nothing_runs_unasked(page: Page, tiny: Tiny) -> None:
    playing = Playing(page, tiny.server.url).ready()
    page.wait_for_timeout(300)
    assert playing.bodies() == []


def test_it_works_under_a_path(page: Page, tiny: Tiny) -> None:
    """Behind a proxy that serves it at /prefix/: all that it asks for is under that path."""
    with proxied(tiny.server.url) as url:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        playing = Playing(page, url + "/prefix/").ready()
        playing.set("max tokens", "8")
        playing.say("hello")
        assert playing.texts()
        assert all(one.startswith(url + "/prefix/") for one in asked)


@pytest.mark.refused
def test_it_asks_for_a_key(page: Page) -> None:
    """It loads without one, says when it is wrong, keeps it for the tab alone, and then works."""
    with serving(tiny_local_model(), api_key=("secret",)) as tiny:
        playing = Playing(page, tiny.server.url)
        field = page.get_by_role("textbox", name="Key")
        if not field.is_visible():
            page.get_by_role("button", name="Enter the key").click()
        field.fill("wrong")
        page.get_by_role("button", name="Use it").click()
        expect(page.get_by_role("alert").first).to_have_text("The server does not know this key.")
        field.fill("secret")
        page.get_by_role("button", name="Use it").click()
        playing.ready()
        playing.set("max tokens", "8")
        playing.say("hello")
        assert playing.texts()
        assert "secret" not in page.evaluate("JSON.stringify({...localStorage})")
        assert "secret" in page.evaluate("JSON.stringify({...sessionStorage})")


@pytest.mark.refused
def test_it_waits_for_the_model(page: Page) -> None:
    """While the model loads the page says so, and it becomes ready by itself."""
    may_load, model = threading.Event(), tiny_local_model()

    def load() -> Any:
        assert may_load.wait(60)
        return model

    server = Server(ServerSettings(port=0, quiet=True), load)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        playing = Playing(page, server.url)
        expect(page.get_by_role("status").first).to_contain_text("loaded")
        may_load.set()
        playing.ready()
    finally:
        may_load.set()
        server.stop()
        thread.join(20)


class proxied:
    """A proxy in a thread that serves another server under /prefix/, and answers all else with 404."""

    def __init__(self, target: str) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def _pass_on(self) -> None:
                if not self.path.startswith("/prefix/"):
                    self.send_error(404)
                    return
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                kept = {
                    name: value
                    for name, value in self.headers.items()
                    if name.lower() in ("content-type", "authorization", "accept")
                }
                path = self.path.removeprefix("/prefix")
                with httpx.stream(
                    self.command, target + path, headers=kept, content=body, timeout=30
                ) as answer:
                    self.send_response(answer.status_code)
                    for name in ("content-type", "content-security-policy"):
                        if name in answer.headers:
                            self.send_header(name, answer.headers[name])
                    self.end_headers()
                    for part in answer.iter_bytes():
                        self.wfile.write(part)
                        self.wfile.flush()

            do_GET = do_POST = do_HEAD = _pass_on

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()
