"""Subtract frequency * count + presence from tokens that occur in the output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ponder.sampling.parameter import Range, number
from ponder.sampling.step import Step
from ponder.sampling.steps.repetition_penalty import PENALTY_RANGE

if TYPE_CHECKING:
    import torch

    from ponder.sampling.row import Row


def change(
    logits: torch.Tensor, row: Row, frequency_penalty: float, presence_penalty: float, penalty_range: int
) -> None:
    penalise(logits, row.output, frequency_penalty, presence_penalty, penalty_range)


def penalise(
    logits: torch.Tensor, seen: Sequence[int], frequency: float, presence: float, count: int
) -> None:
    """Penalise the last `count` of the tokens that were seen; 0: all."""
    from ponder.sampling.processors import penalise_counts

    penalise_counts(logits, seen[-count:] if count else seen, frequency, presence)


_RANGE = Range("a number from -2 to 2", -2, 2)
STEP = Step(
    "occurrence_penalties",
    "penalty",
    (
        number("frequency_penalty", 0.0, _RANGE, "subtracted per occurrence in the output"),
        number("presence_penalty", 0.0, _RANGE, "subtracted once for tokens in the output"),
        PENALTY_RANGE,
    ),
    change,
    "OpenAI",
    switches=("frequency_penalty", "presence_penalty"),
    kernel="occurrence_penalties",
)
