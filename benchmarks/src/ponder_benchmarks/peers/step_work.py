"""What one forward pass must at least read, write and multiply, by operation of the kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from ponder.checkpoints.stored import FLOAT_TYPES
from ponder.models import Transformer
from ponder.tree import PAGE_SIZE


@dataclass(frozen=True, slots=True)
class Pass:
    """So many `rows`, each a sequence that computes `new` tokens.

    Attributes
    ----------
    shared : cached tokens that all sequences begin with, and have once.
    own : cached tokens of each sequence after those.
    logits : rows of logits that are wanted.
    """

    rows: int
    new: int
    shared: int
    own: int
    logits: int

    @property
    def tokens(self) -> int:
        """How many tokens are computed."""
        return self.rows * self.new

    def pairs(self, window: int | None) -> int:
        """Return how many pairs of a query and a key there are, where a query sees `window` keys at most."""
        cached = self.shared + self.own
        contexts = range(cached + 1, cached + self.new + 1)
        return self.rows * sum(contexts if window is None else (min(c, window) for c in contexts))

    def keys(self, window: int | None) -> int:
        """Return how many different keys those are."""
        cached = self.shared + self.own
        first = 0 if window is None else max(0, cached + 1 - window)  # that the first new token sees
        return max(0, self.shared - first) + self.rows * (cached + self.new - max(first, self.shared))


@dataclass(frozen=True, slots=True)
class Work:
    """Bytes to and from memory, and multiply-accumulates; whether these are of 8-bit integers."""

    bytes: int = 0
    macs: int = 0
    integers: bool = False


def work_of(model: Transformer, step: Pass) -> dict[str, Work]:
    """Return the work of each operation, by the names and in the order of `kernels.ops`.

    Bytes are those of matrices as the native kernels hold them, each once, and of keys and values in the
    cache: `project` writes those of new tokens and `attend` reads those that are seen, once however many
    sequences share them. Norms, biases and activations are not counted, nor is arithmetic on single numbers.
    """
    config, weights, nbytes = model.config, model.weights, model.kernels.nbytes
    layers, windows = weights.layers, config.sliding_windows
    kept = model.page_bytes // (PAGE_SIZE * config.num_layers)  # a token's key and value in one layer

    def linear(matrices: Sequence[Any], rows: int) -> Work:
        different = {id(matrix): matrix for matrix in matrices}.values()
        return Work(
            bytes=sum(map(nbytes, different)) if rows else 0,
            macs=rows * sum(prod(matrix.shape) for matrix in matrices),
            integers=all(matrix.kind not in FLOAT_TYPES for matrix in matrices),
        )

    table = weights.embed
    qkv = linear([part.weight for layer in layers for part in (layer.q, layer.k, layer.v)], step.tokens)
    written = step.tokens * config.num_layers * kept
    mixed = 2 * config.num_heads * config.head_dim  # q k^T, and weights times values
    inner = [part.weight for layer in layers for part in (layer.gate, layer.up, layer.down)]
    return {
        "embed": Work(bytes=step.tokens * nbytes(table) // table.shape[0]),
        "project": Work(qkv.bytes + written, qkv.macs, qkv.integers),
        "attend": Work(kept * sum(map(step.keys, windows)), mixed * sum(map(step.pairs, windows))),
        "add_projection": linear([layer.o.weight for layer in layers], step.tokens),
        "add_feed_forward": linear(inner, step.tokens),
        "exit": Work(),
        "logits": linear([weights.lm_head], step.logits),
    }
