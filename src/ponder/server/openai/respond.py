"""Runs a plan and sends its answer, whole or as server-sent events, for as long as the client is there."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Send

from ponder.asks import Completion, TokenEvent
from ponder.asks import Told as Event
from ponder.errors import renaming
from ponder.server.front.errors import ApiError, ClientGone
from ponder.server.front.guard import Record
from ponder.server.front.metrics import Metrics, Stopwatch
from ponder.server.front.stream import (
    DONE,
    EventStream,
    body_part,
    merge,
    send_events,
    told,
    unless_gone,
)
from ponder.server.openai.plan import ENDINGS, Plan
from ponder.server.served import Served


class AnswerWriter(Protocol):
    """Writes the answer to one request: whole, or as the objects of a stream.

    Attributes
    ----------
    done_after_failure : whether a stream that failed ends with [DONE] as well.
    """

    done_after_failure: bool

    def watch(self, prompt: int, event: Event) -> list[dict[str, Any]]:
        """See what happened to a prompt."""
        ...

    def whole(self, completions: Sequence[Completion]) -> dict[str, Any]:
        """Return the answer, of whose events `watch` has seen all."""
        ...

    def opening(self) -> Iterable[dict[str, Any]]:
        """Yield what a stream begins with."""
        ...

    def chunks(self, prompt: int, event: Event) -> Iterable[dict[str, Any]]:
        """Yield what tells of an event."""
        ...

    def ending(self) -> Iterable[dict[str, Any]]:
        """Yield what a stream ends with."""
        ...

    def failing(self, error: ApiError) -> Iterable[dict[str, Any]]:
        """Yield what a stream ends with that cannot go on."""
        ...


class Run:
    """One request under way.

    Parameters
    ----------
    names : what the request calls parameters that have another name inside.
    record : of the HTTP request, which learns how many tokens were generated.
    """

    def __init__(
        self,
        plan: Plan,
        writer: AnswerWriter,
        names: Mapping[str, str],
        model: Served,
        metrics: Metrics,
        record: Record,
    ) -> None:
        self._plan = plan
        self._names = names
        self._model = model
        self._record = record
        self._writer = writer
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
                await send_events(send, self._writer.failing(told(error)))
                if self._writer.done_after_failure:
                    await send(body_part(DONE))
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
