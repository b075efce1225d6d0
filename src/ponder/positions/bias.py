"""What attention may add to a score, by how many tokens the key lies behind the query."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True, eq=False)
class Slopes:
    """-slope * distance, with a slope for each head.

    Attributes
    ----------
    slopes : [H] float32.
    """

    slopes: torch.Tensor

    @property
    def num_heads(self) -> int:
        """How many heads have a slope."""
        return self.slopes.shape[0]

    def at(self, distance: torch.Tensor) -> torch.Tensor:
        """Return the bias of each head at distances of any shape, [H, *shape] float32."""
        slopes = self.slopes.view(-1, *(1,) * distance.ndim)
        return -slopes * distance.float()


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """The entry of a table for the distance's bucket; all distances from `max_distance` on are in the last.

    Attributes
    ----------
    table : [buckets, H] float32.
    """

    table: torch.Tensor
    max_distance: int

    @property
    def num_heads(self) -> int:
        """How many heads have entries."""
        return self.table.shape[1]

    def at(self, distance: torch.Tensor) -> torch.Tensor:
        """Return the bias of each head at distances of any shape, [H, *shape] float32."""
        buckets = bucket_of(distance, self.table.shape[0], self.max_distance)
        return self.table[buckets].movedim(-1, 0)


def bucket_of(distance: torch.Tensor, num_buckets: int, max_distance: int) -> torch.Tensor:
    """Return the bucket of each distance: half of them hold one distance each, the rest grow by a factor.

    T5's rule for text that is read from left to right (arXiv 1910.10683, section 2.1), in float32 as
    transformers computes it. Distances below 0 count as 0.
    """
    exact = num_buckets // 2
    distance = distance.clamp(min=0)
    growth = (distance.clamp(min=1).float() / exact).log() / math.log(max_distance / exact)
    far = (exact + (growth * (num_buckets - exact)).long()).clamp(max=num_buckets - 1)
    return torch.where(distance < exact, distance, far)
