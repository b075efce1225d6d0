"""Add a bias to tokens, or forbid them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ponder.sampling.parameter import Parameter
from ponder.sampling.step import Step

if TYPE_CHECKING:
    import torch

    from ponder.sampling.row import Row


def change(logits: torch.Tensor, row: Row, logit_bias: Mapping[int, float]) -> None:
    from ponder.sampling.processors import add_bias

    add_bias(logits, logit_bias)


STEP = Step(
    "logit_bias",
    "penalty",
    (Parameter("logit_bias", "other", {}, help="added to a token's logit"),),
    change,
    "OpenAI",
    kernel="logit_bias",
)
