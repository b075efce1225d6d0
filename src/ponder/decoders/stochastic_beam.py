"""Texts drawn from the model without replacement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from ponder.decoders.group import Group, Growth, Sequence
from ponder.decoders.gumbel import path_keys, perturbed_best
from ponder.decoders.hypotheses import check_answers, check_beams, check_drawing
from ponder.decoders.rows import drawn_rows, growths, pick, summarise
from ponder.sampling.params import SamplingParams


@dataclass(frozen=True, slots=True)
class StochasticBeamSearch:
    """Draw `num_beams` different texts, each time in proportion to what is left of the probability.

    Stochastic beam search (Kool et al. 2019, arXiv 1903.06059): a text's log-probability is perturbed by
    Gumbel noise, and the texts with the largest sums G are drawn without replacement, in this order. A
    beam's own G is the largest of all its continuations, so the search is exact. The distribution is the
    one `Sample` draws from, penalties, constraint, temperature and truncation included, and a text's
    log-probability is its `Output.truncated_logprob`. `Output.score` is G.

    `Output.inclusion` is the probability that a text's G is over the threshold, the G of the first text that
    is not among the answers. Given the threshold, exp(truncated_logprob) / inclusion weighs the texts so that
    weighted sums over them are unbiased estimates of expectations under the model (Kool et al. 2019, section
    4.2). Where `n` is `num_beams` the last answer is the threshold, and has no inclusion; where there are
    fewer texts than `num_beams`, and all of them are answers, they are certain.

    The noise is a function of (seed, path): the k texts of a narrow search are the first k of a wider one.
    """

    num_beams: int

    unused: ClassVar[frozenset[str]] = frozenset()
    streams: ClassVar[bool] = False
    tries_tokens: ClassVar[bool] = False

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
        ranked, asked = sorted(group.finished, key=self.final_score, reverse=True), group.params.n
        further = ranked[asked] if asked < len(ranked) else None
        drawn = ranked[:asked]
        if further is None and len(ranked) == self.num_beams:
            *drawn, further = ranked
        threshold = -math.inf if further is None else further.score
        for sequence in drawn:
            sequence.inclusion = inclusion_probability(sequence.memo, threshold)
        return ranked[:asked]


def _places(candidates: list[float], others: list[float], count: int) -> int:
    """How many of the candidates are among the `count` largest of all; both are in falling order."""
    taken = 0
    for place, score in enumerate(candidates):
        while taken < len(others) and others[taken] >= score:
            taken += 1
        if place + taken >= count:
            return place
    return len(candidates)


def inclusion_probability(logprob: float, threshold: float) -> float:
    """Return 1 - exp(-exp(logprob - threshold)) (Kool et al. 2019, equation 9)."""
    return -math.expm1(-math.exp(min(logprob - threshold, 700.0)))
