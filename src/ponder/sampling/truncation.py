"""Which tokens stay: each rule takes rows of probabilities and returns the ones it keeps.

Rows are [R, V] float32, non-negative, summing to one; a result is [R, V] bool with at least one
True a row. Every rule orders tokens by falling probability, equal ones by rising token id, so what
is kept never depends on how something was sorted.
"""

from __future__ import annotations

import torch

from ponder.sampling.row_sum import row_sum


def top_k(probs: torch.Tensor, k: int) -> torch.Tensor:
    """Keep exactly the k first tokens (fewer only where the vocabulary is smaller); k = 0 keeps all."""
    if k == 0 or k >= probs.shape[-1]:
        return torch.ones_like(probs, dtype=torch.bool)
    threshold = probs.topk(k).values[:, -1:]
    above, level = probs > threshold, probs == threshold
    room = k - above.sum(-1, keepdim=True)
    if torch.equal(level.sum(-1, keepdim=True), room):  # no ties, as nearly always: no cumulative sum
        return above | level
    return above | (level & (level.cumsum(-1) <= room))


def top_p(probs: torch.Tensor, p: float) -> torch.Tensor:
    """Keep a token iff the mass strictly ahead of it is < p (nucleus sampling, arXiv 1904.09751).

    Only tokens with probability over (1-p)/V can be kept (all below that hold at most 1-p together),
    so only those are sorted; half of the bound is taken, against rounding.
    """
    if p >= 1:
        return torch.ones_like(probs, dtype=torch.bool)
    keep = torch.zeros_like(probs, dtype=torch.bool)
    limits = p * row_sum(probs.double())
    bound = 0.5 * (1 - p) / probs.shape[-1]
    for row, row_keep, limit in zip(probs, keep, limits, strict=True):
        candidates = (row > bound).nonzero().squeeze(-1)
        ordered, order = row[candidates].double().sort(descending=True, stable=True)
        ahead = ordered.cumsum(0) - ordered
        row_keep[candidates[order[ahead < limit]]] = True
    return keep


def min_p(probs: torch.Tensor, p: float) -> torch.Tensor:
    """Keep a token iff its probability is >= p times the largest (arXiv 2407.01082)."""
    return probs >= p * probs.max(-1, keepdim=True).values


def truncate(probs: torch.Tensor, k: int, p: float, minimum: float) -> torch.Tensor:
    """Top-k, then top-p, then min-p, renormalising between; return the kept tokens' new probabilities."""
    if k:
        probs = renormalise(probs, top_k(probs, k))
    if p < 1:
        probs = renormalise(probs, top_p(probs, p))
    if minimum > 0:
        probs = renormalise(probs, min_p(probs, minimum))
    return probs


def renormalise(probs: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Zero what is not kept and scale the rest to sum to one."""
    kept = torch.where(keep, probs, 0.0)
    return kept / row_sum(kept)[:, None]
