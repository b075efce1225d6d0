"""Rotary position embeddings: a pair of dimensions turns by `position * theta_i` (arXiv 2104.09864)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch

from ponder.checkpoints.config import ProportionalScaling, RopeConfig
from ponder.positions.protocol import CosSin, Rotates
from ponder.positions.rope_scaling import Frequencies, frequencies, regime

MAX_REGIMES = 4  # with tables
MAX_TABLE = 2**16  # positions; 16 MB of each table where 64 dimensions turn


class Rope:
    """cos and sin tables for tokens of sequences of known reach.

    A sequence's reach (the longest it may become) is fixed when it is admitted, so the rules whose
    frequencies depend on length give every token of a sequence the same frequencies: cached keys
    never go stale, however the prompt was chunked.

    Parameters
    ----------
    rotates : "written": keys are cached as they were rotated. "read": they are cached as they were projected,
        so that sequences of any reach share them, and rotated each time; only the reference kernels do that.
    """

    def __init__(
        self,
        config: RopeConfig,
        head_dim: int,
        device: torch.device,
        rotates: Literal["written", "read"] = "written",
    ) -> None:
        self.rotates: Rotates = rotates
        # The proportional rule gives the pairs that do not turn an angle of 0.
        self.rotated = head_dim if isinstance(config.scaling, ProportionalScaling) else config.rotary_dim
        self.config = config
        self.head_dim = head_dim
        self.device = device
        self._by_regime: dict[int, Frequencies] = {}
        self._tables: dict[int, CosSin] = {}

    def _frequencies(self, found: int, reach: int) -> Frequencies:
        """Return the frequencies of a regime; `reach` is one that is in it."""
        if found not in self._by_regime:
            inv_freq, factor = frequencies(self.config, self.head_dim, reach)
            self._by_regime[found] = Frequencies(inv_freq.to(self.device), factor)
        return self._by_regime[found]

    def regime(self, reach: int) -> int:
        """Return a number that is equal for two reaches exactly when their cached keys are."""
        return regime(self.config, reach) if self.rotates == "written" else 0

    def bias(self, layer: int) -> None:
        """Add nothing to scores."""

    def rotation(self, positions: torch.Tensor, lengths: Sequence[int], reaches: Sequence[int]) -> CosSin:
        """Return cos and sin, each [tokens, d/2] float32.

        Parameters
        ----------
        positions : [tokens] int64, the tokens of all sequences one after another.
        lengths : how many of the tokens belong to each sequence.
        reaches : the reach of each sequence.
        """
        regimes = [regime(self.config, reach) for reach in reaches]
        if all(found == regimes[0] for found in regimes):
            return self._turns(positions, regimes[0], max(reaches))
        parts = [
            self._turns(part, found, reach)
            for part, found, reach in zip(
                torch.split(positions, list(lengths)), regimes, reaches, strict=True
            )
        ]
        cos, sin = zip(*parts, strict=True)
        return torch.cat(cos), torch.cat(sin)

    def _turns(self, positions: torch.Tensor, found: int, reach: int) -> CosSin:
        """Look the positions of one regime up in its tables, which grow as they must."""
        frequencies = self._frequencies(found, reach)
        needed = max(reach, int(positions.max()) + 1) if len(positions) else reach
        if needed > MAX_TABLE:
            return cos_sin(positions, frequencies)
        tables = self._tables.get(found)
        if tables is None or tables[0].shape[0] < needed:
            size = 1 << max(needed - 1, 2047).bit_length()
            tables = cos_sin(torch.arange(size, device=self.device), frequencies)
            if len(self._tables) == MAX_REGIMES:  # the dynamic rule has one for every length
                self._tables.clear()
            self._tables[found] = tables
        cos, sin = tables
        return cos.index_select(0, positions), sin.index_select(0, positions)


def cos_sin(positions: torch.Tensor, frequencies: Frequencies) -> CosSin:
    """Return cos and sin of each position's angles, [n, d/2] float32.

    Angles are float32, as in transformers; their cosines are rounded from float64, so that they do not depend
    on how many are computed together.
    """
    angles = (positions[:, None].float() * frequencies.inv_freq).double()
    factor = frequencies.attention_factor
    return (angles.cos() * factor).float(), (angles.sin() * factor).float()
