"""What a search asks of the rows of a step, answered where the rows lie."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ponder.decoders import candidates, gumbel, rows
from ponder.decoders.candidates import Candidates, Floats, Ints, RowMemory
from ponder.decoders.rows import Summary
from ponder.kernels import Kernels
from ponder.sampling.rng import Words
from ponder.sampling.sampler import Sampler, sampler_for


@dataclass(frozen=True, slots=True)
class Ranker:
    """Rows [R, V] float32 -> summaries, their best candidates, and single numbers.

    Attributes
    ----------
    memory : reads rows where they lie.
    sampler : summarises rows; the model's own.
    """

    memory: RowMemory
    sampler: Sampler

    def summarise(self, values: torch.Tensor, top: int = 0) -> list[Summary]:
        """Summarise rows, with the `top` likeliest tokens of each."""
        return rows.summarise(values, top, self.sampler)

    def best(self, values: torch.Tensor, offsets: Floats, count: int) -> Candidates:
        """Return the `count` continuations with the largest values[r, v] + offsets[r]."""
        return candidates.best(values, offsets, count, self.memory)

    def perturbed_best(
        self, probs: torch.Tensor, locations: Floats, maxima: Floats | None, keys: Words, count: int
    ) -> Candidates:
        """Return the `count` continuations with the largest log-weights after Gumbel noise (`gumbel.py`)."""
        return gumbel.perturbed_best(probs, locations, maxima, keys, count, self.memory)

    def gather(self, values: torch.Tensor, rows: Ints, tokens: Ints) -> Floats:
        """Return values[rows, tokens]; the two indices are broadcast."""
        return self.memory.gather(values, rows, tokens)


def ranker_for(kernels: Kernels, device: torch.device) -> Ranker:
    """Return the ranker for the logits of a model with these kernels on a device."""
    return Ranker(candidates.memory_of(device), sampler_for(kernels))
