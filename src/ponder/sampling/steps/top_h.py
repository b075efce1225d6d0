"""Keep the likeliest tokens with a share of the entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ponder.sampling.parameter import SHARE_OVER_ZERO, number
from ponder.sampling.step import Step

if TYPE_CHECKING:
    import torch

    from ponder.sampling.step import Context


def keep(probs: torch.Tensor, context: Context, top_h: float) -> torch.Tensor:
    from ponder.sampling import truncation

    return truncation.top_h(probs, top_h)


STEP = Step(
    "top_h",
    "truncation",
    (number("top_h", 1.0, SHARE_OVER_ZERO, "keep the likeliest tokens with this share of the entropy"),),
    keep,
    "arXiv 2509.02510",
    kernel="top_h",
)
