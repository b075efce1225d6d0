"""Keep tokens that are likely beside the square of the likeliest.

keep i  iff  p_i >= a * (max p)^2
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ponder.sampling.parameter import ANY_SHARE, number
from ponder.sampling.step import Step

if TYPE_CHECKING:
    import torch

    from ponder.sampling.step import Context


def keep(probs: torch.Tensor, context: Context, top_a: float) -> torch.Tensor:
    from ponder.sampling import truncation

    return truncation.top_a(probs, top_a)


STEP = Step(
    "top_a",
    "truncation",
    (number("top_a", 0.0, ANY_SHARE, "keep tokens with >= a times the largest probability squared"),),
    keep,
    "KoboldAI",
    kernel="top_a",
)
