"""Which positions a model runs with: its checkpoint's, or others that somebody asked for."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Literal, get_args

import torch

from ponder.checkpoints.config import (
    DivisorScaling,
    DynamicScaling,
    LinearScaling,
    Llama3Scaling,
    LongRopeScaling,
    ModelConfig,
    RopeConfig,
    RopeScaling,
    YarnScaling,
)
from ponder.errors import ParameterError
from ponder.positions.protocol import Positions
from ponder.positions.rope import Rope
from ponder.positions.unrotated import Alibi, NoPositions, T5Bias

Specification = Literal["none", "alibi"] | RopeConfig | RopeScaling | Positions
"""What may be asked for: a scaling stretches the checkpoint's own rotary positions."""

ALLOWED = (
    "'none', 'alibi', a RopeConfig, a scaling such as YarnScaling(4.0, 8192), T5Bias(table), "
    "or an object with the methods of ponder.positions.Positions"
)


def choose_positions(
    config: ModelConfig, asked: Specification | None, device: torch.device
) -> tuple[ModelConfig, Positions]:
    """Return the positions that were asked for, and the model's config with them.

    None is what the checkpoint says. Where a scaling is asked for, the context grows to what it stretches to.

    Raises
    ------
    ParameterError : no such positions, or they do not fit the model.
    """
    match asked:
        case None:
            return config, Rope(config.rope, config.head_dim, device)
        case "none":
            return config, NoPositions()
        case "alibi":
            return config, Alibi(config.num_heads, device)
        case "t5":
            raise ParameterError("positions", asked, "T5Bias(table), with the table [buckets, heads] it adds")
        case RopeConfig():
            _check_rope(config, asked)
            return _with_rope(config, asked, device)
        case str():
            raise ParameterError("positions", asked, ALLOWED)
    if isinstance(asked, get_args(RopeScaling)):
        rope = replace(config.rope, scaling=asked)
        _check_rope(config, rope)
        return _with_rope(config, rope, device)
    if not all(hasattr(asked, name) for name in ("rotates", "rotated", "regime", "rotation", "bias")):
        raise ParameterError("positions", asked, ALLOWED)
    positions: Positions = asked.to(device) if isinstance(asked, T5Bias) else asked  # type: ignore[assignment]
    _check_biases(config, positions)
    return config, positions


def _with_rope(config: ModelConfig, rope: RopeConfig, device: torch.device) -> tuple[ModelConfig, Positions]:
    context = max(config.context_length, _stretched(config.context_length, rope.scaling))
    config = replace(config, rope=rope, context_length=context)
    return config, Rope(rope, config.head_dim, device)


def _stretched(context: int, scaling: RopeScaling | None) -> int:
    """Return the context that a scaling is made for."""
    match scaling:
        case LinearScaling(factor=factor):
            return int(context * factor)
        case (
            DynamicScaling(factor=factor, original_context=original)
            | Llama3Scaling(factor=factor, original_context=original)
            | YarnScaling(factor=factor, original_context=original)
            | LongRopeScaling(factor=factor, original_context=original)
        ):
            return int(original * factor)
    return context


def _check_biases(config: ModelConfig, positions: Positions) -> None:
    for layer in range(config.num_layers):
        bias = positions.bias(layer)
        if bias is not None and bias.num_heads != config.num_heads:
            allowed = f"a bias for the model's {config.num_heads} heads, and not for {bias.num_heads}"
            raise ParameterError("positions", positions, allowed)


def _check_rope(config: ModelConfig, rope: RopeConfig) -> None:
    most = config.head_dim
    if type(rope.rotary_dim) is not int or rope.rotary_dim % 2 or not 2 <= rope.rotary_dim <= most:
        raise ParameterError("positions", rope, f"a rotary_dim that is even and from 2 to {most}")
    if not _is_number(rope.base) or rope.base <= 1:
        raise ParameterError("positions", rope, "a base over 1")
    scaling = rope.scaling
    if scaling is None:
        return
    if not isinstance(scaling, get_args(RopeScaling)):
        raise ParameterError("positions", rope, "a scaling such as YarnScaling(4.0, 8192), or None")
    for field in fields(scaling):
        value = getattr(scaling, field.name)
        if isinstance(value, tuple):
            if len(value) != rope.rotary_dim // 2 or not all(_is_positive(number) for number in value):
                allowed = f"{rope.rotary_dim // 2} positive numbers as {field.name}"
                raise ParameterError("positions", scaling, allowed)
        elif not isinstance(value, bool | None) and not _is_positive(value):
            raise ParameterError("positions", scaling, f"a positive number as {field.name}")
    if isinstance(scaling, DynamicScaling) and rope.rotary_dim < 4:
        raise ParameterError("positions", scaling, "used with at least 4 rotated dimensions")
    if isinstance(scaling, Llama3Scaling) and scaling.low_freq_factor >= scaling.high_freq_factor:
        raise ParameterError("positions", scaling, "a high_freq_factor over low_freq_factor")
    if not isinstance(scaling, DivisorScaling) and getattr(scaling, "original_context", 2) < 2:
        raise ParameterError("positions", scaling, "an original_context of at least 2 tokens")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and _is_number(value) and value > 0
