"""A checkpoint whose matrices are quantised as they are read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ponder.checkpoints.checkpoint import Checkpoint, TensorSource
from ponder.checkpoints.layout import tensor_shapes
from ponder.checkpoints.stored import FLOAT_TYPES, StoredTensor, dequantize, quantize
from ponder.errors import CheckpointError, ParameterError

if TYPE_CHECKING:
    import torch

QUANTIZATIONS = {"q8_0": "Q8_0", "q4_1": "Q4_1"}
"""The names callers use -> GGUF's. 8.5 and 5 bits a weight."""

_BLOCK = 32


def quantization(name: str) -> str:
    """Return GGUF's name of a quantisation. Raises ParameterError for an unknown one."""
    if name not in tuple(QUANTIZATIONS):
        raise ParameterError("quantize", name, " or ".join(QUANTIZATIONS))
    return QUANTIZATIONS[name]


def quantized(checkpoint: Checkpoint, name: str) -> Checkpoint:
    """Return a checkpoint whose matrices (linear layers, embedding, head) are quantised when they are read.

    Vectors (norms, biases) stay as they are. Nothing is read here but headers, and nothing is kept: a tensor
    that is read twice is quantised twice.

    Parameters
    ----------
    checkpoint : its matrices are F32, F16 or BF16.
    name : one of `QUANTIZATIONS`.

    Raises
    ------
    ParameterError : an unknown `name`.
    CheckpointError : a matrix is quantised already, or its rows are not whole blocks.
    """
    kind = quantization(name)
    for tensor, shape in tensor_shapes(checkpoint.config).items():
        if len(shape) != 2:
            continue
        found = checkpoint.tensors.stored(tensor).kind
        if found not in FLOAT_TYPES:
            raise CheckpointError(
                f"{checkpoint.name} cannot be quantised to {name}: {tensor} is {found} already"
            )
        if shape[1] % _BLOCK:
            raise CheckpointError(
                f"{checkpoint.name} cannot be quantised to {name}: "
                f"{tensor} has rows of {shape[1]} values, not of a multiple of {_BLOCK}"
            )
    return replace(checkpoint, tensors=QuantizedTensors(checkpoint.tensors, kind))


@dataclass(frozen=True, slots=True)
class QuantizedTensors:
    """The `TensorSource` of a quantised checkpoint. `kind` is GGUF's name."""

    source: TensorSource
    kind: str

    def tensor(self, name: str) -> torch.Tensor:
        """Return a tensor as float32: a matrix quantised and dequantised again."""
        import torch

        return torch.from_numpy(dequantize(self.stored(name)))

    def stored(self, name: str) -> StoredTensor:
        """Return a matrix quantised, its rows in order; a vector as it is stored.

        Raises
        ------
        CheckpointError : a matrix has values that half-precision scales cannot hold.
        """
        stored = self.source.stored(name)
        if len(stored.shape) != 2:
            return stored
        try:
            return quantize(dequantize(stored), self.kind)
        except CheckpointError as error:
            raise CheckpointError(f"{name} cannot be quantised: {error}") from None

    def release(self, name: str) -> None:
        """Let the source go of it; what was quantised belongs to who asked for it."""
        self.source.release(name)
