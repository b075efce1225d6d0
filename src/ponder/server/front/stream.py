"""Asynchronous plumbing: work that ends with its client, streams side by side, server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from starlette.types import Receive

from ponder.server.front.errors import ClientGone

T = TypeVar("T")
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
