"""Nucleus sampling: keep the likeliest tokens until they hold a mass.

    keep i  iff  mass of the tokens ahead of i < p

of a row, p = min(max(top_p_floor, top_p * top_p_decay ** tokens of the sentence),
                  exp(-residual entropy / real_temperature))
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ponder.sampling.parameter import ANY_SHARE, OFF_OR_MORE, SHARE_OVER_ZERO, number
from ponder.sampling.step import Step

if TYPE_CHECKING:
    import torch

    from ponder.sampling.params import SamplingParams
    from ponder.sampling.row import Row
    from ponder.sampling.step import Context


def keep(
    probs: torch.Tensor,
    context: Context,
    top_p: float,
    real_temperature: float,
    top_p_decay: float,
    top_p_floor: float,
) -> torch.Tensor:
    import torch

    from ponder.sampling import truncation

    if top_p_decay == 1 and not real_temperature:
        return truncation.top_p(probs, top_p)
    ps = [nucleus(row, context.params) for row in context.rows]
    kept = [truncation.top_p(probs[i : i + 1], p) for i, p in enumerate(ps)]
    return torch.cat(kept) if kept else torch.ones_like(probs, dtype=torch.bool)


SMALLEST = 1e-300
"""The least top_p of a row: with 0 not even the likeliest token would stay."""


def nucleus(row: Row, params: SamplingParams) -> float:
    """The row's top_p.

    It decays along a sentence (factual-nucleus sampling, arXiv 2206.04624), and is narrow where a larger
    model would know better (REAL sampling, arXiv 2406.07735).
    """
    p = max(params.top_p_floor, params.top_p * params.top_p_decay**row.sentence)
    if params.real_temperature:
        p = min(p, math.exp(-row.residual / params.real_temperature))
    return max(p, SMALLEST)


STEP = Step(
    "top_p",
    "truncation",
    (
        number("top_p", 1.0, SHARE_OVER_ZERO, "keep a token iff the mass ahead of it is < p"),
        number("top_p_decay", 1.0, SHARE_OVER_ZERO, "multiplies top_p at each token of a sentence"),
        number("top_p_floor", 0.0, ANY_SHARE, "what top_p does not decay under"),
        number(
            "real_temperature",
            0.0,
            OFF_OR_MORE,
            "narrow top_p to exp(-residual entropy / this), as an entropy head tells it",
        ),
    ),
    keep,
    "arXiv 1904.09751; decay 2206.04624; residual entropy 2406.07735",
    switches=("top_p", "real_temperature"),
    kernel="top_p",
)
