"""POST /ponder/v1/expand: all ways to go on that are at least so likely, the likeliest first."""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from typing import Any

from ponder.asks import Likeliest, Path, Read, Reading, fronts
from ponder.asks.grow import MAX_ALTERNATIVES
from ponder.errors import ParameterError
from ponder.server.front.settings import ServerSettings
from ponder.server.playground.asked import read_path
from ponder.server.playground.protocol import ExpandBody
from ponder.server.served import Served
from ponder.text import TokenIds
from ponder.traces.form import plain
from ponder.traces.record import spelling

PROMPT = -1
AT_ONCE = 16  # nodes whose next tokens are computed together
LEAST = 1 / MAX_ALTERNATIVES  # so that no more tokens than can be asked for are likely enough
MIN_PROBABILITY, DEPTH, MAX_NODES = 0.01, 8, 256

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Expansion:
    """What to find: paths of at least this probability, of at most so many tokens, and how many at most."""

    path: Path
    min_probability: float
    depth: int
    max_nodes: int


@dataclass(slots=True)
class _Node:
    """A path: its tokens after the prompt, the number of its parent, its probability's logarithm."""

    token_ids: tuple[int, ...]
    parent: int
    logprob: float
    path_logprob: float
    ended: str | None = None
    reading: asyncio.Task[Reading] | None = field(default=None, repr=False)


def read_expansion(body: ExpandBody, model: Served, settings: ServerSettings) -> Expansion:
    """Return what a request asks to be found.

    Raises
    ------
    PonderError : a value is not allowed, or the prompt is malformed, empty or too long.
    """
    least = MIN_PROBABILITY if body.min_probability is None else body.min_probability
    if not LEAST <= least <= 1:
        raise ParameterError("min_probability", least, f"a number from {LEAST:g} to 1")
    most = min(MAX_NODES, settings.max_nodes) if body.max_nodes is None else body.max_nodes
    if not 1 <= most <= settings.max_nodes:
        raise ParameterError("max_nodes", most, f"a whole number from 1 to {settings.max_nodes}")
    path = read_path(body, model)
    assert isinstance(path.prompt, TokenIds), "it is encoded"
    context = model.offers.context
    room = None if context is None else context - len(path.prompt.ids) - len(path.tokens)
    depth = body.depth
    if depth is None:
        depth = DEPTH if room is None else min(DEPTH, room)
    if depth < 1 or (room is not None and depth > room):
        allowed = "a whole number, 1 or more" if room is None else f"a whole number from 1 to {room}"
        raise ParameterError("depth", depth, allowed)
    return Expansion(path, least, depth, most)


async def expand(asked: Expansion, model: Served) -> AsyncGenerator[dict[str, Any]]:
    """Yield the nodes of the tree by falling probability of their paths, and at last what was found.

    A node's `below` is the probability, given its path, of all next tokens that are not likely enough to be
    in the tree. With `complete`, every path of the wanted probability and depth is there.
    """
    tree = _Tree(asked, model)
    async for item in tree.grow():
        yield item


class _Tree:
    """A tree while it grows: nodes wait in a heap, the likeliest are read ahead of their turn."""

    def __init__(self, asked: Expansion, model: Served) -> None:
        self._asked = asked
        self._model = model
        self._ends = frozenset(model.tokenizer.eos_ids)
        self._at_once = min(AT_ONCE, model.max_waiting)
        self._waiting: list[tuple[float, tuple[int, ...], _Node]] = []
        self._computed = self._hits = 0

    async def grow(self) -> AsyncGenerator[dict[str, Any]]:
        root = _Node((), PROMPT, 0.0, 0.0)
        try:
            self._read_ahead([root])
            yield {"type": "begin", "below": await self._push_children(root, PROMPT)}
            found, mass = 0, 0.0
            while self._waiting and found < self._asked.max_nodes:
                if self._waiting[0][2].reading is None:
                    self._read_ahead([node for _, _, node in heapq.nsmallest(self._at_once, self._waiting)])
                _, _, node = heapq.heappop(self._waiting)
                below = None if node.ended else await self._push_children(node, found)
                if node.ended:
                    mass += math.exp(node.path_logprob)
                yield {"type": "node", "node": found, **self._told(node), "below": below}
                found += 1
            yield {
                "type": "end",
                "nodes": found,
                "complete": not self._waiting,
                "mass": mass,
                "computed_tokens": self._computed,
                "hit_tokens": self._hits,
            }
        finally:
            reading = [node.reading for _, _, node in self._waiting if node.reading is not None]
            reading += [root.reading] if root.reading is not None else []
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)

    def _read_ahead(self, nodes: list[_Node]) -> None:
        """Have the next tokens of nodes computed, of all those that will be needed side by side."""
        begun = self._asked.path.tokens
        for node in nodes:
            if node.reading is None and node.ended is None:
                path = replace(self._asked.path, tokens=(*begun, *node.token_ids))
                ask = Read(path, at="last", of=Likeliest(self._most(node)))
                node.reading = asyncio.create_task(fronts.aread(self._model, ask))

    def _most(self, node: _Node) -> int:
        """Return how many next tokens of a node can be likely enough."""
        share = math.exp(node.path_logprob) / self._asked.min_probability
        return min(int(share * (1 + _ROUNDING)) + 1, MAX_ALTERNATIVES, self._model.tokenizer.vocab_size)

    async def _push_children(self, node: _Node, number: int) -> float:
        """Put what is likely enough after a node into the heap; return the probability of the rest."""
        assert node.reading is not None, "its next tokens are being computed"
        reading = await node.reading
        self._computed += reading.usage.computed_tokens
        self._hits += reading.usage.hit_tokens
        least, kept = math.log(self._asked.min_probability), 0.0
        for token, logprob in reading.likeliest[0]:
            path_logprob = node.path_logprob + logprob
            if path_logprob < least:
                break
            kept += math.exp(logprob)
            ids = (*node.token_ids, token)
            ended = "stop" if token in self._ends else "depth" if len(ids) == self._asked.depth else None
            child = _Node(ids, number, logprob, path_logprob, ended)
            heapq.heappush(self._waiting, (-path_logprob, ids, child))
        return max(0.0, 1.0 - kept)

    def _told(self, node: _Node) -> dict[str, Any]:
        token = node.token_ids[-1]
        spelled: dict[str, Any] = plain(spelling(token, self._model.tokenizer))
        return {
            "parent": node.parent,
            "token_id": token,
            **spelled,
            "logprob": node.logprob,
            "path_logprob": node.path_logprob,
            "ended": node.ended,
        }
