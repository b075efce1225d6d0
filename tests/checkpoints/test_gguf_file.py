"""GGUF files against the gguf package, transformers' layout, and an adversary."""

from __future__ import annotations

import random
import struct
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGMLQuantizationType as Type
from gguf import GGUFReader, quants
from hypothesis import given, settings
from hypothesis import strategies as st

from ponder.checkpoints import open_checkpoint, tensor_shapes
from ponder.checkpoints.config import DivisorScaling, LinearScaling, LongRopeScaling, YarnScaling
from ponder.checkpoints.gguf_file import TENSOR_TYPES, file_name, half_split_rows, open_gguf, read_header
from ponder.errors import CheckpointError


@pytest.mark.parametrize("kind", TENSOR_TYPES)
def test_every_tensor_type_equals_the_gguf_package(tmp_path: Path, write_gguf: Any, kind: str) -> None:
    # qwen2-like rows are stored as they are, so nothing but the dequantiser is between file and tensor.
    qkv = {f"blk.0.attn_{n}.bias": np.ones(r, np.float32) for n, r in (("q", 256), ("k", 128), ("v", 128))}
    size = {"hidden": 256, "head_dim": 64, "ffn": 512}
    written = write_gguf(tmp_path / "m.gguf", "qwen2", kind=Type[kind], extra=qkv, **size)
    checkpoint = open_gguf(tmp_path / "m.gguf")
    assert checkpoint.config.qkv_bias
    for name, shape in tensor_shapes(checkpoint.config).items():
        tensor = checkpoint.tensors.tensor(name)
        assert tuple(tensor.shape) == shape
        assert str(tensor.dtype) == "torch.float32"
        stored = Type[kind] if len(shape) == 2 else Type.F32
        with np.errstate(all="ignore"):
            expected = quants.dequantize(written[file_name(name)], stored)
        np.testing.assert_array_equal(tensor.numpy(), expected)


@pytest.mark.parametrize("arch", ["llama", "smollm3"])
def test_q_and_k_become_half_split_again(tmp_path: Path, write_gguf: Any, permute: Any, arch: str) -> None:
    rng = np.random.default_rng(2)
    truth = {n: rng.standard_normal((h * 8, 32)).astype(np.float32) for n, h in (("q", 4), ("k", 2))}
    biases = {n: rng.standard_normal(h * 8).astype(np.float32) for n, h in (("q", 4), ("k", 2), ("v", 2))}
    stored = {
        "blk.0.attn_q.weight": permute(truth["q"], 4),
        "blk.0.attn_k.weight": permute(truth["k"], 2),
        "blk.0.attn_q.bias": permute(biases["q"], 4),
        "blk.0.attn_k.bias": permute(biases["k"], 2),
        "blk.0.attn_v.bias": biases["v"],
    }
    write_gguf(tmp_path / "m.gguf", arch, extra=stored)
    tensors = open_gguf(tmp_path / "m.gguf").tensors
    for name in ("q", "k"):
        np.testing.assert_array_equal(tensors.tensor(f"layers.0.{name}.weight").numpy(), truth[name])
        np.testing.assert_array_equal(tensors.tensor(f"layers.0.{name}.bias").numpy(), biases[name])
    np.testing.assert_array_equal(tensors.tensor("layers.0.v.bias").numpy(), biases["v"])


def rotate(pairs: list[tuple[int, int]], head: np.ndarray, position: int) -> np.ndarray:
    out = head.copy()
    for i, (a, b) in enumerate(pairs):
        angle = position / 10 ** (2 * i / len(pairs))
        out[a] = head[a] * np.cos(angle) - head[b] * np.sin(angle)
        out[b] = head[a] * np.sin(angle) + head[b] * np.cos(angle)
    return out


