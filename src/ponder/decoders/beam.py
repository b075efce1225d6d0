"""Beam search with the semantics of transformers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from ponder.decoders.group import Group, Growth, Sequence
from ponder.errors import ParameterError
from ponder.sampling.params import SamplingParams
from ponder.sampling.sampler import describe, process

MAX_BEAMS = 400


@dataclass(frozen=True, slots=True)
class BeamSearch:
    """Keep the `num_beams` likeliest texts at every step.

    As transformers 5 defines it: a finished text scores sum of log-probabilities /
    (tokens incl. the end token) ** `length_penalty`. Of max(2, 1 + number of end tokens) * num_beams
    candidates, an ending one counts only inside the first num_beams. `early_stopping`: True ends as
    soon as num_beams texts are finished; False when the best live beam, scored at its present length,
    cannot beat the worst finished text; "never" scores it at `max_tokens` when `length_penalty` > 0.
    Penalties, bias and constraints act on log-probabilities and are not renormalised.
    """

    num_beams: int
    length_penalty: float = 1.0
    early_stopping: bool | Literal["never"] = False

    unused: ClassVar[frozenset[str]] = frozenset({"temperature", "top_k", "top_p", "min_p", "seed"})
    streams: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if type(self.num_beams) is not int or not 1 <= self.num_beams <= MAX_BEAMS:
            raise ParameterError("num_beams", self.num_beams, f"a whole number from 1 to {MAX_BEAMS}")
        if type(self.length_penalty) not in (int, float) or not abs(self.length_penalty) <= 10:
            raise ParameterError("length_penalty", self.length_penalty, "a number from -10 to 10")
        if not isinstance(self.early_stopping, bool) and self.early_stopping != "never":
            raise ParameterError("early_stopping", self.early_stopping, "true, false or never")

    def check(self, params: SamplingParams) -> None:
        if params.n > self.num_beams:
            raise ParameterError("n", params.n, f"at most num_beams, which is {self.num_beams}")

    def width(self, params: SamplingParams) -> int:
        return self.num_beams

    def advance(self, group: Group, logits: torch.Tensor) -> list[Growth]:
        rows = group.rows(group.live, [0] * len(group.live))
        logprobs = process(torch.log_softmax(logits, dim=-1), rows, group.params)
        scores = logprobs + torch.tensor([beam.score for beam in group.live], device=logits.device)[:, None]
        wanted = max(2, 1 + len(group.end_ids)) * self.num_beams
        top = scores.flatten().topk(min(wanted, scores.numel()))
        live: list[tuple[int, int, float]] = []
        ending: list[tuple[int, int, float]] = []
        for place, (score, flat) in enumerate(zip(top.values.tolist(), top.indices.tolist(), strict=True)):
            beam, token = divmod(flat, scores.shape[-1])
            if score == -torch.inf:
                break
            last = len(group.live[beam].output) + 1 >= group.params.max_tokens
            if token in group.end_ids or last:
                if place < self.num_beams:
                    ending.append((beam, token, score))
            elif len(live) < self.num_beams:
                live.append((beam, token, score))
        if not ending and not live:
            return [Growth(beam, slot, None, beam.score) for slot, beam in enumerate(group.live)]
        return self._growths(group, logits, logprobs, ending + live)

    def _growths(
        self, group: Group, logits: torch.Tensor, logprobs: torch.Tensor, picks: list[tuple[int, int, float]]
    ) -> list[Growth]:
        beams = torch.tensor([beam for beam, _, _ in picks], dtype=torch.int64, device=logits.device)
        tokens = torch.tensor([token for _, token, _ in picks], dtype=torch.int64, device=logits.device)
        probs = torch.softmax(logprobs[beams], dim=-1)
        traces = describe(logits[beams], probs, probs, tokens, group.params.top_logprobs)
        return [
            Growth(group.live[beam], slot, trace, score)
            for slot, ((beam, _, score), trace) in enumerate(zip(picks, traces, strict=True))
        ]

    def settle(self, group: Group) -> bool:
        group.finished = self._ranked(group)[: self.num_beams]
        if not group.live:
            return True
        if len(group.finished) < self.num_beams:
            return False
        if self.early_stopping is True:
            return True
        length = len(group.live[0].output)
        if self.early_stopping == "never" and self.length_penalty > 0:
            length = group.params.max_tokens
        hopeful = float(max(beam.score for beam in group.live) / length**self.length_penalty)
        return hopeful <= self.final_score(group.finished[-1])

    def final_score(self, sequence: Sequence) -> float:
        """Return the length-normalised score of a finished text."""
        return float(sequence.score / max(len(sequence.output), 1) ** self.length_penalty)

    def _ranked(self, group: Group) -> list[Sequence]:
        return sorted(group.finished, key=self.final_score, reverse=True)

    def answers(self, group: Group) -> list[Sequence]:
        return self._ranked(group)[: group.params.n]
