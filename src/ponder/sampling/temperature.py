"""How sharp a distribution is made."""

from __future__ import annotations

import torch

from ponder.sampling.softmax import softmax
from ponder.sampling.truncation import entropy


def cool(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """Divide [R, V] logits by a temperature; 0 leaves the largest alone, ties to the lowest id.

    The largest logit is subtracted first and the temperature held within float32, so that nothing overflows.
    """
    if temperature == 0:
        return greedy(logits)
    shifted = logits - logits.amax(-1, keepdim=True)
    return shifted / min(max(temperature, 1e-30), 1e30)


def greedy(logits: torch.Tensor) -> torch.Tensor:
    """Leave the largest logit of each row alone, at 0, ties to the lowest id."""
    return torch.full_like(logits, -torch.inf).scatter_(-1, logits.argmax(-1, keepdim=True), 0.0)


def temper_by_entropy(logits: torch.Tensor, low: float, high: float, exponent: float) -> torch.Tensor:
    """Choose each row's temperature by its entropy (dynamic temperature, as llama.cpp).

    low + (high - low) * (entropy / log of the number of tokens that are left) ** exponent.
    """
    left = logits.isfinite().sum(-1)
    highest = left.clamp(min=2).log()
    low, high = min(low, 1e30), min(high, 1e30)  # float32 overflows beyond: infinity times zero
    temperatures = low + (high - low) * (entropy(softmax(logits)).float() / highest).clamp(0, 1) ** exponent
    shifted = logits - logits.amax(-1, keepdim=True)
    cold = (temperatures == 0)[:, None]
    return torch.where(cold, greedy(logits), shifted / temperatures.clamp(1e-30, 1e30)[:, None])
