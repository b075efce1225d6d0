"""What a row of logits stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from ponder.sampling.trace import TokenTrace


@dataclass(frozen=True, slots=True)
class Row:
    """A text that waits for its next token.

    `output` are the tokens generated so far and `traces` what is known of them; `forbidden` may not come next
    (end tokens before `min_tokens`); `allowed` is the constraint's bitmask (`bitmask.pack`) on the CPU, None
    where everything is allowed. What lies beyond it, where a model pads its vocabulary, is not allowed.
    `sentence` counts the tokens of the present sentence; `breakers` are the tokens that end a repetition.
    `residual` is the residual entropy of its last positions, in nats (`EntropyHead`).
    """

    stream: int
    prompt: Sequence[int]
    output: Sequence[int]
    forbidden: Sequence[int] = ()
    allowed: torch.Tensor | None = None
    traces: Sequence[TokenTrace] = ()
    sentence: int = 0
    breakers: frozenset[int] = frozenset()
    residual: float = 0.0
    forced: int | None = None

    @property
    def sample_index(self) -> int:
        return self.stream & 0xFFFFFFFF
