"""What an engine says of a request, as a `LanguageModel` tells it."""

from __future__ import annotations

import time
from dataclasses import replace

from ponder.asks.events import BackEvent, Output, ProgressEvent, TokenEvent, TreeEvent, Usage
from ponder.asks.grow import Grow
from ponder.asks.language_model import Completion, Timing, Told
from ponder.asks.read import Read
from ponder.backends.local.prepare import Prepared
from ponder.engine import FinishedEvent, ReadEvent
from ponder.engine.loop import AnswerEvent
from ponder.sampling.trace import PromptTrace
from ponder.text import Detokenizer, StopStrings, Tokenizer


class Answer:
    """Turns the engine's events into those of a `LanguageModel`: measures, and ends with the whole answer.

    Of a path that was given as text its caller has every character: those that the engine holds back at its
    end, as they may begin a stop string, and then tells with what follows, are not told again.
    """

    def __init__(
        self, name: str, ask: Grow | Read, prepared: Prepared, load_s: float, tokenizer: Tokenizer
    ) -> None:
        self._name = name
        self._ask = ask
        self._prepared = prepared
        self._load_s = load_s
        self._start = time.perf_counter()
        self._first: float | None = None
        self._prompt_traces: list[PromptTrace | None] = []
        self._had = 0  # characters of each text that the caller has
        if ask.path.text and prepared.params is not None:
            spell, stops = Detokenizer(tokenizer.bytes_table), StopStrings(prepared.params.params.stop)
            self._had = stops.held_back("".join(map(spell.push, prepared.begun)))
        self._left: dict[int, int] = {}  # sample -> how many of them are to come
        self._left_after: dict[int, int] = {-1: self._had}  # the same after each node of a search's tree

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
        return self._news(event) if self._had else event

    def _news(
        self, event: ProgressEvent | TokenEvent | BackEvent | TreeEvent
    ) -> ProgressEvent | TokenEvent | BackEvent | TreeEvent:
        """Return an event without the text that the caller has."""
        match event:
            case TokenEvent():
                left = self._left.get(event.index, self._had)
                self._left[event.index] = max(0, left - len(event.text))
                return replace(event, text=event.text[left:])
            case BackEvent():
                self._left[event.index] = max(0, self._had - len(event.text))
                return replace(event, text=event.text[self._had :])
            case TreeEvent():
                nodes = []
                for node in event.nodes:
                    left = self._left_after[node.parent]
                    self._left_after[node.node] = max(0, left - len(node.text))
                    nodes.append(replace(node, text=node.text[left:]))
                return replace(event, nodes=tuple(nodes))
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
            tuple(map(self._new, event.outputs)) if self._had else event.outputs,
            event.usage,
            self._timing(event.usage, prepared.params.params.n),
            tuple(self._prompt_traces),
            prepared.begun,
        )

    def _new(self, output: Output) -> Output:
        return replace(output, text=output.text[self._had :])

    def _timing(self, usage: Usage, texts: int) -> Timing:
        """Beams show no first token: theirs are all there at the end."""
        end = time.perf_counter()
        total = end - self._start
        if self._first is None:
            return Timing(self._load_s, total, total, None)
        later = usage.generated_tokens - texts
        rate = later / (end - self._first) if later > 0 else None
        return Timing(self._load_s, self._first - self._start, total, rate)
