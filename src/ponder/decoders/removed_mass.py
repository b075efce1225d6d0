"""What is known of texts that cannot be: a trie of prefixes, each with the probability that it still leads on."""

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


def learned(root: Prefix | None, seen: Sequence[Seen]) -> Prefix | None:
    """Return the trie with the rows of one pass, which lie one after another from the root on."""
    if not seen:
        return root
    known: list[Prefix | None] = [root]
    for step in seen[1:]:
        above = known[-1]
        found = None if above is None else above.after.get(step.token)
        known.append(None if found is None else found[1])
    below: Prefix | None = None
    for place in range(len(seen) - 1, -1, -1):
        step, old = seen[place], known[place]
        mass, after = (step.mass, {}) if old is None else (old.mass, dict(old.after))
        if below is not None:
            after[seen[place + 1].token] = (seen[place + 1].probability, below)
        below = Prefix(mass, after)
    return below
