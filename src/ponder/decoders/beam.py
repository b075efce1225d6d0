"""Beam search, with the rules of one of three systems."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal, get_args

import numpy as np
import torch

from ponder.asks.needs import Asker, Needs
from ponder.decoders.candidates import Candidates, Floats, ranked
from ponder.decoders.draw import Spot, taken
from ponder.decoders.group import Group
from ponder.decoders.hypotheses import (
    EarlyStopping,
    attainable,
    candidate_count,
    check_answers,
    check_beams,
    check_ranking,
    is_last_step,
    normalised,
    survivors,
)
from ponder.decoders.rows import Rows
from ponder.decoders.search_rows import SearchRows, dead_end, growths, rank, search_rows
from ponder.decoders.text import Growth, Ranked, Settled, Text
from ponder.errors import ParameterError
from ponder.sampling.params import SamplingParams
from ponder.sampling.semantics import DRAWING

Semantics = Literal["hf", "fairseq", "vllm"]


@dataclass(frozen=True, slots=True)
class BeamSearch:
    """Keep the `num_beams` likeliest texts at every step, up to 400.

    A text's score is its sum of log-probabilities, which penalties, bias and constraint act on without
    renormalising; what it is ranked by when it is finished, score / length ** `length_penalty`. At each
    step the max(2, 1 + number of end tokens) * num_beams best continuations are candidates; ties go by
    (beam, token id). `semantics` says what else holds:

    hf : transformers 5.24 (`GenerationMixin._beam_search`). The length is that of the generated tokens, the
        end token included. A candidate that ends counts only inside the first num_beams. `early_stopping`:
        True stops as soon as num_beams texts are finished; False when the best live beam, scored at its
        present length, cannot beat the worst of these; "never" scores it at `max_tokens` where
        `length_penalty` > 0.
    fairseq : fairseq 0.12 (`SequenceGenerator`, `normalize_scores`). Length and ends as in hf. The first
        num_beams texts that finish are the answer, and the search stops when it has them. Where `max_tokens`
        leaves one token, it is an end token, with its own log-probability, if one is possible.
    vllm : vLLM 0.32 (`LLM.beam_search`). The length is that of prompt and generated tokens, without the
        end token. Whatever beam has an end token among its own likeliest tokens (as many as there are
        candidates: 2 * num_beams) completes a text. The search stops at `max_tokens` only, where the live
        beams are finished too.

    Stop strings end a text under any of them, its tokens all counted.
    """

    num_beams: int
    length_penalty: float = 1.0
    early_stopping: EarlyStopping = False
    semantics: Semantics = "hf"

    unused: ClassVar[frozenset[str]] = DRAWING
    name: ClassVar[str] = "beam search"
    streams: ClassVar[bool] = False
    normalised: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_beams(self.num_beams)
        check_ranking(self.length_penalty, self.early_stopping)
        if self.semantics not in get_args(Semantics):
            raise ParameterError("semantics", self.semantics, "hf, fairseq or vllm")
        if self.semantics != "hf" and self.early_stopping is not False:
            allowed = f"left out with {self.semantics} semantics, which have a rule of their own"
            raise ParameterError("early_stopping", self.early_stopping, allowed)

    def check(self, params: SamplingParams) -> None:
        check_answers(params, self.num_beams)

    def width(self, params: SamplingParams) -> int:
        return self.num_beams

    def asks(self, params: SamplingParams) -> Asker:
        return Asker("decoder", self, "another", Needs(replay="masked"))

    def advance(self, group: Group, rows: Rows) -> list[Growth]:
        logits = rows.logits
        found = search_rows(group, group.live, logits, group.summaries(logits))
        picks = self._picks(group, found, found.offsets(group.live))
        if not len(picks):
            return dead_end(group.live)
        return growths(group.live, picks, found.traces(picks))

    def _picks(self, group: Group, rows: SearchRows, offsets: Floats) -> Candidates:
        last = is_last_step(group)
        if self.semantics == "fairseq" and last:
            forced = _endings(group, rows, offsets)
            if len(forced):
                return forced.first(self.num_beams)
        count = candidate_count(group, self.num_beams)
        find = partial(group.ranker.best, rows.values, offsets, count)
        found = taken(group, Spot.after(group.live), rows.values, -np.inf, find)
        if self.semantics != "vllm":
            return survivors(group, found, self.num_beams, all_end=last)
        live = found.where(~np.isin(found.tokens, list(group.end_ids))).first(self.num_beams)
        ending = self._completed(group, rows, offsets)
        return ranked(
            np.concatenate([live.beams, ending.beams]),
            np.concatenate([live.tokens, ending.tokens]),
            np.concatenate([live.scores, ending.scores]),
        )

    def _completed(self, group: Group, rows: SearchRows, offsets: Floats) -> Candidates:
        """Return the ends of texts that are likely enough for their beam, but for those that come too late.

        Of texts that end in one step, and of all finished ones, only the num_beams best can be an answer.
        """
        found = _endings(group, rows, offsets)
        likely = candidate_count(group, self.num_beams)
        length = len(group.prompt) + group.length
        full = len(group.finished) >= self.num_beams
        worst = self._score(group, group.finished[-1]) if full else -np.inf
        keep = np.array(
            [
                normalised(score, length, self.length_penalty) > worst
                and rank(rows.values[beam].cpu().numpy(), token) <= likely
                for beam, token, score in zip(
                    found.beams.tolist(), found.tokens.tolist(), found.scores.tolist(), strict=True
                )
            ],
            dtype=np.bool_,
        )
        return found.where(keep).first(self.num_beams)

    def settle(self, group: Group) -> Settled:
        if self.semantics == "fairseq":
            group.finished = group.finished[: self.num_beams]  # who came first
        else:
            group.finished = self._ranked(group)[: self.num_beams]
        return Settled(not group.live or self._is_done(group))

    def _is_done(self, group: Group) -> bool:
        """Return whether no live beam can be an answer."""
        if len(group.finished) < self.num_beams or self.semantics == "vllm":
            return False
        if self.early_stopping is True or self.semantics == "fairseq":
            return True
        score = max(beam.score for beam in group.live)
        hopeful = attainable(group, score, group.length, self.length_penalty, self.early_stopping)
        return hopeful <= self._score(group, group.finished[-1])

    def _score(self, group: Group, text: Text) -> float:
        """Return the length-normalised score of a finished text."""
        length: float = text.depth
        if self.semantics == "vllm":
            length += len(group.prompt) - isinstance(text.stopped_by, int)
        return normalised(text.score, length, self.length_penalty)

    def _ranked(self, group: Group) -> list[Text]:
        return sorted(group.finished, key=lambda text: self._score(group, text), reverse=True)

    def answers(self, group: Group) -> list[Ranked]:
        return [Ranked(text, self._score(group, text)) for text in self._ranked(group)[: group.params.n]]


def _endings(group: Group, rows: SearchRows, offsets: Floats) -> Candidates:
    """Return every beam's continuations by an end token."""
    ends = np.array(sorted(group.end_ids), dtype=np.int64)
    index = torch.from_numpy(ends).to(rows.values.device)
    scores = rows.values[:, index].double().cpu().numpy() + offsets[:, None]
    beams, columns = np.nonzero(scores > -np.inf)
    return ranked(beams, ends[columns], scores[beams, columns])
