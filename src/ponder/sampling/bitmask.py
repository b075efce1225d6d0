"""Sets of tokens as packed bits: bit i % 32 of word i // 32 is token i, as in XGrammar and llguidance."""

from __future__ import annotations

import numpy as np
import torch

WORD = 32


def pack(allowed: torch.Tensor) -> torch.Tensor:
    """[V] bool -> [ceil(V / 32)] int32; the bits beyond V are 0."""
    padded = np.zeros(-(-allowed.shape[0] // WORD) * WORD, dtype=np.bool_)
    padded[: allowed.shape[0]] = allowed.numpy()
    return torch.from_numpy(np.packbits(padded, bitorder="little").view("<i4"))


def unpack(words: torch.Tensor, size: int) -> torch.Tensor:
    """[W] int32 -> [size] bool; tokens beyond the words are not in the set."""
    bits = np.unpackbits(words.numpy().astype("<i4", copy=False).view(np.uint8), bitorder="little")[:size]
    return torch.from_numpy(np.pad(bits, (0, size - bits.shape[0])).astype(np.bool_))
