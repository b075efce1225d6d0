"""Sets of tokens as packed bits in numpy, in the layout of `sampling.bitmask`: bit i % 32 of word i // 32."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.int32]
"""[ceil(V / 32)] int32, read-only; the bits beyond V are 0."""

WORD = 32


def pack(members: npt.NDArray[np.bool_]) -> Bits:
    """[V] bool -> bits."""
    padded = np.zeros(-(-members.shape[0] // WORD) * WORD, dtype=np.bool_)
    padded[: members.shape[0]] = members
    return frozen(np.packbits(padded, bitorder="little").view("<i4"))


def of(tokens: Iterable[int], size: int) -> Bits:
    """Return the set of some of `size` tokens."""
    members = np.zeros(size, dtype=np.bool_)
    members[list(tokens)] = True
    return pack(members)


def all_but(tokens: Iterable[int], size: int) -> Bits:
    """Return the set of `size` tokens without some."""
    members = np.ones(size, dtype=np.bool_)
    members[list(tokens)] = False
    return pack(members)


def unpack(bits: Bits, size: int) -> npt.NDArray[np.bool_]:
    """Bits -> [size] bool."""
    return np.unpackbits(bits.astype("<i4", copy=False).view(np.uint8), bitorder="little")[:size].view(
        np.bool_
    )


def members(bits: Bits) -> list[int]:
    """Return the tokens of a set in the order of their ids."""
    return [int(token) for token in np.flatnonzero(unpack(bits, bits.shape[0] * WORD))]


def full(size: int) -> Bits:
    """Return the set of all of `size` tokens."""
    return pack(np.ones(size, dtype=np.bool_))


def has(bits: Bits, token: int) -> bool:
    """Return whether a token is in a set."""
    word = token // WORD
    return word < bits.shape[0] and bool(int(bits[word]) >> token % WORD & 1)


def without(bits: Bits, tokens: Iterable[int]) -> Bits:
    """Return a set without some tokens."""
    left = bits.copy()
    words = left.view(np.uint32)
    for token in tokens:
        if token // WORD < words.shape[0]:
            words[token // WORD] &= ~np.uint32(1 << token % WORD)
    return frozen(left)


def frozen(bits: Bits) -> Bits:
    """Make an array read-only and return it."""
    bits.flags.writeable = False
    return bits
