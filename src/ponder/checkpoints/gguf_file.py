"""GGUF files (versions 2 and 3) of llama-like models.

The header is read by our own bounded parser: a file is untrusted input, and the `gguf` package's
reader needs seconds for a vocabulary. Its tables and dequantisers stay the definition of the formats
(https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
"""

from __future__ import annotations

import math
import mmap
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from numpy.typing import NDArray

from ponder.checkpoints.checkpoint import TURN_ENDS, Checkpoint, GgufVocabulary, SpecialTokens
from ponder.checkpoints.config import (
    DivisorScaling,
    LinearScaling,
    LongRopeScaling,
    ModelConfig,
    RopeConfig,
    RopeScaling,
    YarnScaling,
    stretched_context,
)
from ponder.checkpoints.fields import Fields, refuse, sampling_defaults, shown
from ponder.checkpoints.layout import check_tensors
from ponder.checkpoints.stored import TENSOR_TYPES, StoredTensor, dequantize
from ponder.errors import CheckpointError
from ponder.hub.kinds import what_it_is

if TYPE_CHECKING:
    import torch

ARCHITECTURES = ("llama", "qwen2", "qwen3", "smollm3")

# The rows of q and k in these architectures hold rotary pairs as (2i, 2i + 1).
_INTERLEAVED = ("llama", "smollm3")
_NAMES = {
    "embed": "token_embd",
    "norm": "output_norm",
    "lm_head": "output",
    "q": "attn_q",
    "k": "attn_k",
    "v": "attn_v",
    "o": "attn_output",
    "q_norm": "attn_q_norm",
    "k_norm": "attn_k_norm",
    "attn_norm": "attn_norm",
    "mlp_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}
_ROPE_TENSORS = ("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight")
# Pre-tokenizers whose vocabulary starts a text with BOS although no metadata says so (llama.cpp).
_BOS_BY_DEFAULT = (
    *("llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "tekken"),
)
_UNUSED = 5
_SAMPLING = {
    "temperature": "general.sampling.temp",
    "top_p": "general.sampling.top_p",
    "top_k": "general.sampling.top_k",
    "min_p": "general.sampling.min_p",
    "repetition_penalty": "general.sampling.penalty_repeat",
}
# Fields that change the arithmetic in a way no supported model uses, and their neutral values.
_NEUTRAL: dict[str, tuple[object, ...]] = {
    "expert_count": (0,),
    "attention.causal": (True,),
    "attention.clamp_kqv": (0.0,),
    "attention.max_alibi_bias": (0.0,),
    "attention.scale": (0.0,),
    "attn_logit_softcapping": (0.0,),
    "final_logit_softcapping": (0.0,),
    "embedding_scale": (0.0, 1.0),
    "residual_scale": (0.0, 1.0),
    "logit_scale": (0.0, 1.0),
    "use_parallel_residual": (False,),
    "attention.sliding_window_pattern": (0,),
    "rope.dimension_sections": (0,),
    "rope.scale_linear": (0.0, 1.0),
    "rope.scaling.yarn_ext_factor": (-1.0, 1.0),
    "rope.scaling.yarn_attn_factor": (-1.0, 1.0),
}

# What ggml calls types that the gguf package does not know: removed ones, and newer ones.
_OTHER_TYPES = {
    4: "Q4_2",
    5: "Q4_3",
    31: "Q4_0_4_4",
    32: "Q4_0_4_8",
    33: "Q4_0_8_8",
    36: "IQ4_NL_4_4",
    37: "IQ4_NL_4_8",
    38: "IQ4_NL_8_8",
    42: "Q2_0",
}

_STRING, _ARRAY = 8, 9
# GGUF metadata type id -> struct format of one scalar; bool is one byte.
_SCALARS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_LENGTH = struct.Struct("<Q")
_PART = re.compile(r"(?P<name>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<ending>(\.gguf)?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Where one tensor lies in the mapped file `data`: `shape` as [out, in], `start` and `size` in bytes."""

    type: GGMLQuantizationType
    shape: tuple[int, ...]
    start: int
    size: int
    data: mmap.mmap


@dataclass(frozen=True, slots=True)
class GgufFile:
    """The parsed header of a mapped file, or of the parts of one; nothing of the tensors is read yet."""

    path: Path
    fields: Fields
    tensors: Mapping[str, TensorInfo]


def open_gguf(path: Path, name: str | None = None) -> Checkpoint:
    """Open a GGUF file as a `Checkpoint`; reads the header only.

    Parameters
    ----------
    path
        A GGUF file, version 2 or 3, little-endian; of a file in parts the first, with the others beside it.
    name
        The checkpoint's name; by default the file's, without its ending and the number of its part.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, or of an architecture or tensor type that is not supported.
    """
    file = read_parts(path)
    config = model_config(file)
    found = {n: info.shape for n, info in file.tensors.items() if n not in _ROPE_TENSORS}
    check_tensors(path.name, config, found, file_name)
    vocabulary = gguf_vocabulary(file.fields)
    return Checkpoint(
        name=name or _plain_name(path),
        path=path,
        config=config,
        vocabulary=vocabulary,
        special=special_tokens(file.fields, vocabulary),
        chat_template=file.fields.optional_text("tokenizer.chat_template"),
        tool_template=file.fields.optional_text("tokenizer.chat_template.tool_use"),
        generation_defaults=sampling_defaults(file.fields, _SAMPLING),
        tensors=GgufTensors(file, config),
    )


@dataclass(frozen=True, slots=True)
class GgufTensors:
    """The `TensorSource` of a GGUF file; any number of threads may read at once."""

    file: GgufFile
    config: ModelConfig

    def tensor(self, name: str) -> torch.Tensor:
        """Return a tensor, dequantised to float32; q and k rows become half-split."""
        import torch

        return torch.from_numpy(dequantize(self.stored(name)))

    def stored(self, name: str) -> StoredTensor:
        """Return a tensor as a view of the mapped file; q and k of interleaved models have `rows`."""
        kind, rows = name.split(".")[-2], None
        if kind in ("q", "k") and self.config.architecture in _INTERLEAVED:
            heads = self.config.num_heads if kind == "q" else self.config.num_kv_heads
            rows = half_split_rows(heads, self.config.head_dim, self.config.rope.rotary_dim)
        return stored_tensor(self.file, file_name(name), rows)

    def release(self, name: str) -> None:
        """Unload the pages of the mapping that hold the tensor and nothing else."""
        if hasattr(mmap, "MADV_DONTNEED"):
            info = self.file.tensors[file_name(name)]
            start = -(-info.start // mmap.PAGESIZE) * mmap.PAGESIZE
            end = (info.start + info.size) // mmap.PAGESIZE * mmap.PAGESIZE
            if start < end:
                info.data.madvise(mmap.MADV_DONTNEED, start, end - start)


def file_name(name: str) -> str:
    """Return the GGUF name of one of ponder's tensors: `layers.0.q.weight` -> `blk.0.attn_q.weight`."""
    *layer, kind, suffix = name.split(".")
    return ".".join((["blk", layer[1]] if layer else []) + [_NAMES[kind], suffix])


def half_split_rows(heads: int, head_dim: int, rotary_dim: int) -> NDArray[np.int64]:
    """Return the rows of an interleaved q or k in half-split order, shape [heads * head_dim].

    The rotary pair (2i, 2i + 1) of a head becomes (i, i + rotary_dim/2); rows past `rotary_dim` are
    not rotated and stay, so attention is the same whatever the part of the head that rotates.
    """
    head = np.arange(head_dim, dtype=np.int64)
    head[:rotary_dim] = head[:rotary_dim].reshape(-1, 2).T.reshape(-1)
    return (np.arange(heads, dtype=np.int64)[:, None] * head_dim + head).reshape(-1)


def stored_tensor(file: GgufFile, name: str, rows: NDArray[np.int64] | None = None) -> StoredTensor:
    """Return a tensor by its GGUF name, as a view of the mapping."""
    info = file.tensors[name]
    data = np.frombuffer(info.data, np.uint8, info.size, info.start)
    return StoredTensor(info.type.name, info.shape, data, rows)


def _plain_name(path: Path) -> str:
    part = _PART.fullmatch(path.name)
    name = path.name if part is None else part["name"]
    return name[: -len(".gguf")] if name.lower().endswith(".gguf") else name


def read_parts(path: Path) -> GgufFile:
    """Map a GGUF file and parse its header; of a file in parts, given by the first, the headers of all.

    Raises
    ------
    CheckpointError
        A part is missing, damaged, of another file, or given in place of the first.
    """
    first = read_header(path)
    where, count = path.name, first.fields.integer("split.count", 0, 2**16, default=1)
    if count <= 1:
        return first
    number = first.fields.integer("split.no", 0, count - 1, default=0)
    named = _PART.fullmatch(where)
    if named is None or int(named["count"]) != count:
        raise CheckpointError(
            f"{where}: it is part {number + 1} of {count}, and the parts of a file have names such as "
            f"model-{number + 1:05}-of-{count:05}.gguf"
        )

    def part(i: int) -> Path:
        return path.with_name(f"{named['name']}-{i + 1:05}-of-{named['count']}{named['ending']}")

    if number != 0:
        raise CheckpointError(f"{where}: it is part {number + 1} of {count}: give the first, {part(0).name}")
    tensors = dict(first.tensors)
    for i in range(1, count):
        if not part(i).is_file():
            raise CheckpointError(f"{where}: part {part(i).name} is missing beside it")
        other = read_header(part(i))
        for key, expected in (("split.no", i), ("split.count", count)):
            other.fields.integer(key, expected, expected)
        for name, info in other.tensors.items():
            if name in tensors:
                raise CheckpointError(f"{part(i).name}: tensor {shown(name)} is in an earlier part too")
            tensors[name] = info
    total = first.fields.integer("split.tensors.count", 0, 2**24, default=len(tensors))
    if total != len(tensors):
        raise CheckpointError(f"{where}: its {count} parts hold {len(tensors)} tensors, expected {total}")
    return GgufFile(path, first.fields, tensors)


def read_header(path: Path) -> GgufFile:
    """Map a GGUF file and parse its header.

    Memory and time are bounded by the file's size: every count is checked against the bytes that are
    left before anything is allocated for it.
    """
    where = path.name
    try:
        with path.open("rb") as handle:
            data = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{where}: cannot be read as a file ({error})") from None
    cursor = _Cursor(where, data)
    if data[:4] != b"GGUF":
        other = what_it_is(path)
        if other is not None:
            raise CheckpointError(f"{where} is {other}")
        raise refuse(where, "magic", data[:4], "a GGUF file starts with b'GGUF'")
    cursor.position = 4
    version = cursor.number("<I", "version")
    if version not in (2, 3):
        swapped = int.from_bytes(int(version).to_bytes(4, "little"), "big") in (2, 3)
        allowed = "little-endian files; this one is big-endian" if swapped else "versions 2 and 3"
        raise refuse(where, "version", version, allowed)
    tensor_count = cursor.count("tensor count", smallest=8 + 4 + 8 + 4 + 8, most=2**16)
    metadata_count = cursor.count("metadata count", smallest=8 + 4 + 1, most=2**16)
    values: dict[str, object] = {}
    for _ in range(metadata_count):
        key = cursor.string("a metadata key")
        if key in values:
            raise CheckpointError(f"{where}: metadata key {shown(key)} occurs twice")
        values[key] = cursor.value(key)
    fields = Fields(where, values)
    alignment = fields.integer("general.alignment", 1, 2**31, default=32)
    if alignment & (alignment - 1):
        raise refuse(where, "general.alignment", alignment, "a power of two")
    described = [cursor.tensor() for _ in range(tensor_count)]
    start = -(-cursor.position // alignment) * alignment
    tensors: dict[str, TensorInfo] = {}
    for tensor_name, info in described:
        if tensor_name in tensors:
            raise CheckpointError(f"{where}: tensor {shown(tensor_name)} occurs twice")
        if info.start % alignment:
            raise refuse(
                where,
                f"offset of tensor {tensor_name}",
                info.start,
                f"a multiple of the alignment {alignment}",
            )
        if start + info.start + info.size > len(data):
            raise CheckpointError(
                f"{where}: tensor {shown(tensor_name)} ends at byte {start + info.start + info.size}, "
                f"the file has {len(data)}; it is truncated or damaged"
            )
        tensors[tensor_name] = replace(info, start=start + info.start)
    return GgufFile(path, fields, tensors)


class _Cursor:
    """A position in the header; every read checks that its bytes exist."""

    __slots__ = ("data", "position", "where")

    def __init__(self, where: str, data: mmap.mmap) -> None:
        self.where = where
        self.data = data
        self.position = 0

    def take(self, size: int, what: str) -> int:
        start = self.position
        if size > len(self.data) - start:
            raise CheckpointError(
                f"{self.where}: {shown(what)} needs {size} bytes at byte {start}, "
                f"the file has {len(self.data)}; it is truncated or damaged"
            )
        self.position = start + size
        return start

    def number(self, layout: str, what: str) -> int | float | bool:
        start = self.take(struct.calcsize(layout), what)
        return struct.unpack_from(layout, self.data, start)[0]  # type: ignore[no-any-return]

    def count(self, what: str, smallest: int, most: int = 2**63) -> int:
        count = int(self.number("<Q", what))
        most = min(most, (len(self.data) - self.position) // smallest)
        if count > most:
            raise refuse(self.where, what, count, f"at most {most} in a file of {len(self.data)} bytes")
        return count

    def string(self, what: str) -> str:
        return self.strings(1, what)[0]

    def strings(self, count: int, what: str) -> list[str]:
        # The loop of a vocabulary: about 100,000 rounds, so it checks bounds inline.
        data, position, end, length_at = self.data, self.position, len(self.data), _LENGTH.unpack_from
        strings = []
        try:
            for _ in range(count):
                (length,) = length_at(data, position)
                position += 8 + length
                if position > end:
                    raise CheckpointError(
                        f"{self.where}: {shown(what)} has a string of {length} bytes, the file has {end}; "
                        "it is truncated or damaged"
                    )
                strings.append(data[position - length : position].decode())
        except struct.error:
            raise CheckpointError(f"{self.where}: the file ends within {shown(what)}") from None
        except UnicodeDecodeError as error:
            raise CheckpointError(f"{self.where}: {shown(what)} is not UTF-8 ({error.reason})") from None
        self.position = position
        return strings

    def value(self, key: str) -> object:
        kind = self.number("<I", f"type of {key}")
        if kind == _STRING:
            return self.string(key)
        if kind in _SCALARS:
            return self.number(_SCALARS[int(kind)], key)
        if kind != _ARRAY:
            raise refuse(self.where, f"type of {key}", kind, "GGUF metadata types 0 to 12")
        kind = self.number("<I", f"element type of {key}")
        if kind == _STRING:
            return self.strings(self.count(f"length of {key}", smallest=8), key)
        if kind not in _SCALARS:
            raise refuse(
                self.where, f"element type of {key}", kind, "strings and scalars; arrays do not nest"
            )
        dtype = np.dtype(_SCALARS[int(kind)])
        count = self.count(f"length of {key}", smallest=dtype.itemsize)
        # A view of the mapping: an array of any length costs nothing until it is asked for.
        return np.frombuffer(self.data, dtype, count, self.take(count * dtype.itemsize, key))

    def tensor(self) -> tuple[str, TensorInfo]:
        name = self.string("a tensor name")
        ndim = int(self.number("<I", f"dimension count of {name}"))
        if not 1 <= ndim <= 4:
            raise refuse(self.where, f"dimension count of {name}", ndim, "1 to 4")
        dims = struct.unpack_from(f"<{ndim}Q", self.data, self.take(8 * ndim, f"dimensions of {name}"))
        if not all(1 <= dim < 2**40 for dim in dims) or math.prod(dims) >= 2**48:
            raise refuse(
                self.where, f"dimensions of {name}", list(dims), "positive, below 2**48 elements together"
            )
        type_id = int(self.number("<I", f"type of {name}"))
        kind = next((t for t in GGMLQuantizationType if t == type_id), None)
        if kind is None or kind.name not in TENSOR_TYPES:
            found = _OTHER_TYPES.get(type_id, type_id) if kind is None else kind.name
            raise refuse(self.where, f"type of tensor {name}", found, ", ".join(TENSOR_TYPES))
        block, block_bytes = GGML_QUANT_SIZES[kind]
        if dims[0] % block:
            raise refuse(
                self.where, f"row length of {name}", dims[0], f"a multiple of {block} for {kind.name}"
            )
        offset = int(self.number("<Q", f"offset of {name}"))
        size = math.prod(dims) // block * block_bytes
        return name, TensorInfo(kind, tuple(reversed(dims)), offset, size, self.data)


def model_config(file: GgufFile) -> ModelConfig:
    """Return the configuration that a file's metadata and tensor names describe."""
    fields, where = file.fields, file.fields.where
    arch = fields.text("general.architecture")
    if arch not in ARCHITECTURES:
        raise refuse(where, "general.architecture", arch, ", ".join(ARCHITECTURES))
    for key, neutral in _NEUTRAL.items():
        value = fields.values.get(f"{arch}.{key}")
        if value is not None and not (type(value) in (bool, int, float) and value in neutral):
            raise refuse(where, f"{arch}.{key}", value, f"absent or {neutral[0]} in a supported model")
    layers = fields.integer(f"{arch}.block_count", 1, 1000)
    hidden = fields.integer(f"{arch}.embedding_length", 1, 2**20)
    heads = fields.integer(f"{arch}.attention.head_count", 1, 2**12)
    kv_heads = fields.integer(f"{arch}.attention.head_count_kv", 1, heads, default=heads)
    if heads % kv_heads:
        raise refuse(where, f"{arch}.attention.head_count_kv", kv_heads, f"a divisor of the {heads} heads")
    if f"{arch}.attention.key_length" not in fields.values and hidden % heads:
        raise refuse(where, f"{arch}.attention.head_count", heads, f"a divisor of the hidden size {hidden}")
    head_dim = fields.integer(f"{arch}.attention.key_length", 2, 2**12, default=hidden // heads)
    fields.integer(f"{arch}.attention.value_length", head_dim, head_dim, default=head_dim)
    context = fields.integer(f"{arch}.context_length", 1, 2**31)
    rope = _rope_config(file, arch, head_dim, context)
    window = fields.integer(f"{arch}.attention.sliding_window", 0, 2**31, default=0) or None
    return ModelConfig(
        architecture=arch,
        vocab_size=len(_strings(fields, "tokenizer.ggml.tokens")),
        hidden_size=hidden,
        intermediate_size=fields.integer(f"{arch}.feed_forward_length", 1, 2**24),
        num_layers=layers,
        num_heads=heads,
        num_kv_heads=kv_heads,
        head_dim=head_dim,
        rms_norm_eps=fields.number(f"{arch}.attention.layer_norm_rms_epsilon", 0.0, 1.0),
        context_length=_context_length(fields, arch, rope, context),
        rope=rope,
        rope_layers=tuple(arch != "smollm3" or (i + 1) % 4 != 0 for i in range(layers)),
        sliding_windows=(window,) * layers,
        qkv_bias=arch == "qwen2" or "blk.0.attn_q.bias" in file.tensors,
        o_bias="blk.0.attn_output.bias" in file.tensors,
        mlp_bias="blk.0.ffn_down.bias" in file.tensors,
        qk_norm=arch == "qwen3",
        tie_embeddings="output.weight" not in file.tensors,
    )


def _context_length(fields: Fields, arch: str, rope: RopeConfig, trained: int) -> int:
    """The longest sequence: what `context_length` says, or what linear, YaRN or LongRoPE make of it."""
    if not isinstance(rope.scaling, LinearScaling | YarnScaling | LongRopeScaling):
        return trained
    prefix = f"{arch}.rope.scaling"
    factor = fields.number(f"{prefix}.factor", 0.0, 1e6, default=1.0)
    original = fields.integer(f"{prefix}.original_context_length", 2, 2**31, default=trained)
    return stretched_context(trained, original, factor)


def _rope_config(file: GgufFile, arch: str, head_dim: int, context: int) -> RopeConfig:
    fields = file.fields
    rotary_dim = fields.integer(f"{arch}.rope.dimension_count", 2, head_dim, default=head_dim)
    if rotary_dim % 2:
        raise refuse(fields.where, f"{arch}.rope.dimension_count", rotary_dim, "an even number")
    base = fields.number(f"{arch}.rope.freq_base", 2.0, 1e15, default=10000.0)
    return RopeConfig(base, rotary_dim, _rope_scaling(file, arch, rotary_dim, context))


def _rope_scaling(file: GgufFile, arch: str, rotary_dim: int, context: int) -> RopeScaling | None:
    """Return what llama.cpp would do: a factor without a type is linear, divisors come on top of it."""
    fields, prefix = file.fields, f"{arch}.rope.scaling"
    kind = fields.text(f"{prefix}.type", default="linear")
    factor = fields.number(f"{prefix}.factor", 0.0, 1e6, default=0.0) or 1.0
    factor = 1.0 if kind == "none" else factor
    original = fields.integer(f"{prefix}.original_context_length", 2, 2**31, default=context)
    attention = fields.number(f"{prefix}.attn_factor", 1e-3, 1e3, default=1.0)
    allowed = "none, linear, yarn, longrope"
    if kind not in allowed.split(", "):
        raise refuse(fields.where, f"{prefix}.type", kind, allowed)
    divisors = _divisors(file, "rope_freqs.weight", rotary_dim)
    long = _divisors(file, "rope_factors_long.weight", rotary_dim)
    short = _divisors(file, "rope_factors_short.weight", rotary_dim)
    if (long is None) != (short is None) or (kind == "longrope" and long is None):
        raise CheckpointError(f"{fields.where}: longrope needs both rope_factors_long and rope_factors_short")
    if long is not None and short is not None:
        if kind == "yarn" or divisors is not None:
            raise CheckpointError(
                f"{fields.where}: longrope factors cannot be combined with another rope scaling"
            )
        short, long = (tuple(d * factor for d in divisors) for divisors in (short, long))
        return LongRopeScaling(short, long, original, context / original, attention)
    if kind == "yarn":
        if divisors is not None:
            raise CheckpointError(f"{fields.where}: rope_freqs.weight cannot be combined with yarn scaling")
        multiplier = fields.number(f"{prefix}.yarn_log_multiplier", 0.0, 1e3, default=0.0)
        log_factor = 0.1 * math.log(factor) if factor > 1 else 0.0
        return YarnScaling(
            factor=factor,
            original_context=original,
            # llama.cpp: attn_factor multiplies yarn's own factor, where transformers' replaces it.
            attention_factor=attention * (1 + log_factor) / (1 + multiplier * log_factor),
            beta_fast=fields.number(f"{prefix}.yarn_beta_fast", 1e-3, 1e6, default=32.0),
            beta_slow=fields.number(f"{prefix}.yarn_beta_slow", 1e-3, 1e6, default=1.0),
        )
    if divisors is not None:
        return DivisorScaling(tuple(d * factor for d in divisors))
    return LinearScaling(factor) if factor != 1.0 else None


def _divisors(file: GgufFile, name: str, rotary_dim: int) -> tuple[float, ...] | None:
    if name not in file.tensors:
        return None
    shape = file.tensors[name].shape
    if shape != (rotary_dim // 2,):
        raise CheckpointError(
            f"{file.fields.where}: tensor {name} has shape {list(shape)}, expected {[rotary_dim // 2]}"
        )
    values = dequantize(stored_tensor(file, name))
    if not (np.isfinite(values) & (values > 0)).all():
        raise CheckpointError(
            f"{file.fields.where}: tensor {name} holds values that are not finite and positive"
        )
    return tuple(values.tolist())


def gguf_vocabulary(fields: Fields) -> GgufVocabulary:
    """Return the vocabulary of a file; `tokenizer.ggml.model` must be gpt2 or llama."""
    model = fields.text("tokenizer.ggml.model")
    if model not in ("gpt2", "llama"):
        raise refuse(fields.where, "tokenizer.ggml.model", model, "gpt2, llama")
    pre = fields.text("tokenizer.ggml.pre", default="default") or "default"
    tokens = _strings(fields, "tokenizer.ggml.tokens")
    types = _numbers(fields, "tokenizer.ggml.token_type", len(tokens), "iu") or (1,) * len(tokens)
    odd = set(types) - {1, 2, 3, 4, 5, 6}
    if odd:
        raise refuse(fields.where, "tokenizer.ggml.token_type", odd.pop(), "token types 1 to 6")
    scores = _numbers(fields, "tokenizer.ggml.scores", len(tokens), "f")
    if model == "llama" and not scores:
        raise refuse(fields.where, "tokenizer.ggml.scores", "(missing)", "one score for each token")
    return GgufVocabulary(
        model=model,
        pre=pre,
        tokens=tokens,
        token_types=types,
        merges=_strings(fields, "tokenizer.ggml.merges") if model == "gpt2" else (),
        scores=scores,
        add_bos=fields.boolean("tokenizer.ggml.add_bos_token", model == "llama" or pre in _BOS_BY_DEFAULT),
        add_space_prefix=fields.boolean("tokenizer.ggml.add_space_prefix", model == "llama"),
        unk_id=_token_id(fields, "unknown", len(tokens)),
    )


def _strings(fields: Fields, key: str) -> tuple[str, ...]:
    value = fields.values.get(key)
    # An empty array has no type that could be wrong: writers give it any.
    if not isinstance(value, list) and not (isinstance(value, np.ndarray) and len(value) == 0):
        raise refuse(fields.where, key, "(missing)" if value is None else value, "an array of strings")
    return tuple(value)


def _numbers(fields: Fields, key: str, length: int, kinds: str) -> tuple[Any, ...]:
    """Return an array of `length` finite numbers of numpy's `kinds`, or nothing where it is absent."""
    value = fields.values.get(key)
    if value is None:
        return ()
    if not isinstance(value, np.ndarray) or value.dtype.kind not in kinds or len(value) != length:
        raise refuse(
            fields.where, key, value, f"an array of {length} {'floats' if kinds == 'f' else 'integers'}"
        )
    if not np.isfinite(value).all():
        raise refuse(fields.where, key, value, "finite numbers")
    return tuple(value.tolist())


def special_tokens(fields: Fields, vocabulary: GgufVocabulary) -> SpecialTokens:
    """Return BOS and everything that ends a turn or a text: the named ids, then tokens known by name.

    The latter are control tokens whatever type a file gives them, as in llama.cpp.
    """
    count = len(vocabulary.tokens)
    named = [_token_id(fields, name, count) for name in ("eos", "eot", "eom")]
    known = [
        i
        for i, (token, kind) in enumerate(zip(vocabulary.tokens, vocabulary.token_types, strict=True))
        if kind != _UNUSED and token in TURN_ENDS
    ]
    ends = dict.fromkeys([i for i in named if i is not None] + known)
    return SpecialTokens(_token_id(fields, "bos", count), tuple(ends))


def _token_id(fields: Fields, name: str, count: int) -> int | None:
    """Return the id of a named token; -1 and others outside the vocabulary stand for none."""
    token = fields.optional_integer(f"tokenizer.ggml.{name}_token_id", -(2**63), 2**64)
    return token if token is not None and 0 <= token < count else None
