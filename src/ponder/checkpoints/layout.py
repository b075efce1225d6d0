"""The names and shapes of the tensors a `ModelConfig` calls for; every reader checks against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ponder.checkpoints.config import ModelConfig
from ponder.checkpoints.fields import shown
from ponder.errors import CheckpointError


def tensor_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Return name -> shape for every tensor of the model, linear weights as [out, in].

    Rotary pairs are half-split. `lm_head.weight` is absent when the embeddings are tied.
    """
    hidden, q_size = config.hidden_size, config.num_heads * config.head_dim
    kv_size, inner = config.num_kv_heads * config.head_dim, config.intermediate_size
    shapes: dict[str, tuple[int, ...]] = {
        "embed.weight": (config.vocab_size, hidden),
        "norm.weight": (hidden,),
    }
    if not config.tie_embeddings:
        shapes["lm_head.weight"] = (config.vocab_size, hidden)
    for i in range(config.num_layers):
        layer = f"layers.{i}"
        linears = {
            "q": (q_size, hidden, config.qkv_bias),
            "k": (kv_size, hidden, config.qkv_bias),
            "v": (kv_size, hidden, config.qkv_bias),
            "o": (hidden, q_size, config.o_bias),
            "gate": (inner, hidden, config.mlp_bias),
            "up": (inner, hidden, config.mlp_bias),
            "down": (hidden, inner, config.mlp_bias),
        }
        for name, (rows, columns, bias) in linears.items():
            shapes[f"{layer}.{name}.weight"] = (rows, columns)
            if bias:
                shapes[f"{layer}.{name}.bias"] = (rows,)
        shapes[f"{layer}.attn_norm.weight"] = (hidden,)
        shapes[f"{layer}.mlp_norm.weight"] = (hidden,)
        if config.qk_norm:
            shapes[f"{layer}.q_norm.weight"] = (config.head_dim,)
            shapes[f"{layer}.k_norm.weight"] = (config.head_dim,)
    return shapes


def check_tensors(
    where: str,
    config: ModelConfig,
    found: Mapping[str, tuple[int, ...]],
    file_name: Callable[[str], str],
) -> None:
    """Check that a file holds the tensors of `config`, all of them and no others.

    Parameters
    ----------
    where
        The file's name, for the error.
    found
        The file's own tensor names -> shapes, linear weights as [out, in].
    file_name
        Turns ponder's name of a tensor into the file's.

    Raises
    ------
    CheckpointError
        A tensor is missing, has another shape, or is not part of the model.
    """
    expected = {file_name(name): shape for name, shape in tensor_shapes(config).items()}
    for name, shape in expected.items():
        if name not in found:
            raise CheckpointError(f"{where}: tensor {name} of shape {list(shape)} is missing")
        if found[name] != shape:
            raise CheckpointError(
                f"{where}: tensor {name} has shape {list(found[name])}, expected {list(shape)}"
            )
    for name in found:
        if name not in expected:
            raise CheckpointError(
                f"{where}: tensor {shown(name)} is not part of a supported {config.architecture} model"
            )
