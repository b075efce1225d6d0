"""What a layer's weights are to the operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, slots=True)
class Linear:
    """`weight` [out, in] as the kernels hold it, and an optional `bias` [out]."""

    weight: Any
    bias: torch.Tensor | None = None


@dataclass(frozen=True, slots=True)
class Norm:
    """RMS norm: `weight` [n] and epsilon (arXiv 1910.07467)."""

    weight: torch.Tensor
    eps: float
