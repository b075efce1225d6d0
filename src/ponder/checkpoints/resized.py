"""A checkpoint as if it had been padded to another number of tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ponder.checkpoints.checkpoint import Checkpoint, TensorSource
from ponder.checkpoints.stored import StoredTensor, dequantize

if TYPE_CHECKING:
    import torch

_PER_TOKEN = ("embed.weight", "lm_head.weight")


def with_rows(checkpoint: Checkpoint, rows: int) -> Checkpoint:
    """Return a checkpoint with `rows` tokens: the last are cut off, or repeated.

    Models of one family share a tokenizer and pad their matrices differently. What is cut off or added stands
    for no token of the tokenizer.
    """
    if rows == checkpoint.config.vocab_size:
        return checkpoint
    return replace(
        checkpoint,
        config=replace(checkpoint.config, vocab_size=rows),
        tensors=ResizedTensors(checkpoint.tensors, rows),
    )


@dataclass(frozen=True, slots=True)
class ResizedTensors:
    """The `TensorSource` of such a checkpoint."""

    source: TensorSource
    rows: int

    def tensor(self, name: str) -> torch.Tensor:
        """Return a tensor as float32."""
        import torch

        return torch.from_numpy(dequantize(self.stored(name)))

    def stored(self, name: str) -> StoredTensor:
        """Return a tensor as it is stored; embedding and head with `rows` rows."""
        stored = self.source.stored(name)
        if name not in _PER_TOKEN:
            return stored
        count, width = stored.shape
        by_row = stored.data.reshape(count, -1)
        if self.rows < count:
            by_row = by_row[: self.rows]
        else:
            by_row = np.concatenate([by_row, np.repeat(by_row[-1:], self.rows - count, axis=0)])
        data = by_row.reshape(-1)
        data.flags.writeable = False
        return StoredTensor(stored.kind, (self.rows, width), data)

    def release(self, name: str) -> None:
        """Let the source go of it."""
        self.source.release(name)
