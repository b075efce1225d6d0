"""Signs that a reward is being gamed: its highest scores are not its best texts.

    x = score - its problem's mean score, v likewise, for the candidates of all problems together
    for q = 1/4, 1/8, 1/16, ...:
        top = the share q of the candidates with the highest x;  next = the share 3 q after them
        over-optimisation by v:  mean v(top) - mean v(next) < - z * its standard error, clustered by problem,
                                 z corrected for how many problems are in top (Student's t)

v is whether a candidate is right, where that is known; how many of the others have its answer; its tokens'
mean log-probability; and the sum of these in units of their spread within a problem. Best-of-n against a
proxy rises and then falls in truth (Gao et al., arXiv 2210.10760): the more samples, the further up in x is
what is chosen, and so the tail tells it ahead of the accuracy.
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
from ponder.rewards.reward import Candidate

Floats = npt.NDArray[np.float64]
Kind = Literal["over-optimisation", "length", "ties", "weights", "duplicates"]

FEWEST = 10  # candidates whose mean has a standard error worth the name


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
    errors : standard errors by which a mean falls; many, since many means are looked at: some 25 a call, so
        that by chance this much is seen once in some 450 calls (25 times 9e-5).
    length : standard deviations of a pool's lengths by which the chosen text's differs, on the mean.
    ties : share of problems in which candidates of different answers share the highest score.
    weights : share of a pool whose weight would count as much as all weights do, on the mean; below it.
    duplicates : share of candidates whose text another of the pool has already.
    """

    errors: float = 3.75
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

    Agreement falls also where a reward is right and the majority wrong: an alarm says where to look. What is
    told of the highest scores needs `FEWEST` of them. An effective sample size is that of weighted votes, and
    needs a scale of probabilities or logarithms.
    """
    bounds = bounds or Bounds()
    scored = [one for pool in pools if len((one := _Scored.of(pool)).scores) > 1]
    if not scored:
        return []
    raised = _over_optimised(scored, bounds.errors)
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
        given = {one.answer for one in candidates}
        known = {answer: canonical(answer) for answer in given if answer is not None}
        answers = tuple(None if one.answer is None else known[one.answer] for one in candidates)
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

    def best(self) -> npt.NDArray[np.intp]:
        """Return who shares the highest score."""
        return np.flatnonzero(self.scores == self.scores.max())


def _over_optimised(scored: Sequence[_Scored], errors: float) -> list[Alarm]:
    """Look at the tail of the scores; one alarm for each signal that falls in it, and for all in one."""
    names = dict.fromkeys(name for one in scored for name in one.signals)
    whole = [one for one in scored if len(one.signals) == len(names)]
    looked = {name: [(one, one.signals[name]) for one in scored if name in one.signals] for name in names}
    if len(names) > 1 and whole:
        spreads = {
            name: float(np.concatenate([_centred(one.signals[name]) for one in whole]).std())
            for name in names
        }
        looked["what all of these say together"] = [
            (
                one,
                sum(
                    (one.signals[name] / (spreads[name] or 1.0) for name in names), np.zeros(len(one.scores))
                ),
            )
            for one in whole
        ]
    falls = {name: _fall(told) for name, told in looked.items()}
    return [
        Alarm(
            "over-optimisation",
            f"of the {size} highest scores {name} is lower by {-fall:.3g} than of those after them",
            -sure,
            errors,
        )
        for name, (sure, fall, size) in falls.items()
        if sure < -errors
    ]


def _fall(told: Sequence[tuple[_Scored, Floats]]) -> tuple[float, float, int]:
    """Return how sure a signal's surest fall in the tail is, how much it falls, and the tail's size."""
    x = np.concatenate([_centred(one.scores) for one, _ in told])
    v = np.concatenate([_centred(values) for _, values in told])
    problem = np.repeat(np.arange(len(told)), [len(values) for _, values in told])
    order = np.argsort(-x, kind="stable")
    size, worst = len(order) // 4, (0.0, 0.0, 0)
    while size >= FEWEST:
        top, after = order[:size], order[size : 4 * size]
        fall = float(v[top].mean() - v[after].mean())
        t = fall / max(_standard_error(v, problem, top, after), 1e-12)
        worst = min(worst, (_as_normal(t, len(np.unique(problem[top])) - 1), fall, size))
        size //= 2
    return worst


def _centred(values: Floats) -> Floats:
    """Return a problem's values without what they have in common."""
    centred: Floats = values - values.mean()
    return centred


def _as_normal(t: float, freedom: int) -> float:
    """Return the quantile of the normal distribution that t is one of Student's (Wallace 1959)."""
    shrunk = (8 * freedom + 1) / (8 * freedom + 3)
    return math.copysign(shrunk * math.sqrt(freedom * math.log1p(t * t / max(freedom, 1))), t)


def _standard_error(
    v: Floats, problem: npt.NDArray[np.intp], top: npt.NDArray[np.intp], after: npt.NDArray[np.intp]
) -> float:
    """Return that of the difference of two means, where candidates of one problem go together."""
    parts = [(v[group] - v[group].mean()) / (sign * len(group)) for group, sign in ((top, 1), (after, -1))]
    sums = np.bincount(problem[np.concatenate((top, after))], np.concatenate(parts))
    return math.sqrt(float((sums**2).sum()))


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
