"""Texts drawn from the model without replacement."""

from __future__ import annotations

import math
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import torch

from ponder.decoders.group import Group, Growth, Sequence
from ponder.decoders.gumbel import path_keys, perturbed_best
from ponder.decoders.hypotheses import check_answers, check_beams, check_drawing
from ponder.decoders.rows import drawn_rows, growths, pick, summarise
from ponder.sampling.params import SamplingParams
from ponder.sampling.trace import TokenTrace


@dataclass(frozen=True, slots=True)
class StochasticBeamSearch:
    """Draw `num_beams` different texts, each time in proportion to what is left of the probability.

    Stochastic beam search (Kool et al. 2019, arXiv 1903.06059): a text's log-probability is perturbed by
    Gumbel noise, and the texts with the largest sums G are drawn without replacement, in this order. A
    beam's own G is the largest of all its continuations, so the search is exact. The distribution is the
    one `Sample` draws from, penalties, constraint, temperature and truncation included, and a text's
    log-probability is the sum of its traces' `truncated_logprob`. `Output.score` is G; `draws` makes
    estimates of it.

    The noise is a function of (seed, path): the k texts of a narrow search are the first k of a wider one.
    """

    num_beams: int

    unused: ClassVar[frozenset[str]] = frozenset()
    streams: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_beams(self.num_beams)

    def check(self, params: SamplingParams) -> None:
        check_answers(params, self.num_beams)
        check_drawing(params)

    def width(self, params: SamplingParams) -> int:
        return self.num_beams

    def advance(self, group: Group, logits: torch.Tensor) -> list[Growth]:
        live, params = group.live, group.params
        raw = summarise(logits, params.top_logprobs)
        rows = drawn_rows(group, live, logits, raw, normalised=False)
        # `memo` is the log-probability. What the largest of all is, is left to chance.
        locations = np.array([beam.memo for beam in live])
        perturbed = np.array([beam.score for beam in live])
        maxima = perturbed if live[0].output else None
        keys = path_keys(params.seed, [beam.output for beam in live])
        found = perturbed_best(rows.truncated, locations, maxima, keys, self.num_beams)
        stuck = [i for i, possible in enumerate(rows.possible) if not possible]
        contending = sorted(
            [*(s.score for s in group.finished), *(live[i].score for i in stuck)], reverse=True
        )
        picks = found.first(_places(found.scores.tolist(), contending, self.num_beams))
        memos = locations[picks.beams] + np.log(pick(rows.truncated, picks))
        grown = growths(live, picks, rows.traces(picks), memos.tolist())
        return grown + [Growth(live[i], 0, None, live[i].score) for i in stuck]

    def settle(self, group: Group) -> bool:
        """Keep the finished texts that are still among the first."""
        contending = sorted((s.score for s in (*group.finished, *group.live)), reverse=True)
        least = contending[: self.num_beams][-1]
        group.finished = [sequence for sequence in group.finished if sequence.score >= least]
        return not group.live

    def final_score(self, sequence: Sequence) -> float:
        """Return the perturbed log-probability."""
        return sequence.score

    def answers(self, group: Group) -> list[Sequence]:
        return sorted(group.finished, key=self.final_score, reverse=True)[: group.params.n]


def _places(candidates: list[float], others: list[float], count: int) -> int:
    """How many of the candidates are among the `count` largest of all; both are in falling order."""
    taken = 0
    for place, score in enumerate(candidates):
        while taken < len(others) and others[taken] >= score:
            taken += 1
        if place + taken >= count:
            return place
    return len(candidates)


class DrawnText(Protocol):
    """What `draws` reads of an `Output`."""

    @property
    def traces(self) -> tuple[TokenTrace, ...]: ...

    @property
    def score(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Draw:
    """A text drawn without replacement.

    Attributes
    ----------
    logprob : its log-probability under the distribution it was drawn from.
    perturbed : that with its noise, G.
    inclusion : the probability that its G is over the threshold: 1 - exp(-exp(logprob - threshold)).
    """

    logprob: float
    perturbed: float
    inclusion: float


def inclusion_probability(logprob: float, threshold: float) -> float:
    """Return 1 - exp(-exp(logprob - threshold)) (Kool et al. 2019, equation 9)."""
    return -math.expm1(-math.exp(min(logprob - threshold, 700.0)))


def draws(outputs: Seq[DrawnText], asked: int) -> list[Draw]:
    """Describe the outputs of a stochastic beam search, the last of which gives the threshold.

    Given the threshold, each text's exp(logprob) / inclusion weighs it so that weighted sums over the draws
    are unbiased estimates of expectations under the model (Kool et al. 2019, section 4.2). It takes one
    text to have a threshold: ask for one more than the draws you want.

    Parameters
    ----------
    outputs : of one request, in order.
    asked : its `n`. Where fewer texts came back there are no others: all are returned, with certainty.
    """
    complete = len(outputs) < asked
    threshold = -math.inf if complete else outputs[-1].score
    found = []
    for output in outputs if complete else outputs[:-1]:
        logprob = math.fsum(trace.truncated_logprob for trace in output.traces)
        inclusion = 1.0 if complete else inclusion_probability(logprob, threshold)
        found.append(Draw(logprob, output.score, inclusion))
    return found
