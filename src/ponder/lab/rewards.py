"""Weak and strong rewards on the same samples: likelihood, entropy, a trained head, and the oracle.

A pool whose samples have a head's scores says what choosing by each reward would come to; see `votes.py`.
How much of the gap between a majority and the oracle a way closes is

    (way - majority) / (oracle - majority)

Facts to compare with: the literature finds that votes weighted by a discriminative score win where choosing
the best-scored sample does not (Montgomery et al., arXiv 2510.14913).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ponder.lab.pool import Pool
from ponder.lab.report import Chart, Table
from ponder.lab.votes import MAJORITY, ORACLE, REWARDED, VoteCurves, Votes, votes


@dataclass(frozen=True, slots=True)
class Rewards:
    """What each reward comes to, at the largest number of samples."""

    votes: Votes

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        found = self.votes.as_json()
        for curve in self.votes.curves:
            found[curve.pool]["gap_closed"] = {
                way: None if closed is None else round(closed, 3)
                for way in curve.right
                if way not in (MAJORITY, ORACLE)
                for closed in [gap_closed(curve, way)]
            }
        return found

    def tables(self) -> list[Table]:
        """Return a table a pool: each way, its gain over the majority, and how much of the gap it closes."""
        columns = ("", "right", "against the majority", "p", "gap closed")
        return [
            Table(
                f"Rewards on {curve.pool}, best of {curve.ks[-1]} ({curve.problems} problems)",
                columns,
                tuple(_row(curve, way) for way in curve.right),
            )
            for curve in self.votes.curves
        ]

    def charts(self) -> list[Chart]:
        """Return a chart a pool."""
        return self.votes.charts()


def gap_closed(curve: VoteCurves, way: str) -> float | None:
    """Return how much of the gap to the oracle a way closes; None where there is no gap."""
    voted, ceiling = curve.right[MAJORITY][-1].value, curve.right[ORACLE][-1].value
    return (curve.right[way][-1].value - voted) / (ceiling - voted) if ceiling > voted else None


def rewards(pools: Sequence[Pool], most: int = 16) -> Rewards:
    """Compare rewards in pools whose samples have a head's scores."""
    return Rewards(votes(pools, REWARDED, most=most))


def _row(curve: VoteCurves, way: str) -> tuple[str, ...]:
    right = str(curve.right[way][-1])
    if way == MAJORITY:
        return way, right, "", "", ""
    gain, closed = curve.gains[way], gap_closed(curve, way)
    return way, right, str(gain), f"{gain.p:.3f}", "-" if closed is None else f"{closed:.0%}"
