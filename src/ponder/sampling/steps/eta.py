"""Keep tokens of at least a probability that follows the entropy, and the likeliest.

keep i  iff  p_i >= min(eta, sqrt(eta) * exp(-H(p)))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ponder.sampling.parameter import SHARE_UNDER_ONE, number
from ponder.sampling.step import Step

if TYPE_CHECKING:
    import torch

    from ponder.sampling.step import Context


def keep(probs: torch.Tensor, context: Context, eta_cutoff: float) -> torch.Tensor:
    from ponder.sampling import truncation

    return truncation.eta(probs, eta_cutoff)


STEP = Step(
    "eta",
    "truncation",
    (
        number(
            "eta_cutoff",
            0.0,
            SHARE_UNDER_ONE,
            "keep tokens of at least a probability that falls where the entropy is high",
        ),
    ),
    keep,
    "arXiv 2210.15191",
    kernel="eta",
)
