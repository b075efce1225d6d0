"""Add a sequence's bias to its last token where the text ends with the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ponder.sampling.parameter import Parameter
from ponder.sampling.step import Step

if TYPE_CHECKING:
    import torch

    from ponder.sampling.row import Row


def change(logits: torch.Tensor, row: Row, sequence_bias: Mapping[tuple[int, ...], float]) -> None:
    from ponder.sampling.processors import bias_sequences

    bias_sequences(logits, [*row.prompt, *row.output], sequence_bias)


STEP = Step(
    "sequence_bias",
    "penalty",
    (
        Parameter(
            "sequence_bias",
            "other",
            {},
            help="added to the last token's logit where the text ends with the others",
        ),
    ),
    change,
    "transformers",
    kernel="sequence_bias",
)
