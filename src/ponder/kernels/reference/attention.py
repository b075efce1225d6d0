"""Rotary positions and paged attention, one sequence after another."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F

from ponder.kernels.attention_plan import AttentionPlan
from ponder.positions import Buckets, CosSin, Slopes


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Turn pair (i, i + r/2) of x [T, heads, D] by its angle; dimensions from r on stay."""
    half = cos.shape[-1]
    cos, sin = cos[:, None, :], sin[:, None, :]
    first, second, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    return torch.cat((first * cos - second * sin, second * cos + first * sin, rest), dim=-1)


def rope_and_store(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    cos_sin: tuple[torch.Tensor, torch.Tensor] | None,
    k_pages: torch.Tensor,
    v_pages: torch.Tensor,
    slot_mapping: torch.Tensor,
) -> torch.Tensor:
    if cos_sin is not None:
        q, k = rotate(q, *cos_sin), rotate(k, *cos_sin)
    page_size = k_pages.shape[1]
    slots = slot_mapping // page_size, slot_mapping % page_size
    k_pages[slots], v_pages[slots] = k, v
    return q


def gathered(
    k_pages: torch.Tensor, v_pages: torch.Tensor, plan: AttentionPlan, cos_sin: CosSin
) -> tuple[torch.Tensor, torch.Tensor, AttentionPlan]:
    """Return each sequence's pages for itself, its keys rotated, and the plan over these pages.

    `cos_sin` are those of all tokens of each context, one sequence after another; pages are [P, B, G, D].
    """
    order = torch.cat(tuple(plan.block_tables))
    keys, values = k_pages[order], v_pages[order]
    tables, start, done = [], 0, 0
    for pages, context in zip(plan.block_tables, plan.context_lengths, strict=True):
        own = keys[start : start + len(pages)].view(-1, *keys.shape[2:])
        turns = (part[done : done + context] for part in cos_sin)
        own[:context] = rotate(own[:context], *turns)
        tables.append(torch.arange(start, start + len(pages), device=order.device))
        start, done = start + len(pages), done + context
    return keys, values, replace(plan, block_tables=tables)


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
        pages = plan.block_tables[row]
        keys, values = (
            store.index_select(0, pages).flatten(0, 1)[:context].transpose(0, 1)
            for store in (k_pages, v_pages)
        )
        tree = plan.trees.get(row)
        mask = visible(new, context, window, tree, q.device)
        if bias is not None:
            added = bias.at(distances(new, context, tree, q.device)).to(q.dtype)
            mask = added if mask is None else added.masked_fill(~mask, -torch.inf)
            mask = mask[None]
        heads = q[start : start + new].transpose(0, 1)
        attended = F.scaled_dot_product_attention(
            heads[None], keys[None], values[None], attn_mask=mask, enable_gqa=True
        )
        out[start : start + new] = attended[0].transpose(0, 1)
        start += new
    return out


def visible(
    new: int, context: int, window: int | None, tree: torch.Tensor | None, device: torch.device
) -> torch.Tensor | None:
    """Return [new, context] bool: which cached tokens each new token sees; None where it sees all."""
    if tree is None and new == 1 and (window is None or window >= context):
        return None
    distance = distances(new, context, None, device)
    mask = distance >= 0
    if tree is not None:
        mask[:, context - new :] = tree
        distance = distances(new, context, tree, device)
    return mask if window is None else mask & (distance < window)


def distances(new: int, context: int, tree: torch.Tensor | None, device: torch.device) -> torch.Tensor:
    """Return [new, context] int64: how many tokens before each new token each cached one lies.

    What a new token does not see may have any distance.
    """
    positions = torch.arange(context, device=device)
    if tree is not None:
        positions[context - new :] = context - new + tree.sum(1) - 1
    return positions[context - new :, None] - positions[None, :]
