"""Divide the positive and multiply the negative logits of tokens that were seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ponder.sampling.parameter import OVER_ZERO, WHOLE_ALL_OR_MORE, number, whole
from ponder.sampling.step import Step

if TYPE_CHECKING:
    import torch

    from ponder.sampling.row import Row


def change(logits: torch.Tensor, row: Row, repetition_penalty: float, penalty_range: int) -> None:
    penalise(logits, [*row.prompt, *row.output], repetition_penalty, penalty_range)


def penalise(logits: torch.Tensor, seen: Sequence[int], penalty: float, count: int) -> None:
    """Penalise the last `count` of the tokens that were seen; 0: all."""
    from ponder.sampling.processors import penalise_repetition

    penalise_repetition(logits, seen[-count:] if count else seen, penalty)


PENALTY_RANGE = whole(
    "penalty_range", None, WHOLE_ALL_OR_MORE, "how many of the last tokens the penalties look at"
)
STEP = Step(
    "repetition_penalty",
    "penalty",
    (
        number("repetition_penalty", 1.0, OVER_ZERO, "divide logits of tokens seen in prompt or output"),
        PENALTY_RANGE,
    ),
    change,
    "CTRL, arXiv 1909.05858",
    kernel="repetition_penalty",
)
