"""A checkpoint's tensors into a `Transformer`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import torch

from ponder.checkpoints.checkpoint import Checkpoint
from ponder.checkpoints.config import ModelConfig
from ponder.checkpoints.layout import tensor_shapes
from ponder.errors import PonderWarning
from ponder.kernels import Linear, Norm, select_kernels
from ponder.models.transformer import Layer, Transformer, Weights
from ponder.positions import Specification, choose_positions


def load_transformer(
    checkpoint: Checkpoint,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    *,
    kernels: str | None = None,
    row_invariant: bool = False,
    positions: Specification | None = None,
    context: int | None = None,
) -> Transformer:
    """Read every tensor and build the model.

    Parameters
    ----------
    kernels : "native" or "reference"; by default native ones on the CPU where they are built.
    row_invariant : a sequence's logits are bitwise the same in any batch, however it was cut.
    positions : other positions than the checkpoint's; what may be asked for is in `ponder.positions.choose`.
    context : the most tokens of a text; by default what the checkpoint says, or the positions stretch it to.

    Raises
    ------
    UnsupportedError : `row_invariant` or native kernels on a device other than the CPU; positions that the
        kernels cannot give.
    ParameterError : no such positions, or they do not fit the model.
    """
    tensors = checkpoint.tensors
    config, chosen_positions = choose_positions(checkpoint.config, positions, device)
    if context is not None:
        config = replace(config, context_length=_chosen_context(config, context))
    shapes = tensor_shapes(config)
    matrices = (name for name, shape in shapes.items() if len(shape) == 2)
    exact = all(tensors.stored(name).kind in ("F32", "F16") for name in matrices)
    chosen = select_kernels(device, dtype, kernels, row_invariant=row_invariant, exact=exact)

    def read(name: str) -> Any:
        stored = tensors.stored(name)
        loaded = chosen.matrix(stored) if len(stored.shape) == 2 else chosen.vector(stored)
        tensors.release(name)
        return loaded

    # Native kernels repack a tensor in all threads; the others dequantise in one.
    workers = 1 if chosen.name == "native" else min(os.cpu_count() or 1, 8)
    with ThreadPoolExecutor(workers) as pool:
        loaded = dict(zip(shapes, pool.map(read, shapes), strict=True))
    embed, eps = loaded["embed.weight"], config.rms_norm_eps
    weights = Weights(
        embed=embed,
        layers=tuple(_layer(i, loaded.get, eps) for i in range(config.num_layers)),
        norm=Norm(loaded["norm.weight"], eps),
        lm_head=loaded.get("lm_head.weight", embed),
    )
    return Transformer(config, weights, chosen, device, chosen_positions)


def _chosen_context(config: ModelConfig, context: int) -> int:
    if context > config.context_length:
        warnings.warn(
            f"context = {context} is longer than the {config.context_length} tokens that the model was made "
            "for: what it writes beyond them may be poor",
            PonderWarning,
            stacklevel=3,
        )
    return context


def _layer(index: int, tensor: Callable[[str], Any], eps: float) -> Layer:
    def linear(name: str) -> Linear:
        weight = tensor(f"layers.{index}.{name}.weight")
        assert weight is not None, name
        return Linear(weight, tensor(f"layers.{index}.{name}.bias"))

    def norm(name: str) -> Norm:
        found = optional_norm(name)
        assert found is not None, name
        return found

    def optional_norm(name: str) -> Norm | None:
        weight = tensor(f"layers.{index}.{name}.weight")
        return None if weight is None else Norm(weight, eps)

    return Layer(
        attn_norm=norm("attn_norm"),
        q=linear("q"),
        k=linear("k"),
        v=linear("v"),
        o=linear("o"),
        q_norm=optional_norm("q_norm"),
        k_norm=optional_norm("k_norm"),
        mlp_norm=norm("mlp_norm"),
        gate=linear("gate"),
        up=linear("up"),
        down=linear("down"),
    )
