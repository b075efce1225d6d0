"""Small checkpoints, written with the formats' own libraries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGMLQuantizationType as Type
from gguf import GGUFWriter, quants

HF_TO_GGUF = {
    "embed": "token_embd",
    "norm": "output_norm",
    "lm_head": "output",
    "q": "attn_q",
    "k": "attn_k",
    "v": "attn_v",
    "o": "attn_output",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
    "attn_norm": "attn_norm",
    "mlp_norm": "ffn_norm",
    "q_norm": "attn_q_norm",
    "k_norm": "attn_k_norm",
}
TOKENS = ["<unk>", "<s>", "</s>", "a", "b", "ab", "<|im_end|>", "<|eot_id|>"] + [f"t{i}" for i in range(8)]


def random_tensors(
    layers: int, hidden: int, heads: int, kv_heads: int, head_dim: int, ffn: int
) -> dict[str, Any]:
    """Tensors by ponder's names, half-split."""
    rng = np.random.default_rng(0)
    shapes = {"embed.weight": (len(TOKENS), hidden), "norm.weight": (hidden,)}
    for i in range(layers):
        shapes |= {
            f"layers.{i}.q.weight": (heads * head_dim, hidden),
            f"layers.{i}.k.weight": (kv_heads * head_dim, hidden),
            f"layers.{i}.v.weight": (kv_heads * head_dim, hidden),
            f"layers.{i}.o.weight": (hidden, heads * head_dim),
            f"layers.{i}.gate.weight": (ffn, hidden),
            f"layers.{i}.up.weight": (ffn, hidden),
            f"layers.{i}.down.weight": (hidden, ffn),
            f"layers.{i}.attn_norm.weight": (hidden,),
            f"layers.{i}.mlp_norm.weight": (hidden,),
        }
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def gguf_name(name: str) -> str:
    *layer, kind, suffix = name.split(".")
    return ".".join([*(["blk", layer[1]] if layer else []), HF_TO_GGUF[kind], suffix])


def hf_permute(weight: Any, heads: int) -> Any:
    """convert_hf_to_gguf.py's permutation of q and k."""
    return (
        weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
        .swapaxes(1, 2)
        .reshape(weight.shape)
    )


def write(
    path: Path,
    arch: str = "llama",
    *,
    layers: int = 1,
    hidden: int = 32,
    heads: int = 4,
    kv_heads: int = 2,
    head_dim: int = 8,
    ffn: int = 64,
    kind: Type = Type.F32,
    metadata: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    without: tuple[str, ...] = (),
    **options: Any,
) -> dict[str, Any]:
    """Write a GGUF file; return the bytes of its matrices (or floats of its vectors) by GGUF name.

    `metadata` adds, replaces or (None) removes keys; `extra` adds tensors by GGUF name.
    `options` are the writer's.
    """
    values: dict[str, Any] = {
        f"{arch}.block_count": layers,
        f"{arch}.context_length": 128,
        f"{arch}.embedding_length": hidden,
        f"{arch}.feed_forward_length": ffn,
        f"{arch}.attention.head_count": heads,
        f"{arch}.attention.head_count_kv": kv_heads,
        f"{arch}.attention.layer_norm_rms_epsilon": 1e-5,
        f"{arch}.attention.key_length": head_dim,
        f"{arch}.attention.value_length": head_dim,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": TOKENS,
        "tokenizer.ggml.token_type": [2, 3, 3, 1, 1, 1, 3, 3] + [1] * 8,
        "tokenizer.ggml.merges": ["a b"],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
    } | dict(metadata or {})
    writer = GGUFWriter(path, arch, **options)
    for key, value in values.items():
        if isinstance(value, bool):
            writer.add_bool(key, value)
        elif isinstance(value, int):
            (writer.add_uint32 if 0 <= value < 2**32 else writer.add_int64)(key, value)
        elif isinstance(value, float):
            writer.add_float32(key, value)
        elif isinstance(value, str):
            writer.add_string(key, value)
        elif value is not None:
            writer.add_array(key, value)
    written = {}
    tensors = {
        gguf_name(n): t for n, t in random_tensors(layers, hidden, heads, kv_heads, head_dim, ffn).items()
    }
    for name, tensor in (tensors | dict(extra or {})).items():
        if name in without:
            continue
        if tensor.ndim == 1 or kind == Type.F32:
            writer.add_tensor(name, tensor)
            written[name] = tensor
        else:
            written[name] = packed(tensor, kind)
            writer.add_tensor(name, written[name], raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return written


def packed(tensor: Any, kind: Type) -> Any:
    if kind.name.endswith("_K") or kind.name.startswith(("IQ", "NVFP4")):
        # The package cannot quantise these; any bytes are a valid tensor.
        shape = quants.quant_shape_to_byte_shape(tensor.shape, kind)
        return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    return quants.quantize(tensor, kind)


@pytest.fixture(scope="session")
def write_gguf() -> Callable[..., dict[str, Any]]:
    return write


@pytest.fixture
def permute() -> Callable[[Any, int], Any]:
    return hf_permute
