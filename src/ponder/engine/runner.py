"""Scheduled rows -> one forward pass -> logits."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass

import numpy as np
import torch

from ponder.asks.choice_trie import ROOT, ChoiceTrie
from ponder.kernels.attention_plan import AttentionPlan
from ponder.models import ForwardBatch, Transformer
from ponder.tree import Branch, PagePool


@dataclass(frozen=True, slots=True)
class BatchRow:
    """The last tokens of a branch, which are to be computed into their slots.

    Attributes
    ----------
    branch, tokens, slots : what is computed, and where its keys and values go.
    reach : the length that the branch may reach.
    wanted : after which of `tokens` logits are wanted, rising.
    guessed : how many of the last tokens may turn out to be wrong.
    depths : after how many layers logits are wanted besides, for the guessed tokens and the one before them.
    trie : `tokens` are its nodes, each of which sees only its ancestors.
    """

    branch: Branch
    tokens: Seq[int]
    slots: Seq[int]
    reach: int
    wanted: Seq[int]
    guessed: int = 0
    depths: tuple[int, ...] = ()
    trie: ChoiceTrie | None = None

    @property
    def num_logits(self) -> int:
        """How many rows of logits it gives: `wanted`, then those of each depth in turn."""
        return len(self.wanted) + len(self.depths) * (1 + self.guessed)

    @property
    def choices(self) -> range:
        """Which of its rows a next token is chosen from, where the last token's is wanted."""
        return range(len(self.wanted) - 1 - self.guessed, len(self.wanted))

    def positions(self) -> list[int]:
        """Return the positions of its tokens."""
        start = self.branch.length - len(self.tokens)
        if self.trie is not None:
            return [start + depth for depth in self.trie.depths()]
        return list(range(start, self.branch.length))


@dataclass(frozen=True, slots=True)
class Logits:
    """A request's rows of logits, [R, V] float32, and which of them are sound (`Sampler.sound_rows`).

    `states` [R, C] are what the head read for them, where somebody wanted those.
    """

    rows: torch.Tensor
    sound: list[bool]
    states: torch.Tensor | None


class Runner:
    """Runs the model on rows."""

    def __init__(self, model: Transformer, pool: PagePool) -> None:
        self.model = model
        self.pool = pool

    def forward(self, rows: Seq[BatchRow], states: torch.Tensor | None = None) -> torch.Tensor:
        """Compute all rows in one ragged batch; return their logits one after another, [R, V] float32.

        `states` (from `new_states`) receive what the head reads for each row of logits.
        """
        if not rows:
            return torch.empty(0, self.model.config.vocab_size, device=self.model.device)
        positions: list[int] = []
        wanted: list[int] = []
        for row in rows:
            first = len(positions)
            positions += row.positions()
            wanted += [first + place for place in row.wanted]
            for _ in row.depths:
                wanted += range(len(positions) - 1 - row.guessed, len(positions))
        trees = {i: ancestry(row.trie) for i, row in enumerate(rows) if row.trie is not None}
        return self._run(rows, positions, wanted, trees, states)

    def new_states(self, rows: Seq[BatchRow]) -> torch.Tensor:
        """Return room for the states of the rows' logits, [R, C] float32."""
        count = sum(row.num_logits for row in rows)
        return torch.empty(count, self.model.config.hidden_size, device=self.model.device)

    def _run(
        self,
        rows: Seq[BatchRow],
        positions: list[int],
        logit_rows: list[int],
        trees: dict[int, torch.Tensor],
        states: torch.Tensor | None,
    ) -> torch.Tensor:
        plan = AttentionPlan(
            query_lengths=[len(row.tokens) for row in rows],
            context_lengths=[row.branch.length for row in rows],
            block_tables=[row.branch.block_table for row in rows],
            trees={row: tree.to(self.model.device) for row, tree in trees.items()},
        )
        batch = ForwardBatch(
            token_ids=self._tensor([token for row in rows for token in row.tokens]),
            positions=self._tensor(positions),
            slot_mapping=self._tensor([slot for row in rows for slot in row.slots]),
            plan=plan,
            reaches=[row.reach for row in rows],
            logit_rows=self._tensor(logit_rows),
            logit_depths=self._depths(rows),
            states=states,
        )
        return self.model.forward(batch, self.pool.cache)

    def _depths(self, rows: Seq[BatchRow]) -> torch.Tensor | None:
        """Return after how many layers each row of logits is taken; None: all after all."""
        if not any(row.depths for row in rows):
            return None
        depths: list[int] = []
        for row in rows:
            depths += [self.model.config.num_layers] * len(row.wanted)
            for depth in row.depths:
                depths += [depth] * (1 + row.guessed)
        return self._tensor(depths)

    def _tensor(self, values: Seq[int]) -> torch.Tensor:
        return torch.from_numpy(np.array(values, dtype=np.int64)).to(self.model.device)


def ancestry(trie: ChoiceTrie) -> torch.Tensor:
    """Return [nodes, nodes] bool: which nodes each node sees (itself and its ancestors)."""
    sees = torch.eye(len(trie.parents), dtype=torch.bool)
    for node, parent in enumerate(trie.parents):
        if parent != ROOT:
            sees[node] |= sees[parent]
    return sees