def test_attention_scores_survive_the_reordering_of_a_partly_rotated_head() -> None:
    head_dim, rotary_dim = 12, 8
    rng = np.random.default_rng(3)
    q, k = rng.standard_normal((2, 2 * head_dim))
    rows = half_split_rows(2, head_dim, rotary_dim)
    assert sorted(rows) == list(range(2 * head_dim))
    half = rotary_dim // 2
    interleaved = [(2 * i, 2 * i + 1) for i in range(half)]
    split = [(i, i + half) for i in range(half)]
    for head in (slice(0, head_dim), slice(head_dim, 2 * head_dim)):
        stored = rotate(interleaved, q[head], 5) @ rotate(interleaved, k[head], 2)
        ours = rotate(split, q[rows][head], 5) @ rotate(split, k[rows][head], 2)
        assert ours == pytest.approx(stored, rel=1e-12)


@pytest.mark.slow
def test_default_model_equals_the_gguf_package(default_model: Path) -> None:
    checkpoint = open_checkpoint("smollm2-135m")
    assert checkpoint.name == "smollm2-135m"
    assert checkpoint.path == default_model
    assert (checkpoint.special.bos_id, checkpoint.special.eos_ids) == (1, (2, 0))
    assert checkpoint.vocabulary.tokens[2] == "<|im_end|>"
    assert len(checkpoint.vocabulary.merges) == 48900
    assert checkpoint.chat_template is not None
    assert checkpoint.config.tie_embeddings
    reader = {t.name: t for t in GGUFReader(default_model).tensors}
    shapes = tensor_shapes(checkpoint.config)
    assert len(shapes) == len(reader) == 272
    sample = ["norm.weight", *(n for n in shapes if n.startswith(("layers.0.", "layers.29.")))]
    with ThreadPoolExecutor(2) as pool:
        tensors = dict(zip(sample, pool.map(checkpoint.tensors.tensor, sample), strict=True))
    for name, tensor in tensors.items():
        stored = reader[file_name(name)]
        expected = quants.dequantize(stored.data, stored.tensor_type)
        if name.endswith(("q.weight", "k.weight")):
            expected = expected[half_split_rows(expected.shape[0] // 64, 64, 64)]
        np.testing.assert_array_equal(tensor.numpy(), expected)


@pytest.mark.timed
def test_opening_the_default_model_is_fast(default_model: Path) -> None:
    took = []
    for _ in range(3):
        start = time.perf_counter()
        read_header(default_model)
        took.append(time.perf_counter() - start)
    assert min(took) < 0.5  # measured 0.03 s; the gguf package's reader takes 2.3 s


def test_config_fields(tmp_path: Path, write_gguf: Any) -> None:
    scales = {f"blk.{i}.attn_{n}_norm.weight": np.ones(8, np.float32) for i in range(2) for n in "qk"}
    head = {"output.weight": np.ones((16, 32), np.float32)}
    window = {"qwen3.attention.sliding_window": 16, "qwen3.rope.freq_base": 1e6}
    write_gguf(tmp_path / "m.gguf", "qwen3", layers=2, extra=scales | head, metadata=window)
    config = open_gguf(tmp_path / "m.gguf").config
    assert config.qk_norm
    assert not config.tie_embeddings
    assert config.sliding_windows == (16, 16)
    assert config.rope.base == 1e6
    assert (config.num_heads, config.num_kv_heads, config.head_dim, config.vocab_size) == (4, 2, 8, 16)


def test_every_fourth_layer_of_smollm3_has_no_positions(tmp_path: Path, write_gguf: Any) -> None:
    write_gguf(tmp_path / "m.gguf", "smollm3", layers=5)
    assert open_gguf(tmp_path / "m.gguf").config.rope_layers == (True, True, True, False, True)


def scaling(tmp_path: Path, write_gguf: Any, extra: dict[str, Any] | None = None, **values: Any) -> Any:
    metadata = {f"llama.rope.scaling.{key}": value for key, value in values.items()}
    write_gguf(tmp_path / "m.gguf", metadata=metadata, extra=extra)
    return open_gguf(tmp_path / "m.gguf").config.rope.scaling


def test_rope_scaling(tmp_path: Path, write_gguf: Any) -> None:
    four = np.array([1, 2, 3, 4], np.float32)
    assert scaling(tmp_path, write_gguf) is None
    assert scaling(tmp_path, write_gguf, type="none", factor=4.0) is None
    assert scaling(tmp_path, write_gguf, type="linear", factor=4.0) == LinearScaling(4.0)
    assert scaling(tmp_path, write_gguf, factor=4.0) == LinearScaling(4.0)
    assert scaling(tmp_path, write_gguf, {"rope_freqs.weight": four}) == DivisorScaling((1.0, 2.0, 3.0, 4.0))
    yarn = scaling(tmp_path, write_gguf, type="yarn", factor=4.0, original_context_length=32)
    assert isinstance(yarn, YarnScaling)
    assert (yarn.factor, yarn.original_context, yarn.beta_fast, yarn.beta_slow) == (4.0, 32, 32.0, 1.0)
    assert yarn.attention_factor == pytest.approx(0.1 * np.log(4) + 1)
    factors = {"rope_factors_long.weight": four, "rope_factors_short.weight": four / 4}
    longrope = scaling(tmp_path, write_gguf, factors, original_context_length=32, attn_factor=1.5)
    assert longrope == LongRopeScaling((0.25, 0.5, 0.75, 1.0), (1.0, 2.0, 3.0, 4.0), 32, 4.0, 1.5)
    stretched = scaling(tmp_path, write_gguf, factors, factor=2.0, original_context_length=32)
    assert stretched == LongRopeScaling((0.5, 1.0, 1.5, 2.0), (2.0, 4.0, 6.0, 8.0), 32, 4.0, 1.0)
    both = scaling(tmp_path, write_gguf, {"rope_freqs.weight": four}, type="linear", factor=2.0)
    assert both == DivisorScaling((2.0, 4.0, 6.0, 8.0))


def test_end_tokens_and_sampling_defaults(tmp_path: Path, write_gguf: Any) -> None:
    metadata = {
        "tokenizer.ggml.eot_token_id": 7,
        "tokenizer.chat_template": "{{ messages }}",
        "tokenizer.chat_template.tool_use": "{{ tools }}",
        "general.sampling.temp": 0.5,
        "general.sampling.top_k": 20,
        "general.sampling.penalty_repeat": 1.25,
    }
    write_gguf(tmp_path / "m.gguf", metadata=metadata)
    checkpoint = open_gguf(tmp_path / "m.gguf")
    assert checkpoint.name == "m"
    assert checkpoint.special.eos_ids == (2, 7, 6)
    assert checkpoint.chat_template == "{{ messages }}"
    assert checkpoint.tool_template == "{{ tools }}"
    assert checkpoint.generation_defaults == {"temperature": 0.5, "top_k": 20, "repetition_penalty": 1.25}


@pytest.mark.parametrize("kind", [1, 3, 4])
def test_ends_of_turns_by_name_whatever_their_type(tmp_path: Path, write_gguf: Any, kind: int) -> None:
    types = {"tokenizer.ggml.token_type": [2, 3, 3, 1, 1, 1, kind, 5] + [1] * 8}
    write_gguf(tmp_path / "m.gguf", metadata=types)
    assert open_gguf(tmp_path / "m.gguf").special.eos_ids == (2, 6)


@pytest.mark.parametrize("outside", [-1, 16, 2**32 - 1, 2**40])
def test_token_ids_outside_the_vocabulary_stand_for_none(
    tmp_path: Path, write_gguf: Any, outside: int
) -> None:
    ids = ("bos", "eos", "eot", "eom", "unknown")
    write_gguf(tmp_path / "m.gguf", metadata={f"tokenizer.ggml.{name}_token_id": outside for name in ids})
    checkpoint = open_gguf(tmp_path / "m.gguf")
    assert (checkpoint.special.bos_id, checkpoint.special.eos_ids) == (None, (6, 7))
    assert checkpoint.vocabulary.unk_id is None


CONTEXTS: list[tuple[dict[str, Any], int]] = [
    ({}, 128),
    ({"type": "yarn", "factor": 4.0, "original_context_length": 128}, 512),
    ({"type": "yarn", "factor": 4.0}, 512),
    ({"type": "yarn", "factor": 4.0, "original_context_length": 32}, 128),  # the file says the stretched one
    ({"type": "linear", "factor": 2.5}, 320),
    ({"factor": 2.0, "original_context_length": 256}, 512),
    ({"type": "none", "factor": 4.0}, 128),
    ({"type": "yarn", "factor": 0.5}, 128),
]


@pytest.mark.parametrize(("scaling", "context"), CONTEXTS)
def test_scaling_lengthens_the_context(
    tmp_path: Path, write_gguf: Any, scaling: dict[str, Any], context: int
) -> None:
    metadata = {f"llama.rope.scaling.{key}": value for key, value in scaling.items()}
    write_gguf(tmp_path / "m.gguf", metadata=metadata)
    assert open_gguf(tmp_path / "m.gguf").config.context_length == context


def test_longrope_lengthens_the_context(tmp_path: Path, write_gguf: Any) -> None:
    four = np.ones(4, np.float32)
    factors = {"rope_factors_long.weight": four, "rope_factors_short.weight": four}
    for original, factor, context in ((32, 1.0, 128), (128, 4.0, 512)):
        stretch = {"original_context_length": original, "factor": factor}
        metadata = {f"llama.rope.scaling.{key}": value for key, value in stretch.items()}
        write_gguf(tmp_path / "m.gguf", extra=factors, metadata=metadata)
        assert open_gguf(tmp_path / "m.gguf").config.context_length == context


def parts_of(path: Path, write_gguf: Any, **options: Any) -> tuple[dict[str, Any], list[Path]]:
    written = write_gguf(path / "m.gguf", layers=2, split_max_tensors=6, **options)
    parts = sorted(path.glob("m-*.gguf"))
    assert [part.name for part in parts] == [f"m-0000{i}-of-00004.gguf" for i in (1, 2, 3, 4)]
    return written, parts


def test_a_file_in_parts_is_one_file(tmp_path: Path, write_gguf: Any) -> None:
    """As the package writes them; tensors are read from whichever part they are in."""
    written, parts = parts_of(tmp_path, write_gguf)
    checkpoint = open_gguf(parts[0])
    assert checkpoint.name == "m"
    for name in tensor_shapes(checkpoint.config):
        stored = checkpoint.tensors.stored(name)
        assert stored.data.tobytes() == written[file_name(name)].tobytes()
        checkpoint.tensors.release(name)
        assert checkpoint.tensors.stored(name).data.tobytes() == stored.data.tobytes()
    bare = [part.rename(part.with_suffix("")) for part in parts]  # without the ending
    assert open_gguf(bare[0]).name == "m"


def test_parts_that_do_not_fit(tmp_path: Path, write_gguf: Any) -> None:
    _, parts = parts_of(tmp_path, write_gguf)
    assert_refused(parts[2], "part 3 of 4: give the first, m-00001-of-00004.gguf")
    other = tmp_path / "other"
    other.mkdir()
    _, others = parts_of(other, write_gguf)
    parts[1].unlink()
    assert_refused(parts[0], "part m-00002-of-00004.gguf is missing beside it")
    parts[1].write_bytes(others[2].read_bytes())
    with pytest.raises(CheckpointError, match=r"m-00002-of-00004.gguf: split.no = 2"):
        open_gguf(parts[0])
    parts[1].write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(CheckpointError, match=r"m-00002-of-00004.gguf is a Git LFS pointer"):
        open_gguf(parts[0])
    renamed = parts[0].rename(tmp_path / "renamed.gguf")
    assert_refused(renamed, "names such as model-00001-of-00004.gguf")


def test_sentencepiece_vocabulary(tmp_path: Path, write_gguf: Any) -> None:
    scores = {"tokenizer.ggml.model": "llama", "tokenizer.ggml.scores": [-float(i) for i in range(16)]}
    write_gguf(tmp_path / "m.gguf", metadata=scores | {"tokenizer.ggml.merges": None})
    vocabulary = open_gguf(tmp_path / "m.gguf").vocabulary
    assert vocabulary.model == "llama"
    assert vocabulary.scores[3] == -3.0
    assert vocabulary.add_bos
    assert vocabulary.add_space_prefix


NAN, HUGE = float("nan"), 10**12
BAD_METADATA: list[tuple[dict[str, Any], str]] = [
    ({"llama.attention.head_count": 0}, "head_count = 0 is not allowed"),
    ({"llama.attention.head_count": 2**32 - 1}, "head_count = 4294967295"),
    ({"llama.attention.head_count": [4]}, "head_count"),
    ({"llama.attention.head_count_kv": 3}, "a divisor of the 4 heads"),
    ({"llama.attention.head_count_kv": 8}, "from 1 to 4"),
    ({"llama.attention.key_length": 7, "llama.attention.value_length": 7}, "an even number"),
    ({"llama.attention.key_length": 2**31}, "key_length"),
    ({"llama.attention.key_length": None, "llama.attention.head_count": 5}, "head_count"),
    ({"llama.attention.value_length": 4}, "value_length = 4"),
    ({"llama.block_count": HUGE}, "block_count = 1000000000000 is not allowed"),
    ({"llama.block_count": 2}, "blk.1.attn_q.weight of shape"),
    ({"llama.block_count": None}, "block_count = (missing)"),
    ({"llama.block_count": "1"}, "an integer from 1"),
    ({"llama.embedding_length": 16}, "expected [16, 16]"),
    ({"llama.feed_forward_length": [64]}, "feed_forward_length"),
    ({"llama.context_length": 0}, "context_length = 0"),
    ({"llama.attention.layer_norm_rms_epsilon": NAN}, "layer_norm_rms_epsilon = nan"),
    ({"llama.attention.layer_norm_rms_epsilon": -1.0}, "a number from 0 to 1"),
    ({"llama.rope.freq_base": float("inf")}, "freq_base = inf"),
    ({"llama.rope.dimension_count": 10}, "from 2 to 8"),
    ({"llama.rope.dimension_count": 5}, "an even number"),
    ({"llama.rope.scaling.type": "wild"}, "none, linear, yarn, longrope"),
    ({"llama.rope.scaling.type": "longrope"}, "needs both"),
    ({"llama.expert_count": 8}, "expert_count = 8"),
    ({"llama.expert_count": [8, 8]}, "expert_count"),
    ({"llama.attention.sliding_window_pattern": [True]}, "sliding_window_pattern"),
    ({"llama.rope.scale_linear": 4.0}, "scale_linear = 4.0"),
    ({"split.count": 3}, "part 1 of 3, and the parts of a file have names such as model-00001-of-"),
    ({"general.alignment": 0}, "general.alignment = 0"),
    ({"general.alignment": 24}, "a power of two"),
    ({"general.alignment": "32"}, "general.alignment"),
    ({"tokenizer.ggml.model": "bert"}, "gpt2, llama"),
    ({"tokenizer.ggml.model": "llama"}, "one score for each token"),
    ({"tokenizer.ggml.tokens": [1, 2]}, "an array of strings"),
    ({"tokenizer.ggml.tokens": None}, "tokenizer.ggml.tokens = (missing)"),
    ({"tokenizer.ggml.tokens": ["a"]}, "expected [1, 32]"),
    ({"tokenizer.ggml.token_type": [1, 2]}, "an array of 16 integers"),
    ({"tokenizer.ggml.token_type": [9] * 16}, "token types 1 to 6"),
    ({"tokenizer.ggml.scores": [NAN] * 16}, "finite"),
    ({"tokenizer.ggml.merges": None}, "merges = (missing)"),
    ({"tokenizer.ggml.eos_token_id": "</s>"}, "eos_token_id = </s> is not allowed: an integer"),
    ({"tokenizer.chat_template": 3}, "a string"),
    ({"tokenizer.ggml.add_bos_token": 1}, "true or false"),
    ({"general.sampling.temp": NAN}, "general.sampling.temp = nan"),
]


@pytest.mark.parametrize(("metadata", "said"), BAD_METADATA)
def test_bad_metadata(tmp_path: Path, write_gguf: Any, metadata: dict[str, Any], said: str) -> None:
    write_gguf(tmp_path / "bad.gguf", metadata=metadata)
    assert_refused(tmp_path / "bad.gguf", said)


def test_bad_tensors(tmp_path: Path, write_gguf: Any) -> None:
    path = tmp_path / "bad.gguf"
    write_gguf(path, without=("blk.0.ffn_up.weight",))
    assert_refused(path, "blk.0.ffn_up.weight of shape [64, 32] is missing")
    write_gguf(path, extra={"blk.0.ffn_gate_inp.weight": np.ones((4, 32), np.float32)})
    assert_refused(path, "blk.0.ffn_gate_inp.weight is not part of")
    write_gguf(path, extra={"blk.0.attn_v.weight": np.ones((16, 31), np.float32)})
    assert_refused(path, "has shape [16, 31], expected [16, 32]")
    write_gguf(path, extra={"rope_freqs.weight": np.ones(3, np.float32)})
    assert_refused(path, "expected [4]")
    write_gguf(path, extra={"rope_freqs.weight": np.zeros(4, np.float32)})
    assert_refused(path, "not finite and positive")
    write_gguf(path, extra={"output_norm.weight": np.ones(32, np.int8)})
    assert_refused(path, "= I8 is not allowed: F32, F16")
    write_gguf(path, "gemma")
    assert_refused(path, "llama, qwen2, qwen3, smollm3")


def assert_refused(path: Path, said: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        open_gguf(path)
    message = str(caught.value)
    assert said in message
    assert path.name in message
    assert "\n" not in message
    assert len(message) < 400


def text(value: str | bytes, length: int | None = None) -> bytes:
    raw = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw


def header(metadata: list[bytes], tensors: list[bytes], /, **counts: int) -> bytes:
    version, n_tensors, n_metadata = (
        counts.get(key, default)
        for key, default in (("version", 3), ("tensors", len(tensors)), ("metadata", len(metadata)))
    )
    return b"GGUF" + struct.pack("<IQQ", version, n_tensors, n_metadata) + b"".join(metadata + tensors)


def array(kind: int, count: int, payload: bytes = b"") -> bytes:
    return text("k") + struct.pack("<IIQ", 9, kind, count) + payload


def tensor(dims: tuple[int, ...] = (32,), kind: int = 0, offset: int = 0, ndim: int | None = None) -> bytes:
    packed = struct.pack(f"<I{len(dims)}Q", len(dims) if ndim is None else ndim, *dims)
    return text("t") + packed + struct.pack("<IQ", kind, offset)


NUMBER = text("k") + struct.pack("<II", 4, 1)
HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "cannot be read"),
    "magic": (b"GGML" + bytes(100), "magic"),
    "cut in the magic": (b"GG", "magic"),
    "cut in the version": (b"GGUF\3", "version needs 4 bytes"),
    "version 1": (header([], [], version=1), "versions 2 and 3"),
    "big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
    "many tensors": (header([], [], tensors=2**60), "tensor count = 1152921504606846976"),
    "many keys": (header([], [], metadata=2**60), "metadata count = 1152921504606846976"),
    "key too long": (header([text("k", 2**60)], []) + bytes(64), "a string of 1152921504606846976 bytes"),
    "value too long": (
        header([text("k") + struct.pack("<I", 8) + text("v", 2**63)], []),
        "k has a string of",
    ),
    "key not UTF-8": (header([text(b"\xff\xfe") + bytes(32)], []), "not UTF-8"),
    "duplicate key": (header([NUMBER, NUMBER], []), "key k occurs twice"),
    "unknown value type": (header([text("k") + struct.pack("<II", 77, 0)], []), "type of k = 77"),
    "long array": (header([array(4, 2**61)], []) + bytes(64), "length of k = 2305843009213693952"),
    "long string array": (header([array(8, 2**60)], []) + bytes(64), "length of k = 1152921504606846976"),
    "string array cut": (header([array(8, 2, text("a"))], []) + bytes(8 - 1), "length of k|ends within k"),
    "nested array": (header([array(9, 1, struct.pack("<IQ", 9, 1) * 50)], []), "arrays do not nest"),
    "no dimensions": (header([], [tensor(())]) + bytes(64), "dimension count of t = 0"),
    "many dimensions": (header([], [tensor(ndim=2**31)]) + bytes(64), "dimension count of t = 2147483648"),
    "empty dimension": (header([], [tensor((32, 0))]) + bytes(64), "positive"),
    "huge dimension": (header([], [tensor((2**63, 2))]) + bytes(64), "positive, below"),
    "overflow": (header([], [tensor((2**32, 2**32))]) + bytes(64), "positive, below"),
    "unknown tensor type": (header([], [tensor(kind=999)]) + bytes(64), "type of tensor t = 999"),
    "a type without a dequantiser": (header([], [tensor(kind=41)]) + bytes(64), "type of tensor t = Q1_0"),
    "a type that gguf does not know": (header([], [tensor(kind=42)]) + bytes(64), "type of tensor t = Q2_0"),
    "a repacked type": (header([], [tensor(kind=31)]) + bytes(64), "type of tensor t = Q4_0_4_4"),
    "unsupported tensor type": (header([], [tensor(kind=24)]) + bytes(64), "I8 is not allowed: F32"),
    "row not whole blocks": (header([], [tensor((31,), kind=3)]) + bytes(64), "a multiple of 32 for Q4_1"),
    "unaligned": (header([], [tensor(offset=7)]) + bytes(512), "offset of tensor t = 7"),
    "past the end": (header([], [tensor(offset=2**63)]) + bytes(512), "tensor t ends at byte"),
    "truncated data": (header([], [tensor()]) + bytes(64), "truncated"),
    "duplicate tensor": (header([], [tensor(), tensor()]) + bytes(512), "tensor t occurs twice"),
    "nothing in it": (header([], []), "general.architecture = (missing)"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_headers(tmp_path: Path, case: str) -> None:
    raw, said = HOSTILE[case]
    path = tmp_path / "hostile.gguf"
    path.write_bytes(raw)
    tracemalloc.start()
    start = time.perf_counter()
    try:
        with pytest.raises(CheckpointError) as caught:
            open_gguf(path)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert any(part in str(caught.value) for part in said.split("|")), caught.value
    assert peak < 2**20
    assert time.perf_counter() - start < 5


@pytest.mark.slow
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, write_gguf: Any) -> None:
    path = tmp_path / "cut.gguf"
    write_gguf(path, hidden=8, heads=1, kv_heads=1, ffn=8)
    raw = path.read_bytes()
    # The writer pads the last tensor; cutting only the padding loses nothing.
    for length in [*range(0, len(raw) - 32, 7), len(raw) - 33]:
        path.write_bytes(raw[:length])
        with pytest.raises(CheckpointError):
            open_gguf(path)


def open_and_read(path: Path) -> None:
    with suppress(CheckpointError):
        checkpoint = open_gguf(path)
        for name in tensor_shapes(checkpoint.config):
            checkpoint.tensors.tensor(name)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, write_gguf: Any) -> tuple[Path, bytes]:
    path = tmp_path_factory.mktemp("fuzz") / "fuzz.gguf"
    write_gguf(path, hidden=32, heads=4, kv_heads=2, ffn=32, kind=Type.Q4_1)
    return path, path.read_bytes()


@pytest.mark.slow
@settings(max_examples=150, deadline=5000)
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8))
def test_changed_bytes_are_refused_or_read(
    small: tuple[Path, bytes], changes: list[tuple[float, int]]
) -> None:
    path, raw = small
    data = bytearray(raw)
    for place, value in changes:
        data[int(place * min(len(raw), 4000))] = value  # the header is where damage matters
    path.write_bytes(data)
    open_and_read(path)


@pytest.mark.timed
@pytest.mark.slow
def test_many_random_changes_cost_little_time_and_memory(small: tuple[Path, bytes]) -> None:
    path, raw = small
    rng = random.Random(4)
    tracemalloc.start()
    start = time.perf_counter()
    for _ in range(500):
        data = bytearray(raw)
        for _ in range(rng.choice((1, 1, 4, 32))):
            at = rng.randrange(4000)
            data[at : at + 8] = rng.choice(
                (rng.randbytes(8), b"\xff" * 8, bytes(8), struct.pack("<Q", 2**60))
            )
        path.write_bytes(data)
        open_and_read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**25
    assert time.perf_counter() - start < 60
