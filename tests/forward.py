"""Logits after every token, which the engine never asks for and the parity tests do."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ponder.engine.runner import BatchRow
from ponder.kernels.attention_plan import AttentionPlan
from ponder.models import ForwardBatch, Transformer
from ponder.tree import PAGE_SIZE, Branch, PagePool, RadixTree


def poisoned_pool(model: Transformer, num_pages: int) -> PagePool:
    """A pool whose unwritten slots are NaN, so that reading one of them shows."""
    cache = model.new_cache(num_pages)
    cache.keys.fill_(torch.nan)
    cache.values.fill_(torch.nan)
    return PagePool(cache)


def grow(branch: Branch, tokens: Sequence[int], reach: int, logits: int) -> BatchRow:
    """Extend a branch; the row that computes what was added, with logits after the last of the tokens."""
    count = len(tokens)
    return BatchRow(branch, tokens, branch.extend(tokens), reach, range(count - logits, count))


def all_logits(
    model: Transformer,
    sequences: Sequence[Sequence[int]],
    reaches: Sequence[int] | None = None,
    chunks: Sequence[int] = (),
) -> list[torch.Tensor]:
    """Run all sequences in one ragged batch per chunk; return [tokens, V] for each.

    `chunks` are the sizes of the chunks every sequence is cut into; what they leave over is the last one.
    A sequence's reach is its length where `reaches` does not say otherwise.
    """
    reaches = reaches or [len(sequence) for sequence in sequences]
    pool = poisoned_pool(model, sum(-(-len(sequence) // PAGE_SIZE) for sequence in sequences))
    tree = RadixTree(pool)
    branches = [Branch(tree) for _ in sequences]
    parts: list[list[torch.Tensor]] = [[] for _ in sequences]
    for size in (*chunks, max(map(len, sequences))):
        done = [branch.length for branch in branches]
        pieces = [s[start : start + size] for s, start in zip(sequences, done, strict=True)]
        rows = [i for i, piece in enumerate(pieces) if piece]
        if not rows:
            break
        positions = [done[i] + offset for i in rows for offset in range(len(pieces[i]))]
        slots = [slot for i in rows for slot in branches[i].extend(pieces[i])]
        lengths = [len(pieces[i]) for i in rows]
        plan = AttentionPlan(
            query_lengths=lengths,
            context_lengths=[branches[i].length for i in rows],
            block_tables=[torch.tensor(branches[i].pages) for i in rows],
        )
        batch = ForwardBatch(
            token_ids=torch.tensor([token for i in rows for token in pieces[i]]),
            positions=torch.tensor(positions),
            slot_mapping=torch.tensor(slots),
            plan=plan,
            reaches=[reaches[i] for i in rows],
            logit_rows=torch.arange(len(positions)),
        )
        logits = model.forward(batch, pool.cache)
        for i, part in zip(rows, logits.split(lengths), strict=True):
            parts[i].append(part)
    return [torch.cat(part) for part in parts]
