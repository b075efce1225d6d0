"""Keep tokens that are likely beside the likeliest.

keep i  iff  p_i >= min_p * max p
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ponder.sampling.parameter import ANY_SHARE, number
from ponder.sampling.step import Step

if TYPE_CHECKING:
    import torch

    from ponder.sampling.step import Context


def keep(probs: torch.Tensor, context: Context, min_p: float) -> torch.Tensor:
    from ponder.sampling import truncation

    return truncation.min_p(probs, min_p)


STEP = Step(
    "min_p",
    "truncation",
    (number("min_p", 0.0, ANY_SHARE, "keep tokens with >= min_p times the largest probability"),),
    keep,
    "arXiv 2407.01082",
    kernel="min_p",
)
