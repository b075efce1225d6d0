"""Rotary position embeddings: a pair of dimensions turns by `position * theta_i` (arXiv 2104.09864)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ponder.checkpoints.config import RopeConfig
from ponder.positions.rope_scaling import Frequencies, frequencies, regime


class Rope:
    """cos and sin tables for tokens of sequences of known reach.

    A sequence's reach (the longest it may become) is fixed when it is admitted, so the rules whose
    frequencies depend on length give every token of a sequence the same frequencies: cached keys
    never go stale, however the prompt was chunked.
    """

    def __init__(self, config: RopeConfig, head_dim: int, device: torch.device) -> None:
        self.config = config
        self.head_dim = head_dim
        self.device = device
        self._by_regime: dict[int, Frequencies] = {}

    def _frequencies(self, reach: int) -> Frequencies:
        key = regime(self.config, reach)
        if key not in self._by_regime:
            inv_freq, factor = frequencies(self.config, self.head_dim, reach)
            self._by_regime[key] = Frequencies(inv_freq.to(self.device), factor)
        return self._by_regime[key]

    def cos_sin(
        self, positions: torch.Tensor, lengths: Sequence[int], reaches: Sequence[int]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return cos and sin, each [tokens, d/2] float32.

        Parameters
        ----------
        positions : [tokens] int64, the tokens of all sequences one after another.
        lengths : how many of the tokens belong to each sequence.
        reaches : the reach of each sequence.
        """
        rows = [self._frequencies(reach) for reach in reaches]
        if all(row is rows[0] for row in rows):
            inv_freq, factor = rows[0]
            angles = positions[:, None].float() * inv_freq
            return angles.cos() * factor, angles.sin() * factor
        parts = [
            self.cos_sin(part, [part.shape[0]], [reach])
            for part, reach in zip(torch.split(positions, list(lengths)), reaches, strict=True)
        ]
        cos, sin = zip(*parts, strict=True)
        return torch.cat(cos), torch.cat(sin)
