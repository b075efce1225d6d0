"""Paged attention and RoPE-and-store against dense float64 and complex arithmetic."""

import math
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ponder.kernels import reference, row_invariant
from ponder.kernels.attention_plan import AttentionPlan
from ponder.positions import Buckets, Slopes

IMPLEMENTATIONS = [pytest.param(ops, id=ops.__name__.split(".")[-1]) for ops in (reference, row_invariant)]


@dataclass
class RaggedBatch:
    """Queries, a plan over pages, and what the pages hold for each sequence: [context, G, D]."""

    q: torch.Tensor
    k_pages: torch.Tensor
    v_pages: torch.Tensor
    plan: AttentionPlan
    keys: list[torch.Tensor]
    values: list[torch.Tensor]


@st.composite
def ragged_batches(draw, trees: bool) -> RaggedBatch:
    """Up to four sequences on scattered pages; some begin with pages of the one before; the rest is NaN."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    page_size, groups, repeats = (
        draw(st.sampled_from([1, 4, 16])),
        draw(st.integers(1, 3)),
        draw(st.integers(1, 3)),
    )
    head_dim = draw(st.sampled_from([2, 8, 20]))
    contexts = draw(st.lists(st.integers(1, 40), min_size=1, max_size=4))
    news = [draw(st.integers(1, context)) for context in contexts]
    num_pages = sum(-(-context // page_size) for context in contexts) + 3
    free = torch.randperm(num_pages, generator=generator).tolist()
    k_pages, v_pages = torch.full((2, num_pages, page_size, groups, head_dim), torch.nan)
    keys, values, tables = [], [], []
    for i, context in enumerate(contexts):
        k, v = torch.randn(2, context, groups, head_dim, generator=generator) * 2
        most = min(context, contexts[i - 1]) // page_size if i else 0
        shared = draw(st.integers(0, most))
        if shared:
            k[: shared * page_size] = keys[-1][: shared * page_size]
            v[: shared * page_size] = values[-1][: shared * page_size]
        own = [free.pop() for _ in range(-(-context // page_size) - shared)]
        table = (tables[-1][:shared] if shared else []) + own
        for position in range(context):
            page, offset = table[position // page_size], position % page_size
            k_pages[page, offset], v_pages[page, offset] = k[position], v[position]
        keys.append(k)
        values.append(v)
        tables.append(table)
    masks = {}
    for i, new in enumerate(news):
        if trees and draw(st.booleans()):
            sees = torch.eye(new, dtype=torch.bool)
            for node in range(1, new):
                parent = draw(st.integers(-1, node - 1))
                if parent >= 0:
                    sees[node] |= sees[parent]
            masks[i] = sees
    q = torch.randn(sum(news), groups * repeats, head_dim, generator=generator) * 2
    plan = AttentionPlan(news, contexts, [torch.tensor(table) for table in tables], masks)
    return RaggedBatch(q, k_pages, v_pages, plan, keys, values)


BIASES = st.sampled_from(["none", "slopes", "buckets"])


def bias_of(kind: str, heads: int) -> Slopes | Buckets | None:
    generator = torch.Generator().manual_seed(heads)
    if kind == "slopes":
        return Slopes(torch.rand(heads, generator=generator))
    return Buckets(2 * torch.randn(6, heads, generator=generator), 20) if kind == "buckets" else None


def dense(batch: RaggedBatch, window: int | None, bias: Slopes | Buckets | None) -> torch.Tensor:
    """Softmax(q k^T / sqrt D + bias) v in float64, one query and head after another."""
    plan, out = batch.plan, torch.zeros(batch.q.shape, dtype=torch.float64)
    if bias is not None:  # [distance, heads]
        added = torch.stack([bias.at(torch.tensor(behind)) for behind in range(max(plan.context_lengths))])
    row = 0
    for i, (new, context) in enumerate(zip(plan.query_lengths, plan.context_lengths, strict=True)):
        for j in range(new):
            position = context - new + j
            seen = list(range(position + 1))
            if i in plan.trees:
                seen = [*range(context - new), *(context - new + plan.trees[i][j].nonzero()[:, 0]).tolist()]
            seen = seen[-window:] if window else seen
            for head in range(batch.q.shape[1]):
                group = head * batch.keys[i].shape[1] // batch.q.shape[1]
                k, v = batch.keys[i][seen, group].double(), batch.values[i][seen, group].double()
                scores = k @ batch.q[row, head].double() / math.sqrt(k.shape[1])
                if bias is not None:
                    scores += added[: len(seen), head].flip(0).double()
                weights = (scores - scores.max()).exp()
                out[row, head] = weights @ v / weights.sum()
            row += 1
    return out


@pytest.mark.slow
@pytest.mark.parametrize("ops", IMPLEMENTATIONS)
@settings(max_examples=30)
@given(batch=ragged_batches(trees=False), window=st.none() | st.integers(1, 45), kind=BIASES)
def test_attention_is_dense_attention(ops, batch, window, kind):
    """Chunks of any length, shared pages, grouped heads, sliding windows; unwritten slots are never read."""
    bias = bias_of(kind, batch.q.shape[1])
    ours = ops.attention(batch.q, batch.k_pages, batch.v_pages, batch.plan, window, bias)
    torch.testing.assert_close(ours.double(), dense(batch, window, bias), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("ops", IMPLEMENTATIONS)
@settings(max_examples=30)
@given(batch=ragged_batches(trees=True), window=st.none() | st.integers(1, 45), kind=BIASES)
def test_attention_over_a_tree(ops, batch, window, kind):
    """A new token of a tree sees what was there before and its ancestors, and no sibling.

    With a window, the last of them: the path from the first token to this one is its sequence.
    """
    bias = bias_of(kind, batch.q.shape[1])
    ours = ops.attention(batch.q, batch.k_pages, batch.v_pages, batch.plan, window, bias)
    torch.testing.assert_close(ours.double(), dense(batch, window, bias), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("ops", IMPLEMENTATIONS)
@given(seed=st.integers(0, 2**32), tokens=st.integers(1, 9), pairs=st.integers(0, 4))
def test_rope_and_store(ops, seed, tokens, pairs):
    """Pairs (i, i + r/2) turn like complex numbers; k and v land in their slots and nothing else changes."""
    generator = torch.Generator().manual_seed(seed)
    heads, groups, head_dim, pages, page_size = 4, 2, 8, 5, 4
    q = torch.randn(tokens, heads, head_dim, generator=generator)
    k, v = torch.randn(2, tokens, groups, head_dim, generator=generator)
    angles = torch.rand(tokens, pairs, generator=generator) * 20 - 10
    cos_sin = (1.5 * angles.cos(), 1.5 * angles.sin()) if pairs else None
    k_pages, v_pages = torch.randn(2, pages, page_size, groups, head_dim, generator=generator)
    slots = torch.randperm(pages * page_size, generator=generator)[:tokens]
    before = [x.clone() for x in (q, k, v, k_pages, v_pages)]
    rotated = ops.rope_and_store(q, k, v, cos_sin, k_pages, v_pages, slots)

    def turned(x: torch.Tensor) -> torch.Tensor:
        if not pairs:
            return x
        turn = torch.polar(torch.full_like(angles, 1.5), angles)[:, None]
        pair = torch.complex(x[..., :pairs], x[..., pairs : 2 * pairs]) * turn
        return torch.cat((pair.real, pair.imag, x[..., 2 * pairs :]), -1)

    assert all(torch.equal(x, was) for x, was in zip((q, k, v), before, strict=False))
    torch.testing.assert_close(rotated, turned(q))
    torch.testing.assert_close(k_pages.flatten(0, 1)[slots], turned(k))
    assert torch.equal(v_pages.flatten(0, 1)[slots], v)
    others = torch.ones(pages * page_size, dtype=torch.bool)
    others[slots] = False
    for store, was in ((k_pages, before[3]), (v_pages, before[4])):
        assert torch.equal(store.flatten(0, 1)[others], was.flatten(0, 1)[others])
