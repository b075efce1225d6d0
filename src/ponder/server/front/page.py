"""The playground's page: a few files, read once, for everyone who may reach the server.

They hold no secret, so they need no key, and they are there while the model loads: the page itself asks for
the key and says how far the server is.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from starlette.datastructures import Headers
from starlette.responses import Response

INDEX = "index.html"
KINDS = {
    INDEX: "text/html; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "vendor.js": "text/javascript; charset=utf-8",
    "app.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
PATHS = frozenset({"/"} | {f"/{name}" for name in KINDS if name != INDEX})
METHODS = ("GET", "HEAD")
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types svelte-trusted-html",
    )
)
HEADERS = {
    "Cache-Control": "no-cache",  # it asks each time whether its copy is still right
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}


class Page:
    """The files, in memory, as they are and compressed."""

    def __init__(self) -> None:
        self._files = dict(_read())

    def answer(self, method: str, path: str, headers: Headers) -> Response | None:
        """Return the file that a request asks for, None if it asks for none of them."""
        file = self._files.get(path) if method in METHODS else None
        if file is None:
            return None
        if file.tag in (
            tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")
        ):
            return Response(status_code=304, headers={**HEADERS, "ETag": file.tag})
        own = {**HEADERS, "ETag": file.tag, "Content-Type": file.kind}
        if not _takes_gzip(headers.get("accept-encoding", "")):
            return Response(file.content, headers=own)
        return Response(file.packed, headers={**own, "Content-Encoding": "gzip"})


@dataclass(frozen=True, slots=True)
class _File:
    kind: str
    content: bytes
    packed: bytes
    tag: str


def _read() -> Iterator[tuple[str, _File]]:
    folder = resources.files("ponder.server") / "static"
    for name, kind in KINDS.items():
        content = (folder / name).read_bytes()
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        path = "/" if name == INDEX else f"/{name}"
        yield path, _File(kind, content, gzip.compress(content, mtime=0), tag)


def _takes_gzip(accepted: str) -> bool:
    """Whether a client that accepts these encodings takes gzip: it names it, with a weight over 0."""
    for one in accepted.split(","):
        name, _, weight = one.partition(";")
        if name.strip().lower() in ("gzip", "*"):
            return weight.replace(" ", "").lower() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
