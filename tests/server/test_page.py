"""The playground's files: for everyone, from the start, and nothing else from there."""

from __future__ import annotations

import threading
from importlib import resources
from typing import Any

import httpx
import pytest

from ponder.server.front.settings import ServerSettings
from ponder.server.run import Server
from serving import Tiny, error, samples, serving, wait_until_healthy
from tiny_models import tiny_local_model

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types svelte-trusted-html"
)
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/vendor.js": ("vendor.js", "text/javascript; charset=utf-8"),
    "/app.css": ("app.css", "text/css; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}


def content(name: str) -> bytes:
    return (resources.files("ponder.server") / "static" / name).read_bytes()


@pytest.fixture(scope="module")
def tiny() -> Any:
    with serving(tiny_local_model(), api_key=("secret",)) as tiny:
        yield tiny


@pytest.mark.parametrize("path", FILES)
def test_a_file_is_there_without_a_key(tiny: Tiny, path: str) -> None:
    """As it is or compressed, with the page's policy; asked again, it is not sent again."""
    name, kind = FILES[path]
    for accepted, packed in (("gzip", True), ("br, *", True), ("identity", False), ("gzip;q=0", False)):
        answer = tiny.client.get(path, headers={"Accept-Encoding": accepted})
        assert answer.status_code == 200
        assert (answer.headers.get("content-encoding") == "gzip") is packed
        assert answer.content == content(name)
        assert answer.headers["content-type"] == kind
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-cache"
    tag = answer.headers["etag"]
    for given, status in ((tag, 304), (f'"x", W/{tag}', 304), ('"x"', 200)):
        again = tiny.client.get(path, headers={"If-None-Match": given})
        assert again.status_code == status
        assert (again.content == b"") is (status == 304)
    head = tiny.client.head(path, headers={"Accept-Encoding": "identity"})
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len(content(name))


def test_nothing_else_is_there(tiny: Tiny) -> None:
    """Other paths and methods need the key, and are no files; a name not this server's gets nothing."""
    for path in ("/index.html", "/static/app.js", "/%2e%2e/app.py", "/app.js/"):
        assert error(tiny.client.get(path), 401)["code"] == "invalid_api_key"
        key = {"Authorization": "Bearer secret"}
        assert error(tiny.client.get(path, headers=key), 404)["code"] == "unknown_url"
    assert tiny.client.post("/").status_code == 401
    assert error(tiny.client.get("/", headers={"Host": "evil.example"}), 400)["code"] == "host_not_allowed"
    foreign = tiny.client.get("/app.js", headers={"Origin": "https://evil.example"})
    assert error(foreign, 403)["code"] == "origin_not_allowed"


def test_it_is_counted(tiny: Tiny) -> None:
    tiny.client.get("/app.css")
    tiny.client.headers["Authorization"] = "Bearer secret"
    try:
        assert any("/app.css" in labels for labels in samples(tiny))
    finally:
        del tiny.client.headers["Authorization"]


def test_a_server_goes_without() -> None:
    with serving(tiny_local_model(), playground=False) as tiny:
        assert error(tiny.client.get("/"), 404)["code"] == "unknown_url"


def test_it_is_there_while_the_model_loads() -> None:
    """The page comes, /health says that the model loads, and then that it is ready."""
    may_load = threading.Event()
    model = tiny_local_model()

    def load() -> Any:
        assert may_load.wait(30)
        return model

    server = Server(ServerSettings(port=0, quiet=True), load)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        page = httpx.get(server.url + "/")
        assert page.headers["content-type"].startswith("text/html")
        assert httpx.get(server.url + "/health").status_code == 503
        may_load.set()
        wait_until_healthy(server.url)
    finally:
        may_load.set()
        server.stop()
        thread.join(20)
