"""Gumbel noise as a function of (seed, path), and the continuations it makes the largest.

The largest of several numbers log(w_i) + g_i, with independent standard Gumbel g_i, is distributed as
log(sum of w_i) + g, and it is the i-th with a probability in proportion to w_i; the k largest are k draws
without replacement (Gumbel-top-k: Vieira 2014; Kool et al. 2019, arXiv 1903.06059). So the tokens of a
block can wait until the block's largest number is known to matter: only k blocks are looked into.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence as Seq

import numpy as np
import torch

from ponder.decoders.candidates import (
    BLOCK,
    Candidates,
    Floats,
    Ints,
    RowMemory,
    largest,
    members,
    memory_of,
    ranked,
)
from ponder.sampling.rng import Words, philox4x32

_OF_BLOCKS, _OF_TOKENS = 0, 1  # two streams of numbers for each path


def path_keys(seed: int, paths: Seq[Seq[int]]) -> Words:
    """Return a Philox key for each path of generated tokens, [R, 2]; equal paths have equal keys."""
    salt = (seed % 2**64).to_bytes(8, "little")
    digests = [
        hashlib.blake2b(np.array(path, dtype="<u4").tobytes(), digest_size=8, key=salt).digest()
        for path in paths
    ]
    return np.frombuffer(b"".join(digests), dtype="<u4").reshape(-1, 2).astype(np.uint64)


def gumbels(keys: Words, first: Ints, count: int, stream: int) -> Floats:
    """Return standard Gumbel numbers first, first + 1, ... of each key, [R, count]; `first` [R] is even."""
    pairs = -(-count // 2)
    counters = np.zeros((len(keys), pairs, 4), dtype=np.uint64)
    counters[..., 0] = first[:, None] // 2 + np.arange(pairs)
    counters[..., 1] = stream
    words = philox4x32(counters, keys[:, None, :]).reshape(len(keys), 2 * pairs, 2)
    # 52 bits and a half: never 0 or 1.
    bits = (words[..., 0] >> np.uint64(6)) * 67108864.0 + (words[..., 1] >> np.uint64(6))
    numbers: Floats = -np.log(-np.log((bits + 0.5) / 2.0**52))
    return numbers[:, :count]


def with_maximum(numbers: Floats, maxima: Floats) -> Floats:
    """Turn Gumbel numbers [R, C] into ones whose largest in each row is `maxima` [R], minus infinity aside.

    They are then distributed as if drawn under that condition (Kool et al. 2019, appendix B.3).
    """
    largest, maxima = numbers.max(-1, keepdims=True), maxima[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = numbers - largest
        log1mexp = np.where(gap > -np.log(2), np.log(-np.expm1(gap)), np.log1p(-np.exp(gap)))
        below = maxima - numbers + log1mexp
        shifted = maxima - np.maximum(below, 0) - np.log1p(np.exp(-np.abs(below)))
    return np.where(numbers == -np.inf, -np.inf, shifted)


def perturbed_best(
    probs: torch.Tensor,
    locations: Floats,
    maxima: Floats | None,
    keys: Words,
    count: int,
    memory: RowMemory | None = None,
) -> Candidates:
    """Return the `count` continuations with the largest perturbed log-weights, which are their scores.

    Parameters
    ----------
    probs : [R, V] float32; zero is never drawn.
    locations : [R]: the log-weight of a continuation is locations[r] + log(probs[r, v]).
    maxima : [R], what the largest perturbed log-weight of a row's continuations is; None: left to chance.
    keys : [R, 2], of the rows' paths.
    memory : by default the one that suits the device of `probs`.
    """
    memory = memory or memory_of(probs.device)
    with np.errstate(divide="ignore"):
        masses = np.log(memory.block_sum(probs))
    noise = gumbels(keys, np.zeros(len(keys), dtype=np.int64), masses.shape[-1], _OF_BLOCKS)
    tops = masses + locations[:, None] + noise
    if maxima is not None:
        tops = with_maximum(tops, maxima)
    least = largest(tops, count)
    beams, blocks = np.nonzero((tops >= least) & (tops > -np.inf))
    tokens, found = members(probs, beams, blocks, memory)
    with np.errstate(divide="ignore"):
        weights = np.log(np.maximum(found, 0.0)) + locations[beams, None]
    noise = gumbels(keys[beams], blocks * BLOCK, BLOCK, _OF_TOKENS)
    scores = with_maximum(weights + noise, tops[beams, blocks])
    keep = (scores >= least) & (scores > -np.inf)
    return ranked(np.broadcast_to(beams[:, None], keep.shape)[keep], tokens[keep], scores[keep]).first(count)
