"""Scheduled rows -> one forward pass -> logits."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass

import torch

from ponder.constraints import ChoiceTrie
from ponder.kernels.attention_plan import AttentionPlan
from ponder.models import ForwardBatch, Transformer
from ponder.tree import Branch, PagePool


@dataclass(frozen=True, slots=True)
class BatchRow:
    """New tokens of one branch, which may reach `reach` tokens; logits of the last one if wanted."""

    branch: Branch
    new_tokens: Seq[int]
    reach: int
    wants_logits: bool


class Runner:
    """Extends branches by tokens and runs the model on them."""

    def __init__(self, model: Transformer, pool: PagePool) -> None:
        self.model = model
        self.pool = pool

    def forward(self, rows: Seq[BatchRow]) -> torch.Tensor:
        """Compute all rows in one ragged batch; return [R, V] float32, one row per row that wants logits."""
        if not rows:
            return torch.empty(0)
        positions = [
            p for row in rows for p in range(row.branch.length, row.branch.length + len(row.new_tokens))
        ]
        ends = torch.tensor([len(row.new_tokens) for row in rows]).cumsum(0) - 1
        wanted = torch.tensor([row.wants_logits for row in rows])
        return self._run(rows, positions, ends[wanted])

    def forward_trie(self, branch: Branch, trie: ChoiceTrie, reach: int) -> torch.Tensor:
        """Compute all nodes of a trie after a branch in one pass; return logits [nodes, V]."""
        start = branch.length
        row = BatchRow(branch, trie.token_ids, reach, True)
        positions = [start + depth for depth in trie.depths()]
        return self._run([row], positions, torch.arange(len(positions)), {0: trie.ancestry()})

    def _run(
        self,
        rows: Seq[BatchRow],
        positions: list[int],
        logit_rows: torch.Tensor,
        trees: dict[int, torch.Tensor] | None = None,
    ) -> torch.Tensor:
        slots = [slot for row in rows for slot in row.branch.extend(len(row.new_tokens))]
        plan = AttentionPlan(
            query_lengths=[len(row.new_tokens) for row in rows],
            context_lengths=[row.branch.length for row in rows],
            block_tables=[self._tensor(row.branch.pages) for row in rows],
            trees={row: tree.to(self.model.device) for row, tree in (trees or {}).items()},
        )
        batch = ForwardBatch(
            token_ids=self._tensor([token for row in rows for token in row.new_tokens]),
            positions=self._tensor(positions),
            slot_mapping=self._tensor(slots),
            plan=plan,
            reaches=[row.reach for row in rows],
            logit_rows=logit_rows.to(self.model.device),
        )
        return self.model.forward(batch, self.pool.k_pages, self.pool.v_pages)

    def _tensor(self, values: Seq[int]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.int64, device=self.model.device)
