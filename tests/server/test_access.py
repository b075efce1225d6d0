"""Keys, names and origins."""

from __future__ import annotations

import socket
import time

import httpx
import pytest

from serving import Tiny, error

ROUTES = [
    ("GET", "/v1/models"),
    ("GET", "/metrics"),
    ("GET", "/version"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/tokenize"),
    ("POST", "/detokenize"),
    ("GET", "/tokenizer_info"),
    ("GET", "/nowhere"),
]


def test_keys(tiny_server) -> None:
    """Any of the keys opens every route; none, a wrong one or another scheme opens /health only."""
    tiny: Tiny = tiny_server(api_key=("one", "two"))
    assert tiny.client.get("/health").status_code == 200
    for method, path in ROUTES:
        for given in (None, "Bearer", "Bearer three", "Bearer oneone", "Basic one", "one", b"Bearer \xff"):
            headers = {} if given is None else {"Authorization": given}
            refused = tiny.client.request(method, path, headers=headers)
            assert error(refused, 401)["code"] == "invalid_api_key"
            assert refused.headers["WWW-Authenticate"] == "Bearer"
        for key in ("one", "two"):
            opened = tiny.client.request(method, path, headers={"Authorization": f"Bearer {key}"})
            assert opened.status_code != 401


def test_who_is_refused_unread_is_hung_up_on(tiny_server) -> None:
    """A body that nobody will read does not keep the connection; one that was read, or none, does."""
    tiny: Tiny = tiny_server(api_key=("one",))
    where = httpx.URL(tiny.server.url)
    with socket.create_connection((where.host, where.port), timeout=5) as client:
        client.sendall(b"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n{")
        answer = b""
        while part := client.recv(65536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 401")
    assert b"connection: close" in answer.lower()
    key = {"Authorization": "Bearer one"}
    for kept in (
        tiny.client.get("/v1/models"),
        tiny.client.post("/v1/completions", json={"prompt": 5}, headers=key),
        tiny.client.post("/v1/completions", json={"prompt": "a", "max_tokens": 1}, headers=key),
    ):
        assert "connection" not in kept.headers
        assert kept.headers["x-request-id"].startswith("req_")


def logged_until(capfd, line: str) -> str:
    """What was logged up to a line, which comes a moment after the answer it tells of."""
    logged, deadline = "", time.monotonic() + 5
    while line not in logged:
        assert time.monotonic() < deadline, logged
        logged += capfd.readouterr().err
    return logged


def test_keys_are_not_logged(tiny_server, capfd) -> None:
    """Neither the right one nor what was tried instead, nor the prompt, nor the query."""
    tiny: Tiny = tiny_server(api_key=("opensesame",), headers={"Authorization": "Bearer opensesame"})
    tiny.client.post("/v1/completions?key=opensesame", json={"prompt": "abracadabra", "max_tokens": 2})
    tiny.client.get("/v1/models", headers={"Authorization": "Bearer shazam"})
    logged = logged_until(capfd, "GET /v1/models 401")
    assert "POST /v1/completions 200" in logged
    assert "2 tokens" in logged
    assert not any(word in logged for word in ("opensesame", "shazam", "abracadabra"))


def test_control_characters_do_not_reach_the_log(tiny: Tiny, capfd) -> None:
    """A path is logged as it was sent, in percent signs."""
    tiny.client.get("/%1b[31mred%0d%0aGET /fake 200")
    logged = logged_until(capfd, "/%1b[31mred%0d%0aGET%20/fake")
    assert "\x1b" not in logged


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True),
        ("LOCALHOST:80", True),
        ("127.0.0.1:9", True),
        ("[::1]:9", True),
        ("ponder.example", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("evil@localhost", False),
        ("localhost:x", False),
        ("", False),
    ],
)
def test_host_names(tiny_server, host: str, allowed: bool) -> None:
    """A loopback server answers to loopback names and those it was given, so that DNS cannot be rebound."""
    tiny: Tiny = tiny_server(allowed_host=("Ponder.example",))
    answer = tiny.client.get("/v1/models", headers={"Host": host})
    if allowed:
        assert answer.status_code == 200
    else:
        assert error(answer, 400)["code"] == "host_not_allowed"


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:8000", True),
        ("https://localhost:8000", True),
        ("http://localhost", False),
        ("http://localhost:8001", False),
        ("http://evil.example", False),
        ("http://evil.example@localhost:8000", False),
        ("http://localhost:8000.evil.example", False),
        ("null", False),
        ("file://", False),
    ],
)
def test_origins(tiny: Tiny, origin: str, allowed: bool) -> None:
    """Pages of other origins are refused, and no header invites them."""
    answer = tiny.client.get("/v1/models", headers={"Host": "localhost:8000", "Origin": origin})
    assert not any(name.startswith("access-control") for name in answer.headers)
    if allowed:
        assert answer.status_code == 200
    else:
        assert error(answer, 403)["code"] == "origin_not_allowed"


def test_preflight_is_refused(tiny: Tiny) -> None:
    """No cross-origin request is granted."""
    headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    error(tiny.client.options("/v1/completions", headers=headers), 403)
