"""What stands before the application: who may ask, and whether now; one log line and one count a request."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ponder.server.front.errors import ApiError, ClientGone, as_api_error, unavailable
from ponder.server.front.metrics import Metrics
from ponder.server.front.page import PATHS as PAGE_PATHS
from ponder.server.front.page import Page
from ponder.server.front.settings import MAX_HEADER_BYTES, WRITE_SECONDS, ServerSettings

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
OPEN_PATHS = frozenset({"/health"})  # need no key
API_PATHS = frozenset(
    {
        "/detokenize",
        "/openapi.json",
        "/metrics",
        "/ponder/v1/distribution",
        "/ponder/v1/expand",
        "/ponder/v1/info",
        "/ponder/v1/score",
        "/ponder/v1/solve",
        "/tokenize",
        "/tokenizer_info",
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
        "/v1/models",
        "/v1/responses",
        "/v1/score",
        "/version",
    }
)
PATHS = OPEN_PATHS | PAGE_PATHS | API_PATHS  # that metrics tell apart
CLIENT_GONE = 499  # as nginx logs it
DEFAULT_PORTS = {"http": 80, "https": 443}
PREFLIGHT_SECONDS = 600  # for which a browser may remember that it may ask
MAX_ID = 128  # characters of a request's id that its client chose


@dataclass(slots=True)
class Record:
    """What is known of a request, for its log line; in the scope as "ponder.record".

    `id` goes back in the header x-request-id, `warning` in x-ponder-warning, where something was not used.
    `key` is the digest of the key that it has, empty where none is needed.
    `arrival` is in seconds of `time.perf_counter`, `status` None until the response begins.
    """

    id: str = field(default_factory=lambda: f"req_{secrets.token_hex(12)}")
    arrival: float = field(default_factory=time.perf_counter)
    status: int | None = None
    tokens: int | None = None
    warning: str | None = None
    key: str = ""


class Guard:
    """The ASGI application that listens from the start; it passes requests on while `inner` can take them.

    Attributes
    ----------
    inner : the application behind it, None until the model is loaded.
    draining : whether requests are refused because the server is about to end.
    active : requests that were passed on and are not done.
    connections : tells how many there are.
    """

    def __init__(self, settings: ServerSettings, metrics: Metrics) -> None:
        self.inner: ASGIApp | None = None
        self.draining = False
        self.active = 0
        self.connections: Callable[[], int] = int
        self._settings = settings
        self._metrics = metrics
        self._page = Page() if settings.playground else None
        self._keys = [_digest(key.encode()) for key in settings.api_key]
        self._names = frozenset(name.lower() for name in settings.allowed_host)
        self._origins = frozenset(origin.lower() for origin in settings.allowed_origin)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        record = scope["ponder.record"] = Record()
        if _is_id(headers.get("x-request-id", "")):
            record.id = headers["x-request-id"]
        shared = self._cors(headers)

        unread = _has_body(scope)

        async def reading() -> Message:
            nonlocal unread
            message = await receive()
            unread = unread and message["type"] == "http.request" and message.get("more_body", False)
            return message

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                own = [(b"x-request-id", record.id.encode()), *shared]
                if record.warning is not None:
                    own.append((b"x-ponder-warning", record.warning.encode()))
                if unread:  # nobody will read the rest: it must not keep the connection
                    own.append((b"connection", b"close"))
                message["headers"] = [*message.get("headers", ()), *own]
            try:
                async with asyncio.timeout(WRITE_SECONDS):
                    await send(message)
            except TimeoutError:
                raise ClientGone from None

        try:
            await self._answer(scope, reading, noting, record)
        finally:
            self._note(scope, record)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, record: Record) -> None:
        app = self.inner
        headers = Headers(scope=scope)
        refusal = _long_headers(scope) or self._bad_host(headers)
        if refusal is None and _is_preflight(scope, headers) and self._allows(headers.getlist("origin")):
            await self._preflight(headers)(scope, receive, send)
            return
        refusal = refusal or self._foreign_origin(headers)
        page = None if self._page is None else self._page.answer(scope["method"], scope["path"], headers)
        if refusal is None and page is not None:
            await page(scope, receive, send)
            return
        refusal = refusal or self._bad_key(scope, headers, record) or self._unavailable()
        if refusal is not None or app is None:
            refusal = refusal or unavailable("loading", "the model is being loaded")
            await refusal.response()(scope, receive, send)
            return
        self.active += 1
        try:
            await app(scope, receive, send)
        except ClientGone:
            record.status = CLIENT_GONE
        except Exception as error:
            log(traceback.format_exc().rstrip())
            if record.status is None:
                await as_api_error(error).response()(scope, receive, send)
        finally:
            self.active -= 1

    def _allows(self, origins: list[str]) -> bool:
        """Whether a page of another origin, which its browser names once, is one of those that may ask."""
        return len(origins) == 1 and origins[0].lower() in self._origins

    def _cors(self, headers: Headers) -> list[tuple[bytes, bytes]]:
        """Return the headers by which a browser lets a page read the answer, where it may."""
        if not self._origins:
            return []
        origins = headers.getlist("origin")
        if not self._allows(origins):
            return [(b"vary", b"Origin")]
        return [
            (b"vary", b"Origin"),
            (b"access-control-allow-origin", origins[0].encode("latin-1")),
            (b"access-control-expose-headers", b"x-request-id, x-ponder-warning, retry-after"),
        ]

    @staticmethod
    def _preflight(headers: Headers) -> Response:
        """Return what a browser asks before a page's request: that it may send it, with whatever headers."""
        allowed = {
            "Access-Control-Allow-Methods": "GET, POST, DELETE",
            "Access-Control-Allow-Headers": headers.get("access-control-request-headers", "*"),
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        }
        if headers.get("access-control-request-private-network") == "true":
            allowed["Access-Control-Allow-Private-Network"] = "true"
        return Response(status_code=204, headers=allowed)

    def _bad_host(self, headers: Headers) -> ApiError | None:
        """A page elsewhere that points its own name at this machine (DNS rebinding) still sends that name."""
        if not self._settings.is_loopback and not self._names:
            return None
        name = _split_host(headers.get("host", ""))[0]
        if name in LOOPBACK_NAMES or name in self._names:
            return None
        message = "this server does not go by the name in the Host header (--allowed-host adds names)"
        return ApiError(400, message, code="host_not_allowed")

    def _foreign_origin(self, headers: Headers) -> ApiError | None:
        host, origins = headers.get("host", ""), headers.getlist("origin")
        if self._allows(origins):
            return None
        for origin in origins:
            if not _same_origin(origin, host):
                message = "pages of another origin may not use this server (--allowed-origin adds origins)"
                return ApiError(403, message, "permission_error", code="origin_not_allowed")
        return None

    def _bad_key(self, scope: Scope, headers: Headers, record: Record) -> ApiError | None:
        if not self._keys or scope["path"] in OPEN_PATHS:
            return None
        scheme, _, key = headers.get("authorization", "").partition(" ")
        bearer = key if scheme.lower() == "bearer" else ""
        given = [_digest(one.strip().encode("latin-1")) for one in (bearer, headers.get("x-api-key", ""))]
        # All are compared, and digests of one length: the time tells nothing.
        fits = [expected for one in given for expected in self._keys if hmac.compare_digest(one, expected)]
        if fits:
            record.key = fits[0].hex()
            return None
        message = "this server needs an API key: Authorization: Bearer KEY, or X-Api-Key: KEY"
        return ApiError(
            401,
            message,
            "authentication_error",
            code="invalid_api_key",
            headers={"WWW-Authenticate": "Bearer"},
        )

    def _unavailable(self) -> ApiError | None:
        if self.draining:
            return unavailable("draining", "the server is about to end and takes no new requests")
        most = self._settings.max_connections
        if most is not None and self.connections() > most:
            error = unavailable("too_many_connections", f"the server takes at most {most} connections")
            error.headers["Connection"] = "close"
            return error
        return None

    def _note(self, scope: Scope, record: Record) -> None:
        status = CLIENT_GONE if record.status is None else record.status
        self._metrics.count_http(scope["path"] if scope["path"] in PATHS else "other", status)
        if self._settings.quiet:
            return
        # The path as it was sent, in which only printable ASCII can occur; without the query.
        path = scope.get("raw_path", b"").partition(b"?")[0].decode("ascii", "replace")[:200]
        ms = (time.perf_counter() - record.arrival) * 1000
        tokens = "" if record.tokens is None else f" {record.tokens} tokens"
        log(f"{scope['method'][:20]} {path} {status} {ms:.0f} ms{tokens}")


