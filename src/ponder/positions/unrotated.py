"""Positions without rotation: none at all, ALiBi's slopes, T5's buckets.

No layer's keys depend on their position, so cached keys may be shared by sequences of any reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from ponder.errors import ParameterError
from ponder.positions.bias import Buckets, Slopes
from ponder.positions.protocol import CosSin

MAX_DISTANCE = 2**16  # of buckets; kernels may hold a number for each distance


@dataclass(frozen=True, slots=True)
class NoPositions:
    """The causal mask alone tells order (NoPE; Kazemnejad et al. 2023, arXiv 2305.19466)."""

    rotates: Literal["never"] = "never"
    rotated: Literal[0] = 0

    def regime(self, reach: int) -> int:
        return 0

    def rotation(
        self, positions: torch.Tensor, lengths: Sequence[int], reaches: Sequence[int]
    ) -> CosSin | None:
        return None

    def bias(self, layer: int) -> None:
        return None


class Alibi:
    """Scores fall linearly with distance, at another slope in each head (arXiv 2108.12409)."""

    rotates: Literal["never"] = "never"
    rotated: Literal[0] = 0

    def __init__(self, num_heads: int, device: torch.device) -> None:
        self._bias = Slopes(torch.tensor(alibi_slopes(num_heads), device=device))

    def regime(self, reach: int) -> int:
        return 0

    def rotation(
        self, positions: torch.Tensor, lengths: Sequence[int], reaches: Sequence[int]
    ) -> CosSin | None:
        return None

    def bias(self, layer: int) -> Slopes:
        return self._bias


def alibi_slopes(num_heads: int) -> list[float]:
    """Return the slope of each head, as in the authors' code.

    With n the largest power of 2 up to the number of heads: 2 ** (-8 (h+1) / n) for the first n heads h, and
    for the others every second slope of 2n heads, 2 ** (-4 (2 (h-n) + 1) / n).
    """
    n = 1 << (num_heads.bit_length() - 1)
    return [
        2.0 ** (-8 * (h + 1) / n) if h < n else 2.0 ** (-4 * (2 * (h - n) + 1) / n) for h in range(num_heads)
    ]


class T5Bias:
    """Learned numbers for buckets of distances, the same in all layers (arXiv 1910.10683, section 2.1).

    Scores are divided by sqrt(head_dim) before the bias is added; T5 itself does not divide.

    Parameters
    ----------
    table : [buckets, H], the bias of each bucket and query head.
    max_distance : from which on all distances are in the last bucket.

    Raises
    ------
    ParameterError : the table or the distance are not such.
    """

    rotates: Literal["never"] = "never"
    rotated: Literal[0] = 0

    def __init__(self, table: torch.Tensor, max_distance: int = 128) -> None:
        shape = list(table.shape) if isinstance(table, torch.Tensor) else table
        if not isinstance(table, torch.Tensor) or table.ndim != 2 or shape[0] < 2 or not shape[1]:
            raise ParameterError("table", shape, "a tensor [buckets, heads] of at least two buckets")
        if not bool(table.isfinite().all()):
            raise ParameterError("table", "NaN or infinite in places", "finite numbers")
        if type(max_distance) is not int or not table.shape[0] // 2 < max_distance <= MAX_DISTANCE:
            allowed = (
                f"a whole number from {table.shape[0] // 2 + 1}, half the buckets and one, to {MAX_DISTANCE}"
            )
            raise ParameterError("max_distance", max_distance, allowed)
        self._bias = Buckets(table.detach().float().contiguous(), max_distance)

    def to(self, device: torch.device) -> T5Bias:
        """Return the same bias on a device."""
        return T5Bias(self._bias.table.to(device), self._bias.max_distance)

    def regime(self, reach: int) -> int:
        return 0

    def rotation(
        self, positions: torch.Tensor, lengths: Sequence[int], reaches: Sequence[int]
    ) -> CosSin | None:
        return None

    def bias(self, layer: int) -> Buckets:
        return self._bias
