"""One signature per operation; every implementation offers functions of these names.

Shapes: T tokens of all sequences one after another, S sequences, H query heads, G key/value heads,
D head size, P pages of B tokens. Activations are float32 unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch

from ponder.errors import UnsupportedError
from ponder.kernels.attention_plan import AttentionPlan


class Ops(Protocol):
    """What `models/` is written over."""

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
    ) -> torch.Tensor:
        """softmax(q k^T / sqrt(D)) v over each sequence's pages -> [T, H, D].

        A query sees its own sequence up to its own position, and of that the last `window` tokens
        where a window is given. Query head h reads key head h * G // H.
        """
        ...

    def swiglu(self, gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        """silu(gate) * up, elementwise (arXiv 2002.05202)."""
        ...


def select_ops(device: torch.device, *, row_invariant: bool = False) -> Ops:
    """Return the implementation for a device. Today the torch reference serves all of them.

    With `row_invariant`, the one where a row's bits do not depend on the rows beside it.

    Raises
    ------
    UnsupportedError : `row_invariant` on a device other than the CPU.
    """
    from ponder.kernels import reference
    from ponder.kernels import row_invariant as invariant

    if not row_invariant:
        return reference
    if device.type != "cpu":
        raise UnsupportedError(
            f"row_invariant = True is not supported on device {str(device)!r}: only on 'cpu'"
        )
    return invariant


__all__: Sequence[str] = ["Ops", "select_ops"]
