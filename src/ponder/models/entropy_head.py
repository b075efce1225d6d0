"""A small head that tells how much of the next token's entropy a larger model would not have.

REAL sampling (Chang et al., TACL 2025, arXiv 2406.07735): the entropy that models of size exp(s) have of a
next token is taken to fall with s as

    e(s) = c + b (a_0.5 / x^0.5 + a_1 / x + ... + a_10 / x^10),    x = max(1, f (s - g)),

whose parameters a linear layer reads from what the model's own head reads, as their logarithms. What e is
above its asymptote c at one size, s_max, is the residual entropy: what could be known and is not. c is the
entropy that the text has by itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ponder.checkpoints.fields import refuse, shown
from ponder.errors import CheckpointError, ParameterError

FORMAT = "ponder.entropy_head.v1"
POWERS = (0.5, *(float(k) for k in range(1, 11)))
"""The powers of x that the a's are divided by."""
PARAMETERS = ("c", "b", *(f"a_{power:g}" for power in POWERS), "f", "g")
"""What each row of the weight gives the logarithm of."""
MAX_BYTES = 2**24
MAX_WINDOW = 1000
MAX_EXPONENT = 600.0  # a sum of MAX_WINDOW * len(POWERS) exponentials of it is still a number

_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?(e[+-]?[0-9]{1,3})?", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,4}", re.ASCII)

Floats = npt.NDArray[np.float64]
States = npt.NDArray[np.float32]


def residual(logs: Sequence[float], log_size: float) -> float:
    """Return e(log_size) - c, in nats, from the logarithms of `PARAMETERS`; always finite."""
    _, b, *a, f, g = logs
    above = log_size - _exp(g)
    log_x = max(0.0, f + math.log(above)) if above > 0 else 0.0
    return math.fsum(_exp(b + own - power * log_x) for own, power in zip(a, POWERS, strict=True))


def _exp(exponent: float) -> float:
    return math.exp(min(exponent, MAX_EXPONENT))


@dataclass(frozen=True, slots=True, eq=False)
class EntropyHead:
    """A trained head.

    Attributes
    ----------
    weight, bias : [P, C] and [P] float32, a row for each of `PARAMETERS`; C is the model's hidden size.
    log_size : s_max, the logarithm of the size whose residual entropy is told, in the unit of its training.
    window : over how many positions, the present one included, residuals are averaged.

    Raises
    ------
    ParameterError : shapes, types or values are not these.
    """

    weight: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    log_size: float
    window: int = 40

    def __post_init__(self) -> None:
        count = len(PARAMETERS)
        for name, dimensions in (("weight", 2), ("bias", 1)):
            value = getattr(self, name)
            if value.dtype != np.float32 or value.ndim != dimensions or len(value) != count:
                found, rows = f"{value.dtype} {list(value.shape)}", "rows" if dimensions == 2 else "numbers"
                raise ParameterError(name, found, f"{count} {rows} of float32")
            if not np.isfinite(value).all():
                raise ParameterError(name, "NaN or infinite in places", "finite numbers")
        if not isinstance(self.log_size, int | float) or not math.isfinite(self.log_size):
            raise ParameterError("log_size", self.log_size, "a finite number")
        if type(self.window) is not int or not 1 <= self.window <= MAX_WINDOW:
            raise ParameterError("window", self.window, f"a whole number from 1 to {MAX_WINDOW}")

    def residuals(self, states: States) -> Floats:
        """Return the residual entropy, in nats, of the tokens after states [R, C] float32; [R]."""
        return np.array([residual(self._logs(state), self.log_size) for state in states], dtype=np.float64)

    def _logs(self, state: States) -> list[float]:
        # Each state by itself: the last bits of a product of matrices depend on how many there are and on the
        # number of threads.
        logs: list[float] = (np.multiply(self.weight, state, dtype=np.float64).sum(-1) + self.bias).tolist()
        return logs

    def over_window(self, residuals: Sequence[float]) -> float:
        """Return the mean of the last residuals, as many as the window has; 0 of none."""
        last = residuals[-self.window :]
        return math.fsum(last) / len(last) if last else 0.0

    def save(self, path: str | Path) -> None:
        """Write it to a file, as `load_entropy_head` reads it."""
        metadata = {"format": FORMAT, "log_size": repr(float(self.log_size)), "window": str(self.window)}
        tensors = {name: np.ascontiguousarray(getattr(self, name)) for name in ("weight", "bias")}
        save_file(tensors, path, metadata)


def load_entropy_head(path: str | Path, hidden_size: int) -> EntropyHead:
    """Read a head for a model of a hidden size from a safetensors file.

    The file has the tensors "weight" and "bias" as `EntropyHead` describes them, and the metadata "format",
    which is `FORMAT`, "log_size" and "window".

    Raises
    ------
    CheckpointError : it is missing, not such a file, or for another hidden size.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"there is no entropy head {shown(path.name)} in {shown(str(path.parent))}")
    where = shown(path.name)
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise refuse(where, "size", size, f"at most {MAX_BYTES} bytes for an entropy head")
        with safe_open(path, framework="np") as handle:
            return _read(handle, where, hidden_size)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{where} cannot be read as safetensors: {shown(str(error))}") from None


def _read(handle: Any, where: str, hidden_size: int) -> EntropyHead:
    metadata = handle.metadata() or {}
    if metadata.get("format") != FORMAT:
        raise refuse(where, "format", metadata.get("format"), f"{FORMAT}, in an entropy head's metadata")
    names = sorted(handle.keys())
    if names != ["bias", "weight"]:
        raise refuse(where, "tensors", names, "weight and bias")
    count = len(PARAMETERS)
    for name, shape in (("weight", [count, hidden_size]), ("bias", [count])):
        view = handle.get_slice(name)
        if view.get_dtype() != "F32" or view.get_shape() != shape:
            found = f"{view.get_dtype()} {view.get_shape()}"
            raise refuse(where, name, found, f"F32 {shape}, for a hidden size of {hidden_size}")
    size, window = metadata.get("log_size", ""), metadata.get("window", "")
    if not _NUMBER.fullmatch(size):
        raise refuse(where, "log_size", size, "a number")
    if not _WHOLE.fullmatch(window):
        raise refuse(where, "window", window, f"a whole number from 1 to {MAX_WINDOW}")
    try:
        return EntropyHead(handle.get_tensor("weight"), handle.get_tensor("bias"), float(size), int(window))
    except ParameterError as error:
        raise CheckpointError(f"{where}: {error}") from None
