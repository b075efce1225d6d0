"""Paged attention whose arithmetic for a query is fixed by the query's position.

A query attends over its context up to the end of the span of 16 positions it is in; what lies behind its
own position there is masked and weighs exactly zero. Queries in one span of a sequence are items of one
batch, and the fused kernel computes every item and key head by itself, so how many there are does not matter.
What could matter is where in memory an item lies: the matrix library adds in another order where data is not
aligned to 64 bytes. So heads, head size and context are padded to multiples that keep all of it aligned.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ponder.kernels.attention_plan import AttentionPlan
from ponder.positions import Buckets, Slopes

SPAN = 16  # positions, and elements of 4 bytes that fill 64


def attention(
    q: torch.Tensor,
    k_pages: torch.Tensor,
    v_pages: torch.Tensor,
    plan: AttentionPlan,
    window: int | None,
    bias: Slopes | Buckets | None = None,
) -> torch.Tensor:
    out = torch.empty_like(q)
    start = 0
    for row, (new, context) in enumerate(zip(plan.query_lengths, plan.context_lengths, strict=True)):
        queries, attended = q[start : start + new], out[start : start + new]
        keys, values = (
            store.index_select(0, plan.block_tables[row]).flatten(0, 1)[:context]
            for store in (k_pages, v_pages)
        )
        cached = context - new
        if row in plan.trees:
            for node, sees in enumerate(plan.trees[row]):
                path = torch.cat((torch.arange(cached), cached + sees.nonzero().squeeze(1)))
                part = slice(node, node + 1)
                attended[part] = attend(
                    queries[part], padded(keys[path]), padded(values[path]), len(path) - 1, window, bias
                )
        else:
            keys, values = padded(keys), padded(values)
            for span in range(cached // SPAN * SPAN, context, SPAN):
                first, end = max(cached, span), span + SPAN
                part = slice(first - cached, end - cached)
                attended[part] = attend(queries[part], keys[:end], values[:end], first, window, bias)
        start += new
    return out


def padded(x: torch.Tensor) -> torch.Tensor:
    """Zeros behind the positions and dimensions of x [L, G, D], up to whole spans of both."""
    return F.pad(x, (0, -x.shape[2] % SPAN, 0, 0, 0, -x.shape[0] % SPAN))


def attend(
    q: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    first: int,
    window: int | None,
    bias: Slopes | Buckets | None = None,
) -> torch.Tensor:
    """Attention of q [R, H, D], at positions from `first` on, over padded keys and values -> [R, H, D]."""
    (rows, heads, head_dim), (length, groups, padded_dim) = q.shape, keys.shape
    distance = torch.arange(first, first + rows)[:, None] - torch.arange(length)
    mask = distance >= 0
    if window is not None:
        mask &= distance < window
    # The heads of a group are the queries of an item: they share its keys, and their number is fixed.
    shared = heads // groups
    grouped = F.pad(q.view(rows, groups, shared, head_dim), (0, padded_dim - head_dim, 0, -shared % 8))
    if rows * groups == 1:  # a single product would go to all threads together, more to a thread each
        grouped = grouped.expand(2, -1, -1, -1)
    keys, values = (x.transpose(0, 1).expand(grouped.shape[0], -1, -1, -1) for x in (keys, values))
    mask = mask[:, None, None]
    if bias is not None:  # [heads, rows, length] -> [rows, groups, the group's heads and padding, length]
        added = bias.at(distance).to(q.dtype).transpose(0, 1).reshape(rows, groups, shared, length)
        mask = F.pad(added, (0, 0, 0, -shared % 8)).masked_fill(~mask, -torch.inf)
    attended = F.scaled_dot_product_attention(grouped, keys, values, attn_mask=mask, scale=head_dim**-0.5)
    return attended[:rows, :, :shared, :head_dim].flatten(1, 2)
