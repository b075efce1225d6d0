"""A checkpoint's tensors into a `Transformer`."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

from ponder.checkpoints.checkpoint import Checkpoint
from ponder.checkpoints.layout import tensor_shapes
from ponder.kernels.ops import select_ops
from ponder.models.transformer import Layer, Linear, Transformer, Weights


def load_transformer(
    checkpoint: Checkpoint,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    *,
    row_invariant: bool = False,
) -> Transformer:
    """Read every tensor (in parallel: dequantising is most of the work) and build the model.

    With `row_invariant`, a sequence's logits are bitwise the same in any batch, however it was cut.

    Raises
    ------
    UnsupportedError : `row_invariant` on a device other than the CPU.
    """
    config = checkpoint.config
    ops = select_ops(device, row_invariant=row_invariant)
    names = list(tensor_shapes(config))

    def read(name: str) -> torch.Tensor:
        return checkpoint.tensors.tensor(name).to(device=device, dtype=dtype)

    with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, 8)) as pool:
        tensors = dict(zip(names, pool.map(read, names), strict=True))
    embed = tensors["embed.weight"]
    weights = Weights(
        embed=embed,
        layers=tuple(_layer(i, tensors.get) for i in range(config.num_layers)),
        norm=tensors["norm.weight"],
        lm_head=tensors.get("lm_head.weight", embed),
    )
    return Transformer(config, weights, ops)


def _layer(index: int, tensor: Callable[[str], torch.Tensor | None]) -> Layer:
    def needed(name: str) -> torch.Tensor:
        value = tensor(f"layers.{index}.{name}.weight")
        assert value is not None, name
        return value

    def linear(name: str) -> Linear:
        return Linear(needed(name), tensor(f"layers.{index}.{name}.bias"))

    return Layer(
        attn_norm=needed("attn_norm"),
        q=linear("q"),
        k=linear("k"),
        v=linear("v"),
        o=linear("o"),
        q_norm=tensor(f"layers.{index}.q_norm.weight"),
        k_norm=tensor(f"layers.{index}.k_norm.weight"),
        mlp_norm=needed("mlp_norm"),
        gate=linear("gate"),
        up=linear("up"),
        down=linear("down"),
    )
