"""A plan that several automata agree on, found by trying what each of them would do next."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from heapq import heappop, heappush
from typing import Any, Protocol

import numpy as np

from ponder.constraints import bits
from ponder.constraints.constraint import Automaton, follow
from ponder.text.vocabulary import Vocabulary

GREED = 2  # what a token that is still lacking counts against one that is there
FEW = 8  # tokens of a mask that are all tried
TRIED = b' a1.!?,;:"]})\n-'  # else, besides what the parts plan: the tokens of these bytes

Places = tuple[Hashable, ...]
Tokens = tuple[int, ...]


class Joint(Automaton[Places], Protocol):
    """Automata side by side."""

    parts: tuple[Automaton[Any], ...]


def find_plan(joint: Joint, vocabulary: Vocabulary, state: Places, limit: int, tries: int) -> Tokens | None:
    """Return at most `limit` tokens after which the text may end in all parts; None: none found so soon.

    The search is best first: by the tokens that are there, and the most that a part lacks. Where one part has
    no plan, there is none for all. Of states in which all parts plan the same, one is looked at.
    """
    if joint.may_end(state):
        return ()
    ahead: list[tuple[int, int, Places, Tokens, Sequence[Tokens] | None]] = [(0, 0, state, (), None)]
    seen, alike, count = {state}, set[tuple[Tokens, ...]](), 0
    for _ in range(tries):
        if not ahead:
            return None
        _, order, at, path, plans = heappop(ahead)
        if plans is None:  # asked for only now, and then weighed against the others
            plans = plans_of(joint, at, limit - len(path))
            if plans is None or tuple(plans) in alike:
                continue
            alike.add(tuple(plans))
            cost = len(path) + GREED * sum(map(len, plans))
            if ahead and ahead[0][0] < cost:
                heappush(ahead, (cost, order, at, path, plans))
                continue
        lacking = sum(map(len, plans))
        for way in _ways_on(joint, vocabulary, at, plans):
            after, longer = follow(joint, at, way), path + way
            if after is None or after in seen or len(longer) > limit:
                continue
            if joint.may_end(after):
                return longer
            seen.add(after)
            count += 1
            hoped = len(longer) + GREED * max(0, lacking - len(way))
            heappush(ahead, (hoped, count, after, longer, None))
    return None


def plans_of(joint: Joint, state: Places, limit: int) -> list[Tokens] | None:
    """Return a plan of each part; None: one of them has none."""
    plans = []
    for part, at in zip(joint.parts, state, strict=True):
        plan = part.plan(at, limit)
        if plan is None:
            return None
        plans.append(plan)
    return plans


def _ways_on(
    joint: Joint, vocabulary: Vocabulary, state: Places, plans: Sequence[Tokens]
) -> Iterator[Tokens]:
    """Yield what may lead to an end in all parts, the longest plan first."""
    for plan in sorted(filter(None, plans), key=len, reverse=True):
        yield plan
        yield plan[:1]
    mask = joint.mask(state)
    free = vocabulary.is_text
    if mask is not None:
        free = bits.unpack(mask, len(free)) & free
    tokens = np.flatnonzero(free).tolist()
    if len(tokens) > FEW:
        tokens = [token for token in vocabulary.single(TRIED) if free[token]] + tokens[:FEW]
    yield from ((token,) for token in tokens)
