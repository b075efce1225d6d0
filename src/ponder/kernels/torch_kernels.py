"""The operations composed of torch functions: `reference`, which is the oracle, and `row_invariant`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch

from ponder.checkpoints.config import ModelConfig
from ponder.checkpoints.stored import StoredTensor, dequantize
from ponder.errors import UnsupportedError
from ponder.kernels.attention_plan import AttentionPlan
from ponder.kernels.batch import ForwardBatch
from ponder.kernels.cache import Cache, TorchCache, new_pages, page_bytes
from ponder.kernels.layers import Linear, Norm
from ponder.kernels.ops import Definition, Forward
from ponder.kernels.reference.attention import gathered
from ponder.kernels.reference.attention import rotate as rotate_pairs
from ponder.positions import Buckets, CosSin, Positions, Slopes


class Primitives(Protocol):
    """What `reference` and `row_invariant` each offer."""

    def embed(self, weight: torch.Tensor, token_ids: torch.Tensor) -> torch.Tensor:
        """Rows of `weight` [V, C] for `token_ids` [T] int64 -> [T, C]."""
        ...

    def rms_norm(self, x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
        """x / sqrt(mean(x^2) + eps) * weight over the last axis, in float32 (arXiv 1910.07467)."""
        ...

    def linear(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """X [T, in] @ weight [out, in] transposed, + bias [out] -> [T, out]."""
        ...

    def rope_and_store(
        self,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        cos_sin: tuple[torch.Tensor, torch.Tensor] | None,
        k_pages: torch.Tensor,
        v_pages: torch.Tensor,
        slot_mapping: torch.Tensor,
    ) -> torch.Tensor:
        """Rotate q [T, H, D] and k [T, G, D], write k and v into their slots, return the rotated q.

        `cos_sin` are each [T, r/2] with r <= D rotated dimensions (pairs (i, i + r/2)); None rotates
        nothing. `k_pages`, `v_pages` [P, B, G, D] are written at `slot_mapping` [T] int64 =
        page * B + offset; no other slot is touched.
        """
        ...

    def attention(
        self,
        q: torch.Tensor,
        k_pages: torch.Tensor,
        v_pages: torch.Tensor,
        plan: AttentionPlan,
        window: int | None,
        bias: Slopes | Buckets | None = None,
    ) -> torch.Tensor:
        """softmax(q k^T / sqrt(D) + bias) v over each sequence's pages [P, B, G, D] -> [T, H, D]."""
        ...

    def swiglu(self, gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        """silu(gate) * up, elementwise (arXiv 2002.05202)."""
        ...


class TorchKernels:
    """Runs a model by calling torch for each operation, every time."""

    def __init__(
        self,
        name: str,
        primitives: Primitives,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.name = name
        self.primitives = primitives
        self.device = device
        self.dtype = self.cache_dtype = dtype

    def matrix(self, stored: StoredTensor) -> torch.Tensor:
        return torch.from_numpy(dequantize(stored)).to(device=self.device, dtype=self.dtype)

    def vector(self, stored: StoredTensor) -> torch.Tensor:
        return self.matrix(stored)

    def nbytes(self, matrix: torch.Tensor) -> int:
        return matrix.nbytes

    def page_bytes(self, config: ModelConfig) -> int:
        return page_bytes(config, self.cache_dtype)

    def cache(self, config: ModelConfig, num_pages: int) -> Cache:
        return TorchCache(*new_pages(config, num_pages, self.cache_dtype, self.device))

    def compile(self, define: Definition, config: ModelConfig, positions: Positions) -> Forward:
        if positions.rotates == "read" and self.name != "reference":
            raise rotated_when_read(self.name)
        return TorchForward(self.primitives, define, config.head_dim)


def rotated_when_read(name: str) -> UnsupportedError:
    """Return what is raised where keys cannot be rotated as they are read."""
    return UnsupportedError(
        f"positions that rotate keys when they are read are not supported by the {name} kernels: "
        "load the model with kernels='reference'"
    )


@dataclass(frozen=True, slots=True)
class TorchForward:
    """A model that calls its operations anew for each batch."""

    primitives: Primitives
    define: Definition
    head_dim: int

    def __call__(
        self,
        batch: ForwardBatch,
        cos_sin: CosSin | None,
        cache: Cache,
        key_cos_sin: CosSin | None = None,
    ) -> torch.Tensor:
        ops = TorchPass(self.primitives, self.head_dim, batch, cos_sin, cache.keys, cache.values, key_cos_sin)
        self.define(ops)
        return ops.result

    def take_times(self) -> dict[str, float]:
        return {}


class TorchPass:
    """`Ops` that compute at once, over one batch."""

    x: torch.Tensor
    q: torch.Tensor
    mixed: torch.Tensor
    _exited: torch.Tensor
    _turns_keys: CosSin | None  # of the layer's keys, where they are rotated as they are read
    result: torch.Tensor

    def __init__(
        self,
        primitives: Primitives,
        head_dim: int,
        batch: ForwardBatch,
        cos_sin: CosSin | None,
        k_pages: torch.Tensor,
        v_pages: torch.Tensor,
        key_cos_sin: CosSin | None = None,
    ) -> None:
        self._p = primitives
        self._head_dim = head_dim
        self._batch = batch
        self._cos_sin, self._key_cos_sin = cos_sin, key_cos_sin
        self._k_pages, self._v_pages = k_pages, v_pages

    def embed(self, table: Any) -> None:
        self.x = self._p.embed(table, self._batch.token_ids)
        if self._batch.logit_depths is not None:
            self._exited = self.x[self._batch.logit_rows]

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
        x = self._norm(self.x, norm)
        queries, keys, values = (self._heads(self._linear(x, part)) for part in (q, k, v))
        if q_norm is not None:
            queries = self._norm(queries, q_norm)
        if k_norm is not None:
            keys = self._norm(keys, k_norm)
        turns = self._cos_sin if rotate else None
        self._turns_keys = None
        if turns is not None and self._key_cos_sin is not None:
            queries, turns, self._turns_keys = rotate_pairs(queries, *turns), None, self._key_cos_sin
        self.q = self._p.rope_and_store(
            queries,
            keys,
            values,
            turns,
            self._k_pages[:, layer],
            self._v_pages[:, layer],
            self._batch.slot_mapping,
        )

    def attend(self, layer: int, window: int | None, bias: Slopes | Buckets | None = None) -> None:
        plan = self._batch.plan
        keys, values = self._k_pages[:, layer], self._v_pages[:, layer]
        if self._turns_keys is not None:
            keys, values, plan = gathered(keys, values, plan, self._turns_keys)
        self.mixed = self._p.attention(self.q, keys, values, plan, window, bias).flatten(-2)

    def add_projection(self, o: Linear) -> None:
        self.x = self.x + self._linear(self.mixed, o)

    def add_feed_forward(self, norm: Norm, gate: Linear, up: Linear, down: Linear) -> None:
        x = self._norm(self.x, norm)
        gated = self._p.swiglu(self._linear(x, gate), self._linear(x, up))
        self.x = self.x + self._linear(gated, down)

    def exit(self, depth: int) -> None:
        batch = self._batch
        if batch.logit_depths is not None:
            here = (batch.logit_depths == depth) | (batch.logit_depths == ~depth)
            self._exited[here] = self.x[batch.logit_rows[here]]

    def logits(self, norm: Norm, head: Any) -> None:
        batch = self._batch
        if batch.logit_depths is None:
            x = self._norm(self.x[batch.logit_rows], norm)
        else:
            normed = self._norm(self._exited, norm)
            x = torch.where(batch.logit_depths[:, None] >= 0, normed, self._exited)
        if batch.states is not None:
            batch.states.copy_(x)
        self.result = self._p.linear(x, head, None).float()

    def _heads(self, x: torch.Tensor) -> torch.Tensor:
        return x.view(x.shape[0], -1, self._head_dim)

    def _norm(self, x: torch.Tensor, norm: Norm) -> torch.Tensor:
        return self._p.rms_norm(x, norm.weight, norm.eps)

    def _linear(self, x: torch.Tensor, layer: Linear) -> torch.Tensor:
        return self._p.linear(x, layer.weight, layer.bias)
