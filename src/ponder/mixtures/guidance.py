"""Guidance: what a prompt says, and more so than another prompt would."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch

from ponder.asks.needs import Asker, Needs
from ponder.checkpoints.config import ModelConfig
from ponder.errors import ParameterError
from ponder.mixtures.mixture import MAX_SCALE, as_tensor, check_number, log_softmax
from ponder.sampling.row import Row
from ponder.text import Prompt, TokenIds, as_prompt


@dataclass(frozen=True, slots=True)
class Guidance:
    """Classifier-free guidance (Sanchez et al., arXiv 2306.17806): away from what another prompt would say.

    log p = (1 - scale) log p(. | against) + scale log p(. | prompt), as in transformers' `guidance_scale`.
    Where `against` is the prompt without its context, this is context-aware decoding (`context_aware`).

    Attributes
    ----------
    scale : 1 changes nothing, over 1 strengthens the prompt.
    against : the other prompt; None: the prompt's last token alone.
    """

    scale: float = 1.5
    against: Prompt | None = None

    name: ClassVar[str] = "guidance"

    def __post_init__(self) -> None:
        check_number("scale", self.scale, 0.0, MAX_SCALE)
        if self.against is not None:
            if self.against == "":
                raise ParameterError("against", "", "a text that is not empty")
            object.__setattr__(self, "against", as_prompt(self.against, "against"))

    def converted(self, convert: Callable[[Prompt], Prompt]) -> Guidance:
        return self if self.against is None else replace(self, against=convert(self.against))

    def prompts(self, prompt: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        if self.scale == 1:  # which changes nothing
            return ()
        assert self.against is None or isinstance(self.against, TokenIds), "it is encoded by now"
        other = prompt[-1:] if self.against is None else self.against.ids
        if not other:
            raise ParameterError("against", self.against, "a prompt of at least one token")
        return (other,)

    def asks(self, config: ModelConfig) -> Asker:
        return Asker("mixture", self, "one of a single prompt", Needs(prompts=int(self.scale != 1)))

    def mix(self, logits: Sequence[torch.Tensor], rows: Sequence[Row]) -> torch.Tensor:
        if self.scale == 1:
            return logits[0]
        own, other = map(log_softmax, logits)
        own -= other
        own *= np.float32(self.scale)
        own += other
        return as_tensor(own, logits[0])


def context_aware(without: Prompt, alpha: float = 0.5) -> Guidance:
    """Context-aware decoding (Shi et al., arXiv 2305.14739): p(. | c, x) (p(. | c, x) / p(. | x))^alpha.

    Parameters
    ----------
    without : the prompt without its context.
    alpha : how much the context counts beyond what it does by itself; 0 changes nothing.
    """
    check_number("alpha", alpha, 0.0, MAX_SCALE - 1)
    return Guidance(1 + alpha, without)
