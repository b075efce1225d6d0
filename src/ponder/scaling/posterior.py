"""What is known of a score after some observations, for Thompson sampling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ponder.errors import ParameterError


class Prior(Protocol):
    """What is known of a score before any observation."""

    def draw(self, seen: Sequence[float], numbers: np.random.Generator) -> float:
        """Draw a score from the posterior after these observations."""
        ...


@dataclass(frozen=True, slots=True)
class Beta:
    """The mean of a score in [0, 1] is Beta(a, b); an observation r makes of it Beta(a + r, b + 1 - r).

    The default is Jeffreys' prior.
    """

    a: float = 0.5
    b: float = 0.5

    def __post_init__(self) -> None:
        _check_positive(a=self.a, b=self.b)

    def draw(self, seen: Sequence[float], numbers: np.random.Generator) -> float:
        right = math.fsum(seen)
        return float(numbers.beta(self.a + right, self.b + len(seen) - right))


@dataclass(frozen=True, slots=True)
class Gaussian:
    """A score is Normal(mu, s), mu Normal(mean, s / weight), s scaled inverse chi-squared (freedom, scale).

    After n observations of mean x and squares' sum q about it (Murphy, "Probabilistic Machine Learning:
    Advanced Topics", section 3.4.3.3):

        weight'  = weight + n
        freedom' = freedom + n
        mean'    = (weight * mean + n * x) / weight'
        scale'   = (freedom * scale + q + n * weight / weight' * (x - mean)^2) / freedom'

    and mu is mean' + t * sqrt(scale' / weight'), with t from Student's distribution of freedom'. The defaults
    are those of AB-MCTS's authors (TreeQuest).
    """

    mean: float = 0.0
    weight: float = 1.0
    freedom: float = 1.0
    scale: float = 0.1

    def __post_init__(self) -> None:
        _check_positive(weight=self.weight, freedom=self.freedom, scale=self.scale)

    def updated(self, seen: Sequence[float]) -> Gaussian:
        """Return what is known after these observations."""
        n = len(seen)
        x = math.fsum(seen) / max(1, n)
        q = math.fsum((one - x) ** 2 for one in seen)
        weight, freedom = self.weight + n, self.freedom + n
        apart = n * self.weight / weight * (x - self.mean) ** 2
        return Gaussian(
            (self.weight * self.mean + n * x) / weight,
            weight,
            freedom,
            (self.freedom * self.scale + q + apart) / freedom,
        )

    def draw(self, seen: Sequence[float], numbers: np.random.Generator) -> float:
        known = self.updated(seen)
        return known.mean + float(numbers.standard_t(known.freedom)) * math.sqrt(known.scale / known.weight)


def _check_positive(**values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise ParameterError(name, value, "a finite number over 0")
