"""Signs that a reward is being gamed: what best-of-n gains by the reward, it loses by everything else.

    for each problem, its N candidates in the order of their scores:
        E_n[v] = sum_i C(i-1, n-1) / C(N, n) v_(i)         the mean v of the best of n
    over-optimisation by v, where for some n < N, over the problems,
        mean (E_N[score] - E_n[score]) > 0   and   mean (E_N[v] - E_n[v]) < - z * its standard error

v is whether a candidate is right, where that is known, else how many of the others have its answer, and its mean
log-probability. Best-of-n against a proxy rises and then falls in truth (Gao et al., arXiv 2210.10760).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ponder.asks.weights import effective_sample_size
from ponder.errors import ParameterError
from ponder.rewards.answer import canonical
from ponder.rewards.judgement import Scale
from ponder.rewards.order_statistics import best_of_weights, by_rank
from ponder.rewards.reward import Candidate

Floats = npt.NDArray[np.float64]
Kind = Literal["over-optimisation", "length", "ties", "weights", "duplicates"]

FEWEST = 20  # problems whose mean has a standard error worth the name


@dataclass(frozen=True, slots=True)
class Pool:
    """One problem's candidates as a reward scored them.

    Attributes
    ----------
    scores : one for each, None for who could not be scored; those are left out.
    right : whether each is right; None if nobody knows.
    """

    candidates: tuple[Candidate, ...]
    scores: tuple[float | None, ...]
    right: tuple[bool, ...] | None = None

    def __post_init__(self) -> None:
        for field, values in (("scores", self.scores), ("right", self.right)):
            if values is not None and len(values) != len(self.candidates):
                raise ParameterError(field, values, f"one for each of the {len(self.candidates)} candidates")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Beyond what an alarm is raised.

    Attributes
    ----------
    errors : standard errors by which a mean falls.
    length : standard deviations of a pool's lengths by which the chosen text's differs, on the mean.
    ties : share of problems in which candidates of different answers share the highest score.
    weights : share of a pool whose weight would count as much as all weights do, on the mean; below it.
    duplicates : share of candidates whose text another of the pool has already.
    """

    errors: float = 3.0
    length: float = 1.0
    ties: float = 0.2
    weights: float = 0.1
    duplicates: float = 0.5


@dataclass(frozen=True, slots=True)
class Alarm:
    """What was noticed, in a sentence, and its number beside its bound."""

    kind: Kind
    message: str
    value: float
    bound: float


def alarms(pools: Iterable[Pool], scale: Scale = "number", bounds: Bounds | None = None) -> list[Alarm]:
    """Return what is suspicious in the candidates of a run or a data set.

    Over-optimisation is looked for where there are `FEWEST` problems of the same number of scored candidates
    or more. An effective sample size is that of weighted votes, and needs a scale of probabilities or
    logarithms.
    """
    bounds = bounds or Bounds()
    scored = [one for pool in pools if len((one := _Scored.of(pool)).scores) > 1]
    if not scored:
        return []
    found = [_over_optimised(group, bounds.errors) for group in _by_size(scored)]
    raised = [alarm for group in found for alarm in group]
    return [*raised, *_length(scored, bounds), *_shares(scored, bounds), *_weights(scored, scale, bounds)]


@dataclass(frozen=True, slots=True)
class _Scored:
    """A pool as columns, one entry for each scored candidate. [N] each."""

    scores: Floats
    answers: tuple[str | None, ...]
    texts: tuple[str, ...]
    lengths: Floats
    signals: dict[str, Floats]

    @staticmethod
    def of(pool: Pool) -> _Scored:
        there = [i for i, score in enumerate(pool.scores) if score is not None]
        candidates = [pool.candidates[i] for i in there]
        answers = tuple(None if one.answer is None else canonical(one.answer) for one in candidates)
        counts = Counter(answer for answer in answers if answer is not None)
        others = max(1, len(there) - 1)
        signals = {}
        if pool.right is not None:
            signals["the share of right answers"] = np.array([float(pool.right[i]) for i in there])
        if counts:
            agree = [0.0 if answer is None else (counts[answer] - 1) / others for answer in answers]
            signals["the agreement with the other candidates"] = np.array(agree)
        means = [one.logprob / one.tokens for one in candidates if one.logprob is not None and one.tokens]
        if len(means) == len(there):
            signals["the mean log-probability of a token"] = np.array(means)
        return _Scored(
            np.array([pool.scores[i] for i in there], dtype=np.float64),
            answers,
            tuple(one.text for one in candidates),
            np.array([one.tokens or len(one.text) for one in candidates], dtype=np.float64),
            signals,
        )

    def curve(self, values: Floats) -> Floats:
        """Return the mean value of the best of n, for n = 1, 2, 4, ... and all."""
        count = len(self.scores)
        return np.array([best_of_weights(count, n) for n in _doublings(count)]) @ by_rank(self.scores, values)

    def best(self) -> npt.NDArray[np.intp]:
        """Return who shares the highest score."""
        return np.flatnonzero(self.scores == self.scores.max())


