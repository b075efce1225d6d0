"""Keep tokens of at least a probability, and the likeliest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ponder.sampling.parameter import SHARE_UNDER_ONE, number
from ponder.sampling.step import Step

if TYPE_CHECKING:
    import torch

    from ponder.sampling.step import Context


def keep(probs: torch.Tensor, context: Context, epsilon_cutoff: float) -> torch.Tensor:
    from ponder.sampling import truncation

    return truncation.epsilon(probs, epsilon_cutoff)


STEP = Step(
    "epsilon",
    "truncation",
    (number("epsilon_cutoff", 0.0, SHARE_UNDER_ONE, "keep tokens of at least this probability"),),
    keep,
    "arXiv 2210.15191",
    kernel="epsilon",
)
