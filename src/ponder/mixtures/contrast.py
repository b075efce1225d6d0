"""Contrastive decoding: what a model says and a weaker one does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch

from ponder.asks.needs import Asker, Needs
from ponder.checkpoints.config import ModelConfig
from ponder.errors import ParameterError
from ponder.mixtures.mixture import MAX_SCALE, as_tensor, check_number, log_softmax, plausible
from ponder.sampling.row import Row
from ponder.text import Prompt


@dataclass(frozen=True, slots=True)
class Contrast:
    """Contrastive decoding: what the model says and a weaker one does not.

    log p = expert log p(. | model) - amateur log p(. | weaker), among tokens at least alpha times as
    likely as the likeliest that may come. Li et al. (arXiv 2210.15097) have expert 1, amateur 1, O'Brien and
    Lewis (arXiv 2309.09117) 1 + beta and beta, with beta 0.5.

    Attributes
    ----------
    against : "draft", the smaller model that was loaded with this one; or after how many of its layers this
        model is asked too early, 0 its embedding alone.
    temperature : of the weaker model.
    """

    against: Literal["draft"] | int = "draft"
    alpha: float = 0.1
    expert: float = 1.5
    amateur: float = 0.5
    temperature: float = 1.0

    name: ClassVar[str] = "contrastive decoding"

    def __post_init__(self) -> None:
        if self.against != "draft" and type(self.against) is not int:
            raise ParameterError("against", self.against, '"draft", or a number of layers')
        check_number("alpha", self.alpha, 0.0, 1.0)
        check_number("expert", self.expert, 0.0, MAX_SCALE)
        check_number("amateur", self.amateur, 0.0, MAX_SCALE)
        check_number("temperature", self.temperature, 0.01, 100.0)

    def converted(self, convert: Callable[[Prompt], Prompt]) -> Contrast:
        return self

    def prompts(self, prompt: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        return ()

    def asks(self, config: ModelConfig) -> Asker:
        needs = Needs(draft_rows=self.against == "draft", depths=self.depths(config))
        return Asker("mixture", self, "one without a draft model", needs)

    def depths(self, config: ModelConfig) -> tuple[int, ...]:
        """Return after how many layers the model's logits are sources. Raises ParameterError, as `asks`."""
        if isinstance(self.against, str):
            return ()
        if not 0 <= self.against < config.num_layers:
            allowed = f'"draft", or from 0 to {config.num_layers - 1} layers'
            raise ParameterError("contrast", self.against, allowed)
        return (self.against,)

    def mix(self, logits: Sequence[torch.Tensor], rows: Sequence[Row]) -> torch.Tensor:
        own = log_softmax(logits[0])
        weaker = log_softmax(logits[1], self.temperature)
        kept = plausible(own, rows, self.alpha)
        weaker *= np.float32(self.amateur)
        own *= np.float32(self.expert)
        own -= weaker
        own[~kept] = -np.inf
        return as_tensor(own, logits[0])
