"""Keep the k likeliest tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ponder.sampling.parameter import WHOLE_OFF_OR_MORE, whole
from ponder.sampling.step import Step

if TYPE_CHECKING:
    import torch

    from ponder.sampling.step import Context


def keep(probs: torch.Tensor, context: Context, top_k: int) -> torch.Tensor:
    from ponder.sampling import truncation

    return truncation.top_k(probs, top_k)


STEP = Step(
    "top_k",
    "truncation",
    (whole("top_k", 0, WHOLE_OFF_OR_MORE, "keep the k likeliest tokens; 0 keeps all"),),
    keep,
    "arXiv 1805.04833",
    kernel="top_k",
)
