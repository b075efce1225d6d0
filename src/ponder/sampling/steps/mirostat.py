"""Keep the surprise of a text near a target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ponder.sampling.parameter import OVER_ZERO, SHARE_OVER_ZERO, Range, number, whole
from ponder.sampling.step import Step

if TYPE_CHECKING:
    import torch

    from ponder.sampling.step import Context


def keep(
    probs: torch.Tensor,
    context: Context,
    mirostat: int,
    mirostat_tau: float,
    mirostat_eta: float,
    *,
    drawn: bool = False,
) -> torch.Tensor:
    """Surprise is by the tempered probabilities, or by those that tokens were `drawn` with."""
    from ponder.sampling.mirostat import ceiling, mirostat_v1, mirostat_v2

    ceilings = [
        ceiling(
            (trace.truncated_logprob if drawn else trace.tempered_logprob for trace in row.traces),
            mirostat_tau,
            mirostat_eta,
        )
        for row in context.rows
    ]
    return mirostat_v1(probs, ceilings) if mirostat == 1 else mirostat_v2(probs, ceilings)


STEP = Step(
    "mirostat",
    "truncation",
    (
        whole(
            "mirostat",
            0,
            Range("0 (off), 1 or 2", 0, 2),
            "keep the surprise near mirostat_tau; version 1 or 2",
        ),
        number("mirostat_tau", 5.0, OVER_ZERO, "the surprise to aim at, in bits"),
        number("mirostat_eta", 0.1, SHARE_OVER_ZERO, "how fast it gets there"),
    ),
    keep,
    "arXiv 2007.14966",
    kernel="mirostat",
)
