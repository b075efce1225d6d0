"""An answer as it comes: an iterator over its tokens, and the completion after them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from types import TracebackType

from ponder.asks.events import TokenEvent
from ponder.asks.language_model import Completion, Told
from ponder.asks.settling import Settling, settled


class TokenStream:
    """Yields the tokens of an answer, each once its decoder cannot take it back. Closing it cancels.

    A search has no tokens before it ends: it yields none.
    """

    def __init__(self, events: Generator[Told]) -> None:
        self._events = events
        self._settled = settled(events)
        self._completion: Completion | None = None

    @property
    def completion(self) -> Completion:
        """The whole answer, once the stream has ended. Raises RuntimeError before that."""
        return _ended(self._completion)

    def __iter__(self) -> TokenStream:
        return self

    def __next__(self) -> TokenEvent:
        for event in self._settled:
            if isinstance(event, TokenEvent):
                return event
            if isinstance(event, Completion):
                self._completion = event
        raise StopIteration

    def close(self) -> None:
        """Stop the answer, wherever it is."""
        self._events.close()

    def __enter__(self) -> TokenStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncTokenStream:
    """Like `TokenStream`, for an event loop."""

    def __init__(self, events: AsyncGenerator[Told]) -> None:
        self._events = events
        self._settling = Settling()
        self._ready: list[TokenEvent] = []
        self._completion: Completion | None = None

    @property
    def completion(self) -> Completion:
        """The whole answer, once the stream has ended. Raises RuntimeError before that."""
        return _ended(self._completion)

    def __aiter__(self) -> AsyncTokenStream:
        return self

    async def __anext__(self) -> TokenEvent:
        while not self._ready:
            event = await anext(self._events)
            if isinstance(event, Completion):
                self._completion = event
            self._ready = [told for told in self._settling.take(event) if isinstance(told, TokenEvent)]
        return self._ready.pop(0)

    async def aclose(self) -> None:
        """Stop the answer, wherever it is."""
        await self._events.aclose()

    async def __aenter__(self) -> AsyncTokenStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _ended(completion: Completion | None) -> Completion:
    if completion is None:
        raise RuntimeError("the stream has not ended: its completion is there after its last token")
    return completion
