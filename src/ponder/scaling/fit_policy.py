"""Fits a policy to pools of samples.

    for each problem, several times: shuffle its samples; after each wave note in which bucket its vote stands
        and whether the leader is right
    for prices from high to low, and for each from the last wave but one back to the first:
        value of stopping = how often the leader is right
        value of going on = the mean value at the next wave, less the price of its samples
        a bucket goes on where that is more, or where a clearer one does, and has the value of what it does
    a bucket's worth = the highest price at which it goes on
    the policy's price = the highest that costs no family more than `loss` against the number of samples that
        is best for all families together

That is dynamic programming over waves. A bucket to which few problems came tells little: of m problems its
gain is taken as (m gain + PRIOR gain of all buckets of the wave) / (m + PRIOR). And a vote that is less clear
is never worth less: without this rule the fit learned to give up the unclear votes of hopeless families, and
was 2 to 3 points worse on families that it had not seen.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ponder.errors import ParameterError
from ponder.scaling.effects import Vote
from ponder.scaling.parameters import check_count, check_number
from ponder.scaling.policy import Advice, Policy, Standing

WAVES = (4, 8, 16, 32, 64)
CUTS = (0.5, 0.7, 0.85)
PRIOR = 30.0  # problems
LOSS = 0.005
PRICES = tuple(10 ** (-1.5 - i / 10) for i in range(36))  # of a sample, in the chance of a right answer

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


class Sample(Protocol):
    """What a text that was drawn once came to."""

    @property
    def group(self) -> int | None:
        """A number that equal answers to its problem share; None without an answer."""
        ...

    @property
    def right(self) -> bool:
        """Whether its answer is right."""
        ...

    @property
    def logprob(self) -> float:
        """The sum of its tokens' log-probabilities, in nats."""
        ...

    @property
    def tokens(self) -> int:
        """How many it has."""
        ...


@dataclass(frozen=True)
class Walks:
    """What came of votes as they grew: [walks, waves], several walks a problem.

    Attributes
    ----------
    waves : after how many samples it was looked.
    right : whether the leading answer was right, 0 or 1.
    share : the leader's, as in `Standing`.
    tokens : of all samples so far.
    problems, families : [walks], numbers of the problems, and names.
    """

    waves: tuple[int, ...]
    right: Floats
    share: Floats
    tokens: Ints
    problems: Ints
    families: npt.NDArray[np.str_]

    def of(self, which: npt.NDArray[np.bool_]) -> Walks:
        """Return some of the walks."""
        return Walks(
            self.waves,
            *(self.right[which], self.share[which], self.tokens[which]),
            *(self.problems[which], self.families[which]),
        )


def walk(
    families: Mapping[str, Sequence[Sequence[Sample]]],
    waves: Sequence[int] = WAVES,
    power: float = 0.0,
    *,
    shuffles: int = 8,
    seed: int = 0,
) -> Walks:
    """Let the votes of each problem grow, its samples shuffled anew each time.

    Parameters
    ----------
    families : by name the problems of each, and of each problem its samples.
    power : as in `Policy`.

    Raises
    ------
    ParameterError : there is no problem, or one has fewer samples than the last wave.
    """
    check_count("shuffles", shuffles)
    problems = [(family, samples) for family, several in families.items() for samples in several]
    if not problems:
        raise ParameterError("families", dict(families), "those with one problem or more")
    least = min(len(samples) for _, samples in problems)
    if least < waves[-1]:
        raise ParameterError("families", f"{least} samples of a problem", f"{waves[-1]} or more")
    numbers = random.Random(seed)
    walks = [numbers.sample(samples, len(samples)) for _, samples in problems for _ in range(shuffles)]
    stood = [[stand(samples[:n], power) for n in waves] for samples in walks]
    return Walks(
        tuple(waves),
        np.array([[right for right, _ in row] for row in stood], np.float64),
        np.array([[standing.share for _, standing in row] for row in stood]),
        np.array([[round(standing.tokens * standing.n) for _, standing in row] for row in stood]),
        np.repeat(np.arange(len(problems)), shuffles),
        np.repeat(np.array([family for family, _ in problems]), shuffles),
    )


def stand(samples: Sequence[Sample], power: float = 0.0) -> tuple[bool, Standing]:
    """Return whether the leader of a vote is right, and how it stands, as `Auto` without a reward sees it."""
    logprobs = [sample.logprob / max(1, sample.tokens) for sample in samples]
    top = max(logprobs)
    weights = [math.exp(power * (logprob - top)) for logprob in logprobs]
    groups: dict[int, list[int]] = defaultdict(list)
    for i, sample in enumerate(samples):
        if sample.group is not None:
            groups[sample.group].append(i)
    votes = [Vote("", math.fsum(weights[i] for i in group), tuple(group)) for group in groups.values()]
    votes.sort(key=lambda vote: (-vote.weight, -len(vote.members)))
    best = max(votes[0].members, key=lambda i: weights[i]) if votes else 0
    standing = Standing.of(votes, logprobs, [sample.tokens for sample in samples])
    return samples[best].right, standing


