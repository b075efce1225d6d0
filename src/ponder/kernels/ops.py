"""What `models/` is written over: the operations of a forward pass, and who runs them.

Shapes: T tokens of all sequences one after another, H query heads, G key/value heads, D head size, C the
width of the residual stream. Activations are float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch

from ponder.checkpoints.config import ModelConfig
from ponder.checkpoints.stored import StoredTensor
from ponder.kernels.batch import ForwardBatch
from ponder.kernels.cache import Cache
from ponder.kernels.layers import Linear, Norm
from ponder.positions import Buckets, CosSin, Positions, Slopes


class Ops(Protocol):
    """The operations of one pass over a batch, each acting on its residual stream x [T, C].

    They are called in the order of the model. Some implementations compute at once, others write down what to
    compute, so nothing may be asked of them but to go on.
    """

    def embed(self, table: Any) -> None:
        """x = the rows of `table` [V, C] for the batch's tokens."""
        ...

    def project(
        self,
        layer: int,
        norm: Norm,
        q: Linear,
        k: Linear,
        v: Linear,
        q_norm: Norm | None,
        k_norm: Norm | None,
        *,
        rotate: bool,
    ) -> None:
        """Project norm(x) to queries [T, H, D], keys and values [T, G, D].

        The heads of queries and keys get norms of their own where these are given, and are rotated: pair
        (i, i + r/2) of the r rotated dimensions turns by the batch's angles. Keys and values are written into
        the layer's pages at the batch's slots; no other slot is touched.
        """
        ...

    def attend(self, layer: int, window: int | None, bias: Slopes | Buckets | None = None) -> None:
        """Mix values: softmax(q k^T / sqrt(D) + bias) v over each sequence's pages.

        A query sees its own sequence up to its own position, and of that the last `window` tokens where a
        window is given. Query head h reads key head h * G // H.
        """
        ...

    def add_projection(self, o: Linear) -> None:
        """x += o(what `attend` mixed)."""
        ...

    def add_feed_forward(self, norm: Norm, gate: Linear, up: Linear, down: Linear) -> None:
        """x += down(silu(gate(norm(x))) * up(norm(x))) (SwiGLU, arXiv 2002.05202)."""
        ...

    def exit(self, depth: int) -> None:
        """Note x where the batch wants logits after `depth` layers."""
        ...

    def logits(self, norm: Norm, head: Any) -> None:
        """Logits = head(norm(x)) for the batch's logit rows, [R, V], x being that of each row's depth."""
        ...


Definition = Callable[[Ops], None]
"""A model: calls the operations in order."""


class Forward(Protocol):
    """A model that can be run."""

    def __call__(
        self, batch: ForwardBatch, cos_sin: CosSin | None, cache: Cache, key_cos_sin: CosSin | None = None
    ) -> torch.Tensor:
        """Run a batch and return the logits of its `logit_rows`, [R, V] float32.

        Parameters
        ----------
        cos_sin : of the batch's tokens, [T, r/2] each; None where nothing turns.
        cache : receives the new keys and values; one that these kernels made.
        key_cos_sin : of all tokens of each sequence's context, one sequence after another, where keys are
            rotated as they are read.
        """
        ...

    def take_times(self) -> dict[str, float]:
        """Return the seconds spent in each operation since this was last asked; {} where nobody counts.

        May be called by any thread while others run the model.
        """
        ...


class Kernels(Protocol):
    """An implementation of the operations.

    Attributes
    ----------
    name : "reference", "row_invariant" or "native".
    cache_dtype : what keys and values are kept as.
    """

    name: str
    cache_dtype: torch.dtype

    def matrix(self, stored: StoredTensor) -> Any:
        """Take in a matrix as these kernels hold it."""
        ...

    def vector(self, stored: StoredTensor) -> torch.Tensor:
        """Take in a norm's weight or a bias, [n]."""
        ...

    def nbytes(self, matrix: Any) -> int:
        """Return the bytes that a matrix takes in memory."""
        ...

    def page_bytes(self, config: ModelConfig) -> int:
        """Return the bytes that a page of the model's cache takes over all layers."""
        ...

    def cache(self, config: ModelConfig, num_pages: int) -> Cache:
        """Return so many pages for the model's keys and values, which are not filled."""
        ...

    def compile(self, define: Definition, config: ModelConfig, positions: Positions) -> Forward:
        """Return what runs the model that `define` defines.

        Raises
        ------
        UnsupportedError : these kernels cannot run a model with such positions.
        """
        ...
