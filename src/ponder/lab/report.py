"""What a part of the lab tells: tables and charts as plain values, whoever shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ponder.lab.estimate import Estimate


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under columns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """Return it as a page has it."""
        lines = [self.columns, tuple("---" for _ in self.columns), *self.rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)


@dataclass(frozen=True, slots=True)
class Line:
    """Estimates over x; `dashed` for what is forecast, or cannot be reached."""

    name: str
    x: tuple[float, ...]
    y: tuple[Estimate, ...]
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over one axis, which is logarithmic unless it is `linear`."""

    title: str
    x: str
    y: str
    lines: tuple[Line, ...]
    linear: bool = False


class Report(Protocol):
    """What came of a part."""

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        ...

    def tables(self) -> Sequence[Table]:
        """Return what is to be read."""
        ...

    def charts(self) -> Sequence[Chart]:
        """Return what is to be seen."""
        ...
