"""Strategies by name, for faces that let one be chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ponder.constraints.constraint import Constraint
from ponder.errors import ParameterError
from ponder.scaling.best_of_n import BestOfN
from ponder.scaling.selection import Selection
from ponder.scaling.strategy import Strategy

STRATEGY_NAMES = (BestOfN.name,)


def strategy_named(
    name: str,
    *,
    selection: Selection | None = None,
    rewarded: bool = True,
    sampling: Mapping[str, Any] | None = None,
    constraint: Constraint | None = None,
) -> Strategy:
    """Return a strategy by name.

    A selection that is not given is plain, or majority where there is no reward. The texts that it grows
    keep to the constraint.

    Raises
    ------
    ParameterError : there is no such strategy, or it does not allow one of the values.
    """
    if name == BestOfN.name:
        selection = selection or ("plain" if rewarded else "majority")
        return BestOfN(selection, sampling or {}, constraint=constraint)
    raise ParameterError("strategy", name, "one of " + ", ".join(STRATEGY_NAMES))
