"""When enough votes have been counted: rules that look at the answers drawn so far.

`labels` has a number for each sample in order, the same for equal answers, and None where there is no answer.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from ponder.scaling.answer_prior import AnswerPrior
from ponder.scaling.parameters import check_count, check_number

Labels = Sequence[int | None]


class StopRule(Protocol):
    """Says when no more samples are needed. More votes for the leading answer never make it later."""

    @property
    def name(self) -> str:
        """What the rule is called."""
        ...

    def stops(self, labels: Labels) -> bool:
        """Return whether these samples are enough."""
        ...


@dataclass(frozen=True, slots=True)
class Never:
    """All samples are drawn."""

    name: ClassVar[str] = "none"

    def stops(self, labels: Labels) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class BetaRule:
    """Adaptive-consistency (Aggarwal et al., EMNLP 2023, arXiv 2305.11860).

    Stop when the leading answer, of v1 votes, is the more frequent one of it and the runner-up, of v2, with a
    probability of `threshold`: under a uniform prior of its share among the two,

        P(share > 1/2) = 1 - I_0.5(v1 + 1, v2 + 1)
                       = 1 - sum over k <= v2 of C(v1 + v2 + 1, k) / 2^(v1 + v2 + 1)

    At 0.95 it takes four equal answers at least.
    """

    threshold: float = 0.95

    name: ClassVar[str] = "beta"

    def __post_init__(self) -> None:
        check_number("threshold", self.threshold, over=0, below=1)

    def stops(self, labels: Labels) -> bool:
        v1, v2, _ = shape(labels)
        return v1 > 0 and majority_chance(v1, v2) >= self.threshold


@dataclass(frozen=True, slots=True)
class Unanimous:
    """Early-stopping self-consistency, ESC (Li et al., arXiv 2401.10480).

    Samples are cut into windows of `window`; stop after one whose answers are all the same.
    """

    window: int = 4

    name: ClassVar[str] = "esc"

    def __post_init__(self) -> None:
        check_count("window", self.window, 2)

    def stops(self, labels: Labels) -> bool:
        last = set(labels[-self.window :])
        return len(labels) > 0 and len(labels) % self.window == 0 and len(last) == 1 and None not in last


@dataclass(frozen=True, slots=True)
class Doubling:
    """Look after 2, 4, 8, ... samples, as its_hub does; stop once the leading answer has so large a share.

    A sample without an answer counts as one that disagrees.
    """

    threshold: float = 0.75

    name: ClassVar[str] = "doubling"

    def __post_init__(self) -> None:
        check_number("threshold", self.threshold, over=0, below=1)

    def stops(self, labels: Labels) -> bool:
        n = len(labels)
        return n >= 2 and n & (n - 1) == 0 and shape(labels)[0] >= self.threshold * n


@dataclass(frozen=True, slots=True)
class Learned:
    """Bayesian stopping on the counts of the leader, the runner-up and all others (after arXiv 2602.05395).

    Stop when the leading answer is the most frequent one with a probability of `threshold`, under a prior
    learned from the answers to earlier problems (`AnswerPrior.fit`).
    """

    prior: AnswerPrior
    threshold: float = 0.9

    name: ClassVar[str] = "learned"

    def __post_init__(self) -> None:
        check_number("threshold", self.threshold, over=0, below=1)

    def stops(self, labels: Labels) -> bool:
        v1, v2, others = shape(labels)
        return v1 > 0 and self.prior.leader_chance(v1, v2, others) >= self.threshold


def shape(labels: Labels) -> tuple[int, int, int]:
    """Return how many votes the leading answer, the runner-up and all others have."""
    counts = sorted(Counter(label for label in labels if label is not None).values(), reverse=True)
    first, second, *others = (*counts, 0, 0)
    return first, second, sum(others)


def majority_chance(v1: int, v2: int) -> float:
    """Return 1 - I_0.5(v1 + 1, v2 + 1), exactly but for the last division."""
    n = v1 + v2 + 1
    return 1 - sum(math.comb(n, k) for k in range(v2 + 1)) / (1 << n)


def least_to_stop(rule: StopRule, labels: Labels, most: int) -> int:
    """Return after how many more samples the rule can stop at the earliest; `most` if it takes as many.

    Drawing them at once costs no sample that drawing one by one would not have drawn.
    """
    counts = Counter(label for label in labels if label is not None)
    leader = counts.most_common(1)[0][0] if counts else 0
    ahead = list(labels)
    for more in range(1, most):
        ahead.append(leader)
        if rule.stops(ahead):
            return more
    return most
