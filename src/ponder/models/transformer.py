"""A decoder-only transformer: Llama, SmolLM, Mistral and Qwen are settings of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ponder.checkpoints.config import ModelConfig
from ponder.kernels.batch import ForwardBatch
from ponder.kernels.cache import Cache
from ponder.kernels.layers import Linear, Norm
from ponder.kernels.ops import Kernels, Ops
from ponder.positions import CosSin, Positions, Rope


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
    positions : how it knows order.
    cache_dtype : what keys and values are kept as.
    page_bytes : the bytes of a page of its cache.
    weight_bytes : the bytes of all matrices in memory.
    """

    def __init__(
        self,
        config: ModelConfig,
        weights: Weights,
        kernels: Kernels,
        device: torch.device,
        positions: Positions | None = None,
    ) -> None:
        self.config = config
        self.weights = weights
        self.kernels = kernels
        self.device = device
        self.cache_dtype = kernels.cache_dtype
        self.weight_bytes = sum(map(kernels.nbytes, _matrices(weights)))
        self.page_bytes = kernels.page_bytes(config)
        self.positions = positions or Rope(config.rope, config.head_dim, device)
        self._forward = kernels.compile(self.define, config, self.positions)

    def define(self, ops: Ops) -> None:
        """The model."""
        config, weights, positions = self.config, self.weights, self.positions
        ops.embed(weights.embed)
        ops.exit(0)
        for i, layer in enumerate(weights.layers):
            ops.project(
                *(i, layer.attn_norm, layer.q, layer.k, layer.v, layer.q_norm, layer.k_norm),
                rotate=config.rope_layers[i] and positions.rotates != "never",
            )
            bias = positions.bias(i) if config.rope_layers[i] else None
            ops.attend(i, config.sliding_windows[i], bias)
            ops.add_projection(layer.o)
            ops.add_feed_forward(layer.mlp_norm, layer.gate, layer.up, layer.down)
            ops.exit(i + 1)
        ops.logits(weights.norm, weights.lm_head)

    @torch.inference_mode()
    def forward(self, batch: ForwardBatch, cache: Cache) -> torch.Tensor:
        """Run the batch and return the logits of its `logit_rows`, [R, V] float32.

        `cache`, from `new_cache`, receives the new keys and values.
        """
        cos_sin = self.positions.rotation(batch.positions, batch.plan.query_lengths, batch.reaches)
        keys = self._key_rotation(batch) if self.positions.rotates == "read" else None
        return self._forward(batch, cos_sin, cache, keys)

    def new_cache(self, num_pages: int) -> Cache:
        """Return so many pages for keys and values, which are not filled."""
        return self.kernels.cache(self.config, num_pages)

    def _key_rotation(self, batch: ForwardBatch) -> CosSin | None:
        """Return cos and sin of all tokens of each sequence's context."""
        plan, device = batch.plan, batch.positions.device
        positions: list[torch.Tensor] = []
        new_positions = torch.split(batch.positions, list(plan.query_lengths))
        for new, context in zip(new_positions, plan.context_lengths, strict=True):
            positions += torch.arange(context - len(new), device=device), new
        return self.positions.rotation(torch.cat(positions), plan.context_lengths, batch.reaches)

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
