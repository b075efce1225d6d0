"""Exclude top choices: of the tokens over a threshold, now and then, only the least likely stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ponder.sampling.parameter import ANY_SHARE, number
from ponder.sampling.step import Step

if TYPE_CHECKING:
    import torch

    from ponder.sampling.step import Context


def keep(probs: torch.Tensor, context: Context, xtc_probability: float, xtc_threshold: float) -> torch.Tensor:
    from ponder.sampling import truncation

    return truncation.xtc(probs, xtc_threshold, excluded(context))


def excluded(context: Context) -> torch.Tensor:
    """Which rows exclude top choices: one roll a token. [R] bool."""
    import torch

    from ponder.sampling.rng import EXCLUSION, uniforms

    params, rows = context.params, context.rows
    rolls = uniforms(params.seed, [row.stream for row in rows], [len(row.output) for row in rows], EXCLUSION)
    return torch.from_numpy(rolls < params.xtc_probability).to(context.tempered.device)


STEP = Step(
    "xtc",
    "truncation",
    (
        number("xtc_probability", 0.0, ANY_SHARE, "how often the likeliest tokens but one are excluded"),
        number("xtc_threshold", 0.1, ANY_SHARE, "the probability from which a token can be excluded"),
    ),
    keep,
    "p-e-w, text-generation-webui #6335",
    kernel="xtc",
)
