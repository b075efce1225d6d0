"""Tensors as they are stored against gguf.quants, the file's mapping and `tensor()`."""

from __future__ import annotations

import gc
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Type
from gguf import GGUFReader, quants

from ponder.checkpoints import tensor_shapes
from ponder.checkpoints.gguf_file import file_name, half_split_rows, open_gguf
from ponder.checkpoints.hf_directory import open_hf_directory
from ponder.checkpoints.stored import (
    TENSOR_TYPES,
    StoredTensor,
    dequantize,
    quantize,
)
from ponder.errors import CheckpointError
from tiny_directory import write_tiny_directory

SIZE = {"hidden": 256, "head_dim": 64, "ffn": 512}  # rows of whole blocks in every format


def in_a_map_of(path: Path, data: np.ndarray) -> bool:
    """Whether all bytes of an array lie in a mapping of a file."""
    first, last = data.ctypes.data, data.ctypes.data + data.nbytes
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, *_, name = line.split(maxsplit=5)
        start, end = (int(address, 16) for address in addresses.split("-"))
        if start <= first and last <= end:
            return name == str(path)
    return False


@pytest.mark.parametrize("kind", TENSOR_TYPES)
def test_gguf_bytes_are_the_files_own_and_mean_what_the_package_says(
    tmp_path: Path, write_gguf: Any, kind: str
) -> None:
    path = tmp_path / "m.gguf"
    written = write_gguf(path, kind=Type[kind], **SIZE)
    checkpoint = open_gguf(path)
    for name, shape in tensor_shapes(checkpoint.config).items():
        stored = checkpoint.tensors.stored(name)
        assert stored.kind == (kind if len(shape) == 2 else "F32")
        assert (stored.shape, stored.data.dtype, stored.data.ndim) == (shape, np.uint8, 1)
        assert not stored.data.flags.writeable
        assert in_a_map_of(path, stored.data)
        assert stored.data.tobytes() == written[file_name(name)].tobytes()
        with np.errstate(all="ignore"):
            expected = quants.dequantize(written[file_name(name)], Type[stored.kind])
        rows = half_split_rows(shape[0] // 64, 64, 64) if name.split(".")[-2] in "qk" else None
        if rows is not None:
            expected = expected[rows]
            assert stored.rows is not None
            assert (stored.rows.dtype, stored.rows.tolist()) == (np.int64, rows.tolist())
        else:
            assert stored.rows is None
        np.testing.assert_array_equal(dequantize(stored), expected)
        np.testing.assert_array_equal(checkpoint.tensors.tensor(name).numpy(), expected)


def test_rows_of_biases_and_of_models_that_are_half_split(tmp_path: Path, write_gguf: Any) -> None:
    biases = {f"blk.0.attn_{n}.bias": np.arange(r, dtype=np.float32) for n, r in (("q", 32), ("k", 16))}
    biases["blk.0.attn_v.bias"] = np.ones(16, np.float32)
    write_gguf(tmp_path / "llama.gguf", "llama", extra=biases)
    tensors = open_gguf(tmp_path / "llama.gguf").tensors
    stored = tensors.stored("layers.0.k.bias")
    assert stored.rows is not None
    assert stored.rows.tolist()[:8] == [0, 2, 4, 6, 1, 3, 5, 7]
    assert dequantize(stored).tolist() == stored.rows.tolist() == tensors.tensor("layers.0.k.bias").tolist()
    write_gguf(tmp_path / "qwen2.gguf", "qwen2", extra=biases)
    tensors = open_gguf(tmp_path / "qwen2.gguf").tensors
    assert all(tensors.stored(f"layers.0.{n}").rows is None for n in ("q.weight", "k.weight", "q.bias"))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_safetensors_are_views_of_the_map(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "m"
    written = write_tiny_directory(path, getattr(torch, dtype))
    checkpoint = open_hf_directory(path)
    kind = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}[dtype]
    for name, shape in tensor_shapes(checkpoint.config).items():
        stored = checkpoint.tensors.stored(name)
        assert (stored.kind, stored.shape, stored.rows) == (kind, shape, None)
        assert (stored.data.dtype, stored.data.ndim, stored.data.flags.writeable) == (np.uint8, 1, False)
        assert in_a_map_of(path / "model.safetensors", stored.data)
        assert stored.data.tobytes() == written[name].view(torch.uint8).numpy().tobytes()
        np.testing.assert_array_equal(dequantize(stored), checkpoint.tensors.tensor(name).numpy())


@pytest.mark.slow
def test_a_view_keeps_its_mapping(tmp_path: Path, write_gguf: Any) -> None:
    written = write_gguf(tmp_path / "m.gguf")
    stored = open_gguf(tmp_path / "m.gguf").tensors.stored("norm.weight")
    (tmp_path / "m.gguf").unlink()
    gc.collect()
    assert stored.data.tobytes() == written["output_norm.weight"].tobytes()


def test_the_default_models_tensors_are_stored_as_the_package_reads_them(default_model: Path) -> None:
    tensors = open_gguf(default_model).tensors
    reader = {t.name: t for t in GGUFReader(default_model).tensors}
    for name in ("embed.weight", "layers.7.q.weight", "layers.7.down.weight", "norm.weight"):
        stored, theirs = tensors.stored(name), reader[file_name(name)]
        assert stored.kind == theirs.tensor_type.name
        assert np.array_equal(stored.data, theirs.data.view(np.uint8).reshape(-1))
        assert in_a_map_of(default_model, stored.data)


def matrix(rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((rows, columns), np.float32)


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_1"])
def test_quantize_equals_the_package(kind: str) -> None:
    values = matrix(24, 96)
    values[0] = 0
    values[1] = 1e-30  # its scale is 0 in half precision
    stored = quantize(values, kind)
    assert (stored.kind, stored.shape, stored.rows, stored.data.ndim) == (kind, (24, 96), None, 1)
    with np.errstate(all="ignore"):
        expected = quants.quantize(values, Type[kind])
    assert np.array_equal(stored.data, expected.reshape(-1))
    np.testing.assert_array_equal(dequantize(stored), quants.dequantize(expected, Type[kind]))


@pytest.mark.parametrize(("kind", "levels"), [("Q8_0", 254), ("Q4_1", 15)])
def test_quantized_values_are_within_half_a_level(kind: str, levels: int) -> None:
    values = matrix(64, 64)
    blocks, back = (a.reshape(-1, 32) for a in (values, dequantize(quantize(values, kind))))
    low, high = blocks.min(1), blocks.max(1)
    spread = 2 * np.abs(blocks).max(1) if kind == "Q8_0" else high - low
    # Scale and minimum are rounded to half precision on top: 2**-11 of the values themselves.
    allowed = spread / levels / 2 + np.abs(blocks).max(1) * 2**-9
    assert (np.abs(back - blocks) <= allowed[:, None]).all()


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_1"])
def test_what_cannot_be_quantized(kind: str) -> None:
    with pytest.raises(CheckpointError, match=rf"^{kind} needs rows of a multiple of 32 values, not 33$"):
        quantize(matrix(4, 33), kind)
    for bad in (np.nan, np.inf, -1e5):
        values = matrix(4, 32)
        values[2, 3] = bad
        with pytest.raises(CheckpointError, match=f"^{kind} needs finite values between -65504 and 65504$"):
            quantize(values, kind)


@pytest.mark.timed
def test_quantizing_a_large_matrix_is_fast() -> None:
    values = matrix(49152, 576)
    for kind in ("Q8_0", "Q4_1"):
        start = time.perf_counter()
        quantize(values, kind)
        assert time.perf_counter() - start < 5  # measured 0.14 s and 0.19 s


def test_rows_reorder_whole_rows() -> None:
    values = matrix(8, 32)
    rows = np.array([7, 6, 5, 4, 3, 2, 1, 0], np.int64)
    data = values.view(np.uint8).reshape(-1)
    assert np.array_equal(dequantize(StoredTensor("F32", (8, 32), data, rows)), values[::-1])
