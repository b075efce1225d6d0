"""`ponder run --tree`: the drawn tree is the search's."""

import io
import re

import pytest
from rich.console import Console

from asking import face_ask
from ponder.asks import Completion, TreeEvent, TreeNode, Usage
from ponder.asks.fronts import stream
from ponder.cli.tree import SearchTree, show_tree
from ponder.decoders import BeamSearch

USAGE = Usage(1, 0, 0, 1, 1)


def step(*nodes):
    return TreeEvent(1, tuple(TreeNode(n, p, None, t, s, end) for n, p, t, s, end in nodes), USAGE)


def drawn(tree):
    """The drawing as text, without trailing spaces."""
    console = Console(width=60, record=True, file=io.StringIO())
    console.print(tree.draw())
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_a_tree_shows_what_is_shared_finished_and_alive():
    """Dropped beams vanish, chains become one line, finished texts stay."""
    tree = SearchTree()
    tree.take(step((0, -1, "a", -1.0, None), (1, -1, "b", -2.0, None)))
    assert drawn(tree) == ["prompt", "├── a  -1.00", "└── b  -2.00"]
    tree.take(step((2, 0, "c", -1.5, None), (3, 0, ".", -1.75, "stop")))
    assert drawn(tree) == ["prompt", "└── a", "    ├── c  -1.50", "    └── .  -1.75 stop"]
    tree.take(step((4, 2, "d", -3.0, None)))
    assert drawn(tree) == ["prompt", "└── a", "    ├── .  -1.75 stop", "    └── cd  -3.00"]
    tree.take(step((5, 4, "\x1b[2J", -4.0, None)))
    assert drawn(tree)[-1] == r"    └── cd\x1b[2J  -4.00"


def test_the_drawn_texts_are_the_answers(tiny_model):
    """Every answer of a real search is spelled by a path of the drawing that ends with its reason."""

    request = face_ask("abc", {"max_tokens": 8, "n": 4}, decoder=BeamSearch(4))
    tree, texts = SearchTree(), {-1: ""}
    ended = {}
    for event in stream(tiny_model, request):
        if isinstance(event, TreeEvent):
            tree.take(event)
            for node in event.nodes:
                texts[node.node] = texts[node.parent] + node.text
                if node.finish_reason:
                    ended[texts[node.node]] = node.finish_reason
    assert isinstance(event, Completion)
    assert all(ended[output.text] == output.finish_reason for output in event.outputs)
    letters = re.sub(r"[^a-z]", "", "".join(drawn(tree)))
    assert all(set(re.sub(r"[^a-z]", "", output.text)) <= set(letters) for output in event.outputs)
    console = Console(width=200, record=True, file=io.StringIO())
    assert show_tree(console, stream(tiny_model, request)).texts == event.texts
    assert console.export_text().startswith("prompt\n")


@pytest.mark.parametrize("options", [[], ["--num-beams", "2", "--json"], ["--num-beams", "2", "--dry-run"]])
def test_where_there_is_no_tree_to_draw(ponder, options):
    done = ponder("run", "hi", "--tree", *options)
    assert done.status == 2
    assert done.out == ""
    assert done.err.startswith("ponder: tree = True is not allowed")