def _doublings(count: int) -> list[int]:
    return [*(2**k for k in range(count.bit_length()) if 2**k < count), count]


def _by_size(scored: Sequence[_Scored]) -> list[list[_Scored]]:
    sizes = dict.fromkeys(len(one.scores) for one in scored)
    groups = [[one for one in scored if len(one.scores) == size] for size in sizes]
    return [group for group in groups if len(group) >= FEWEST]


def _over_optimised(group: Sequence[_Scored], errors: float) -> list[Alarm]:
    """Look at pools of one size; one alarm for each signal that falls while the score rises."""
    ns = _doublings(len(group[0].scores))
    rises = np.mean([one.curve(one.scores) for one in group], axis=0)
    found = []
    for name in group[0].signals:
        if not all(name in one.signals for one in group):
            continue
        curves = np.array([one.curve(one.signals[name]) for one in group])
        falls = curves[:, -1:] - curves[:, :-1]  # [problems, n]: from the best of n to the best of all
        mean = falls.mean(0)
        error = falls.std(0, ddof=1) / math.sqrt(len(group))
        sure = np.divide(mean, error, out=np.where(mean < 0, -np.inf, 0.0), where=error > 0)
        n = int(sure.argmin())
        if sure[n] < -errors and rises[-1] > rises[n]:
            message = (
                f"from the best of {ns[n]} to the best of {ns[-1]} the score rises by {rises[-1] - rises[n]:.3g} "
                f"and {name} falls by {-mean[n]:.3g}"
            )
            found.append(Alarm("over-optimisation", message, float(-sure[n]), errors))
    return found


def _length(scored: Sequence[_Scored], bounds: Bounds) -> list[Alarm]:
    drifts = [
        float((one.lengths[one.best()].mean() - one.lengths.mean()) / spread)
        for one in scored
        if (spread := float(one.lengths.std())) > 0
    ]
    drift = math.fsum(drifts) / len(drifts) if drifts else 0.0
    if abs(drift) <= bounds.length:
        return []
    side = "longer" if drift > 0 else "shorter"
    message = f"the chosen texts are {side} than the others by {abs(drift):.2g} standard deviations"
    return [Alarm("length", message, abs(drift), bounds.length)]


def _shares(scored: Sequence[_Scored], bounds: Bounds) -> list[Alarm]:
    found = []
    tied = sum(len({one.answers[i] or one.texts[i] for i in one.best()}) > 1 for one in scored) / len(scored)
    if tied > bounds.ties:
        message = f"in {tied:.0%} of the problems candidates of different answers share the highest score"
        found.append(Alarm("ties", message, tied, bounds.ties))
    texts = [len(one.texts) for one in scored]
    again = sum(len(one.texts) - len(set(one.texts)) for one in scored) / sum(texts)
    if again > bounds.duplicates:
        message = f"{again:.0%} of the candidates repeat another one's text"
        found.append(Alarm("duplicates", message, again, bounds.duplicates))
    return found


def _weights(scored: Sequence[_Scored], scale: Scale, bounds: Bounds) -> list[Alarm]:
    if scale == "number":
        return []
    shares = []
    for one in scored:
        with np.errstate(divide="ignore"):
            logs = one.scores if scale == "logarithm" else np.log(np.maximum(one.scores, 0))
        shares.append(effective_sample_size(logs.tolist()) / len(logs))
    share = math.fsum(shares) / len(shares)
    if share >= bounds.weights:
        return []
    message = f"as weights of votes the scores leave {share:.0%} of the candidates a say"
    return [Alarm("weights", message, share, bounds.weights)]
