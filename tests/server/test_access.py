"""Keys, names and origins."""

from __future__ import annotations

import socket
import time

import httpx
import pytest

from ponder.errors import ParameterError
from ponder.server.front.settings import ServerSettings
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
    ("GET", "/openapi.json"),
    ("POST", "/v1/embeddings"),
    ("POST", "/v1/score"),
    ("GET", "/nowhere"),
]


@pytest.mark.slow
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
            for headers in (
                {"Authorization": f"Bearer {key}"},
                {"X-Api-Key": key},
                {"X-Api-Key": key, "Authorization": "Bearer three"},
                {"X-Api-Key": "three", "Authorization": f"Bearer {key}"},
            ):
                assert tiny.client.request(method, path, headers=headers).status_code != 401
        for key in ("", "three", "oneone", b"\xff", "Bearer one"):
            assert tiny.client.request(method, path, headers={"X-Api-Key": key}).status_code == 401


@pytest.mark.slow
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


@pytest.mark.slow
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


APP = "https://app.example"


def test_named_origins(tiny_server) -> None:
    """Pages of a named origin may ask and read the answer, whatever it is; those of others get nothing."""
    tiny: Tiny = tiny_server(allowed_origin=(APP, "http://[::1]:3000"), api_key=("one",))
    key = {"Authorization": "Bearer one"}
    for origin in (APP, "HTTPS://App.Example", "http://[::1]:3000"):
        for method, path, headers, status in (
            ("GET", "/v1/models", key, 200),
            ("GET", "/v1/models", {}, 401),
            ("GET", "/nowhere", key, 404),
            ("POST", "/v1/completions", key, 400),
        ):
            answer = tiny.client.request(method, path, headers={**headers, "Origin": origin})
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == origin
            assert "x-request-id" in answer.headers["access-control-expose-headers"]
            assert answer.headers["vary"] == "Origin"
            assert "access-control-allow-credentials" not in answer.headers
    for origin in (
        "https://app.example.evil",
        "http://app.example",
        f"{APP}:444",
        "https://evil.example",
        "null",
    ):
        answer = tiny.client.get("/v1/models", headers={**key, "Origin": origin})
        assert error(answer, 403)["code"] == "origin_not_allowed"
        assert not any(name.startswith("access-control") for name in answer.headers)
    twice = tiny.client.get("/v1/models", headers=[*key.items(), ("Origin", APP), ("Origin", "http://evil")])
    assert twice.status_code == 403
    plain = tiny.client.get("/v1/models", headers=key)
    assert plain.status_code == 200
    assert "access-control-allow-origin" not in plain.headers


def test_preflight_of_a_named_origin(tiny_server) -> None:
    """A browser asks before it sends a key: it may, with the headers that its page has."""
    tiny: Tiny = tiny_server(allowed_origin=(APP,), api_key=("one",))
    wanted = "authorization,content-type,x-stainless-lang"
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": wanted}
    answer = tiny.client.options("/v1/chat/completions", headers={**asked, "Origin": APP})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == APP
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == wanted
    assert int(answer.headers["access-control-max-age"]) > 0
    near = {**asked, "Origin": APP, "Access-Control-Request-Private-Network": "true"}
    private = tiny.client.options("/v1/chat/completions", headers=near)
    assert private.headers["access-control-allow-private-network"] == "true"
    for headers, status in (
        ({**asked, "Origin": "https://evil.example"}, 403),
        ({**asked, "Origin": APP, "Host": "evil.example"}, 400),
        (asked, 401),
        ({"Origin": APP}, 401),
    ):
        assert tiny.client.options("/v1/chat/completions", headers=headers).status_code == status


@pytest.mark.parametrize(
    "origin",
    [
        *("", "*", "null", "app.example", "https://", "https://app.example/", "https://*.example", "file://"),
        *("https://me@app.example", "https://app.example:443", "http://app.example:80", "https://a b"),
        *(
            "https://app.example?x",
            "https://app.example\r\nX: y",
            "https://app.example:x",
            "https://ä.example",
        ),
    ],
)
def test_origins_that_no_browser_sends(origin: str) -> None:
    """An origin that could never be one is refused when the server starts."""
    with pytest.raises(ParameterError, match="allowed_origin"):
        ServerSettings(allowed_origin=(origin,))


def test_origins_that_browsers_send() -> None:
    """Those of extensions and desktop programs too."""
    for origin in (
        "http://localhost:3000",
        "https://app.example",
        "chrome-extension://abc",
        "tauri://localhost",
    ):
        assert ServerSettings(allowed_origin=(origin,)).allowed_origin == (origin,)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("abc-123", True),
        ("a" * 128, True),
        ("trace id: {7}", True),
        ("a" * 129, False),
        ("", False),
        (b"\xe4", False),
        (b"a\tb", False),
    ],
)
def test_a_clients_own_request_id(tiny: Tiny, given: str | bytes, kept: bool) -> None:
    """It comes back if it is short and printable; else the request gets one."""
    for answer in (
        tiny.client.get("/v1/models", headers={"X-Request-Id": given}),
        tiny.client.post("/v1/completions", json={}, headers={"X-Request-Id": given}),
    ):
        (returned,) = answer.headers.get_list("x-request-id")
        assert (returned == given) if kept else returned.startswith("req_")
