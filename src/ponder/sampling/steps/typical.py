"""Locally typical sampling: keep the tokens whose surprise is nearest to the entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ponder.sampling.parameter import SHARE_OVER_ZERO, number
from ponder.sampling.step import Step

if TYPE_CHECKING:
    import torch

    from ponder.sampling.step import Context


def keep(probs: torch.Tensor, context: Context, typical_p: float) -> torch.Tensor:
    from ponder.sampling import truncation

    return truncation.typical(probs, typical_p)


STEP = Step(
    "typical",
    "truncation",
    (
        number(
            "typical_p",
            1.0,
            SHARE_OVER_ZERO,
            "keep this mass of the tokens whose surprise is nearest to the entropy",
        ),
    ),
    keep,
    "arXiv 2202.00666",
    kernel="typical",
)
