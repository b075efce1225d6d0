"""What a checkpoint says about its model, as plain values.

`positions/` turns a `RopeConfig` into frequencies and `models/` turns a
`ModelConfig` into a network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LinearScaling:
    """theta / factor (position interpolation, arXiv 2306.15595)."""

    factor: float


@dataclass(frozen=True, slots=True)
class DynamicScaling:
    """The base grows with the sequence ("dynamic NTK")."""

    factor: float
    original_context: int


@dataclass(frozen=True, slots=True)
class Llama3Scaling:
    """Long wavelengths divided by `factor`, short ones kept, a ramp between (Llama 3.1)."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_context: int


@dataclass(frozen=True, slots=True)
class YarnScaling:
    """NTK-by-parts with an attention factor (arXiv 2309.00071)."""

    factor: float
    original_context: int
    attention_factor: float | None = None
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    mscale: float | None = None
    mscale_all_dim: float | None = None
    truncate: bool = True


@dataclass(frozen=True, slots=True)
class LongRopeScaling:
    """Per-dimension divisors, one set up to the original context and one beyond (arXiv 2402.13753)."""

    short_factor: tuple[float, ...]
    long_factor: tuple[float, ...]
    original_context: int
    factor: float
    attention_factor: float | None = None


@dataclass(frozen=True, slots=True)
class ProportionalScaling:
    """Exponents count over the whole head; dimensions that are not rotated get frequency zero."""

    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class DivisorScaling:
    """theta divided elementwise: GGUF's `rope_freqs.weight`, shape [rotary_dim / 2]."""

    divisors: tuple[float, ...]


def stretched_context(trained: int, original: int, factor: float) -> int:
    """Return how many tokens a model takes whose positions are stretched by a factor.

    A file whose maximum is over the original context says the stretched one itself.
    """
    return int(original * factor) if trained <= original and factor > 1 else trained


RopeScaling = (
    LinearScaling
    | DynamicScaling
    | Llama3Scaling
    | YarnScaling
    | LongRopeScaling
    | ProportionalScaling
    | DivisorScaling
)


@dataclass(frozen=True, slots=True)
class RopeConfig:
    """Rotary positions: `theta_i = base ** (-2 i / rotary_dim)`, half-split pairs (i, i + rotary_dim/2)."""

    base: float
    rotary_dim: int
    scaling: RopeScaling | None = None


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The shape of one decoder-only transformer.

    `rope_layers[i]` is False for a layer without positions (SmolLM3's NoPE layers);
    `sliding_windows[i]` is how many tokens, itself included, a query of layer i sees (None: all).
    """

    architecture: str
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    rms_norm_eps: float
    context_length: int
    rope: RopeConfig
    rope_layers: tuple[bool, ...]
    sliding_windows: tuple[int | None, ...]
    qkv_bias: bool = False
    o_bias: bool = False
    mlp_bias: bool = False
    qk_norm: bool = False
    tie_embeddings: bool = False

    def attended(self, positions: Sequence[int]) -> int:
        """Return how many tokens those at some positions see, themselves among them, over all layers."""
        full = self.sliding_windows.count(None)
        seen = full * (sum(positions) + len(positions))
        for window in self.sliding_windows:
            if window is not None:
                seen += sum(min(position + 1, window) for position in positions)
        return seen
