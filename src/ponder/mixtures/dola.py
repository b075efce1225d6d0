"""DoLa: what a model's last layer says and its earlier layers do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch

from ponder.asks.needs import Asker, Needs
from ponder.checkpoints.config import ModelConfig
from ponder.errors import ParameterError
from ponder.mixtures.mixture import Rows, as_tensor, check_number, log_softmax, plausible
from ponder.sampling.row import Row
from ponder.text import Prompt

DEEP = 40  # layers; in deeper models the named candidates are among 20 layers of either end


@dataclass(frozen=True, slots=True)
class DoLa:
    """Decoding by contrasting layers (Chuang et al., arXiv 2309.03883), as in transformers' `dola_layers`.

    log p = log p(. | all layers) - log p(. | fewer layers), among tokens at least alpha times as
    likely as the likeliest that may come; of the candidates the depth that differs most, by the
    Jensen-Shannon divergence (`divergence`), for each token anew.

    Attributes
    ----------
    layers : the candidates: after how many layers, 0 the embedding alone; or "low" or "high": every second
        one of the lower or upper half, at most 20 layers of each.
    norm : give earlier layers the last norm before the head; the paper's code and transformers do not.
    """

    layers: Literal["low", "high"] | tuple[int, ...] = "high"
    alpha: float = 0.1
    norm: bool = False

    name: ClassVar[str] = "DoLa"

    def __post_init__(self) -> None:
        if isinstance(self.layers, list):
            object.__setattr__(self, "layers", tuple(self.layers))
        layers = self.layers
        numbers = isinstance(layers, tuple) and layers and all(type(depth) is int for depth in layers)
        if layers not in ("low", "high") and not numbers:
            raise ParameterError("layers", layers, '"low", "high", or numbers of layers')
        if type(self.norm) is not bool:
            raise ParameterError("norm", self.norm, "true or false")
        check_number("alpha", self.alpha, 0.0, 1.0)

    def converted(self, convert: Callable[[Prompt], Prompt]) -> DoLa:
        return self

    def prompts(self, prompt: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        return ()

    def asks(self, config: ModelConfig) -> Asker:
        return Asker("mixture", self, "another", Needs(depths=self.depths(config)))

    def depths(self, config: ModelConfig) -> tuple[int, ...]:
        """Return after how many layers the model's logits are sources. Raises ParameterError, as `asks`."""
        layers, last = self.layers, config.num_layers - 1
        if isinstance(layers, str):
            layers = half(layers, config.num_layers, tied=config.tie_embeddings)
        for depth in layers:
            if not 0 <= depth <= last:
                raise ParameterError("dola_layers", depth, f'"low", "high", or from 0 to {last} layers')
        return tuple(depth if self.norm else ~depth for depth in layers)

    def mix(self, logits: Sequence[torch.Tensor], rows: Sequence[Row]) -> torch.Tensor:
        own, *earlier = map(log_softmax, logits)
        kept = plausible(own, rows, self.alpha)
        chosen = np.zeros(len(own), dtype=np.int64)
        if len(earlier) > 1:
            probs = np.exp(own)
            chosen = np.stack([divergence(own, probs, other) for other in earlier]).argmax(0)
        for place, candidate in enumerate(chosen):
            own[place] -= earlier[candidate][place]
        own[~kept] = -np.inf
        return as_tensor(own, logits[0])


def half(which: str, layers: int, *, tied: bool) -> tuple[int, ...]:
    """Return every second layer of the lower or upper half of a model, as transformers does.

    Where the embedding is the head, its own logits say the token that was read: the lower half then begins
    with the second layer.
    """
    if which == "high":
        return tuple(range(layers // 2 if layers <= DEEP else layers - DEEP // 2, layers, 2))
    start = min(2, layers - 1) if tied else 0
    return tuple(range(start, layers // 2 if layers <= DEEP else DEEP // 2, 2)) or (start,)


def divergence(logprobs: Rows, probs: Rows, others: Rows) -> npt.NDArray[np.float64]:
    """Return half of KL(M, P) + KL(M, Q) for distributions P and Q [R, V] and their mean M; [R].

    So the paper's code and transformers have it; the Jensen-Shannon divergence has KL(P, M) + KL(Q, M).
    `others` are Q's log-probabilities, the first two P's and its probabilities.
    """
    mean = np.exp(others)
    mean += probs
    mean *= np.float32(0.5)
    logs = np.log(np.maximum(mean, np.finfo(np.float32).tiny))
    logs *= 2
    logs -= logprobs
    logs -= others
    logs *= mean
    found: npt.NDArray[np.float64] = logs.sum(-1, dtype=np.float64) / 2
    return found
