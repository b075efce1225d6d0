"""Text that a caller gave, and that the engine tells with what follows it."""

from __future__ import annotations

from dataclasses import replace

from ponder.asks.events import BackEvent, Output, ProgressEvent, TokenEvent, TreeEvent
from ponder.asks.path import Path
from ponder.sampling.params import SamplingParams
from ponder.text import Detokenizer, StopStrings, Tokenizer

News = ProgressEvent | TokenEvent | BackEvent | TreeEvent


def held_back(path: Path, begun: tuple[int, ...], params: SamplingParams, tokenizer: Tokenizer) -> int:
    """Return how many characters that the caller has are told again: those at the path's end that may begin a
    stop string. Of a path that is given as tokens the caller has only what was told of them.
    """
    if not path.text or not params.stop:
        return 0
    spell = Detokenizer(tokenizer.spellings(skip_special=params.skip_special_tokens))
    return StopStrings(params.stop).held_back("".join(map(spell.push, begun)))


class GivenText:
    """Leaves out the first `had` characters of each text that grows."""

    def __init__(self, had: int) -> None:
        self._had = had
        self._left: dict[int, int] = {}  # sample -> how many of them are to come
        self._left_after: dict[int, int] = {-1: had}  # the same after each node of a search's tree

    def of(self, event: News) -> News:
        """Return an event without them."""
        if not self._had:
            return event
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

    def output(self, output: Output) -> Output:
        """Return an output without them."""
        return replace(output, text=output.text[self._had :]) if self._had else output
