"""The texts of a run: which came from which."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ponder.asks import Grow, Path
from ponder.rewards import Measure
from ponder.scaling.effects import Text
from ponder.scaling.growing import Growing
from ponder.scaling.journal import plain
from ponder.scaling.strategy import Node
from ponder.text import Prompt

_Place = tuple[tuple[int, ...], str, Any]


@dataclass(slots=True)
class Tree:
    """Texts in the order in which they were grown, the effects that grew them, what rewards said of them."""

    prompt: Prompt
    texts: list[Text] = field(default_factory=list)
    scores: dict[int, tuple[float, ...]] = field(default_factory=dict)
    _effects: list[int] = field(default_factory=list)
    _places: dict[_Place, Text] = field(default_factory=dict)

    def add(self, grown: Growing, effect: int) -> Text:
        """Return a text that an effect grew."""
        parent, begun, measures = self._before(grown.ask.path)
        path, steps = grown.path(), (*begun, grown.text) if grown.tokens or grown.text else begun
        text = Text(
            len(self.texts),
            parent,
            path,
            "".join(steps),
            steps,
            grown.finish_reason or "cancelled",
            grown.stopped_by,
            None if measures is None else (*measures, *grown.measures),
            grown.state,
        )
        self.texts.append(text)
        self._effects.append(effect)
        self._places[_place(path)] = text
        return text

    def text_before(self, path: Path) -> str:
        """Return the output that a path holds, as far as it is known."""
        return "".join(self._before(path)[1])

    def _before(self, path: Path) -> tuple[int, tuple[str, ...], tuple[Measure, ...] | None]:
        """Return a path's node, its steps and its measures, as far as they are known."""
        found = self._places.get(_place(path))
        if found is not None:
            return found.node, found.steps, found.measures
        if path.text:  # something the strategy put in
            node, steps, _ = self._before(Path(path.prompt, path.tokens, lineage=path.lineage))
            return node, (*steps, path.text), None
        return -1, (), None if path.tokens else ()

    def node(self, text: Text) -> Node:
        """Return a text as its node."""
        before = len(self.texts[text.parent].path.tokens) if text.parent >= 0 else 0
        tokens, step = len(text.path.tokens) - before, text.steps[-1] if text.steps else ""
        effect, scores = self._effects[text.node], self.scores.get(text.node)
        return Node(text.node, text.parent, effect, step, tokens, text.finish_reason, scores)

    def described(self, ask: Grow) -> dict[str, Any]:
        """Return an ask as data for the journal, its path by its node where it has one."""
        path, found = ask.path, self._places.get(_place(ask.path))
        told: dict[str, Any] = {"node": found.node} if found else {"tokens": list(path.tokens)}
        if not found:
            told |= {"text": path.text, "lineage": plain(path.lineage)}
        if path.prompt != self.prompt:
            told["prompt"] = plain(path.prompt)
        told |= {"params": plain(ask.params), "until": plain(ask.until)}
        others = {"method": ask.method, "mixture": ask.mixture, "constraint": ask.constraint}
        return told | {name: plain(value) for name, value in others.items() if value is not None}


def _place(path: Path) -> _Place:
    return path.tokens, path.text, path.lineage
