"""Scheduled rows -> one forward pass -> logits."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass

import torch

from ponder.asks.choice_trie import ROOT, ChoiceTrie
from ponder.kernels.attention_plan import AttentionPlan
from ponder.models import ForwardBatch, Transformer
from ponder.tree import Branch, PagePool


@dataclass(frozen=True, slots=True)
class BatchRow:
    """The last tokens of a branch, which are to be computed into their slots.

    The branch may reach `reach` tokens; logits are wanted after the last `logits` of the tokens. The last
    `guessed` of them may turn out to be wrong. Of these and the one before them, logits are also wanted after
    as many layers as each of `depths` says.
    """

    branch: Branch
    tokens: Seq[int]
    slots: Seq[int]
    reach: int
    logits: int
    guessed: int = 0
    depths: tuple[int, ...] = ()

    @property
    def num_logits(self) -> int:
        """How many rows of logits it gives: `logits`, then those of each depth in turn."""
        return self.logits + len(self.depths) * (1 + self.guessed)


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
            length = row.branch.length
            positions += range(length - len(row.tokens), length)
            wanted += range(len(positions) - row.logits, len(positions))
            for _ in row.depths:
                wanted += range(len(positions) - 1 - row.guessed, len(positions))
        return self._run(rows, positions, wanted, states=states)

    def new_states(self, rows: Seq[BatchRow]) -> torch.Tensor:
        """Return room for the states of the rows' logits, [R, C] float32."""
        count = sum(row.num_logits for row in rows)
        return torch.empty(count, self.model.config.hidden_size, device=self.model.device)

    def forward_trie(self, branch: Branch, trie: ChoiceTrie, reach: int) -> torch.Tensor:
        """Extend a branch by all nodes of a trie, in one pass; return their logits, [nodes, V]."""
        start = branch.length
        slots = branch.extend(trie.token_ids)
        row = BatchRow(branch, trie.token_ids, slots, reach, len(slots))
        positions = [start + depth for depth in trie.depths()]
        return self._run([row], positions, list(range(len(positions))), {0: ancestry(trie)})

    def _run(
        self,
        rows: Seq[BatchRow],
        positions: list[int],
        logit_rows: list[int],
        trees: dict[int, torch.Tensor] | None = None,
        states: torch.Tensor | None = None,
    ) -> torch.Tensor:
        plan = AttentionPlan(
            query_lengths=[len(row.tokens) for row in rows],
            context_lengths=[row.branch.length for row in rows],
            block_tables=[row.branch.block_table for row in rows],
            trees={row: tree.to(self.model.device) for row, tree in (trees or {}).items()},
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
            depths += [self.model.config.num_layers] * row.logits
            for depth in row.depths:
                depths += [depth] * (1 + row.guessed)
        return self._tensor(depths)

    def _tensor(self, values: Seq[int]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.int64, device=self.model.device)


def ancestry(trie: ChoiceTrie) -> torch.Tensor:
    """Return [nodes, nodes] bool: which nodes each node sees (itself and its ancestors)."""
    sees = torch.eye(len(trie.parents), dtype=torch.bool)
    for node, parent in enumerate(trie.parents):
        if parent != ROOT:
            sees[node] |= sees[parent]
    return sees
