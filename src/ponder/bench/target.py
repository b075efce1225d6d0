"""What a server says of itself: its model, its version, its tokenizer, its counters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from ponder.errors import ParameterError, PonderError

_SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{.*\})? (\S+)(?: -?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Target:
    """A server under load; `version` is None where it has no /version."""

    url: str
    model: str
    version: str | None


def base_url(url: str) -> str:
    """Return a server's address without a path `/v1` and final slashes.

    Raises
    ------
    ParameterError : it is no http or https address of a host, or holds a name, a password, a query.
    """
    allowed = "an address such as http://127.0.0.1:8000"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        raise ParameterError("url", url, allowed) from None
    if "@" in parts.netloc:
        raise ParameterError("url", f"{parts.scheme}://…", "without name and password; use --api-key")
    if not usable or parts.query or parts.fragment or not url.isprintable():
        raise ParameterError("url", url, allowed)
    return url.rstrip("/").removesuffix("/v1").rstrip("/")


def connect(url: str, api_key: str | None) -> httpx.AsyncClient:
    """Return a client that opens as many connections as there are requests, through no proxy.

    Raises
    ------
    ParameterError : the key cannot be sent in a header.
    """
    headers = {"Accept-Encoding": "identity", "Content-Type": "application/json"}
    if api_key is not None:
        if not (api_key.isascii() and api_key.isprintable() and api_key.strip()):
            raise ParameterError("api_key", "…", "printable ASCII characters")
        headers["Authorization"] = f"Bearer {api_key}"
    # Kept connections are given up before the servers' usual 5 s, so that none is closed while in use.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=2.0)
    return httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=30.0, trust_env=False)


async def describe(http: httpx.AsyncClient, url: str, model: str | None) -> Target:
    """Ask a server which model it has, unless one is named, and which version it is.

    Raises
    ------
    PonderError : there is no server, it refuses, or it names no model.
    """
    if model is None:
        try:
            response = await http.get("/v1/models")
        except httpx.HTTPError as error:
            raise PonderError(f"{url} cannot be reached: {str(error) or type(error).__name__}") from None
        if response.status_code != 200:
            raise PonderError(f"{url}/v1/models answers {response.status_code} {response.reason_phrase}")
        listed = _json(response).get("data")
        first = listed[0] if isinstance(listed, list) and listed else None
        model = first.get("id") if isinstance(first, dict) else None
        if not isinstance(model, str):
            raise PonderError(f"{url}/v1/models names no model; use --model")
    answer = await _get(http, "/version")
    version = _json(answer).get("version") if answer else None
    return Target(url, model, str(version) if version is not None else None)


async def tokenize(http: httpx.AsyncClient, model: str, text: str) -> list[int] | None:
    """Return a text's token ids without special ones, or None where the server has no /tokenize."""
    body = {"model": model, "prompt": text, "add_special_tokens": False}
    try:
        response = await http.post("/tokenize", json=body)
    except httpx.HTTPError:
        return None
    ids = _json(response).get("tokens") if response.status_code == 200 else None
    if not isinstance(ids, list) or not ids or not all(type(token) is int for token in ids):
        return None
    return ids


async def cache_counters(http: httpx.AsyncClient) -> dict[str, float]:
    """Return the counters of /metrics that tell of cached prompts; none where there is no /metrics."""
    answer = await _get(http, "/metrics")
    return parse_counters(answer.text) if answer else {}


def parse_counters(text: str) -> dict[str, float]:
    """Return the counters on cached prompts in Prometheus' text format, summed over their labels.

    That is those with prefix_cache, cached_tokens or hit_tokens in their name and _total at its end.
    """
    counters: dict[str, float] = {}
    for line in text.splitlines():
        sample = _SAMPLE.fullmatch(line.strip())
        if sample is None or not sample[1].endswith("_total"):
            continue
        if any(word in sample[1] for word in ("prefix_cache", "cached_tokens", "hit_tokens")):
            try:
                counters[sample[1]] = counters.get(sample[1], 0.0) + float(sample[2])
            except ValueError:
                continue
    return counters


async def _get(http: httpx.AsyncClient, path: str) -> httpx.Response | None:
    """Return what a server need not have, or None."""
    try:
        response = await http.get(path)
    except httpx.HTTPError:
        return None
    return response if response.status_code == 200 else None


def _json(response: httpx.Response) -> Mapping[str, Any]:
    try:
        value = response.json()
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
