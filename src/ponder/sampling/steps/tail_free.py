"""Cut where the curve of falling probabilities has bent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ponder.sampling.parameter import SHARE_OVER_ZERO, number
from ponder.sampling.step import Step

if TYPE_CHECKING:
    import torch

    from ponder.sampling.step import Context


def keep(probs: torch.Tensor, context: Context, tfs: float) -> torch.Tensor:
    from ponder.sampling import truncation

    return truncation.tail_free(probs, tfs)


STEP = Step(
    "tail_free",
    "truncation",
    (number("tfs", 1.0, SHARE_OVER_ZERO, "tail-free sampling: cut where the curve has bent"),),
    keep,
    "Kobold's tail-free sampling",
    kernel="tail_free",
)
