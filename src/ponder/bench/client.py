"""One streamed request to an OpenAI-compatible server, and when its parts arrived."""

from __future__ import annotations

import asyncio
import json
import time
from array import array
from collections.abc import Mapping
from typing import Any

import httpx

from ponder.bench.event_stream import EventParser, StreamError
from ponder.bench.measurement import Measurement, TokenCounts
from ponder.bench.settings import Endpoint, Settings
from ponder.bench.workload import Prompt

PATHS: Mapping[Endpoint, str] = {"completions": "/v1/completions", "chat": "/v1/chat/completions"}

_ERROR_BYTES = 2**16
_CHOICES = 2**20


def request_body(settings: Settings, model: str, prompt: Prompt) -> bytes:
    """Return a request as JSON; parameters that are not set are left to the server."""
    asked = {
        "prompt": prompt if settings.endpoint == "completions" else None,
        "messages": [{"role": "user", "content": prompt}] if settings.endpoint == "chat" else None,
        "n": settings.n if settings.n > 1 else None,
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "ignore_eos": settings.ignore_eos or None,
    }
    body = {
        "model": model,
        "max_tokens": settings.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
        **{name: value for name, value in asked.items() if value is not None},
    }
    return json.dumps(body, separators=(",", ":")).encode()


async def measure(
    http: httpx.AsyncClient, path: str, body: bytes, index: int, scheduled_s: float, timeout_s: float
) -> Measurement:
    """Send one request, read its stream to the end, and say what happened; failures are results too."""
    answer = Answer()
    failure: str | None = None
    message: str | None = None
    retry_after_s: float | None = None
    sent_s = time.perf_counter()
    try:
        async with asyncio.timeout(timeout_s), http.stream("POST", path, content=body) as response:
            if response.status_code == 200:
                await _read(response, answer)
            else:
                failure = str(response.status_code)
                retry_after_s = seconds_to_wait(response.headers.get("retry-after"))
                message = await _error_text(response)
    except TimeoutError:
        failure, message = "timeout", f"not answered within {timeout_s:g} s"
    except httpx.HTTPError as error:
        # Once tokens came there was a connection: the answer broke off.
        failure = "stream" if answer.started else "connection"
        message = str(error) or type(error).__name__
    except StreamError as error:
        failure, message = "stream", str(error)
    return Measurement(
        index=index,
        scheduled_s=scheduled_s,
        sent_s=sent_s,
        ended_s=time.perf_counter(),
        failure=failure,
        message=message,
        retry_after_s=retry_after_s,
        chunk_times=answer.chunk_times(),
        tokens=answer.tokens,
    )


class Answer:
    """What has come of a stream of completion or chat chunks."""

    def __init__(self) -> None:
        self.done = False
        self.tokens: TokenCounts | None = None
        self._times: dict[int, array[float]] = {}

    @property
    def started(self) -> bool:
        """Whether a chunk with tokens has come."""
        return bool(self._times)

    def chunk_times(self) -> tuple[array[float], ...]:
        """Return when each choice's chunks with tokens came."""
        return tuple(self._times[index] for index in sorted(self._times))

    def take(self, data: str, now: float) -> None:
        """Take the data of one event, which arrived at `now`.

        Raises
        ------
        StreamError : it is no chunk, or the server reports an error in it.
        """
        if data == "[DONE]":
            self.done = True
            return
        try:
            chunk = json.loads(data)
        except (ValueError, RecursionError):
            raise StreamError("an event of the stream is not JSON") from None
        if not isinstance(chunk, dict) or "error" in chunk:
            raise StreamError(error_message(chunk) or "an event of the stream is not a chunk")
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict):
                raise StreamError("a choice in the stream is not an object")
            if has_tokens(choice):
                self._times.setdefault(_index(choice), array("d")).append(now)
        self.tokens = token_counts(chunk.get("usage")) or self.tokens


def has_tokens(choice: Mapping[str, Any]) -> bool:
    """Return whether a choice of a chunk stands for tokens.

    It does if it has text. It does without text too (an incomplete character, a control token), unless it
    only names the role or closes the choice.
    """
    delta = choice.get("delta")
    parts = delta if isinstance(delta, dict) else choice
    if any(parts.get(name) for name in ("text", "content", "reasoning_content", "reasoning", "tool_calls")):
        return True
    return "role" not in parts and choice.get("finish_reason") is None


def token_counts(usage: object) -> TokenCounts | None:
    """Read a usage object; None if there is none that can be read."""
    if not isinstance(usage, dict):
        return None
    details = usage.get("prompt_tokens_details")
    prompt, generated = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else None
    return None if prompt is None or generated is None else TokenCounts(prompt, generated, cached)


def error_message(body: object) -> str | None:
    """Return the message of an error body: {"error": {"message": …}}, {"error": …} or {"message": …}."""
    error = body.get("error", body) if isinstance(body, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return str(message)[:500] if message else None


def seconds_to_wait(retry_after: str | None) -> float | None:
    """Read a Retry-After header in seconds; None for a date, which no server of this kind sends."""
    return float(retry_after) if retry_after and retry_after.isdecimal() and len(retry_after) < 10 else None


async def _read(response: httpx.Response, answer: Answer) -> None:
    kind = response.headers.get("content-type", "")
    if not kind.startswith("text/event-stream"):
        raise StreamError(f"the server did not stream: its answer is {kind or 'of no content type'}")
    parser = EventParser()
    async for received in response.aiter_raw():
        now = time.perf_counter()
        for data in parser.feed(received):
            answer.take(data, now)
    if not answer.done:
        raise StreamError("the stream ended without [DONE]")


async def _error_text(response: httpx.Response) -> str:
    """Return an error's message from the first 64 KiB of its body."""
    body = b""
    async for received in response.aiter_raw():
        body += received
        if len(body) > _ERROR_BYTES:
            break
    try:
        message = error_message(json.loads(body))
    except (ValueError, RecursionError):
        message = body[:500].decode("utf-8", "replace").strip()
    return message or response.reason_phrase or "no message"


def _index(choice: Mapping[str, Any]) -> int:
    index = _count(choice.get("index", 0))
    if index is None or index >= _CHOICES:
        raise StreamError("a choice in the stream has no index")
    return index


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
