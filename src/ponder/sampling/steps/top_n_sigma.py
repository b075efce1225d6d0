"""Keep logits within n standard deviations of the largest.

keep i  iff  x_i >= max x - n * sigma(x)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ponder.sampling.parameter import OFF_OR_MORE, number
from ponder.sampling.step import Step

if TYPE_CHECKING:
    import torch

    from ponder.sampling.step import Context


def keep(logits: torch.Tensor, context: Context, top_n_sigma: float) -> torch.Tensor:
    from ponder.sampling import truncation

    return truncation.top_n_sigma(logits, top_n_sigma)


STEP = Step(
    "top_n_sigma",
    "truncation",
    (number("top_n_sigma", 0.0, OFF_OR_MORE, "keep logits within n standard deviations of the largest"),),
    keep,
    "arXiv 2411.07641",
    of_logits=True,
    kernel="top_n_sigma",
)
