"""What a row of logits stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    from ponder.sampling.trace import TokenTrace

    Mask = npt.NDArray[np.int32] | torch.Tensor  # a tensor is on the CPU


@dataclass(frozen=True, slots=True)
class Row:
    """A text that waits for its next token.

    `stream`, a 64-bit number, says whose random numbers are drawn: the samples of a prompt are 0 to n - 1.
    `output` are the tokens generated so far and `traces` what is known of them; `forbidden` may not come next
    (end tokens before `min_tokens`); `allowed` is the constraint's bitmask (`bitmask.pack`), None where
    everything is allowed. What lies beyond it, where a model pads its vocabulary, is not allowed.
    `sentence` counts the tokens of the present sentence; `breakers` are the tokens that end a repetition.
    `residual` is the residual entropy of its last positions, in nats (`EntropyHead`). `forced` is the token
    that comes, where it is given and not drawn.
    """

    stream: int
    prompt: Sequence[int]
    output: Sequence[int]
    forbidden: Sequence[int] = ()
    allowed: Mask | None = None
    traces: Sequence[TokenTrace] = ()
    sentence: int = 0
    breakers: frozenset[int] = frozenset()
    residual: float = 0.0
    forced: int | None = None