def log(line: str) -> None:
    """Write a line to stderr, if that is still there."""
    with suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


def _long_headers(scope: Scope) -> ApiError | None:
    # The HTTP parser bounds only what arrives in pieces.
    if sum(len(name) + len(value) for name, value in scope["headers"]) <= MAX_HEADER_BYTES:
        return None
    return ApiError(431, f"the headers may have at most {MAX_HEADER_BYTES} bytes", code="headers_too_large")


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _is_id(given: str) -> bool:
    """Whether a client's id of its request may go back as it is: short, and printable ASCII."""
    return 0 < len(given) <= MAX_ID and given.isascii() and given.isprintable()


def _is_preflight(scope: Scope, headers: Headers) -> bool:
    return scope["method"] == "OPTIONS" and "access-control-request-method" in headers


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _split_host(host: str, default_port: int | None = None) -> tuple[str, int | None]:
    """Return the name, lower case and without brackets, and the port; an empty name for what is neither."""
    try:
        parts = urlsplit(f"//{host}")
        name, port = parts.hostname or "", parts.port
    except ValueError:
        return "", None
    if parts.path or parts.query or parts.fragment or parts.username is not None:
        return "", None
    return name, port or default_port


def _same_origin(origin: str, host: str) -> bool:
    scheme, _, rest = origin.partition("://")
    default = DEFAULT_PORTS.get(scheme.lower())
    own = _split_host(host, default)
    return default is not None and own[0] != "" and _split_host(rest, default) == own
