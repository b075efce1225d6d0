"""Strategies by name, for faces that let one be chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
) -> Strategy:
    """Return a strategy by name.

    A selection that is not given is plain, or majority where there is no reward.

    Raises
    ------
    ParameterError : there is no such strategy, or it does not allow one of the values.
    """
    if name == BestOfN.name:
        return BestOfN(selection or ("plain" if rewarded else "majority"), sampling or {})
    raise ParameterError("strategy", name, "one of " + ", ".join(STRATEGY_NAMES))
