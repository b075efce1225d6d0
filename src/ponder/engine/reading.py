"""What a request to read comes to."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import torch

from ponder.asks.choice_trie import ROOT, ChoiceTrie
from ponder.asks.read import TextScore
from ponder.sampling.softmax import logprobs_of

PART_BYTES = 2**29  # of logits, [nodes, V] float32, that a step computes for a trie


class TextReading:
    """Texts after a path, while they are read.

    Attributes
    ----------
    trie : the texts.
    parts : what of them has still to be computed, a part in a step, once the path is there.
    """

    def __init__(self, trie: ChoiceTrie, vocab_size: int) -> None:
        self.trie = trie
        self.parts = deque(trie.parts(max(1, PART_BYTES // (4 * vocab_size))))
        self._children: dict[int, list[int]] = {}
        for node, parent in enumerate(trie.parents):
            self._children.setdefault(parent, []).append(node)
        self._logprobs = [0.0] * len(trie.parents)

    @property
    def most_tokens(self) -> int:
        """How many tokens the largest part has."""
        return max((len(part.trie.token_ids) for part in self.parts), default=0)

    def take_path(self, rows: torch.Tensor) -> None:
        """Look up the texts' first tokens in the row after the path, [1, V]."""
        self._take([ROOT], rows)

    def take_part(self, rows: torch.Tensor) -> None:
        """Look up what follows the own nodes of the first part in the rows after them, [nodes, V]."""
        self._take(self.parts[0].own, rows)
        self.parts.popleft()

    def _take(self, nodes: Sequence[int], rows: torch.Tensor) -> None:
        """Look up the raw log-probability of each node that follows one of `nodes`."""
        places = [place for place, node in enumerate(nodes) for _ in self._children[node]]
        following = [child for node in nodes for child in self._children[node]]
        values = logprobs_of(rows, places, [self.trie.token_ids[node] for node in following])
        for node, value in zip(following, values, strict=True):
            self._logprobs[node] = value

    def scores(self) -> tuple[TextScore, ...]:
        """Return the log-probabilities of each text, once no part is left."""
        trie, logprobs = self.trie, self._logprobs
        return tuple(
            TextScore(tuple(trie.token_ids[node] for node in path), tuple(logprobs[node] for node in path))
            for path in trie.paths
        )
