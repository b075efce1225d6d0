"""Logits -> probabilities and log-probabilities.

    softmax(x)_i     = exp(x_i - max x) / S,    S = sum_j exp(x_j - max x)
    log_softmax(x)_i = x_i - max x - log S

Exponentials and results are float32, S is float64: torch's own sum over 49,152 float32 numbers is 3e-5 off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from ponder.sampling.row_sum import row_sum

SLAB = 64  # rows at a time: a dozen temporaries of [rows, V] should stay small, however many rows there are


def softmax(logits: torch.Tensor) -> torch.Tensor:
    """Probabilities of [R, V] logits, in new memory."""
    weights = (logits - logits.amax(-1, keepdim=True)).exp_()
    return weights.div_(row_sum(weights)[:, None])


def log_sums(logits: torch.Tensor) -> torch.Tensor:
    """Return log sum exp of rows [R, V] -> [R] float64, without a second [R, V]."""
    sums = []
    for part in torch.split(logits, SLAB):
        largest = part.amax(-1, keepdim=True)
        weights = (part - largest).exp_()
        sums.append(row_sum(weights.double()).log() + largest.squeeze(-1))
    return torch.cat(sums) if sums else torch.empty(0, dtype=torch.float64, device=logits.device)


def log_softmax(logits: torch.Tensor) -> torch.Tensor:
    """Log-probabilities of [R, V] logits, in new memory."""
    if not len(logits):
        return logits.clone()
    parts = zip(torch.split(logits, SLAB), torch.split(log_sums(logits)[:, None], SLAB), strict=True)
    return torch.cat([(part - own).to(logits.dtype) for part, own in parts])


def entropies(logits: torch.Tensor) -> torch.Tensor:
    """Entropy in nats of [R, V] logits -> [R] float64: log S - sum_j exp(x_j - max x) (x_j - max x) / S."""
    below = logits - logits.amax(-1, keepdim=True)
    weights = below.exp()
    sums = row_sum(weights.double())
    below.clamp_(min=torch.finfo(below.dtype).min)  # 0 * -inf would be NaN
    return sums.log() - row_sum(weights.mul_(below).double()) / sums


def certainties(logits: torch.Tensor) -> torch.Tensor:
    """KL(uniform || softmax) in nats of [R, V] logits -> [R] float64: log S + max x - mean x - log V."""
    size = logits.shape[-1]
    means = [row_sum(part).double() / size for part in torch.split(logits, SLAB)]
    return log_sums(logits) - torch.cat(means) - math.log(size)


def logprobs_of(logits: torch.Tensor, rows: Sequence[int], tokens: Sequence[int]) -> list[float]:
    """Return the log-probability of each token under the row of [R, V] logits that stands beside it.

    The same numbers as `log_softmax` has there.
    """
    if not tokens:
        return []
    places = torch.tensor(rows, device=logits.device), torch.tensor(tokens, device=logits.device)
    values: list[float] = (logits[places] - log_sums(logits)[places[0]]).to(logits.dtype).tolist()
    return values
