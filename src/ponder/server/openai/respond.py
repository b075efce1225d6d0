"""Runs a plan and sends its answer, whole or as server-sent events, for as long as the client is there."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Send

from ponder.asks import Completion, TokenEvent
from ponder.asks import Told as Event
from ponder.errors import renaming
from ponder.server.front.errors import ClientGone
from ponder.server.front.guard import Record
from ponder.server.front.metrics import Metrics, Stopwatch
from ponder.server.front.stream import (
    DONE,
    EventStream,
    body_part,
    last_event,
    merge,
    send_events,
    unless_gone,
)
from ponder.server.openai.plan import ENDINGS, Plan
from ponder.server.openai.writer import Face, Writer
from ponder.server.served import Served


class Run:
    """One request under way.

    Parameters
    ----------
    names : what the request calls parameters that have another name inside.
    called : what the request calls the model.
    record : of the HTTP request, which learns how many tokens were generated.
    """

    def __init__(
        self,
        plan: Plan,
        face: Face,
        names: Mapping[str, str],
        called: str,
        model: Served,
        metrics: Metrics,
        record: Record,
    ) -> None:
        self._plan = plan
        self._names = names
        self._model = model
        self._record = record
        self._writer = Writer(plan, face, called, model.tokenizer)
        self._watch = Stopwatch(metrics, record.arrival)

    async def respond(self, request: Request) -> Response:
        """Return the answer, or a response that sends it as it grows.

        Raises
        ------
        PonderError : whatever ends the request; of a stream, once the response is called.
        ClientGone : nobody waits any more.
        """
        if self._plan.stream:
            return EventStream(self.stream)
        return JSONResponse(await unless_gone(request.receive, self._whole()))

    async def _whole(self) -> dict[str, Any]:
        completions: dict[int, Completion] = {}
        async with aclosing(self._events()) as events:
            async for prompt, event in events:
                self._writer.watch(prompt, event)
                if isinstance(event, Completion):
                    completions[prompt] = event
        return self._writer.whole([completions[prompt] for prompt in range(len(completions))])

    async def stream(self, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        """Send the answer as it grows. An error after the first event becomes the last event."""
        async with aclosing(self._events()) as events:
            first = await self._first(events)
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            try:
                await send_events(send, self._writer.opening())
                for prompt, event in first:
                    await send_events(send, self._writer.chunks(prompt, event))
                async for prompt, event in events:
                    await send_events(send, self._writer.chunks(prompt, event))
                await send_events(send, self._writer.ending())
                await send(body_part(DONE))
            except ClientGone:
                raise
            except Exception as error:
                await send_events(send, [last_event(error)])
        await send({"type": "http.response.body", "body": b""})

    async def _first(self, events: AsyncGenerator[tuple[int, Event]]) -> list[tuple[int, Event]]:
        """Return the events until there is one of each prompt: none of them was refused."""
        first: list[tuple[int, Event]] = []
        unheard = set(range(len(self._plan.requests)))
        async for prompt, event in events:
            first.append((prompt, event))
            unheard.discard(prompt)
            if not unheard:
                break
        return first

    async def _events(self) -> AsyncGenerator[tuple[int, Event]]:
        """Run all prompts side by side; yield what happens to which."""
        streams = [self._model.run(request) for request in self._plan.requests]
        with renaming(self._names):
            async with aclosing(merge(streams)) as events:
                async for prompt, event in events:
                    self._note(prompt, event)
                    yield prompt, event

    def _note(self, prompt: int, event: Event) -> None:
        if isinstance(event, TokenEvent) and event.trace is not None:
            self._watch.token(prompt, event.index)
            self._record.tokens = (self._record.tokens or 0) + 1
        elif isinstance(event, Completion):
            self._watch.answered(ENDINGS[output.finish_reason][0] for output in event.outputs)
            if self._plan.beams:
                self._record.tokens = (self._record.tokens or 0) + event.usage.generated_tokens
