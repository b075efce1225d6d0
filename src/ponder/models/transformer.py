"""A decoder-only transformer: Llama, SmolLM, Mistral and Qwen are settings of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ponder.checkpoints.config import ModelConfig
from ponder.kernels.batch import ForwardBatch
from ponder.kernels.layers import Linear, Norm
from ponder.kernels.ops import Kernels, Ops
from ponder.positions import Rope


@dataclass(frozen=True, slots=True)
class Layer:
    """The weights of one block."""

    attn_norm: Norm
    q: Linear
    k: Linear
    v: Linear
    o: Linear
    q_norm: Norm | None
    k_norm: Norm | None
    mlp_norm: Norm
    gate: Linear
    up: Linear
    down: Linear


@dataclass(frozen=True, slots=True)
class Weights:
    """All weights; `lm_head` is the embedding itself where the two are tied."""

    embed: Any
    layers: tuple[Layer, ...]
    norm: Norm
    lm_head: Any


class Transformer:
    """Token ids and a paged cache in, logits out.

    Attributes
    ----------
    device : where it runs.
    cache_dtype : what keys and values are kept as.
    weight_bytes : the bytes of all matrices in memory.
    """

    def __init__(self, config: ModelConfig, weights: Weights, kernels: Kernels, device: torch.device) -> None:
        self.config = config
        self.weights = weights
        self.kernels = kernels
        self.device = device
        self.cache_dtype = kernels.cache_dtype
        self.weight_bytes = sum(map(kernels.nbytes, _matrices(weights)))
        self.rope = Rope(config.rope, config.head_dim, device)
        self._forward = kernels.compile(self.define, config)

    def define(self, ops: Ops) -> None:
        """The model."""
        config, weights = self.config, self.weights
        ops.embed(weights.embed)
        ops.exit(0)
        for i, layer in enumerate(weights.layers):
            ops.project(
                *(i, layer.attn_norm, layer.q, layer.k, layer.v, layer.q_norm, layer.k_norm),
                rotate=config.rope_layers[i],
            )
            ops.attend(i, config.sliding_windows[i])
            ops.add_projection(layer.o)
            ops.add_feed_forward(layer.mlp_norm, layer.gate, layer.up, layer.down)
            ops.exit(i + 1)
        ops.logits(weights.norm, weights.lm_head)

    @torch.inference_mode()
    def forward(self, batch: ForwardBatch, k_pages: torch.Tensor, v_pages: torch.Tensor) -> torch.Tensor:
        """Run the batch and return the logits of its `logit_rows`, [R, V] float32.

        `k_pages`, `v_pages` [pages, layers, page_size, kv_heads, head_dim] receive the new keys and values.
        """
        cos_sin = self.rope.cos_sin(batch.positions, batch.plan.query_lengths, batch.reaches)
        return self._forward(batch, cos_sin, k_pages, v_pages)

    def take_times(self) -> dict[str, float]:
        """Return the seconds spent in each operation since this was last asked; {} on torch kernels."""
        return self._forward.take_times()


def _matrices(weights: Weights) -> list[Any]:
    """Every matrix once, also where two layers share it."""
    matrices = [weights.embed, weights.lm_head]
    for layer in weights.layers:
        linears = (layer.q, layer.k, layer.v, layer.o, layer.gate, layer.up, layer.down)
        matrices += [linear.weight for linear in linears]
    return list({id(matrix): matrix for matrix in matrices}.values())
