"""Which tokens stay: each rule takes rows of probabilities and returns the ones it keeps.

Rows are [R, V] float32, non-negative, summing to one; a result is [R, V] bool with at least one
True a row. Every rule orders tokens by falling probability, equal ones by rising token id, so what
is kept never depends on how something was sorted.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from ponder.sampling.row_sum import row_sum

LIKELY = 1e-4
"""Over this probability `top_p` looks first."""


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
    so only those are sorted; half of the bound is taken, against rounding. Mostly far fewer hold p, with all
    that are as likely as they are.
    """
    if p >= 1:
        return torch.ones_like(probs, dtype=torch.bool)
    keep = torch.zeros_like(probs, dtype=torch.bool)
    limits = p * row_sum(probs.double())
    bound = 0.5 * (1 - p) / probs.shape[-1]
    for row, row_keep, limit in zip(probs, keep, limits, strict=True):
        candidates = (row > LIKELY).nonzero().squeeze(-1)
        if bound < LIKELY and row[candidates].double().sum() <= limit * (1 + 1e-9):
            candidates = (row > bound).nonzero().squeeze(-1)
        ordered, order = row[candidates].double().sort(descending=True, stable=True)
        ahead = ordered.cumsum(0) - ordered
        row_keep[candidates[order[ahead < limit]]] = True
    return keep


def min_p(probs: torch.Tensor, p: float) -> torch.Tensor:
    """Keep a token iff its probability is >= p times the largest (arXiv 2407.01082)."""
    return probs >= p * probs.max(-1, keepdim=True).values


def typical(probs: torch.Tensor, mass: float) -> torch.Tensor:
    """Locally typical sampling (arXiv 2202.00666): tokens whose surprise is nearest to the entropy.

    In that order (ties by id) a token is kept iff the mass strictly ahead of it is < `mass`.
    """
    return in_order(oddness(probs), probs, lambda ahead, own: ahead < mass)


def oddness(probs: torch.Tensor) -> torch.Tensor:
    """How far each token's surprise is from the entropy, [R, V] float64."""
    return (-probs.double().log() - entropy(probs)[:, None]).abs()


def epsilon(probs: torch.Tensor, least: float) -> torch.Tensor:
    """Keep a token iff its probability is >= `least`; the likeliest stays (arXiv 2210.15191)."""
    return (probs >= least) | first(probs)


def eta(probs: torch.Tensor, cutoff: float) -> torch.Tensor:
    """Epsilon truncation with min(cutoff, sqrt(cutoff) * exp(-entropy)) (arXiv 2210.15191)."""
    least = torch.clamp(cutoff**0.5 * (-entropy(probs)).exp(), max=cutoff)[:, None]
    return (probs >= least) | first(probs)


def top_a(probs: torch.Tensor, a: float) -> torch.Tensor:
    """Keep a token iff its probability is >= a times the square of the largest (KoboldAI)."""
    return probs >= a * probs.amax(-1, keepdim=True) ** 2


def tail_free(probs: torch.Tensor, z: float) -> torch.Tensor:
    """Cut where the curve of falling probabilities has bent enough (tail-free sampling, Kobold's rule).

    The absolute second differences of the sorted probabilities, made to sum to one, are added up: token i > 0
    is kept iff those before it, up to its own, hold at most z. The last token is never kept, the first
    always."""
    if probs.shape[-1] < 3:
        return torch.ones_like(probs, dtype=torch.bool)
    ordered, order = probs.double().sort(dim=-1, descending=True, stable=True)
    bends = ordered.diff(dim=-1).diff(dim=-1).abs()
    total = bends.sum(-1, keepdim=True)
    straight = total == 0  # all the same: nothing is a tail
    held = torch.where(straight, 0.0, bends.cumsum(-1) / total.where(~straight, 1.0))
    kept = torch.ones_like(probs, dtype=torch.bool)
    kept[:, 1:-1] = held <= z
    kept[:, -1:] = straight
    return torch.zeros_like(kept).scatter_(-1, order, kept)


def top_n_sigma(logits: torch.Tensor, n: float) -> torch.Tensor:
    """Keep a token iff its logit is >= the largest - n standard deviations (arXiv 2411.07641).

    Of the population: the tokens that are still there. `logits` [R, V], -inf where one is not.
    """
    there = logits.isfinite()
    count = there.sum(-1, keepdim=True)
    values = torch.where(there, logits, 0.0).double()
    mean = values.sum(-1, keepdim=True) / count
    sigma = (torch.where(there, values - mean, 0.0).square().sum(-1, keepdim=True) / count).sqrt()
    return logits >= (values.where(there, -torch.inf).amax(-1, keepdim=True) - n * sigma)


def top_h(probs: torch.Tensor, h: float) -> torch.Tensor:
    """Keep the likeliest tokens as long as their share of the entropy is at most h (top-H, arXiv 2509.02510).

    A token's part of the entropy is -p log p; the first token stays.
    """
    ordered, order = probs.double().sort(dim=-1, descending=True, stable=True)
    held = torch.where(ordered > 0, -ordered * ordered.log(), 0.0).cumsum(-1)
    kept = held <= h * held[:, -1:]
    kept[:, 0] = True
    return torch.zeros_like(kept).scatter_(-1, order, kept)


def xtc(probs: torch.Tensor, threshold: float, excludes: torch.Tensor) -> torch.Tensor:
    """In rows that exclude, drop all tokens with probability >= `threshold` but the least likely of them.

    Exclude top choices (p-e-w, text-generation-webui #6335): what is left goes on coherently, since that
    token was likely as well. Of equal ones the highest id stays. `excludes` [R] bool.
    """
    likely = (probs >= threshold) & (probs > 0)
    order = probs.where(likely, torch.inf).flip(-1).argmin(-1)
    spared = torch.zeros_like(likely).scatter_(-1, (probs.shape[-1] - 1 - order)[:, None], True)
    return ~likely | spared | ~excludes[:, None]


def in_order(
    keys: torch.Tensor, probs: torch.Tensor, keep: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """Order each row by rising keys, ties by id, and keep what a rule says of (mass ahead, own mass)."""
    order = keys.sort(dim=-1, stable=True).indices
    own = probs.double().gather(-1, order)
    return torch.zeros_like(probs, dtype=torch.bool).scatter_(-1, order, keep(own.cumsum(-1) - own, own))


def first(probs: torch.Tensor) -> torch.Tensor:
    """The likeliest token of each row, ties to the lowest id."""
    return torch.zeros_like(probs, dtype=torch.bool).scatter_(-1, probs.argmax(-1, keepdim=True), True)


def entropy(probs: torch.Tensor) -> torch.Tensor:
    """Entropy in nats of [R, V] probabilities -> [R], float64."""
    exact = probs.double()
    return -torch.where(exact > 0, exact * exact.log(), 0.0).sum(-1)


def renormalise(probs: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Zero what is not kept and scale the rest to sum to one."""
    kept = torch.where(keep, probs, 0.0)
    return kept / row_sum(kept)[:, None]
