"""Rows of logits as faithful sampling draws from them: the constraint comes last.

The target is p*(text) ~ p(text) [the text is allowed], where p is what sampling without the constraint draws
from. So penalties, temperature and truncation look at the row as if there were no constraint; the constraint
then takes tokens out of what they leave. The mass that stays is what the text's weight is multiplied by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from ponder.sampling.params import SamplingParams
from ponder.sampling.row import Row
from ponder.sampling.row_sum import row_sum
from ponder.sampling.sampler import (
    describe,
    distributions,
    draw,
    named_tokens,
    permit,
    shares_of,
    trace_of_drawn,
)
from ponder.sampling.softmax import SLAB
from ponder.sampling.trace import TokenTrace


@dataclass(frozen=True, slots=True)
class TargetRows:
    """Rows of logits [R, V], and what tokens are drawn from.

    Attributes
    ----------
    free : [R, V] the probabilities without the constraint, after truncation.
    allowed : [R, V] those of them that the constraint lets through; the others are 0.
    masses : [R] the share that `allowed` has of `free`.
    raw_masses : [R] as in `TokenTrace.allowed_mass`.
    """

    params: SamplingParams
    logits: torch.Tensor
    tempered: torch.Tensor
    free: torch.Tensor
    allowed: torch.Tensor
    masses: list[float]
    raw_masses: list[float]

    def weights(self, place: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return a row of `free` and of `allowed`, [V] each."""
        free, allowed = (part[place].double().numpy(force=True) for part in (self.free, self.allowed))
        return free, allowed

    def drawn(self, places: Sequence[int], numbers: Sequence[float]) -> list[int]:
        """Draw an allowed token from each row at `places`, whose mass is over 0, with a number in [0, 1)."""
        tokens: list[int] = []
        for start in range(0, len(places), SLAB):
            part = slice(start, start + SLAB)
            values = torch.tensor(numbers[part], dtype=torch.float64, device=self.allowed.device)
            tokens += draw(self.allowed[list(places[part])], values).tolist()
        return tokens

    def traces(self, places: Sequence[int], tokens: Sequence[int]) -> list[TokenTrace]:
        """Trace tokens of the rows at `places`. Truncated is what is allowed, renormalised."""
        traces: list[TokenTrace] = []
        for start in range(0, len(places), SLAB):
            part = slice(start, start + SLAB)
            rows = list(places[part])
            allowed, logits = self.allowed[rows], self.logits[rows]
            truncated = allowed / row_sum(allowed)[:, None]
            chosen = torch.tensor(tokens[part], device=logits.device)
            masses, top = [self.raw_masses[row] for row in rows], self.params.top_logprobs
            found = describe(logits, self.tempered[rows], truncated, chosen, masses, top)
            if self.params.logprob_token_ids:
                tops = named_tokens(logits, self.params)
                found = [replace(one, top=own) for one, own in zip(found, tops, strict=True)]
            traces += map(trace_of_drawn, found)
        return traces


def target_rows(
    logits: torch.Tensor, rows: Sequence[Row], free: Sequence[Row], params: SamplingParams
) -> TargetRows:
    """Return what to draw from; `free` are the rows without what the constraint says."""
    tempered, truncated, allowed = (torch.empty_like(logits) for _ in range(3))
    masses: list[float] = []
    raw_masses: list[float] = []
    for start in range(0, len(rows), SLAB):
        part = slice(start, start + SLAB)
        tempered[part], kept, possible = distributions(logits[part], free[part], params)
        truncated[part] = kept
        may_come = permit(torch.zeros_like(kept), rows[part]) == 0
        allowed[part] = torch.where(may_come & possible[:, None], kept, 0.0)
        raw_masses += shares_of(logits[part], may_come)
        left, whole = row_sum(allowed[part].double()), row_sum(kept.double())
        masses += (left / whole).clamp(max=1.0).tolist()
    return TargetRows(params, logits, tempered, truncated, allowed, masses, raw_masses)
