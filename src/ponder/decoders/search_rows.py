"""What a step's rows of logits say: summaries, log-probabilities to search over, traces of picks."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ponder.decoders.candidates import Candidates, Floats, Ints, gather
from ponder.decoders.group import Group
from ponder.decoders.ranker import Summary
from ponder.decoders.text import Growth, Text
from ponder.sampling.params import SamplingParams
from ponder.sampling.row import Row
from ponder.sampling.sampler import distributions, process, ranks
from ponder.sampling.trace import TokenTrace

SLAB = 64  # rows at a time: temporaries of [rows, V] should stay small, however wide a search is

# Parameters that change no row of logits before its temperature. All others might.
_AFTER_PROCESSING = frozenset(
    {
        *("temperature", "top_k", "top_p", "min_p", "stop", "stop_token_ids", "min_tokens", "max_tokens"),
        *("n", "seed", "ignore_eos", "top_logprobs", "include_stop_str_in_output"),
        *("skip_special_tokens", "logprob_token_ids"),
    }
)


@dataclass(frozen=True, slots=True)
class SearchRows:
    """The rows of some texts, as a search adds them up.

    A candidate's score is its text's, plus values[r, v] - base[r]: its log-probability after penalties,
    bias and constraint, which are not renormalised; `norms` are the logarithms of what they sum to, `kept` is
    how many tokens may come, and `allowed` as in `TokenTrace`.
    """

    logits: torch.Tensor
    raw: list[Summary]
    values: torch.Tensor
    base: Floats
    norms: Floats
    kept: list[int]
    allowed: list[float]

    def offsets(self, parents: Seq[Text]) -> Floats:
        """Return what to add to `values` to have the scores of candidates, [R]."""
        return np.array([parent.score for parent in parents]) - self.base

    def traces(self, picks: Candidates) -> list[TokenTrace]:
        """Trace picked tokens; for a search tempered and truncated are one: nothing is."""
        shown = pick(self.values, picks) - self.norms[picks.beams]
        kept = [self.kept[beam] for beam in picks.beams.tolist()]
        return traces(self.logits, self.raw, picks, shown, shown, kept, [1.0] * len(kept), self.allowed)


def search_rows(
    group: Group,
    parents: Seq[Text],
    logits: torch.Tensor,
    raw: list[Summary],
    penalties: Mapping[int, float] | None = None,
) -> SearchRows:
    """Process the rows [R, V] of `parents` for a search: on log-probabilities, as transformers does.

    `penalties` are subtracted from the log-probabilities of tokens before anything else is done to them. Rows
    that nothing is done to are not copied.
    """
    rows = group.rows(parents, [0] * len(parents))
    lse = np.array([summary.lse for summary in raw])
    as_they_are = untouched(rows, group.params)
    if as_they_are and not penalties:
        if group.allowed is not None:  # what it refuses will be taken out of the rows
            logits = logits.clone()
        return SearchRows(logits, raw, logits, lse, lse, [summary.kept for summary in raw], [1.0] * len(rows))
    values = logprobs(logits, raw)
    for token, penalty in (penalties or {}).items():
        values[:, token] -= penalty
    if not as_they_are:
        values = process(values, rows, group.params)
    own = group.ranker.summarise(values)
    norms = np.array([summary.lse for summary in own])
    allowed = group.ranker.allowed_masses(logits, rows)
    return SearchRows(logits, raw, values, np.zeros_like(lse), norms, [one.kept for one in own], allowed)


@lru_cache
def _neutral() -> SamplingParams:
    return SamplingParams()


def untouched(rows: Seq[Row], params: SamplingParams) -> bool:
    """Whether processing would leave all of the rows as they are."""
    neutral = _neutral()
    set_ = any(
        getattr(params, field.name) != getattr(neutral, field.name)
        for field in fields(params)
        if field.name not in _AFTER_PROCESSING
    )
    return not set_ and all(not row.forbidden and row.allowed is None for row in rows)


def logprobs(logits: torch.Tensor, raw: list[Summary]) -> torch.Tensor:
    """Return the log-probabilities of rows [R, V], in new memory."""
    lse = np.array([[summary.lse] for summary in raw], dtype=np.float32)
    if logits.device.type == "cpu":
        return torch.from_numpy(logits.numpy() - lse)
    return logits - torch.from_numpy(lse).to(logits.device)


@dataclass(frozen=True, slots=True)
class DrawnRows:
    """The rows of all texts as `Sample` would draw from them.

    `tempered` and `truncated` are [R, V] float32 probabilities, one tensor where nothing is cut; `possible`
    [R] is false for a row whose every token is forbidden, which is zero; `allowed` is as in `TokenTrace`.
    """

    logits: torch.Tensor
    raw: list[Summary]
    tempered: torch.Tensor
    truncated: torch.Tensor
    possible: list[bool]
    allowed: list[float]

    def traces(self, picks: Candidates) -> list[TokenTrace]:
        """Trace picked tokens."""
        order = picks.beams.tolist()
        kept = {beam: self._kept(beam) for beam in set(order)}
        counts, masses = [kept[beam][0] for beam in order], [kept[beam][1] for beam in order]
        tempered, truncated = (
            np.log(np.maximum(pick(probs, picks), np.finfo(np.float32).tiny))
            for probs in (self.tempered, self.truncated)
        )
        return traces(self.logits, self.raw, picks, tempered, truncated, counts, masses, self.allowed)

    def _kept(self, beam: int) -> tuple[int, float]:
        """Return how many tokens of a row were kept, and their share of what there was."""
        row = self.truncated[beam].numpy(force=True)
        if self.truncated is self.tempered:
            return int(np.count_nonzero(row)), 1.0
        kept = row > 0
        mass = float(self.tempered[beam].numpy(force=True)[kept].sum(dtype=np.float64))
        return int(np.count_nonzero(kept)), min(mass, 1.0)


def drawn_rows(
    group: Group, parents: Seq[Text], logits: torch.Tensor, raw: list[Summary], *, normalised: bool
) -> DrawnRows:
    """Temper and truncate the rows [R, V] of `parents`.

    `normalised`: penalties and bias act on log-probabilities, as in a search, instead of logits.
    """
    rows, params = group.rows(parents, [0] * len(parents)), group.params
    if group.replays:  # the path's token is all that can come
        given = [row.forced for row in rows]
        probs = torch.nn.functional.one_hot(torch.tensor(given), logits.shape[-1]).to(logits)
        return DrawnRows(logits, raw, probs, probs, [True] * len(rows), [1.0] * len(rows))
    if logits.device.type == "cpu" and untouched(rows, params) and params.steps() == ["temperature"]:
        probs = torch.from_numpy(_softmax(logits.numpy(), params.temperature))
        return DrawnRows(logits, raw, probs, probs, [True] * len(rows), [1.0] * len(rows))
    values = logprobs(logits, raw) if normalised else logits
    tempered, truncated = torch.empty_like(logits), torch.empty_like(logits)
    possible: list[bool] = []
    for start in range(0, len(logits), SLAB):
        part = slice(start, start + SLAB)
        before, after, left = distributions(values[part], rows[part], params)
        tempered[part] = torch.where(left[:, None], before, 0.0)
        truncated[part] = torch.where(left[:, None], after, 0.0)
        possible += left.tolist()
    allowed = group.ranker.allowed_masses(logits, rows)
    return DrawnRows(logits, raw, tempered, truncated, possible, allowed)


def _softmax(logits: npt.NDArray[np.float32], temperature: float) -> npt.NDArray[np.float32]:
    """Softmax of [R, V] at a temperature.

    A row at a time, which stays in the processor's cache: measured, 5 ms for 50 rows of 49,152 in one
    thread. torch takes as long in two, and many times that where another program has one of the cores.
    """
    probs = np.empty_like(logits)
    scale = np.float32(1 / min(max(temperature, 1e-30), 1e30))
    for row, out in zip(logits, probs, strict=True):
        np.subtract(row, row.max(), out=out)
        out *= scale
        np.exp(out, out=out)
        out /= out.sum(dtype=np.float64).astype(np.float32)
    return probs


def pick(values: torch.Tensor, picks: Candidates) -> Floats:
    """Return the values [R, V] of picked tokens, [C] float64."""
    return gather(values, picks.beams, picks.tokens)


def traces(
    logits: torch.Tensor,
    raw: list[Summary],
    picks: Candidates,
    tempered: Floats,
    truncated: Floats,
    kept: list[int],
    masses: list[float],
    allowed: list[float],
) -> list[TokenTrace]:
    """Trace picked tokens of raw logits [R, V], of which so much is `allowed` [R].

    The other arguments are as in `TokenTrace`, [C] each.
    """
    beams, tokens = picks.beams.tolist(), picks.tokens.tolist()
    rows = [raw[beam] for beam in beams]
    values = pick(logits, picks) - np.array([row.lse for row in rows])
    return [
        TokenTrace(token, logprob, own, cut, row.entropy, rank, count, mass, allowed[beam], row.top)
        for token, logprob, own, cut, row, rank, count, mass, beam in zip(
            tokens,
            values.tolist(),
            tempered.tolist(),
            truncated.tolist(),
            rows,
            _ranks(logits, picks.beams, picks.tokens),
            kept,
            masses,
            beams,
            strict=True,
        )
    ]


def _ranks(logits: torch.Tensor, beams: Ints, tokens: Ints) -> list[int]:
    if logits.device.type != "cpu":
        columns = torch.from_numpy(tokens).to(logits.device)[:, None]
        found: list[int] = ranks(logits[torch.from_numpy(beams).to(logits.device)], columns).tolist()
        return found
    # One row at a time, where it lies: measured, 0.01 ms each.
    rows = logits.numpy()
    return [rank(rows[beam], token) for beam, token in zip(beams.tolist(), tokens.tolist(), strict=True)]


def rank(row: np.ndarray, token: int) -> int:
    """Place of a token in a row [V]; 1 the largest, ties to the lowest id."""
    own = row[token]
    return 1 + int(np.count_nonzero(row > own)) + int(np.count_nonzero(row[:token] == own))


def growths(
    parents: Seq[Text], picks: Candidates, traced: list[TokenTrace], notes: Seq[Any] | None = None
) -> list[Growth]:
    """Let picked tokens grow from their texts, in order."""
    kept = notes if notes is not None else [None] * len(traced)
    found = zip(picks.beams.tolist(), picks.scores.tolist(), traced, kept, strict=True)
    return [
        Growth(parents[beam], place, (trace,), score, note)
        for place, (beam, score, trace, note) in enumerate(found)
    ]


def dead_end(parents: Seq[Text]) -> list[Growth]:
    """End texts that can go nowhere."""
    return [
        Growth(parent, place, (), parent.score, parent.note, stuck=True)
        for place, parent in enumerate(parents)
    ]
