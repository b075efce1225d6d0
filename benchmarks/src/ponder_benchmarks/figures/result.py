"""What came of measuring systems side by side, as values and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ponder_benchmarks.figures.settings import RunSettings
from ponder_benchmarks.figures.systems import PONDER

Samples = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One case: a sample of each system for each repeat, in `unit`, and ponder's whole answers."""

    name: str
    unit: str
    higher_is_better: bool
    samples: Mapping[str, Samples]
    answers: Sequence[Mapping[str, Any]] = ()

    def median(self, system: str) -> float:
        """Return the median of a system's samples."""
        return statistics.median(self.samples[system])

    def advantage(self, system: str) -> Samples:
        """Return, for each repeat, how many times as good as a system ponder was; over 1 it was better."""
        pairs = zip(self.samples[PONDER], self.samples[system], strict=True)
        return tuple(ours / its if self.higher_is_better else its / ours for ours, its in pairs)

    def as_json(self) -> dict[str, Any]:
        """Return samples, medians, and the median of the repeats' ratios."""
        peers = [system for system in self.samples if system != PONDER and PONDER in self.samples]
        return {
            "case": self.name,
            "unit": self.unit,
            "higher_is_better": self.higher_is_better,
            "systems": {system: _summary(samples) for system, samples in self.samples.items()},
            "ponder_advantage": {system: _summary(self.advantage(system)) for system in peers},
        }


@dataclass(frozen=True, slots=True)
class Quantity:
    """What follows from samples, one value for each repeat; None where it could not be measured."""

    name: str
    unit: str
    samples: Samples | None

    @property
    def median(self) -> float | None:
        """The median, None where there is none."""
        return None if self.samples is None else statistics.median(self.samples)

    def as_json(self) -> dict[str, Any]:
        """Return the fields and the median."""
        return {"name": self.name, "unit": self.unit, **_summary(self.samples)}


@dataclass(frozen=True, slots=True)
class Operation:
    """What an operation of ponder's took and did in a case.

    Attributes
    ----------
    ms : its milliseconds, one for each repeat.
    bytes, macs : what it must read or write, and its multiply-accumulates.
    share : the least time that the machine's limits allow over `ms`; None where there is no work.
    limit : which of them sets it, "memory" or "arithmetic"; "bytes only" where the latter is not known.
    """

    case: str
    name: str
    ms: Samples
    bytes: float = 0
    macs: float = 0
    share: Samples | None = None
    limit: str = ""

    def rate(self, amount: float) -> float:
        """Return so many bytes or multiply-accumulates in the median time, in billions a second."""
        return amount / statistics.median(self.ms) / 1e6

    def as_json(self) -> dict[str, Any]:
        """Return the fields, medians and rates."""
        rates = {"gb_s": self.rate(self.bytes), "gmac_s": self.rate(self.macs)}
        return {**asdict(self), **rates, "ms": _summary(self.ms), "share": _summary(self.share)}


@dataclass(frozen=True, slots=True)
class Result:
    """A figure: its settings, who was measured, and what came of it.

    `systems` holds what each says of itself, by label; `operations` are those of a profile.
    """

    figure: str
    run: RunSettings
    settings: Mapping[str, Any]
    started_at: str
    machine: Mapping[str, Any]
    git_commit: str | None
    systems: Mapping[str, Mapping[str, Any]]
    comparisons: Sequence[Comparison]
    quantities: Sequence[Quantity] = ()
    operations: Sequence[Operation] = ()

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {
            "figure": self.figure,
            "settings": {**asdict(self.run), **self.settings},
            "started_at": self.started_at,
            "machine": dict(self.machine),
            "git_commit": self.git_commit,
            "systems": {label: dict(described) for label, described in self.systems.items()},
            "cases": [comparison.as_json() for comparison in self.comparisons],
            "quantities": [quantity.as_json() for quantity in self.quantities],
            **({"operations": [one.as_json() for one in self.operations]} if self.operations else {}),
        }


def _summary(samples: Samples | None) -> dict[str, Any]:
    return {
        "median": None if samples is None else statistics.median(samples),
        "samples": None if samples is None else list(samples),
    }