def fit(
    walks: Walks,
    made_of: Mapping[str, Any],
    *,
    cuts: Sequence[float] = CUTS,
    power: float = 0.0,
    loss: float = LOSS,
) -> Policy:
    """Return the policy under which these walks do best.

    Parameters
    ----------
    made_of : what the walks are of: models, families, problems, seeds; kept in the policy.
    cuts, power : as in `Policy`; the walks are made with this power.
    loss : by how much the share of right answers of a family may be below that of a fixed number of samples,
        the one that is best in the mean of the families.
    """
    check_number("loss", loss, over=0, below=1)
    buckets = np.searchsorted(np.asarray(cuts), walks.share, side="right")
    shape = (len(walks.waves) - 1, len(cuts) + 1)
    problems = np.array(
        [[len(set(walks.problems[buckets[:, w] == b])) for b in range(shape[1])] for w in range(shape[0])]
    )
    worth = np.zeros(shape)
    for price in PRICES:
        goes = _goes_on(walks, buckets, problems, price)
        worth[goes & (worth == 0)] = price
    right = _shrunk(walks.right[:, :-1], buckets, problems)
    table = tuple(
        tuple(
            Advice(float(worth[w, b]), round(float(right[w, b]), 4), problems=int(problems[w, b]))
            for b in range(shape[1])
        )
        for w in range(shape[0])
    )
    policy = Policy(walks.waves, tuple(cuts), table, 0.0, power, made_of=made_of)
    allowed = (price for price in PRICES if _worst_loss(replace(policy, price=price), walks) <= loss)
    return replace(policy, price=next(allowed, PRICES[-1]))


def follow(policy: Policy, walks: Walks) -> Ints:
    """Return at which wave each walk stops under a policy, from 0."""
    worth = np.array([[advice.worth for advice in row] for row in policy.table])
    buckets = np.searchsorted(np.asarray(policy.cuts), walks.share, side="right")
    last = np.zeros(len(walks.right), np.intp)
    going = np.ones(len(walks.right), np.bool_)
    for w in range(len(walks.waves) - 1):
        going &= worth[w, buckets[:, w]] > policy.price
        last[going] = w + 1
    return last


def _goes_on(walks: Walks, buckets: Ints, problems: Ints, price: float) -> npt.NDArray[np.bool_]:
    """Return which buckets go on at a price, [waves but the last, buckets]."""
    goes = np.zeros(problems.shape, np.bool_)
    value = walks.right[:, -1]
    for w in reversed(range(len(goes))):
        further = value - price * (walks.waves[w + 1] - walks.waves[w])
        gain = _shrunk((further - walks.right[:, w])[:, None], buckets[:, w, None], problems[w, None])
        goes[w] = np.maximum.accumulate(gain[0, ::-1] > 0)[::-1]
        value = np.where(goes[w][buckets[:, w]], further, walks.right[:, w])
    return goes


def _shrunk(values: Floats, buckets: Ints, problems: Ints) -> Floats:
    """Return the mean value of each bucket, [waves, buckets]; of few problems it is nearer to the wave's."""
    means = np.empty(problems.shape)
    for w, count in enumerate(problems):
        walks = np.bincount(buckets[:, w], minlength=len(count))
        sums = np.bincount(buckets[:, w], values[:, w], minlength=len(count))
        mean = values[:, w].mean()
        means[w] = (count * sums / np.maximum(walks, 1) + PRIOR * mean) / (count + PRIOR)
    return means


def _worst_loss(policy: Policy, walks: Walks) -> float:
    """Return by how much the policy is below the best fixed number of samples, in the worst family."""
    right = at(walks.right, follow(policy, walks))
    fixed, own = [], []
    for family in sorted(set(walks.families)):
        mine = walks.families == family
        fixed.append(walks.right[mine].mean(axis=0))
        own.append(right[mine].mean())
    best = np.mean(fixed, axis=0).argmax()
    return max(float(those[best] - mine) for those, mine in zip(fixed, own, strict=True))


def at(values: npt.NDArray[Any], waves: Ints) -> npt.NDArray[Any]:
    """Return of each walk, [walks, waves], the value at one of its waves."""
    return values[np.arange(len(waves)), waves]
