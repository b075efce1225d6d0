"""A trie of prefixes that were seen, each with the probability that it leads to a text that is allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

ROUNDING = 1e-12  # of a prefix's mass: less than that is what subtracting left of nothing


@dataclass(frozen=True, slots=True)
class Prefix:
    """A prefix whose row of logits was seen. It never changes; `learned` makes new ones.

    Attributes
    ----------
    mass : the share of its row that the constraint lets through.
    after : the prefixes after it that were seen: token -> (its probability in the row, the prefix).
    left : the probability that a text which began so is allowed, as far as it is known: `mass`, less what is
        known to lead nowhere after it.
    """

    mass: float
    after: Mapping[int, tuple[float, Prefix]] = field(default_factory=dict)
    left: float = field(init=False)

    def __post_init__(self) -> None:
        unseen = self.mass - sum(probability for probability, _ in self.after.values())
        if unseen < ROUNDING * self.mass:
            unseen = 0.0
        known = sum(probability * prefix.left for probability, prefix in self.after.values())
        object.__setattr__(self, "left", unseen + known)

    def at(self, tokens: Sequence[int]) -> Prefix | None:
        """Return what is known of this prefix with some tokens after it; None: it was not seen."""
        prefix = self
        for token in tokens:
            found = prefix.after.get(token)
            if found is None:
                return None
            prefix = found[1]
        return prefix


@dataclass(frozen=True, slots=True)
class Seen:
    """A row that a pass went through: the token it is after, that token's probability, and the row's mass."""

    token: int
    probability: float
    mass: float


def learned(root: Prefix | None, seen: Sequence[Seen]) -> Prefix:
    """Return the trie with the rows of one pass, at least one: they lie one after another from the root."""
    known = [root]
    for step in seen[1:]:
        above = known[-1]
        known.append(None if above is None else above.at((step.token,)))
    below: tuple[Seen, Prefix] | None = None
    for step, old in zip(reversed(seen), reversed(known), strict=True):
        after = {} if old is None else dict(old.after)
        if below is not None:
            after[below[0].token] = (below[0].probability, below[1])
        below = step, Prefix(step.mass if old is None else old.mass, after)
    assert below is not None, "a row was seen"
    return below[1]
