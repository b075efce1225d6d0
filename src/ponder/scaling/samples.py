"""Samples of one prompt that are drawn in several waves, or grow a slice at a time."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from ponder.asks import End, Grow, Path, Until
from ponder.asks.path import branched
from ponder.rewards import Problem
from ponder.scaling.budget import Stopped
from ponder.scaling.effects import Effect, Text, extend


def draw(
    problem: Problem, sampling: Mapping[str, Any], first: int, count: int, until: Until | None = None
) -> list[Grow]:
    """Return the asks that grow samples `first` to `first + count - 1`.

    Each sample is the same text as in one request for all of them. The first wave is one request, so that its
    prompt is computed once; later ones find the prompt in the cache.
    """
    until = until or End()
    if first == 0:
        return [Grow(Path(problem.prompt), {**sampling, "n": count}, until=until)]
    return [
        Grow(Path(problem.prompt, lineage=branched((), 0, i)), {**sampling, "n": 1}, until=until)
        for i in range(first, first + count)
    ]


def go_on(
    texts: list[Text], which: Sequence[int], sampling: Mapping[str, Any], until: Until
) -> Generator[Effect, Any, Stopped]:
    """Let some of the texts grow on, in place; return how the budget stands."""
    asks = [Grow(texts[i].path, {**sampling, "n": 1}, until=until) for i in which]
    extended = yield from extend(*asks)
    for i, text in zip(which, extended.texts, strict=True):
        texts[i] = text
    return extended.stopped
