"""Sets of tokens as packed bits: bit i % 32 of word i // 32 is token i, as in XGrammar and llguidance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

WORD = 32


def pack(allowed: npt.ArrayLike) -> npt.NDArray[np.int32]:
    """[V] bool -> [ceil(V / 32)] int32; the bits beyond V are 0."""
    bits = np.asarray(allowed, dtype=np.bool_)
    padded = np.pad(bits, (0, -bits.shape[0] % WORD))
    return np.packbits(padded, bitorder="little").view("<i4")


def unpack(words: npt.ArrayLike, size: int) -> npt.NDArray[np.bool_]:
    """[W] int32 -> [size] bool; tokens beyond the words are not in the set."""
    bits = np.unpackbits(np.asarray(words, dtype="<i4").view(np.uint8), bitorder="little")[:size]
    return np.pad(bits, (0, size - bits.shape[0])).astype(np.bool_)
