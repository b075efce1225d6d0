"""Lookahead: judging a step by what comes of it."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from ponder.asks import Boundary, Grow
from ponder.scaling.effects import Effect, Text, extend


def look_ahead(
    texts: Sequence[Text], k: int, step: Boundary, sampling: Mapping[str, Any]
) -> Generator[Effect, Any, list[Text]]:
    """Roll each text out by up to k further steps and return where the rollouts are then.

    Lookahead search of Snell et al., arXiv 2408.03314, section 5.2: a step has the score of the text that it
    leads to in k steps at temperature 0 (to reduce the variance), or where that text ends before. The search
    goes on from the step itself. So a search over N texts a round generates N * (k + 1) steps a round, and
    k = 0 is the search without lookahead.
    """
    ahead = list(texts)
    greedy = {**sampling, "n": 1, "temperature": 0.0}
    for _ in range(k):
        live = [i for i, text in enumerate(ahead) if text.live]
        if not live:
            break
        extended = yield from extend(*(Grow(ahead[i].path, greedy, until=step) for i in live))
        for i, text in zip(live, extended.texts, strict=True):
            ahead[i] = text
    return ahead
