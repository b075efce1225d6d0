"""A small network over a model's states: the head of a reward model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ponder.errors import CheckpointError, ParameterError

Floats = npt.NDArray[np.float32]

MAX_HEAD_BYTES = 2**30
_NAMES = (("v_head.summary",), ("score.0", "score.2"), ("score",))
"""How reward models call their layers: Skywork's (as TRL's value head), Qwen2.5-Math-PRM, transformers."""


@dataclass(frozen=True, slots=True, eq=False)
class ValueHead:
    """Linear layers with a ReLU between them.

    Attributes
    ----------
    layers : for each its weight [out, in] and bias [out], float32. The first reads the model's states.

    Raises
    ------
    ParameterError : there is no layer, or the shapes do not fit each other.
    """

    layers: tuple[tuple[Floats, Floats], ...]

    def __post_init__(self) -> None:
        shapes = [(list(weight.shape), list(bias.shape)) for weight, bias in self.layers]
        flat = all(len(weight) == 2 and bias == weight[:1] for weight, bias in shapes)
        if not shapes or not flat or any(a[0][0] != b[0][1] for a, b in pairwise(shapes)):
            raise ParameterError("layers", shapes, "weights [out, in] and biases [out] that fit each other")

    @property
    def reads(self) -> int:
        """How many numbers a state has."""
        return int(self.layers[0][0].shape[1])

    @property
    def gives(self) -> int:
        """How many numbers it makes of a state."""
        return int(self.layers[-1][0].shape[0])

    def __call__(self, state: npt.NDArray[np.float32]) -> tuple[float, ...]:
        """Return the last layer's numbers for a state [C]. Raises ParameterError for another length."""
        if state.shape != (self.reads,):
            allowed = f"the head of a model whose states have {list(state.shape)} numbers"
            raise ParameterError("head", f"one of {self.reads} numbers", allowed)
        values: npt.NDArray[np.float64] = state.astype(np.float64)
        for place, (weight, bias) in enumerate(self.layers):
            if place:
                values = np.maximum(values, 0)
            values = (weight.astype(np.float64) * values).sum(-1) + bias
        return tuple(map(float, values))


def load_value_head(folder: str | Path) -> ValueHead:
    """Read the head from the safetensors files of a reward model's folder.

    A bias that is not there is 0. Files in Python's pickle format are not read: they are programs.

    Raises
    ------
    CheckpointError : the folder has no such head, or a file cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CheckpointError(f"there is no folder {str(folder)!r}")
    found = _places(folder)
    for names in _NAMES:
        if all(f"{name}.weight" in found for name in names):
            return ValueHead(tuple(_layer(found, name) for name in names))
    wanted = ", ".join(f"{name}.weight" for names in _NAMES for name in names)
    raise CheckpointError(f"no safetensors file in {folder.name!r} has the layers of a value head: {wanted}")


def _places(folder: Path) -> dict[str, Path]:
    from safetensors import SafetensorError, safe_open

    found = {}
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, framework="np") as handle:
                found.update(dict.fromkeys(handle.keys(), file))
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{file.name} cannot be read as safetensors: {error}") from None
    return found


def _layer(found: dict[str, Path], name: str) -> tuple[Floats, Floats]:
    weight = _tensor(found[f"{name}.weight"], f"{name}.weight")
    bias_file = found.get(f"{name}.bias")
    bias = _tensor(bias_file, f"{name}.bias") if bias_file else np.zeros(weight.shape[0], np.float32)
    return weight, bias


def _tensor(file: Path, name: str) -> Floats:
    """Read a tensor of any float type: torch knows those that numpy does not."""
    import torch
    from safetensors import safe_open

    with safe_open(file, framework="pt") as handle:
        shape: Sequence[int] = handle.get_slice(name).get_shape()
        if int(np.prod(shape)) * 4 > MAX_HEAD_BYTES:
            raise CheckpointError(f"{file.name}: {name} of shape {list(shape)} is too large for a head")
        tensor: Floats = handle.get_tensor(name).to(torch.float32).numpy()
    return tensor
