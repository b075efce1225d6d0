"""What an engine says of a request, as a `LanguageModel` tells it."""

from __future__ import annotations

import time

from ponder.asks.events import ProgressEvent, TokenEvent, Usage
from ponder.asks.grow import Grow
from ponder.asks.language_model import Completion, Timing, Told
from ponder.asks.read import Read
from ponder.backends.local.prepare import Prepared
from ponder.engine import FinishedEvent, ReadEvent
from ponder.engine.loop import AnswerEvent
from ponder.sampling.trace import PromptTrace


class Answer:
    """Turns the engine's events into those of a `LanguageModel`: measures, and ends with the whole answer."""

    def __init__(self, name: str, ask: Grow | Read, prepared: Prepared, load_s: float) -> None:
        self._name = name
        self._ask = ask
        self._prepared = prepared
        self._load_s = load_s
        self._start = time.perf_counter()
        self._first: float | None = None
        self._prompt_traces: list[PromptTrace | None] = []

    def take(self, event: AnswerEvent) -> Told:
        """Note an event and return what the caller gets."""
        if isinstance(event, ReadEvent):
            return event.reading
        if isinstance(event, FinishedEvent):
            return self._completion(event)
        if isinstance(event, ProgressEvent):
            self._prompt_traces += event.traces
        if isinstance(event, TokenEvent) and self._first is None:
            self._first = time.perf_counter()
        return event

    def _completion(self, event: FinishedEvent) -> Completion:
        prepared = self._prepared
        assert isinstance(self._ask, Grow), "what is read ends with a reading"
        assert prepared.params is not None, "what grows has parameters"
        return Completion(
            self._name,
            prepared.prompt,
            prepared.params,
            self._ask,
            event.outputs,
            event.usage,
            self._timing(event.usage, prepared.params.params.n),
            tuple(self._prompt_traces),
            prepared.begun,
        )

    def _timing(self, usage: Usage, texts: int) -> Timing:
        """Beams show no first token: theirs are all there at the end."""
        end = time.perf_counter()
        total = end - self._start
        if self._first is None:
            return Timing(self._load_s, total, total, None)
        later = usage.generated_tokens - texts
        rate = later / (end - self._first) if later > 0 else None
        return Timing(self._load_s, self._first - self._start, total, rate)
