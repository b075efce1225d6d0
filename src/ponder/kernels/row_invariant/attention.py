"""Paged attention whose arithmetic for a query is fixed by the query's position.

A query attends over its context up to the end of the page it is in; what lies behind its own position
there is masked and weighs exactly zero. Queries in one page of a sequence are items of one batch, and the
fused kernel computes every item and key head by itself, so how many there are does not matter.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ponder.kernels.attention_plan import AttentionPlan


def attention(
    q: torch.Tensor, k_pages: torch.Tensor, v_pages: torch.Tensor, plan: AttentionPlan, window: int | None
) -> torch.Tensor:
    out = torch.empty_like(q)
    page_size = k_pages.shape[1]
    start = 0
    for row, (new, context) in enumerate(zip(plan.query_lengths, plan.context_lengths, strict=True)):
        queries, attended = q[start : start + new], out[start : start + new]
        keys, values = (
            store.index_select(0, plan.block_tables[row]).flatten(0, 1) for store in (k_pages, v_pages)
        )
        keys[context:], values[context:] = 0, 0  # the rest of the last page may hold anything
        cached = context - new
        if row in plan.trees:
            for node, sees in enumerate(plan.trees[row]):
                path = torch.cat((torch.arange(cached), cached + sees.nonzero().squeeze(1)))
                behind = (0, 0, 0, 0, 0, -len(path) % page_size)
                attended[node] = attend(
                    queries[node : node + 1],
                    F.pad(keys[path], behind),
                    F.pad(values[path], behind),
                    len(path) - 1,
                    window,
                )[0]
        else:
            for end in range((cached // page_size + 1) * page_size, context + page_size, page_size):
                first, last = max(cached, end - page_size), min(context, end)
                part = slice(first - cached, last - cached)
                attended[part] = attend(queries[part], keys[:end], values[:end], first, window)
        start += new
    return out


def attend(
    q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, first: int, window: int | None
) -> torch.Tensor:
    """Attention of q [R, H, D], at positions from `first` on, over keys and values [L, G, D] -> [R, H, D]."""
    rows, length, groups = q.shape[0], *keys.shape[:2]
    distance = torch.arange(first, first + rows)[:, None] - torch.arange(length)
    mask = distance >= 0
    if window is not None:
        mask &= distance < window
    keys, values = (x.transpose(0, 1).expand(rows, -1, -1, -1) for x in (keys, values))
    # The heads of a group are the queries of an item: they share its keys, and their number is fixed.
    grouped = q.unflatten(1, (groups, -1))
    return F.scaled_dot_product_attention(grouped, keys, values, attn_mask=mask[:, None, None]).flatten(1, 2)
