"""Coverage: on how many problems any of k samples is right, and what a few samples say of many.

    pass@k  = the mean over problems of 1 - C(n - c, k) / C(n, k)
    forecast = a beta-binomial fitted to the first 8 samples of each problem: 1 - E[(1 - p)^k]

Brown et al., arXiv 2407.21787, find that coverage grows over four decades of k; Schaeffer et al., ICML 2025,
why: problems differ, and some have small chances. The forecast is that of arXiv 2510.05197.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ponder.lab.estimate import Estimate, mean_of
from ponder.lab.pool import Pool
from ponder.lab.report import Chart, Line, Table
from ponder.lab.subsets import sizes
from ponder.scaling import BetaBinomial, pass_at_k

FITTED = 8
"""How many samples of each problem the forecast is made of."""


@dataclass(frozen=True, slots=True)
class CoverageCurve:
    """pass@k of one pool for each k, and what was forecast of it."""

    pool: str
    problems: int
    ks: tuple[int, ...]
    measured: tuple[Estimate, ...]
    fitted: BetaBinomial
    forecast: tuple[float, ...]

    @property
    def error(self) -> float:
        """By how much the forecast is above what was measured, at the largest k."""
        return self.forecast[-1] - self.measured[-1].value


@dataclass(frozen=True, slots=True)
class Coverage:
    """The curves of several pools."""

    curves: tuple[CoverageCurve, ...]

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        return {
            curve.pool: {
                "problems": curve.problems,
                "samples": list(curve.ks),
                "pass": [one.as_json() for one in curve.measured],
                "forecast": [round(value, 4) for value in curve.forecast],
                "beta": [round(curve.fitted.right, 4), round(curve.fitted.wrong, 4)],
                "error": round(curve.error, 4),
            }
            for curve in self.curves
        }

    def tables(self) -> list[Table]:
        """Return one table, a row a pool."""
        rows = [
            (
                f"{curve.pool} ({curve.problems})",
                str(curve.measured[0]),
                f"{curve.measured[-1]}",
                f"{curve.forecast[-1]:.3f}",
                f"{curve.error:+.3f}",
            )
            for curve in self.curves
        ]
        most = self.curves[0].ks[-1] if self.curves else 0
        columns = ("pool (problems)", "pass@1", f"pass@{most}", f"forecast from {FITTED}", "error")
        return [Table("Coverage", columns, tuple(rows))]

    def charts(self) -> list[Chart]:
        """Return one chart: measured and, dashed, forecast."""
        lines = []
        for curve in self.curves:
            x = tuple(map(float, curve.ks))
            lines.append(Line(curve.pool, x, curve.measured))
            forecast = tuple(Estimate(value, value, value) for value in curve.forecast)
            lines.append(Line(f"{curve.pool}, forecast", x, forecast, dashed=True))
        return [Chart("Coverage", "samples", "share of problems", tuple(lines))]


def coverage(pools: Sequence[Pool], fitted: int = FITTED) -> Coverage:
    """Measure pass@k in each pool, and forecast it from the first few samples."""
    return Coverage(tuple(_curve(pool, fitted) for pool in pools))


def _curve(pool: Pool, fitted: int) -> CoverageCurve:
    n, ks = pool.samples, sizes(pool.samples)
    counts = [int(drawn.right.sum()) for drawn in pool.problems]
    measured = tuple(mean_of([pass_at_k(n, count, k) for count in counts]) for k in ks)
    few = min(fitted, n)
    beta = BetaBinomial.fit([(int(drawn.right[:few].sum()), few) for drawn in pool.problems])
    return CoverageCurve(
        pool.name, len(counts), tuple(ks), measured, beta, tuple(beta.pass_at_k(k) for k in ks)
    )
