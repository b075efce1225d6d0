"""n independent samples from one prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from ponder.decoders.group import Group, Growth, Sequence
from ponder.sampling.params import SamplingParams
from ponder.sampling.sampler import sample


@dataclass(frozen=True, slots=True)
class Sample:
    """Each sequence draws its own next token; all n share the prompt's pages."""

    unused: ClassVar[frozenset[str]] = frozenset()
    streams: ClassVar[bool] = True
    tries_tokens: ClassVar[bool] = False

    def check(self, params: SamplingParams) -> None:
        pass

    def width(self, params: SamplingParams) -> int:
        return params.n

    def advance(self, group: Group, logits: torch.Tensor) -> list[Growth]:
        if not group.live[0].output:
            parents, indices = group.live * group.params.n, list(range(group.params.n))
            logits = logits.expand(group.params.n, -1)
        else:
            parents, indices = group.live, [sequence.index for sequence in group.live]
        traces = sample(logits, group.rows(parents, indices), group.params)
        return [
            Growth(parent, index, trace)
            for parent, index, trace in zip(parents, indices, traces, strict=True)
        ]

    def settle(self, group: Group) -> bool:
        return not group.live

    def final_score(self, sequence: Sequence) -> float:
        return sequence.logprob

    def answers(self, group: Group) -> list[Sequence]:
        return sorted(group.finished, key=lambda sequence: sequence.index)
