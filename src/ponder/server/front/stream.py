"""Asynchronous plumbing: work that ends with its client, streams side by side, server-sent events."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ponder.errors import PonderError
from ponder.server.front.errors import ApiError, ClientGone, as_api_error
from ponder.server.front.guard import log

T = TypeVar("T")
Headers = list[tuple[bytes, bytes]]
Sending = Callable[[Send, Headers], Coroutine[Any, Any, None]]
BUFFERED_EVENTS = 64

DONE = b"data: [DONE]\n\n"


def sse(data: Any) -> bytes:
    """Return a server-sent event; an object with a `type` has it as the event's, too."""
    kind = data.get("type") if isinstance(data, dict) else None
    return (
        (b"" if kind is None else f"event: {kind}\n".encode())
        + b"data: "
        + json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        + b"\n\n"
    )


class EventStream(Response):
    """An answer that is sent as it grows; it ends with its client.

    Parameters
    ----------
    sending : sends the whole answer, from its status and headers on.
    """

    media_type = "text/event-stream"

    def __init__(self, sending: Sending) -> None:
        super().__init__(headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._sending = sending

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await unless_gone(receive, self._sending(send, self.raw_headers))


async def send_events(send: Send, events: Iterable[Any]) -> None:
    """Send a part of a stream."""
    data = b"".join(map(sse, events))
    if data:
        await send(body_part(data))


def sending(events: AsyncGenerator[Any]) -> Sending:
    """Return what sends events as they come; what goes wrong before the first one is no stream's error."""

    async def send_all(send: Send, headers: Headers) -> None:
        async with aclosing(events):
            first = await anext(events)
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            try:
                await send_events(send, [first])
                async for event in events:
                    await send_events(send, [event])
                await send(body_part(DONE))
            except ClientGone:
                raise
            except Exception as error:
                await send_events(send, [told(error).as_json()])
        await send({"type": "http.response.body", "body": b""})

    return send_all


def told(error: Exception) -> ApiError:
    """Return what a stream that has begun tells of an error; what nobody expected is logged."""
    if not isinstance(error, PonderError):
        log(traceback.format_exc().rstrip())
    return as_api_error(error)


def body_part(data: bytes) -> dict[str, Any]:
    """Return the message that sends a part of a body, after which there is more."""
    return {"type": "http.response.body", "body": data, "more_body": True}


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Do work, and cancel it when the client goes away.

    `receive` must have delivered the whole body.

    Raises
    ------
    ClientGone : the client went away first.
    """
    task = asyncio.create_task(work)
    watch = asyncio.create_task(_disconnect(receive))
    try:
        await asyncio.wait((task, watch), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
        return task.result()
    finally:
        task.cancel()
        watch.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def merge(streams: Sequence[AsyncGenerator[T]]) -> AsyncGenerator[tuple[int, T]]:
    """Run streams side by side and yield what comes, with the stream's place.

    When one fails the others are closed and its error is raised; closing this closes all.
    """
    queue: asyncio.Queue[tuple[int, T] | Exception | None] = asyncio.Queue(BUFFERED_EVENTS)

    async def pump(place: int, stream: AsyncGenerator[T]) -> None:
        try:
            async with aclosing(stream):
                async for item in stream:
                    await queue.put((place, item))
        except Exception as error:
            await queue.put(error)
        else:
            await queue.put(None)

    tasks = [asyncio.create_task(pump(place, stream)) for place, stream in enumerate(streams)]
    try:
        running = len(tasks)
        while running:
            item = await queue.get()
            if isinstance(item, Exception):
                raise item
            if item is None:
                running -= 1
            else:
                yield item
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
