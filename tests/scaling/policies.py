"""Policies for tests: small tables whose decisions can be worked out by hand."""

from __future__ import annotations

from ponder.scaling import Advice, Failing, Policy
from ponder.scaling.policy import More

NOTHING = Advice(0.0, 0.2)


def clear_at(share: float, waves: tuple[int, ...] = (2, 4, 8), more: More = "sample") -> Policy:
    """Return a policy that draws until the leader has so large a share of the votes."""
    unclear, clear = Advice(0.5, 0.3, more), Advice(0.0, 0.9)
    return Policy(waves, (share,), ((unclear, clear),) * (len(waves) - 1), 0.1, failing=Failing(1, 1, more))
