"""A search's tree, drawn as it grows."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from ponder.traces.colours import printable

if TYPE_CHECKING:
    from ponder.asks import Completion, Told, TreeEvent

PROMPT = -1


class SearchTree:
    """The texts a search still considers or has finished, as a tree of what they share."""

    def __init__(self) -> None:
        self._parents: dict[int, int] = {}
        self._texts: dict[int, str] = {}
        self._ends: dict[int, str] = {}  # of nodes that nothing follows: what is said of them
        self._finished: dict[int, str] = {}

    def take(self, event: TreeEvent) -> None:
        """Add a step; what got no child and is not finished is dropped."""
        self._ends = dict(self._finished)
        for node in event.nodes:
            self._parents[node.node], self._texts[node.node] = node.parent, node.text
            said = f"{node.score:.2f}" + (f" {node.finish_reason}" if node.finish_reason else "")
            self._ends[node.node] = said
            if node.finish_reason:
                self._finished[node.node] = said

    def draw(self) -> Tree:
        """Return the tree; a line is what all texts below it share, with the score where one ends."""
        children: dict[int, list[int]] = {}
        for node in self._ends:
            while node != PROMPT and node not in children.setdefault(self._parents[node], []):
                children[self._parents[node]].append(node)
                node = self._parents[node]
        root = Tree(Text("prompt", style="dim"), guide_style="dim")
        waiting = [(root, node) for node in reversed(children.get(PROMPT, []))]
        while waiting:
            above, node = waiting.pop()
            text = self._texts[node]
            while len(below := children.get(node, [])) == 1 and node not in self._ends:
                (node,) = below
                text += self._texts[node]
            line = Text(printable(text).replace("\n", "⏎"))
            if node in self._ends:
                line.append(f"  {self._ends[node]}", style="green" if node in self._finished else "dim")
            branch = above.add(line)
            waiting += [(branch, child) for child in reversed(below)]
        return root


def show_tree(console: Console, events: Iterable[Told]) -> Completion:
    """Draw a search's tree, on a terminal as it grows and elsewhere once at the end; return the answer."""
    from ponder.asks import Completion, TreeEvent

    tree = SearchTree()
    live = Live(console=console, refresh_per_second=10, transient=False) if console.is_terminal else None
    with live or nullcontext():
        for event in events:
            if isinstance(event, TreeEvent):
                tree.take(event)
                if live is not None:
                    live.update(tree.draw())
            elif isinstance(event, Completion):
                break
    assert isinstance(event, Completion)
    if live is None:
        console.print(tree.draw())
    return event
