"""A mean over problems, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ponder.scaling import paired_bootstrap

RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def as_json(self) -> dict[str, float]:
        """Return it rounded to what it means."""
        return {"value": round(self.value, 4), "low": round(self.low, 4), "high": round(self.high, 4)}

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.2f}–{self.high:.2f})"


def mean_of(values: Sequence[float]) -> Estimate:
    """Return the mean of one value a problem; the interval is a bootstrap over problems."""
    found = paired_bootstrap(values, [0.0] * len(values), resamples=RESAMPLES)
    return Estimate(found.mean, found.low, found.high)


@dataclass(frozen=True, slots=True)
class Gain:
    """By how much one way is above another on the same problems, and the p-value that it is not."""

    value: float
    low: float
    high: float
    p: float

    def as_json(self) -> dict[str, float]:
        """Return it rounded to what it means."""
        return {name: round(getattr(self, name), 4) for name in ("value", "low", "high", "p")}

    def __str__(self) -> str:
        return f"{self.value:+.3f} ({self.low:+.2f} to {self.high:+.2f})"


def gain_of(first: Sequence[float], second: Sequence[float]) -> Gain:
    """Return by how much the mean of `first` is above that of `second`, a value a problem in each."""
    found = paired_bootstrap(first, second, resamples=RESAMPLES)
    return Gain(found.mean, found.low, found.high, found.p)
