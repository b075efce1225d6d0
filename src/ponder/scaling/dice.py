"""Random numbers for a strategy's own decisions."""

from __future__ import annotations

import numpy as np


def dice(seed: int, decision: int) -> np.random.Generator:
    """Return a source of random numbers for decision number `decision` of a run with this seed.

    It is Philox, whose numbers are a function of a key, the seed, and a counter that begins at
    `decision` * 2^64. So a decision does not depend on what was drawn before it, and a replay draws the same.
    """
    return np.random.Generator(np.random.Philox(key=seed, counter=decision << 64))
