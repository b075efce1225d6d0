"""The texts of a run: which came from which."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ponder.asks import Grow, Path
from ponder.rewards import Measure
from ponder.scaling.effects import Text
from ponder.scaling.growing import Growing
from ponder.scaling.journal import plain
from ponder.scaling.strategy import Node
from ponder.text import Prompt

_Place = tuple[tuple[int, ...], str, Any]


class _Before(NamedTuple):
    """What is known of a path: its node, the steps up to that, the text after them, and as in `Text`."""

    node: int
    steps: tuple[str, ...]
    rest: str
    measures: tuple[Measure, ...] | None
    offsets: tuple[int, ...] | None

    @property
    def text(self) -> str:
        return "".join(self.steps) + self.rest


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
        before, path = self._before(grown.ask.path), grown.path()
        step = before.rest + grown.text
        steps = (*before.steps, step) if grown.tokens or step else before.steps
        text = Text(
            len(self.texts),
            before.node,
            path,
            "".join(steps),
            steps,
            grown.finish_reason or "cancelled",
            grown.stopped_by,
            None if before.measures is None else (*before.measures, *grown.measures),
            grown.state,
            len(grown.tokens),
            _offsets(before, grown),
        )
        self.texts.append(text)
        self._effects.append(effect)
        self._places[_place(path)] = text
        return text

    def text_before(self, path: Path) -> str:
        """Return the output that a path holds, as far as it is known."""
        return self._before(path).text

    def steps_before(self, path: Path) -> tuple[str, ...]:
        """Return the same, cut where growing paused."""
        before = self._before(path)
        return (*before.steps, before.rest) if before.rest else before.steps

    def node_before(self, path: Path) -> int:
        """Return the last text that a path holds all of; -1 for none."""
        return self._before(path).node

    def _before(self, path: Path) -> _Before:
        """Return what is known of a path."""
        found = self._places.get(_place(path))
        if found is not None:
            return _Before(found.node, found.steps, "", found.measures, found.offsets)
        if path.text:  # something the strategy put in
            before = self._before(replace(path, text=""))
            return before._replace(steps=(*before.steps, before.rest + path.text), rest="", measures=None)
        return self._cut(path) if path.tokens else _Before(-1, (), "", (), ())

    def _cut(self, path: Path) -> _Before:
        """Return what is known of a path that holds the first tokens of a text."""
        count = len(path.tokens)
        for text in reversed(self.texts):
            tokens = text.path.tokens
            if text.offsets is None or tokens[count - 1 : count] != path.tokens[-1:]:
                continue  # the last token first: comparing all of them takes long
            if (
                tokens[:count] != path.tokens
                or text.path.prompt != path.prompt
                or text.offsets[count - 1] < 0
            ):
                continue
            shown, above = text.text[: text.offsets[count - 1]], text
            while above.parent >= 0 and len(above.path.tokens) > count:
                above = self.texts[above.parent]
            measures = None if text.measures is None else text.measures[:count]
            if len(above.path.tokens) > count:
                return _Before(-1, (), shown, measures, text.offsets[:count])
            rest = shown[len(above.text) :]
            return _Before(above.node, above.steps, rest, measures, text.offsets[:count])
        return _Before(-1, (), "", None, None)

    def node(self, text: Text) -> Node:
        """Return a text as its node."""
        tokens, step = text.grown, text.steps[-1] if text.steps else ""
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


def _offsets(before: _Before, grown: Growing) -> tuple[int, ...] | None:
    """Return the offsets of a text."""
    if before.offsets is None or grown.offsets is None or grown.begun is None:
        return None
    shown = len(before.text)
    given = len(grown.begun) - len(before.offsets)
    put_in = (*[-1] * (given - 1), shown) if given else ()
    return (*before.offsets, *put_in, *(shown + offset for offset in grown.offsets))


def _place(path: Path) -> _Place:
    return path.tokens, path.text, path.lineage
