"""Mirostat: keep the surprise of a text near a target (Basu et al., ICLR 2021, arXiv 2007.14966).

`mu`, the most surprise in bits that the next token may have, follows from the tokens so far; nothing is kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch

from ponder.sampling.truncation import first, top_k

ESTIMATED_FROM = 100  # likeliest tokens, as the paper's code and llama.cpp have it
BITS = 1 / math.log(2)


def ceiling(logprobs: Iterable[float], tau: float, eta: float) -> float:
    """Return mu after tokens of these log-probabilities: 2 tau at first, then mu - eta (surprise - tau)."""
    mu = 2 * tau
    for logprob in logprobs:
        mu -= eta * (-logprob * BITS - tau)
    return mu


def mirostat_v1(probs: torch.Tensor, ceilings: list[float]) -> torch.Tensor:
    """Keep the k likeliest tokens, k by the Zipf exponent of the first hundred. [R, V] -> [R, V] bool."""
    kept = torch.empty_like(probs, dtype=torch.bool)
    for row, row_kept, mu in zip(probs, kept, ceilings, strict=True):
        row_kept.copy_(top_k(row[None], _zipf_k(row, mu))[0])
    return kept


def _zipf_k(probs: torch.Tensor, mu: float) -> int:
    """The k whose surprise is about mu, where the i-th likeliest token has a probability like i ** -s."""
    size = probs.shape[-1]
    top = probs.double().topk(min(ESTIMATED_FROM, size)).values
    top = top[top > 0]
    if len(top) < 2:
        return 1
    ranks = torch.arange(1, len(top), dtype=torch.float64)
    t = ((ranks + 1) / ranks).log()
    b = (top[:-1] / top[1:]).log().cpu()
    s = float((t * b).sum() / t.square().sum())
    excess = s - 1
    try:
        spread = excess / (1 - size**-excess) if excess else 1 / math.log(size)
        k = (spread * 2**mu) ** (1 / s)
    except (OverflowError, ZeroDivisionError):
        return size
    return max(1, min(size, int(k))) if isinstance(k, float) and math.isfinite(k) else size


def mirostat_v2(probs: torch.Tensor, ceilings: list[float]) -> torch.Tensor:
    """Keep tokens whose surprise in bits is at most mu, and the likeliest. [R, V] -> [R, V] bool."""
    # Under a negative mu, however low, nothing but the likeliest is kept.
    least = torch.tensor([2.0 ** -max(mu, -1.0) for mu in ceilings], dtype=torch.float64, device=probs.device)
    return (probs.double() >= least[:, None]) | first(probs)
