"""Every published way to stretch rotary positions, each a function from a `RopeConfig` to frequencies.

A rule answers with `inv_freq` ([d/2] float32: radians per token of each pair) and the factor by which
cos and sin are multiplied (1 except for YaRN and LongRoPE). `length` is the longest position, plus
one, that the sequence may reach; only the dynamic rule and LongRoPE look at it. Frequencies are
computed in float32 in the order transformers 5 computes them, so that both agree to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from ponder.checkpoints.config import (
    DivisorScaling,
    DynamicScaling,
    LinearScaling,
    Llama3Scaling,
    LongRopeScaling,
    ProportionalScaling,
    RopeConfig,
    YarnScaling,
)


class Frequencies(NamedTuple):
    """`inv_freq` [d/2] float32; cos and sin are multiplied by `attention_factor`."""

    inv_freq: torch.Tensor
    attention_factor: float


def _powers(base: float, rotary_dim: int, denominator: int) -> torch.Tensor:
    """base ** (2 i / denominator) for i = 0 .. rotary_dim/2 - 1."""
    exponents = torch.arange(0, rotary_dim, 2, dtype=torch.float32) / denominator
    return torch.pow(base, exponents)


def plain(base: float, rotary_dim: int) -> torch.Tensor:
    """theta_i = base ** (-2i/d) (RoFormer, arXiv 2104.09864, section 3.2.2; i counts from 0)."""
    return 1.0 / _powers(base, rotary_dim, rotary_dim)


def linear(rope: RopeConfig, scaling: LinearScaling, head_dim: int, length: int) -> Frequencies:
    """theta / factor (position interpolation, arXiv 2306.15595)."""
    return Frequencies(plain(rope.base, rope.rotary_dim) / scaling.factor, 1.0)


def dynamic(rope: RopeConfig, scaling: DynamicScaling, head_dim: int, length: int) -> Frequencies:
    """base * (f L/L0 - (f-1)) ** (d/(d-2)) with L = max(length, L0) ("dynamic NTK", as in transformers)."""
    dim, factor = rope.rotary_dim, scaling.factor
    stretch = factor * max(length, scaling.original_context) / scaling.original_context - (factor - 1)
    return Frequencies(plain(rope.base * stretch ** (dim / (dim - 2)), dim), 1.0)


def llama3(rope: RopeConfig, scaling: Llama3Scaling, head_dim: int, length: int) -> Frequencies:
    """Wavelengths over L0/low divided by f, under L0/high kept, blended between (Llama 3.1's own code)."""
    theta = plain(rope.base, rope.rotary_dim)
    wavelength = 2 * math.pi / theta
    low, high, original = scaling.low_freq_factor, scaling.high_freq_factor, scaling.original_context
    smooth = (original / wavelength - low) / (high - low)
    blended = (1 - smooth) * theta / scaling.factor + smooth * theta
    scaled = torch.where(wavelength > original / low, theta / scaling.factor, theta)
    between = (wavelength >= original / high) & (wavelength <= original / low)
    return Frequencies(torch.where(between, blended, scaled), 1.0)


def yarn(rope: RopeConfig, scaling: YarnScaling, head_dim: int, length: int) -> Frequencies:
    """NTK-by-parts (arXiv 2309.00071, section 3.2) with its attention factor (section 3.4)."""
    dim, factor = rope.rotary_dim, scaling.factor

    def dimension_turning(rotations: float) -> float:
        return (
            dim * math.log(scaling.original_context / (rotations * 2 * math.pi)) / (2 * math.log(rope.base))
        )

    low, high = dimension_turning(scaling.beta_fast), dimension_turning(scaling.beta_slow)
    if scaling.truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, dim - 1)
    if low == high:
        high += 0.001
    ramp = ((torch.arange(dim // 2, dtype=torch.float32) - low) / (high - low)).clamp(0, 1)
    keep = 1 - ramp
    powers = _powers(rope.base, dim, dim)
    inv_freq = 1.0 / (factor * powers) * (1 - keep) + 1.0 / powers * keep
    return Frequencies(inv_freq, _yarn_attention_factor(scaling))


def _yarn_attention_factor(scaling: YarnScaling) -> float:
    def mscale(weight: float) -> float:
        return 0.1 * weight * math.log(scaling.factor) + 1.0 if scaling.factor > 1 else 1.0

    if scaling.attention_factor is not None:
        return scaling.attention_factor
    if scaling.mscale and scaling.mscale_all_dim:
        return mscale(scaling.mscale) / mscale(scaling.mscale_all_dim)
    return mscale(1.0)


def longrope(rope: RopeConfig, scaling: LongRopeScaling, head_dim: int, length: int) -> Frequencies:
    """theta_i / factor_i, long factors for `length` over L0; scale sqrt(1 + ln f / ln L0) (2402.13753)."""
    factors = scaling.long_factor if length > scaling.original_context else scaling.short_factor
    divisors = torch.tensor(factors, dtype=torch.float32)
    attention = scaling.attention_factor
    if attention is None:
        stretch = math.log(scaling.factor) / math.log(scaling.original_context) if scaling.factor > 1 else 0.0
        attention = math.sqrt(1 + stretch)
    return Frequencies(1.0 / (divisors * _powers(rope.base, rope.rotary_dim, rope.rotary_dim)), attention)


def proportional(rope: RopeConfig, scaling: ProportionalScaling, head_dim: int, length: int) -> Frequencies:
    """Exponents over head_dim; the head's other pairs get frequency zero (transformers 5, "proportional")."""
    inv_freq = torch.zeros(head_dim // 2)
    inv_freq[: rope.rotary_dim // 2] = 1.0 / _powers(rope.base, rope.rotary_dim, head_dim)
    return Frequencies(inv_freq / scaling.factor, 1.0)


def divisor(rope: RopeConfig, scaling: DivisorScaling, head_dim: int, length: int) -> Frequencies:
    """theta_i / divisor_i: GGUF's `rope_freqs.weight` (llama.cpp); llama3 scaling is already in it."""
    return Frequencies(plain(rope.base, rope.rotary_dim) / torch.tensor(scaling.divisors), 1.0)


_RULES: dict[type, Callable[[RopeConfig, Any, int, int], Frequencies]] = {
    LinearScaling: linear,
    DynamicScaling: dynamic,
    Llama3Scaling: llama3,
    YarnScaling: yarn,
    LongRopeScaling: longrope,
    ProportionalScaling: proportional,
    DivisorScaling: divisor,
}


def frequencies(rope: RopeConfig, head_dim: int, length: int) -> Frequencies:
    """Apply the rule of `rope.scaling` for sequences that may reach `length` tokens."""
    if rope.scaling is None:
        return Frequencies(plain(rope.base, rope.rotary_dim), 1.0)
    return _RULES[type(rope.scaling)](rope, rope.scaling, head_dim, length)


def regime(rope: RopeConfig, length: int) -> int:
    """Return a number equal for two lengths exactly when their frequencies are.

    Keys are cached after rotation, so a cached prefix may serve another sequence only in the same
    regime. Every rule but two has one regime.
    """
    match rope.scaling:
        case DynamicScaling(original_context=original):
            return max(length, original)
        case LongRopeScaling(original_context=original):
            return int(length > original)
        case _:
            return 0
