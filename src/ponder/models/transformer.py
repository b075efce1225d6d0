"""A decoder-only transformer: Llama, SmolLM, Mistral and Qwen are settings of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ponder.checkpoints.config import ModelConfig
from ponder.kernels.ops import Ops
from ponder.models.batch import ForwardBatch
from ponder.positions import Rope


@dataclass(frozen=True, slots=True)
class Linear:
    """`weight` [out, in] and an optional `bias` [out]."""

    weight: torch.Tensor
    bias: torch.Tensor | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """The weights of one block."""

    attn_norm: torch.Tensor
    q: Linear
    k: Linear
    v: Linear
    o: Linear
    q_norm: torch.Tensor | None
    k_norm: torch.Tensor | None
    mlp_norm: torch.Tensor
    gate: Linear
    up: Linear
    down: Linear


@dataclass(frozen=True, slots=True)
class Weights:
    """All weights; `lm_head` is the embedding itself where the two are tied."""

    embed: torch.Tensor
    layers: tuple[Layer, ...]
    norm: torch.Tensor
    lm_head: torch.Tensor


class Transformer:
    """Token ids and a paged cache in, logits out."""

    def __init__(self, config: ModelConfig, weights: Weights, ops: Ops) -> None:
        self.config = config
        self.weights = weights
        self.ops = ops
        self.device = weights.embed.device
        self.dtype = weights.embed.dtype
        self.rope = Rope(config.rope, config.head_dim, self.device)

    @torch.inference_mode()
    def forward(self, batch: ForwardBatch, k_pages: torch.Tensor, v_pages: torch.Tensor) -> torch.Tensor:
        """Run the batch and return the logits of its `logit_rows`, [R, V] float32.

        `k_pages`, `v_pages` [layers, pages, page_size, kv_heads, head_dim] receive the new keys and values.
        """
        ops, eps = self.ops, self.config.rms_norm_eps
        cos_sin = self.rope.cos_sin(batch.positions, batch.plan.query_lengths, batch.reaches)
        x = ops.embed(self.weights.embed, batch.token_ids)
        for i, layer in enumerate(self.weights.layers):
            rotation = cos_sin if self.config.rope_layers[i] else None
            x = x + self._attend(
                i, layer, ops.rms_norm(x, layer.attn_norm, eps), rotation, batch, k_pages[i], v_pages[i]
            )
            x = x + self._feed_forward(layer, ops.rms_norm(x, layer.mlp_norm, eps))
        x = ops.rms_norm(x[batch.logit_rows], self.weights.norm, eps)
        return ops.linear(x, self.weights.lm_head, None).float()

    def _attend(
        self,
        index: int,
        layer: Layer,
        x: torch.Tensor,
        cos_sin: tuple[torch.Tensor, torch.Tensor] | None,
        batch: ForwardBatch,
        k_pages: torch.Tensor,
        v_pages: torch.Tensor,
    ) -> torch.Tensor:
        ops, head_dim = self.ops, self.config.head_dim
        q, k, v = (
            ops.linear(x, part.weight, part.bias).view(x.shape[0], -1, head_dim)
            for part in (layer.q, layer.k, layer.v)
        )
        if layer.q_norm is not None and layer.k_norm is not None:
            q = ops.rms_norm(q, layer.q_norm, self.config.rms_norm_eps)
            k = ops.rms_norm(k, layer.k_norm, self.config.rms_norm_eps)
        q = ops.rope_and_store(q, k, v, cos_sin, k_pages, v_pages, batch.slot_mapping)
        mixed = ops.attention(q, k_pages, v_pages, batch.plan, self.config.sliding_windows[index])
        return ops.linear(mixed.flatten(-2), layer.o.weight, layer.o.bias)

    def _feed_forward(self, layer: Layer, x: torch.Tensor) -> torch.Tensor:
        ops = self.ops
        gate = ops.linear(x, layer.gate.weight, layer.gate.bias)
        up = ops.linear(x, layer.up.weight, layer.up.bias)
        return ops.linear(ops.swiglu(gate, up), layer.down.weight, layer.down.bias)
