"""Sums over the vocabulary that do not depend on how many rows there are."""

from __future__ import annotations

import torch
import torch.nn.functional as F

RUN = 64  # the sums of runs are far fewer than the 32768 from which torch adds one row in two threads' parts


def row_sum(x: torch.Tensor) -> torch.Tensor:
    """Sum [R, V] over V in float64 -> [R] of x's type.

    A row's bits are the same in any company and for any number of threads; torch sums a single long row in
    another order than several.
    """
    runs = F.pad(x, (0, -x.shape[-1] % RUN)).view(x.shape[0], -1, RUN)
    return runs.sum(-1, dtype=torch.float64).sum(-1).to(x.dtype)
