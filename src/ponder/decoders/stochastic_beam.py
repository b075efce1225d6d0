"""Texts drawn from the model without replacement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from ponder.asks.needs import Asker, Needs
from ponder.decoders.draw import Spot, taken
from ponder.decoders.group import Group
from ponder.decoders.gumbel import path_keys
from ponder.decoders.hypotheses import check_answers, check_beams, check_drawing
from ponder.decoders.rows import Rows
from ponder.decoders.search_rows import drawn_rows, growths, pick
from ponder.decoders.text import Growth, Ranked, Settled
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

    unused: ClassVar[frozenset[str]] = frozenset({"min_allowed_mass"})
    name: ClassVar[str] = "stochastic beam search"
    streams: ClassVar[bool] = False
    normalised: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_beams(self.num_beams)

    def check(self, params: SamplingParams) -> None:
        check_answers(params, self.num_beams)
        check_drawing(params)

    def width(self, params: SamplingParams) -> int:
        return self.num_beams

    def asks(self, params: SamplingParams) -> Asker:
        return Asker("decoder", self, "another", Needs(replay="masked"))

    def advance(self, group: Group, rows: Rows) -> list[Growth]:
        live, params, logits = group.live, group.params, rows.logits
        raw = group.summaries(logits)
        drawn = drawn_rows(group, live, logits, raw, normalised=False)
        # A beam's note is its log-probability. What the largest of all is, is left to chance.
        locations = np.array([beam.note or 0.0 for beam in live])
        maxima = np.array([beam.score for beam in live]) if group.grew else None
        keys = path_keys(params.seed, [beam.output for beam in live])
        best, probs = group.ranker.perturbed_best, drawn.truncated
        find = partial(best, probs, locations, maxima, keys, self.num_beams)
        found = taken(group, Spot.after(live), probs, 0.0, find)
        stuck = [i for i, possible in enumerate(drawn.possible) if not possible]
        contending = sorted(
            [*(s.score for s in group.finished), *(live[i].score for i in stuck)], reverse=True
        )
        picks = found.first(_places(found.scores.tolist(), contending, self.num_beams))
        logprobs = locations[picks.beams] + np.log(pick(drawn.truncated, picks))
        grown = growths(live, picks, drawn.traces(picks), logprobs.tolist())
        return grown + [Growth(live[i], 0, (), live[i].score, live[i].note, stuck=True) for i in stuck]

    def settle(self, group: Group) -> Settled:
        """Keep the finished texts that are still among the first."""
        contending = sorted((s.score for s in (*group.finished, *group.live)), reverse=True)
        least = contending[: self.num_beams][-1]
        group.finished = [text for text in group.finished if text.score >= least]
        return Settled(not group.live)

    def answers(self, group: Group) -> list[Ranked]:
        ranked = sorted(group.finished, key=lambda text: text.score, reverse=True)
        asked = group.params.n
        further = ranked[asked] if asked < len(ranked) else None
        drawn = ranked[:asked]
        if further is None and len(ranked) == self.num_beams:
            *drawn, further = ranked
        threshold = -math.inf if further is None else further.score
        known = [inclusion_probability(text.note or 0.0, threshold) for text in drawn]
        inclusions = [*known, *[None] * (asked - len(known))]
        return [
            Ranked(text, text.score, known) for text, known in zip(ranked[:asked], inclusions, strict=False)
        ]


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
