"""Divide logits by a temperature, which may follow the entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ponder.sampling.parameter import OFF_OR_MORE, OVER_ZERO, Range, number
from ponder.sampling.step import Step

if TYPE_CHECKING:
    import torch

    from ponder.sampling.step import Context


def temper(
    logits: torch.Tensor,
    context: Context,
    temperature: float,
    dynatemp_range: float,
    dynatemp_exponent: float,
) -> torch.Tensor:
    from ponder.sampling.temperature import cool, temper_by_entropy

    if dynatemp_range and temperature:
        low, high = max(0.0, temperature - dynatemp_range), temperature + dynatemp_range
        return temper_by_entropy(logits, low, high, dynatemp_exponent)
    return cool(logits, temperature)


STEP = Step(
    "temperature",
    "temperature",
    (
        number("temperature", 1.0, Range("a finite number, 0 or more", 0), "0 is greedy"),
        number(
            "dynatemp_range",
            0.0,
            OFF_OR_MORE,
            "let the temperature vary by so much up and down, with the entropy",
        ),
        number("dynatemp_exponent", 1.0, OVER_ZERO, "how the temperature follows the entropy"),
    ),
    temper,
    "llama.cpp (dynamic)",
    kernel="temperature",
)
