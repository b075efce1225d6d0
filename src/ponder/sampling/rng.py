"""Random numbers as a function of where they are used: no state, so no order to keep."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_KEY_STEPS = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)

Words = npt.NDArray[np.uint64]


def philox4x32(counter: Words, key: Words) -> Words:
    """Philox-4x32-10 (Salmon et al., SC 2011): counter [..., 4], key [..., 2] of 32-bit words -> [..., 4]."""
    c0, c1, c2, c3 = (counter[..., i] for i in range(4))
    k0, k1 = key[..., 0], key[..., 1]
    for _ in range(10):
        left, right = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (right >> _SHIFT) ^ c1 ^ k0, right & _LOW, (left >> _SHIFT) ^ c3 ^ k1, left & _LOW
        k0, k1 = (k0 + _KEY_STEPS[0]) & _LOW, (k1 + _KEY_STEPS[1]) & _LOW
    return np.stack((c0, c1, c2, c3), axis=-1)


CHOICE, EXCLUSION = 0, 1
"""What a number is for: choosing the token; deciding whether top choices are excluded (XTC)."""


def uniforms(
    seed: int, streams: list[int], positions: list[int], purpose: int = CHOICE
) -> npt.NDArray[np.float64]:
    """Return one number in [0, 1) with 53 random bits for each (seed, stream, position).

    Seed and streams are taken modulo 2^64. The key is the seed, the counter [position, the stream's low 32
    bits, purpose, its high 32 bits]. `position` counts generated tokens, so what came before the prompt, how
    it was cached and who else is running do not matter.
    """
    key = np.array([seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF], dtype=np.uint64)
    counter = np.zeros((len(positions), 4), dtype=np.uint64)
    wide = np.array([stream % 2**64 for stream in streams], dtype=np.uint64)
    counter[:, 0], counter[:, 1] = positions, wide & _LOW
    counter[:, 2], counter[:, 3] = purpose, wide >> _SHIFT
    words = philox4x32(counter, key)
    return ((words[:, 0] >> np.uint64(5)) * 67108864.0 + (words[:, 1] >> np.uint64(6))) / 9007199254740992.0
