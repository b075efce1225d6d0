"""A llama written out in numpy, in float64: what the head reads after any number of layers.

Positions are the ordinary rotary ones, none, or a bias of scores that is given as a function.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ponder.checkpoints import ModelConfig
from tiny_models import RandomTensors

Floats = npt.NDArray[np.float64]


BiasOfHead = Callable[[int, int], float]
"""(head, how many tokens the key lies behind the query) -> what is added to the score."""


def alibi(heads: int) -> BiasOfHead:
    """The slopes of ALiBi as its paper tells them: a geometric sequence, and every second of a longer one."""

    def sequence(count: int) -> list[float]:
        first = 2 ** (-8 / count)
        return [first ** (i + 1) for i in range(count)]

    whole = 2 ** int(math.log2(heads))
    slopes = sequence(whole) + sequence(2 * whole)[::2]
    return lambda head, distance: -slopes[head] * distance


def t5(table: Floats, max_distance: int) -> BiasOfHead:
    """T5's buckets: half of them for single distances, the rest for ranges that grow by a factor."""
    buckets = len(table)
    half = buckets // 2

    def bucket(distance: int) -> int:
        if distance < half:
            return distance
        share = math.log(distance / half) / math.log(max_distance / half)
        # A bound between two buckets is in the upper one, whatever rounding says.
        return min(half + int(share * (buckets - half) + 1e-9), buckets - 1)

    return lambda head, distance: table[bucket(distance), head]


class PlainModel:
    """The model that `tiny_transformer(config, seed)` is.

    Without `rotary` nothing turns; `bias` is added to scores. No projection has a bias.
    """

    def __init__(
        self, config: ModelConfig, seed: int = 0, *, rotary: bool = True, bias: BiasOfHead | None = None
    ) -> None:
        self.config, self._rotary, self._bias = config, rotary, bias
        self._tensors = RandomTensors(config, seed)

    def weight(self, name: str) -> Floats:
        """A tensor of the model."""
        return self._tensors.tensor(f"{name}.weight").double().numpy()

    def logits(self, tokens: Sequence[int], layers: int | None = None, *, norm: bool = True) -> Floats:
        """The logits after each token and so many layers, [T, V]; without `norm` as the layers leave them."""
        head = "embed" if self.config.tie_embeddings else "lm_head"
        return self.states(tokens, layers, norm=norm) @ self.weight(head).T

    def states(self, tokens: Sequence[int], layers: int | None = None, *, norm: bool = True) -> Floats:
        """What the head reads after each token and so many layers, [T, C]."""
        x = self.weight("embed")[list(tokens)]
        for layer in range(self.config.num_layers if layers is None else layers):
            x = x + self._attention(layer, self._norm(x, f"layers.{layer}.attn_norm"))
            x = x + self._feed_forward(layer, self._norm(x, f"layers.{layer}.mlp_norm"))
        return self._norm(x, "norm") if norm else x

    def _norm(self, x: Floats, name: str) -> Floats:
        return self.weight(name) * x / np.sqrt((x * x).mean(-1, keepdims=True) + self.config.rms_norm_eps)

    def _attention(self, layer: int, x: Floats) -> Floats:
        config, places = self.config, np.arange(len(x))
        ahead = places[:, None] - places[None, :]
        window = config.sliding_windows[layer]
        seen = (ahead >= 0) & (ahead < (window or len(x)))

        def heads(name: str, count: int) -> Floats:
            whole = x @ self.weight(f"layers.{layer}.{name}").T
            return whole.reshape(len(x), count, config.head_dim).transpose(1, 0, 2)

        q, k, v = (
            heads("q", config.num_heads),
            heads("k", config.num_kv_heads),
            heads("v", config.num_kv_heads),
        )
        if config.rope_layers[layer] and self._rotary:
            q, k = self._rotated(q), self._rotated(k)
        shared = config.num_heads // config.num_kv_heads
        k, v = k.repeat(shared, 0), v.repeat(shared, 0)
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(config.head_dim)
        if self._bias is not None and config.rope_layers[layer]:
            for head, i, j in np.ndindex(*scores.shape):
                scores[head, i, j] += self._bias(head, max(i - j, 0))
        scores = np.where(seen, scores, -np.inf)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (weights / weights.sum(-1, keepdims=True)) @ v
        return mixed.transpose(1, 0, 2).reshape(len(x), -1) @ self.weight(f"layers.{layer}.o").T

    def _rotated(self, x: Floats) -> Floats:
        rope = self.config.rope
        half = rope.rotary_dim // 2
        angles = np.arange(x.shape[1])[:, None] * rope.base ** (-np.arange(half) / half)
        first, second, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
        turned = (
            first * np.cos(angles) - second * np.sin(angles),
            second * np.cos(angles) + first * np.sin(angles),
        )
        return np.concatenate((*turned, rest), -1)

    def _feed_forward(self, layer: int, x: Floats) -> Floats:
        gate, up = (x @ self.weight(f"layers.{layer}.{name}").T for name in ("gate", "up"))
        return (gate / (1 + np.exp(-gate)) * up) @ self.weight(f"layers.{layer}.down").T
