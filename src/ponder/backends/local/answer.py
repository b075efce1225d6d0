"""What an engine says of a request, as a `LanguageModel` tells it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ponder.asks.events import ProgressEvent, TokenEvent, Usage
from ponder.asks.grow import Grow
from ponder.asks.language_model import Completion, Resolved, Timing, Told
from ponder.backends.local.given_text import GivenText
from ponder.engine import FinishedEvent, ReadEvent
from ponder.engine.loop import AnswerEvent
from ponder.sampling.trace import PromptTrace


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to grow, as a completion names it: by which model, as it applies, after what time to load.

    `held_back` is how many characters that the caller has the engine tells again.
    """

    model: str
    ask: Grow
    resolved: Resolved
    load_s: float
    held_back: int


class Answering:
    """Turns the engine's events into those of a `LanguageModel`: measures, and ends with the whole answer.

    Parameters
    ----------
    asked : what grows; None: the request only reads.
    """

    def __init__(self, asked: Asked | None = None) -> None:
        self._asked = asked
        self._given = GivenText(0 if asked is None else asked.held_back)
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
        return self._given.of(event)

    def _completion(self, event: FinishedEvent) -> Completion:
        asked = self._asked
        assert asked is not None, "what is read ends with a reading"
        resolved = asked.resolved
        return Completion(
            asked.model,
            resolved.prompt,
            resolved.params,
            asked.ask,
            tuple(map(self._given.output, event.outputs)),
            event.usage,
            self._timing(event.usage, resolved.params.params.n, asked.load_s),
            tuple(self._prompt_traces),
            resolved.begun,
        )

    def _timing(self, usage: Usage, texts: int, load_s: float) -> Timing:
        """Beams show no first token: theirs are all there at the end."""
        end = time.perf_counter()
        total = end - self._start
        if self._first is None:
            return Timing(load_s, total, total, None)
        later = usage.generated_tokens - texts
        rate = later / (end - self._first) if later > 0 else None
        return Timing(load_s, self._first - self._start, total, rate)
