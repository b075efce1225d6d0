"""What a way to give a model positions has to say to its caches and its attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import torch

from ponder.positions.bias import Buckets, Slopes

Rotates = Literal["written", "read", "never"]
"""Keys are rotated before they are written into the cache, or when they are read from it, or never."""

CosSin = tuple[torch.Tensor, torch.Tensor]
"""cos and sin of the angles of some tokens, [tokens, rotated / 2] float32 each."""


class Positions(Protocol):
    """How a model knows order: by rotating queries and keys, by a bias of scores, by both or by neither.

    Attributes
    ----------
    rotates : when keys are rotated.
    rotated : how many dimensions of a head turn; 0 where none do.
    """

    @property
    def rotates(self) -> Rotates: ...

    @property
    def rotated(self) -> int: ...

    def regime(self, reach: int) -> int:
        """Return a number that is equal for two reaches exactly when their cached keys are."""
        ...

    def rotation(
        self, positions: torch.Tensor, lengths: Sequence[int], reaches: Sequence[int]
    ) -> CosSin | None:
        """Return cos and sin of the tokens of all sequences, or None where nothing turns.

        Parameters
        ----------
        positions : [tokens] int64, one sequence after another.
        lengths : how many of the tokens belong to each sequence.
        reaches : how many tokens each sequence may have at most.
        """
        ...

    def bias(self, layer: int) -> Slopes | Buckets | None:
        """Return what is added to a layer's scores, or None where nothing is."""
        ...
