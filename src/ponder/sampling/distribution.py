"""What there was to choose from before a token was chosen, and what each step made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ponder.errors import ParameterError
from ponder.sampling.step import Kind

MAX_TOP = 1000
TEMPERATURES = tuple(tenths / 10 for tenths in range(1, 21))


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """How much of each distribution is kept: the likeliest tokens one by one, the others as sums.

    Attributes
    ----------
    top : how many tokens at least.
    mass : go on until they have this probability together, by the raw distribution.
    max_top : how many at most; with `mass` only.
    """

    top: int = 50
    mass: float | None = None
    max_top: int | None = None

    def __post_init__(self) -> None:
        if type(self.top) is not int or not 1 <= self.top <= MAX_TOP:
            raise ParameterError("trace_top", self.top, f"a whole number from 1 to {MAX_TOP}")
        if self.mass is None:
            if self.max_top is not None:
                raise ParameterError("trace_max_top", self.max_top, "set only together with trace_mass")
            return
        if type(self.mass) not in (int, float) or not 0 < self.mass < 1:
            raise ParameterError("trace_mass", self.mass, "a number over 0 and under 1")
        most = self.max_top
        if type(most) is not int or not self.top <= most <= MAX_TOP:
            allowed = f"a whole number from trace_top, which is {self.top}, to {MAX_TOP}"
            raise ParameterError("trace_max_top", most, allowed)


@dataclass(frozen=True, slots=True)
class StepEffect:
    """What one step did to a distribution.

    Attributes
    ----------
    step : a name of `steps.STEPS`, or "constraint", which comes first: the mask of a constraint, and end
        tokens that may not come yet.
    removed : how many tokens can no longer come.
    mass : the probability that they had just before the step.
    changed : how many of the others got another logit; only penalties are counted.
    left : how many tokens can still come after it. A constraint that leaves one forces it.
    """

    step: str
    kind: Kind | Literal["constraint"]
    removed: int
    mass: float
    changed: int
    left: int


@dataclass(frozen=True, slots=True)
class Distribution:
    """The raw, the tempered and the truncated distribution of one row of logits.

    The raw one can be had at any temperature T from `logits` and `tails`: a token of the top has the
    probability exp(logit / T) / (sum of exp(logit / T) over the top + exp(tail at T)).

    Attributes
    ----------
    ids : the likeliest tokens by raw logit, falling, ties by id; K of them.
    logits : theirs, as the model gave them, before penalties and constraint.
    tempered : their probabilities after penalties, constraint and temperature.
    truncated : their probabilities after all steps, which the token was drawn with; 0 where it was cut off.
    tails : at each temperature of `TEMPERATURES`, the logarithm of the sum of exp(logit / T) over all other
        tokens; -inf where there are none.
    steps : what each step did, in order.
    """

    ids: tuple[int, ...]
    logits: tuple[float, ...]
    tempered: tuple[float, ...]
    truncated: tuple[float, ...]
    tails: tuple[float, ...]
    steps: tuple[StepEffect, ...]
