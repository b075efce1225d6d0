"""Rows of logits -> what there was to choose from, for those who asked to see it."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ponder.sampling.distribution import TEMPERATURES, Distribution, StepEffect, TraceSettings
from ponder.sampling.params import SamplingParams
from ponder.sampling.row import Row
from ponder.sampling.sampler import SLAB, distributions
from ponder.sampling.semantics import STEPS


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
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    ids, top, rest = order[:, :count], ordered[:, :count], ordered[:, count:].double()
    tails = torch.stack([torch.logsumexp(rest / temperature, -1) for temperature in TEMPERATURES], -1)
    possible = top.isfinite()
    return [
        (row_ids[there], row_top[there], tuple(row_tails.tolist()))
        for row_ids, row_top, row_tails, there in zip(ids, top, tails, possible, strict=True)
    ]


class _Watch:
    """Notes what each step does to each row."""

    def __init__(self, effects: list[list[StepEffect]], rows: Sequence[Row]) -> None:
        self._effects = effects
        self._constrained = [bool(row.forbidden) or row.allowed is not None for row in rows]

    def __call__(self, step: str, before: torch.Tensor, after: torch.Tensor) -> None:
        kind = STEPS[step].kind if step in STEPS else "constraint"
        there, left = ~before.isneginf(), ~after.isneginf()
        gone = there & ~left
        masses = torch.where(gone, torch.softmax(before.double(), -1), 0.0).sum(-1)
        changed = left & (before != after) if kind == "penalty" else torch.zeros_like(gone)
        columns = (gone.count_nonzero(-1), masses, changed.count_nonzero(-1))
        for i, (removed, mass, others) in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
            if kind != "constraint" or self._constrained[i]:
                self._effects[i].append(StepEffect(step, kind, removed, mass, others))
