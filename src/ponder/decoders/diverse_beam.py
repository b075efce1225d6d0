"""Beam search in groups that avoid each other's tokens."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np

from ponder.asks.needs import Asker, Needs
from ponder.decoders.draw import Spot, taken
from ponder.decoders.group import Group
from ponder.decoders.hypotheses import (
    EarlyStopping,
    attainable,
    candidate_count,
    check_answers,
    check_beams,
    check_ranking,
    normalised,
    survivors,
)
from ponder.decoders.rows import Rows
from ponder.decoders.search_rows import dead_end, growths, search_rows
from ponder.decoders.text import Growth, Ranked, Settled, Text
from ponder.errors import ParameterError
from ponder.sampling.params import SamplingParams
from ponder.sampling.semantics import DRAWING


@dataclass(frozen=True, slots=True)
class DiverseBeamSearch:
    """Search with `num_beam_groups` groups of num_beams / num_beam_groups beams each, one after another.

    Diverse beam search (Vijayakumar et al. 2016, arXiv 1610.02424) with Hamming diversity: in each step, a
    token's log-probability is lowered by `diversity_penalty` for each beam of an earlier group that goes on
    with it. As transformers 4 had it (`num_beam_groups`; `_group_beam_search`, 4.57): the penalties stay in
    the scores, which are ranked after division by length ** `length_penalty`; each group keeps its best
    finished texts and ends by itself by the rule of `early_stopping`, where "the best live beam" includes a
    text that has just ended; the answers are the best of all groups. What we leave out: there, a group that
    has ended makes the padding token unlikely for those after it.
    """

    num_beams: int
    num_beam_groups: int
    diversity_penalty: float = 0.5
    length_penalty: float = 1.0
    early_stopping: EarlyStopping = False

    unused: ClassVar[frozenset[str]] = DRAWING
    name: ClassVar[str] = "diverse beam search"
    streams: ClassVar[bool] = False
    normalised: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_beams(self.num_beams)
        check_ranking(self.length_penalty, self.early_stopping)
        groups, penalty = self.num_beam_groups, self.diversity_penalty
        if type(groups) is not int or not 1 <= groups <= self.num_beams or self.num_beams % groups:
            allowed = f"a whole number that divides num_beams, which is {self.num_beams}"
            raise ParameterError("num_beam_groups", groups, allowed)
        if type(penalty) not in (int, float) or not 0 <= penalty <= 1000:
            raise ParameterError("diversity_penalty", penalty, "a number from 0 to 1000")

    @property
    def group_size(self) -> int:
        """Beams in a group."""
        return self.num_beams // self.num_beam_groups

    def check(self, params: SamplingParams) -> None:
        check_answers(params, self.num_beams)

    def width(self, params: SamplingParams) -> int:
        return self.num_beams

    def asks(self, params: SamplingParams) -> Asker:
        return Asker("decoder", self, "another", Needs(replay="masked"))

    def advance(self, group: Group, rows: Rows) -> list[Growth]:
        raw = group.summaries(rows.logits)
        chosen: Counter[int] = Counter()
        grown: list[Growth] = []
        for number in range(self.num_beam_groups):
            places = [i for i, text in enumerate(group.live) if not group.grew or text.index == number]
            if not places:
                continue
            # Growths are in the order of groups, and so are live beams.
            own = slice(places[0], places[-1] + 1)
            parents = group.live[own]
            penalties = {token: count * self.diversity_penalty for token, count in chosen.items()}
            scored = search_rows(group, parents, rows.logits[own], raw[own], penalties)
            count = candidate_count(group, self.group_size)
            find = partial(group.ranker.best, scored.values, scored.offsets(parents), count)
            found = taken(group, Spot.after(parents), scored.values, -np.inf, find)
            picks = survivors(group, found, self.group_size, all_end=False)
            on = picks.tokens[~np.isin(picks.tokens, list(group.end_ids))]
            chosen.update(on.tolist())
            steps = growths(parents, picks, scored.traces(picks)) if len(picks) else dead_end(parents)
            grown += [replace(growth, index=number) for growth in steps]
        return grown

    def settle(self, group: Group) -> Settled:
        """Keep each group's best finished texts, and let the beams of groups that have ended go."""
        finished, live = [], []
        for number in range(self.num_beam_groups):
            ended = [text for text in group.finished if text.index == number]
            own = [text for text in group.live if text.index == number]
            kept = sorted(ended, key=self._score, reverse=True)[: self.group_size]
            if own and self._is_done(group, kept, ended, own):
                for text in own:
                    text.drop()
                own = []
            finished += kept
            live += own
        group.finished, group.live = finished, live
        return Settled(not live)

    def _is_done(self, group: Group, kept: list[Text], ended: list[Text], live: list[Text]) -> bool:
        if len(kept) < self.group_size:
            return False
        if self.early_stopping is True:
            return True
        length = live[0].depth
        score = max(text.score for text in (*live, *ended) if text.depth == length)
        hopeful = attainable(group, score, length, self.length_penalty, self.early_stopping)
        return hopeful <= self._score(kept[-1])

    def _score(self, text: Text) -> float:
        """Return the length-normalised score of a finished text, penalties included."""
        return normalised(text.score, text.depth, self.length_penalty)

    def answers(self, group: Group) -> list[Ranked]:
        ranked = sorted(group.finished, key=self._score, reverse=True)[: group.params.n]
        return [Ranked(text, self._score(text)) for text in ranked]
