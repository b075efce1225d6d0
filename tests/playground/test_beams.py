"""Beam search as a tree: what was streamed is on the screen, what was given up is faint, keys reach all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from serving import Tiny, serving
from tiny_models import tiny_local_model

from .playing import Playing
from .test_document import asked_again

pytestmark = pytest.mark.slow

BOXES = "all => all.map(one => [one.getAttribute('aria-label'), one.className, one.id])"
FOCUSED = "tree => tree.getAttribute('aria-activedescendant')"


@pytest.fixture(scope="module")
def tiny() -> Iterator[Tiny]:
    with serving(tiny_local_model(context_length=1024)) as tiny:
        yield tiny


def searched(page: Page, tiny: Tiny) -> tuple[Playing, Any]:
    """A search with eight beams, and its tree."""
    playing = Playing(page, tiny.server.url).ready()
    playing.set("max tokens", "6")
    page.get_by_role("searchbox", name="Find a setting").fill("num beams")
    playing.set("num beams", "8")
    playing.say("hello")
    tree = playing.tab("Tree").get_by_role("tree", name="What the search tried")
    expect(tree.get_by_role("treeitem").first).to_be_visible()
    return playing, tree


def size(label: str) -> int:
    """How many tokens a box says that it has."""
    return int(re.findall(r", (\d+) tokens?", label)[-1])


def test_all_nodes_are_there(page: Page, tiny: Tiny) -> None:
    """As many tokens as were streamed; given up is what is on the way to no text, and it looks so."""
    playing, tree = searched(page, tiny)
    trace = asked_again(playing)
    boxes = tree.get_by_role("treeitem").evaluate_all(BOXES)
    sizes = [size(label) for label, _, _ in boxes]
    assert sum(sizes) == len(trace["tokens"]) > 8
    living = {place for text in trace["texts"] for place in text["tokens"]}
    faint = [label.endswith(", given up") for label, _, _ in boxes]
    assert faint == ["pruned" in look.split() for _, look, _ in boxes]
    alive = sum(one for one, lost in zip(sizes, faint, strict=True) if not lost)
    assert alive == len(living)
    looks = tree.get_by_role("treeitem").evaluate_all(
        "all => all.map(one => getComputedStyle(one).borderStyle)"
    )
    assert [look == "dashed" for look in looks] == faint


def test_the_text_that_came_is_marked(page: Page, tiny: Tiny) -> None:
    """The boxes of the text that is shown are those of its path, from the prompt on."""
    playing, tree = searched(page, tiny)
    trace = asked_again(playing)
    current = tree.locator("[role=treeitem].current")
    words = "".join(current.locator(".words").all_text_contents())
    assert words == "".join(playing.texts())
    labels = current.evaluate_all(BOXES)
    assert sum(size(label) for label, _, _ in labels) == len(trace["texts"][0]["tokens"])


def test_keys_reach_every_node(page: Page, tiny: Tiny) -> None:
    """Arrows go through all boxes, one at a time."""
    _, tree = searched(page, tiny)
    ids = [name for _, _, name in tree.get_by_role("treeitem").evaluate_all(BOXES)]
    tree.focus()
    page.keyboard.press("Home")
    reached = [tree.evaluate(FOCUSED)]
    for _ in ids[1:]:
        page.keyboard.press("ArrowDown")
        reached.append(tree.evaluate(FOCUSED))
    assert sorted(reached) == sorted(ids)
    assert tree.get_by_role("treeitem", selected=True).count() == 1
