"""Beam search whose candidates are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import torch

from ponder.asks.needs import Asker, Needs
from ponder.decoders.candidates import Candidates, Floats, ranked
from ponder.decoders.draw import Spot, taken
from ponder.decoders.group import Group
from ponder.decoders.gumbel import path_keys
from ponder.decoders.hypotheses import (
    EarlyStopping,
    attainable,
    candidate_count,
    check_answers,
    check_beams,
    check_drawing,
    check_ranking,
    is_last_step,
    normalised,
    survivors,
)
from ponder.decoders.rows import Rows
from ponder.decoders.search_rows import (
    SearchRows,
    dead_end,
    drawn_rows,
    growths,
    pick,
    search_rows,
)
from ponder.decoders.text import Growth, Ranked, Settled, Text
from ponder.errors import ParameterError
from ponder.sampling.params import SamplingParams


@dataclass(frozen=True, slots=True)
class BeamSample:
    """Beam search that draws its candidates instead of taking the best.

    As transformers 5.24 does with `num_beams` > 1 and `do_sample=True`, in distribution: a text's score
    adds up log-probabilities after penalties, bias and constraint, divided by the temperature; tokens that
    top-k, top-p or min-p leave out cannot come, and nothing is renormalised for them. Of all continuations
    of all beams, max(2, 1 + number of end tokens) * num_beams are drawn without replacement, each time in
    proportion to exp(score). They are then ranked by score, and everything else is as in `BeamSearch`.

    The noise is a function of (seed, tokens generated so far, token), so neither `n` nor what else is running
    changes a text.
    """

    num_beams: int
    length_penalty: float = 1.0
    early_stopping: EarlyStopping = False

    unused: ClassVar[frozenset[str]] = frozenset({"min_allowed_mass"})
    name: ClassVar[str] = "beam-sample"
    streams: ClassVar[bool] = False
    normalised: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_beams(self.num_beams)
        check_ranking(self.length_penalty, self.early_stopping)

    def check(self, params: SamplingParams) -> None:
        check_answers(params, self.num_beams)
        check_drawing(params)
        if params.dynatemp_range:
            allowed = "left unset with beam-sample, whose scores are divided by one temperature"
            raise ParameterError("dynatemp_range", params.dynatemp_range, allowed)

    def width(self, params: SamplingParams) -> int:
        return self.num_beams

    def asks(self, params: SamplingParams) -> Asker:
        return Asker("decoder", self, "another", Needs(replay="masked"))

    def advance(self, group: Group, rows: Rows) -> list[Growth]:
        live, logits = group.live, rows.logits
        raw = group.summaries(logits)
        drawn = drawn_rows(group, live, logits, raw, normalised=True)
        sums = search_rows(group, live, logits, raw)
        found = self._draw(group, sums, drawn.truncated)
        picks = survivors(group, found, self.num_beams, all_end=is_last_step(group))
        if not len(picks):
            return dead_end(live)
        return growths(live, picks, drawn.traces(picks))

    def _draw(self, group: Group, sums: SearchRows, truncated: torch.Tensor) -> Candidates:
        """Draw candidates by the rows' processed log-probabilities, of which those stay that were not cut."""
        params = group.params
        scores = np.array([beam.score for beam in group.live])

        def added(picks: Candidates) -> Floats:
            return (pick(sums.values, picks) - sums.base[picks.beams]) / params.temperature

        likeliest = truncated.numpy(force=True).argmax(-1)
        tops = Candidates(np.arange(len(scores)), likeliest, scores)
        with np.errstate(divide="ignore", invalid="ignore"):
            # What renormalising took from a row: the beams' weights are those before.
            shares = added(tops) - np.log(pick(truncated, tops))
        locations = scores + np.where(np.isfinite(shares), shares, 0.0)
        keys = path_keys(params.seed, [beam.output for beam in group.live])
        count = candidate_count(group, self.num_beams)
        find = partial(group.ranker.perturbed_best, truncated, locations, None, keys, count)
        drawn = taken(group, Spot.after(group.live), truncated, 0.0, find)
        return ranked(drawn.beams, drawn.tokens, scores[drawn.beams] + added(drawn))

    def settle(self, group: Group) -> Settled:
        group.finished = self._ranked(group)[: self.num_beams]
        return Settled(not group.live or self._is_done(group))

    def _is_done(self, group: Group) -> bool:
        """Return whether no live beam can be an answer."""
        if len(group.finished) < self.num_beams:
            return False
        if self.early_stopping is True:
            return True
        score = max(beam.score for beam in group.live)
        hopeful = attainable(group, score, group.length, self.length_penalty, self.early_stopping)
        return hopeful <= self._score(group.finished[-1])

    def _score(self, text: Text) -> float:
        """Return the length-normalised score of a finished text."""
        return normalised(text.score, text.depth, self.length_penalty)

    def _ranked(self, group: Group) -> list[Text]:
        return sorted(group.finished, key=self._score, reverse=True)

    def answers(self, group: Group) -> list[Ranked]:
        return [Ranked(text, self._score(text)) for text in self._ranked(group)[: group.params.n]]
