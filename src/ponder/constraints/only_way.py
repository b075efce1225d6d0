"""Tokens that come next in every text that is allowed."""

from __future__ import annotations

from typing import Protocol, TypeVar

from ponder.constraints import bits
from ponder.constraints.bits import Bits

MAX_FORCED = 256  # tokens in a chain

S = TypeVar("S")


class Masked(Protocol[S]):
    """What an automaton is asked for here."""

    def mask(self, state: S) -> Bits | None: ...
    def step(self, state: S, token: int) -> S | None: ...
    def may_end(self, state: S) -> bool: ...


def only_way_on(automaton: Masked[S], state: S) -> tuple[int, ...]:
    """Follow masks of one token, up to `MAX_FORCED` of them, as long as the text may not end."""
    chain: list[int] = []
    while len(chain) < MAX_FORCED and not automaton.may_end(state):
        mask = automaton.mask(state)
        possible = [] if mask is None else bits.members(mask)
        after = automaton.step(state, possible[0]) if len(possible) == 1 else None
        if after is None:
            break
        chain += possible
        state = after
    return tuple(chain)
