"""Rows of logits -> what there was to choose from, for those who asked to see it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch

from ponder.sampling.distribution import TEMPERATURES, Distribution, StepEffect, TraceSettings
from ponder.sampling.params import SamplingParams
from ponder.sampling.row import Row
from ponder.sampling.sampler import distributions
from ponder.sampling.softmax import SLAB, log_softmax
from ponder.sampling.steps import STEPS

Floats = npt.NDArray[np.float32]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch from waking others of its threads, which takes longer than a loop over a vocabulary.

    The number is the calling thread's own.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@_one_thread()
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
    raw = {place: _raw(_numbers(logits[place]), settings) for place in set(places)}
    seen: list[Distribution] = []
    for start in range(0, len(rows), SLAB):
        part, where = rows[start : start + SLAB], places[start : start + SLAB]
        values = logits[list(where)]
        effects: list[list[StepEffect]] = [[] for _ in part]
        watch = _Watch(effects, part)
        tempered, truncated, _ = distributions(
            log_softmax(values) if normalised else values, part, params, watch
        )
        for i, place in enumerate(where):
            ids, own, tails = raw[place]
            seen.append(
                Distribution(
                    tuple(ids.tolist()),
                    tuple(own.tolist()),
                    tuple(_numbers(tempered[i])[ids].tolist()),
                    tuple(_numbers(truncated[i])[ids].tolist()),
                    tails,
                    tuple(effects[i]),
                )
            )
    return seen


def _numbers(values: torch.Tensor) -> Floats:
    """Return a row [V] float32 as numpy has it; the same memory, on the CPU."""
    return values.cpu().numpy()


def _raw(logits: Floats, settings: TraceSettings) -> tuple[npt.NDArray[np.int64], Floats, tuple[float, ...]]:
    """Return the top ids and logits [K], and the sums of the others, of a row [V]."""
    ids = _top(logits, settings.max_top or settings.top)
    if settings.mass is not None:
        ids = ids[: max(settings.top, _holding(logits, ids, settings.mass))]
    rest = logits.copy()
    rest[ids] = -np.inf
    return ids, logits[ids], _tails(rest)


def _holding(logits: Floats, ids: npt.NDArray[np.int64], mass: float) -> int:
    """Return how many of the likeliest tokens of a row [V] have this probability together; or all of them."""
    weights = np.exp(logits - logits[ids[0]])
    ahead = np.cumsum(weights[ids], dtype=np.float64) / weights.sum(dtype=np.float64)
    return int(np.searchsorted(ahead, mass)) + 1


def _top(logits: Floats, count: int) -> npt.NDArray[np.int64]:
    """Return the ids of the `count` largest of [V] that are finite, falling, ties by id."""
    least = np.partition(logits, -count)[-count] if count < len(logits) else -np.inf
    ids = np.flatnonzero(logits >= least)
    ids = ids[np.isfinite(logits[ids])]
    return ids[np.argsort(-logits[ids], kind="stable")][:count]


def _tails(rest: Floats) -> tuple[float, ...]:
    """Log-sum-exp of a row [V] at each temperature of `TEMPERATURES`; -inf of nothing.

    Exponentials are float32, of differences from the largest; their sums are float64.
    """
    largest = rest.max()
    if np.isneginf(largest):
        return (-math.inf,) * len(TEMPERATURES)
    below, weights, tails = rest - largest, np.empty_like(rest), {}
    for temperature in (one for one in TEMPERATURES if one * 2 not in TEMPERATURES):
        np.exp(np.multiply(below, 1 / temperature, out=weights), out=weights)
        while temperature in TEMPERATURES:
            tails[temperature] = math.log(weights.sum(dtype=np.float64)) + float(largest) / temperature
            temperature /= 2
            np.square(weights, out=weights)  # half a temperature: a quarter of an exponential's time
    return tuple(tails[temperature] for temperature in TEMPERATURES)


class _Watch:
    """Notes what each step does to each row."""

    def __init__(self, effects: list[list[StepEffect]], rows: Sequence[Row]) -> None:
        self._effects = effects
        self._constrained = [bool(row.forbidden) or row.allowed is not None for row in rows]

    def __call__(self, step: str, before: torch.Tensor, after: torch.Tensor) -> None:
        kind = STEPS[step].kind if step in STEPS else "constraint"
        for i, (old, new) in enumerate(zip(_numbers(before), _numbers(after), strict=True)):
            if kind != "constraint" or self._constrained[i]:
                removed, mass, left = _removed(old, new)
                changed = int(np.count_nonzero(old != new)) - removed if kind == "penalty" else 0
                self._effects[i].append(StepEffect(step, kind, removed, mass, changed, left))


def _removed(before: Floats, after: Floats) -> tuple[int, float, int]:
    """Return how many tokens of a row of logits [V] a step removed, the probability that they had, and how
    many are left."""
    there = after != -np.inf
    left = int(np.count_nonzero(there))
    gone = (before != -np.inf) & ~there
    count = int(np.count_nonzero(gone))
    if not count:
        return 0, 0.0, left
    weights = np.exp(before - before.max())
    mass = min(1.0, float(weights[gone].sum(dtype=np.float64) / weights.sum(dtype=np.float64)))
    return count, mass, left
