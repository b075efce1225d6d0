"""What is done to a row of logits before the temperature: penalties, bias, tokens that may not come yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import torch

FORBIDDING_BIAS = -100.0


def penalise_repetition(logits: torch.Tensor, seen: Sequence[int], penalty: float) -> None:
    """Divide the positive and multiply the negative logits of `seen` tokens (CTRL, arXiv 1909.05858).

    `logits` [V] is changed in place, like in every function here.
    """
    ids = torch.tensor(sorted(set(seen)), dtype=torch.int64, device=logits.device)
    values = logits[ids]
    bounds = torch.finfo(logits.dtype)
    penalty = min(max(penalty, bounds.tiny), bounds.max)  # 0 and infinity would make NaN of some logits
    logits[ids] = torch.where(values > 0, values / penalty, values * penalty)


def penalise_counts(logits: torch.Tensor, output: Sequence[int], frequency: float, presence: float) -> None:
    """Subtract frequency * count + presence from tokens that occur in the output (OpenAI's rule; as vLLM)."""
    counts = Counter(output)
    ids = torch.tensor(list(counts), dtype=torch.int64, device=logits.device)
    times = torch.tensor(list(counts.values()), dtype=logits.dtype, device=logits.device)
    logits[ids] -= frequency * times + presence


def add_bias(logits: torch.Tensor, bias: Mapping[int, float]) -> None:
    """Add each token's bias; -100 or less forbids the token (OpenAI's documented effect, made exact).

    `logits` may be rows, [R, V].
    """
    if bias:
        ids = torch.tensor(list(bias), dtype=torch.int64, device=logits.device)
        largest = torch.finfo(logits.dtype).max  # infinity would make NaN of a forbidden token
        added = [min(value, largest) if value > FORBIDDING_BIAS else -torch.inf for value in bias.values()]
        change = torch.tensor(added, dtype=logits.dtype, device=logits.device)
        logits[..., ids] = torch.where(change.isneginf(), change, logits[..., ids] + change)


def forbid(logits: torch.Tensor, tokens: Sequence[int]) -> None:
    """Make tokens impossible."""
    if tokens:
        logits[torch.tensor(tokens, dtype=torch.int64, device=logits.device)] = -torch.inf
