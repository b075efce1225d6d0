"""Several distributions of one next token -> the one that it is chosen from.

They come of other prompts (guidance), of a smaller or shallower model (contrastive decoding), or of the
model's own earlier layers (DoLa). What is chosen goes on in all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from ponder.asks.grow import Mixing
from ponder.asks.needs import Asker
from ponder.checkpoints.config import ModelConfig
from ponder.errors import ParameterError
from ponder.sampling.row import Row
from ponder.sampling.sampler import permit

Rows = npt.NDArray[np.float32]

MAX_SCALE = 1000.0


class Mixture(Mixing, Protocol):
    """Mixes the logits of several sources. Mixtures are frozen values."""

    def asks(self, config: ModelConfig) -> Asker:
        """Say what is needed of the engine.

        Raises
        ------
        ParameterError : the model has no such layer.
        """
        ...

    def mix(self, logits: Sequence[torch.Tensor], rows: Sequence[Row]) -> torch.Tensor:
        """Mix [R, V] float32 logits: the model's own, at each depth, of each further prompt, of the draft.

        `rows` say what else bears on each row of them, such as what a constraint allows. A mixture need not
        obey that, which comes later; its own -inf are for tokens that it leaves out.
        """
        ...


def log_softmax(logits: torch.Tensor, temperature: float = 1.0) -> Rows:
    """Return the log-probabilities of rows [R, V], in new memory; sums are float64."""
    rows: Rows = logits.numpy(force=True) * np.float32(1 / temperature)
    rows -= rows.max(-1, keepdims=True)
    sums: npt.NDArray[np.float64] = np.exp(rows).sum(-1, keepdims=True, dtype=np.float64)
    rows -= np.log(sums).astype(np.float32)
    return rows


def plausible(logprobs: Rows, rows: Sequence[Row], alpha: float) -> npt.NDArray[np.bool_]:
    """Return which tokens of [R, V] are at least alpha times as likely as the likeliest that may come."""
    least = np.float32(np.log(alpha)) if alpha > 0 else np.float32(-np.inf)
    restricted = any(row.forbidden or row.allowed is not None for row in rows)
    possible = permit(torch.from_numpy(logprobs), rows).numpy() if restricted else logprobs
    kept: npt.NDArray[np.bool_] = logprobs >= possible.max(-1, keepdims=True) + least
    return kept


def as_tensor(rows: Rows, like: torch.Tensor) -> torch.Tensor:
    """Return rows as a tensor where another one is."""
    return torch.from_numpy(rows).to(like.device)


def check_number(name: str, value: object, least: float, most: float) -> None:
    """Refuse what is not a number between two others."""
    if type(value) not in (int, float) or not least <= value <= most:  # type: ignore[operator]
        raise ParameterError(name, value, f"a number from {least:g} to {most:g}")
