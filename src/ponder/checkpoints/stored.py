"""A tensor as it lies in its file, and the way between that and float32.

The formats are GGUF's, and the `gguf` package (`gguf.quants`) is their definition.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from gguf import quants
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from numpy.typing import NDArray

from ponder.errors import CheckpointError

TENSOR_TYPES = (
    *("F32", "F16", "BF16"),
    *("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"),
    *("Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"),
    *("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_NL", "IQ4_XS"),
    *("TQ1_0", "TQ2_0", "MXFP4", "NVFP4"),
)
FLOAT_TYPES = ("F32", "F16", "BF16")
QUANTIZE_TYPES = ("Q8_0", "Q4_1")
"""What `quantize` makes. Both have blocks of 32 values of a row."""

_PLAIN = {"F32": "<f4", "F16": "<f2"}
_MAX_HALF = 65504.0


@dataclass(frozen=True, slots=True, eq=False)
class StoredTensor:
    """The bytes of one tensor, and what they mean.

    Attributes
    ----------
    kind : one of `TENSOR_TYPES`, GGUF's names.
    shape : [out, in] or [n].
    data : uint8 [bytes], read-only: rows one after another, each a whole number of blocks, little-endian.
        From a file it is a view of its mapping, which lives as long as the view; nothing is read before it
        is touched, and it need not be aligned.
    rows : int64 [out]: row i of the tensor is row `rows[i]` of `data`. None: as they lie.
    """

    kind: str
    shape: tuple[int, ...]
    data: NDArray[np.uint8]
    rows: NDArray[np.int64] | None = None


def dequantize(stored: StoredTensor) -> NDArray[np.float32]:
    """Return the values as a new float32 array of `stored.shape`, with `rows` applied."""
    values = _floats(stored).reshape(stored.shape)
    return values if stored.rows is None else values[stored.rows]


def _floats(stored: StoredTensor) -> NDArray[np.float32]:
    if stored.kind in _PLAIN:
        return stored.data.view(_PLAIN[stored.kind]).astype(np.float32)
    block, block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType[stored.kind]]
    blocks = stored.data.reshape(-1, block_bytes)
    values = np.empty((len(blocks), block), np.float32)
    rule = getattr(quants, stored.kind)
    rule.init_grid()  # some types look their values up
    dequantize_blocks = rule.dequantize_blocks
    # gguf.quants.dequantize works on 16 rows at a time and joins them at the end. Groups of 64 KB of
    # floats take 0.6 of its time: the temporaries stay in cache and the allocator reuses them.
    group = 2**14 // block
    with np.errstate(all="ignore"):
        for i in range(0, len(blocks), group):
            values[i : i + group] = dequantize_blocks(blocks[i : i + group])
    return values


def quantize(values: NDArray[np.float32], kind: str) -> StoredTensor:
    """Quantise a matrix.

    Parameters
    ----------
    values : float32 [out, in], `in` a multiple of 32.
    kind : one of `QUANTIZE_TYPES`.

    Raises
    ------
    CheckpointError : rows are not whole blocks, or values do not fit the half-precision scales of blocks.
    """
    assert kind in QUANTIZE_TYPES, kind
    block, _ = GGML_QUANT_SIZES[GGMLQuantizationType[kind]]
    if values.shape[-1] % block:
        raise CheckpointError(f"{kind} needs rows of a multiple of {block} values, not {values.shape[-1]}")
    if not np.abs(values).max(initial=0.0) <= _MAX_HALF:
        raise CheckpointError(f"{kind} needs finite values between -{_MAX_HALF:g} and {_MAX_HALF:g}")
    with np.errstate(all="ignore"):  # a block of zeros, or of values so small that their scale is zero
        data = quants.quantize(values, GGMLQuantizationType[kind]).reshape(-1)
    data.flags.writeable = False
    return StoredTensor(kind, values.shape, data)
