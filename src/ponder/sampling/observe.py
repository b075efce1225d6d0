"""Rows of logits -> what there was to choose from, for those who asked to see it."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ponder.sampling.distribution import TEMPERATURES, Distribution, StepEffect, TraceSettings
from ponder.sampling.params import SamplingParams
from ponder.sampling.row import Row
from ponder.sampling.row_sum import row_sum
from ponder.sampling.sampler import SLAB, distributions
from ponder.sampling.semantics import STEPS
from ponder.sampling.truncation import top_k


def observe(
    logits: torch.Tensor,
    places: Sequence[int],
    rows: Sequence[Row],
    params: SamplingParams,
    settings: TraceSettings,
    *,
    normalised: bool = False,
) -> list[Distribution]:
    """Return the distribution of each of `rows`, whose logits are those at `places` of [R, V] float32.

    Parameters
    ----------
    normalised : apply the steps to log-probabilities, as searches do; else to the logits.
    """
    used = sorted(set(places))
    raw = dict(zip(used, _raw(logits[used], settings.top), strict=True))
    seen: list[Distribution] = []
    for start in range(0, len(rows), SLAB):
        part, where = rows[start : start + SLAB], places[start : start + SLAB]
        values = logits[list(where)]
        effects: list[list[StepEffect]] = [[] for _ in part]
        watch = _Watch(effects, part)
        tempered, truncated, _ = distributions(
            torch.log_softmax(values, -1) if normalised else values, part, params, watch
        )
        for i, place in enumerate(where):
            ids, own, tails = raw[place]
            seen.append(
                Distribution(
                    tuple(ids.tolist()),
                    tuple(own.tolist()),
                    tuple(tempered[i, ids].tolist()),
                    tuple(truncated[i, ids].tolist()),
                    tails,
                    tuple(effects[i]),
                )
            )
    return seen


def _raw(logits: torch.Tensor, count: int) -> list[tuple[torch.Tensor, torch.Tensor, tuple[float, ...]]]:
    """Return the top ids and logits [K], and the sums of the others, of each row of [R, V]."""
    return [part for rows in torch.split(logits, SLAB) for part in _raw_slab(rows, count)]


def _raw_slab(logits: torch.Tensor, count: int) -> list[tuple[torch.Tensor, torch.Tensor, tuple[float, ...]]]:
    kept = top_k(logits, count) & logits.isfinite()
    tails = _tails(logits.masked_fill(kept, -torch.inf))
    found = []
    for values, there, own in zip(logits, kept, tails.tolist(), strict=True):
        ids = there.nonzero().squeeze(-1)
        ordered, order = values[ids].sort(descending=True, stable=True)
        found.append((ids[order], ordered, tuple(own)))
    return found


def _tails(rest: torch.Tensor) -> torch.Tensor:
    """Log-sum-exp of rows [R, V] at each temperature, [R, len(TEMPERATURES)] float64; -inf of nothing.

    Exponentials are float32, of differences from the largest: their sums are good to about 1e-6.
    """
    largest = rest.amax(-1, keepdim=True)
    below = rest - torch.where(largest.isfinite(), largest, 0.0)
    scaled, sums = torch.empty_like(below), []
    for temperature in TEMPERATURES:
        torch.mul(below, 1 / temperature, out=scaled)
        sums.append(row_sum(scaled.exp_()).double().log() + largest.squeeze(-1).double() / temperature)
    return torch.stack(sums, -1)


class _Watch:
    """Notes what each step does to each row."""

    def __init__(self, effects: list[list[StepEffect]], rows: Sequence[Row]) -> None:
        self._effects = effects
        self._constrained = [bool(row.forbidden) or row.allowed is not None for row in rows]

    def __call__(self, step: str, before: torch.Tensor, after: torch.Tensor) -> None:
        kind = STEPS[step].kind if step in STEPS else "constraint"
        there, left = ~before.isneginf(), ~after.isneginf()
        gone = there & ~left
        removed = gone.count_nonzero(-1)
        masses = torch.zeros(len(gone), device=gone.device)
        if removed.any():
            masses = row_sum(torch.where(gone, torch.softmax(before, -1), 0.0))
        changed = torch.zeros_like(removed)
        if kind == "penalty":
            changed = (left & (before != after)).count_nonzero(-1)
        columns = (removed.tolist(), masses.clamp(max=1.0).tolist(), changed.tolist())
        for i, (count, mass, others) in enumerate(zip(*columns, strict=True)):
            if kind != "constraint" or self._constrained[i]:
                self._effects[i].append(StepEffect(step, kind, count, mass, others))
