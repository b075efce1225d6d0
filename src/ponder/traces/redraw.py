"""A row's raw distribution at another temperature, from what a trace keeps of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ponder.errors import ParameterError
from ponder.traces.document import Row


@dataclass(frozen=True, slots=True)
class Redrawn:
    """Probabilities of a row's top tokens, and what all others have together."""

    probs: tuple[float, ...]
    tail: float


def check_temperature(temperature: float, temperatures: Sequence[float]) -> None:
    """Raise ParameterError for a temperature outside of those of a trace."""
    if not temperatures[0] <= temperature <= temperatures[-1]:
        allowed = f"a number from {temperatures[0]:g} to {temperatures[-1]:g}, as the trace has them"
        raise ParameterError("temperature", temperature, allowed)


def redraw(row: Row, temperatures: Sequence[float], temperature: float) -> Redrawn:
    """Return the raw distribution of a row at a temperature, without penalties, constraint and truncation.

    Exact at the trace's temperatures. Between them the logarithm of the tail's sum is interpolated linearly
    in 1 / T, in which it is convex: the tail is never made too small.

    Raises
    ------
    ParameterError : a temperature outside of those of the trace.
    """
    check_temperature(temperature, temperatures)
    rest = tail_at(row.tails, temperatures, temperature)
    scaled = [logit / temperature for logit in row.logits]
    largest = max(*scaled, rest)
    weights = [math.exp(value - largest) for value in scaled]
    others = math.exp(rest - largest)
    total = math.fsum((*weights, others))
    return Redrawn(tuple(weight / total for weight in weights), others / total)


def tail_at(tails: Sequence[float | None], temperatures: Sequence[float], temperature: float) -> float:
    """Return the logarithm of the tail's sum at a temperature within the grid; -inf where there is none."""
    above = next(i for i, one in enumerate(temperatures) if one >= temperature)
    high = tails[above]
    if high is None:
        return -math.inf
    if temperatures[above] == temperature:
        return high
    low = tails[above - 1]
    if low is None:
        return -math.inf
    start, end = 1 / temperatures[above - 1], 1 / temperatures[above]
    share = (1 / temperature - start) / (end - start)
    return low + share * (high - low)


def nucleus(probs: Sequence[float], top_p: float) -> int:
    """Return how many of falling probabilities top-p keeps: those with less than p ahead of them.

    len(probs) may mean that tokens of the tail are kept as well.
    """
    ahead = 0.0
    for count, prob in enumerate(probs):
        if ahead >= top_p:
            return count
        ahead += prob
    return len(probs)
