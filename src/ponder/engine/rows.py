"""Which of a step's rows of logits are whose: those that a decoder chooses from, and those of a path."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

import numpy as np
import torch

from ponder.asks.grow import Grow
from ponder.decoders import Rows, Text
from ponder.engine.runner import Logits
from ponder.engine.scheduler import Scheduled
from ponder.errors import CheckpointError
from ponder.sampling.sampler import Sampler


def rows_of(entry: Scheduled, own: Logits, drafted: Mapping[Text, torch.Tensor], sampler: Sampler) -> Rows:
    """Return the rows that a job's decoder chooses from, mixed; all of them must be there.

    `drafted` are the draft model's rows [V] after the texts, where the mixture needs them. Raises
    CheckpointError for rows that are not numbers.
    """
    job, group = entry.job, entry.job.group
    sources = _sources(entry)
    if not all(own.sound[row] for source in sources for row in source):
        raise CheckpointError("the model's logits are not numbers: its weights may be damaged")
    starts, guessed = _layout(entry)
    states = None
    if job.reads_states and own.states is not None:
        states = own.states[sources[0]].numpy(force=True)
        if job.needs.residuals and group.entropy_head is not None:
            for text in group.live:
                (residual,) = group.entropy_head.residuals(states[starts[text]][None]).tolist()
                text.note_residual(residual)
    logits = own.rows[sources[0][0] : sources[0][-1] + 1]
    if job.mixture is not None:
        mixed = [own.rows[source] for source in sources]
        if job.needs.draft_rows:
            other = torch.stack([drafted[text] for text in group.live])
            if not all(sampler.sound_rows(other)):
                raise CheckpointError("the draft model's logits are not numbers: its weights may be damaged")
            mixed.append(other)
        with np.errstate(invalid="ignore"):  # what comes of it is checked
            logits = job.mixture.mix(mixed, group.next_rows(guessed))
        if not all(sampler.sound_rows(logits)):
            raise CheckpointError("the mixed logits are not numbers: a token is -inf in several of them")
    keep = job.ask.record.trace if isinstance(job.ask, Grow) else None
    return Rows(logits, starts, guessed, states, keep)


def _sources(entry: Scheduled) -> list[list[int]]:
    """Return which rows of logits have a next token to be chosen from, for each source that is mixed.

    The sources are the prompt, the prompt at each depth, and the same for each further prompt. Without a
    mixture there is one, whose rows lie together.
    """
    prompts, depths = 1 + entry.job.needs.prompts, 1 + len(entry.job.needs.depths)
    sources: list[list[int]] = [[] for _ in range(prompts * depths)]
    end = 0
    for number, row in enumerate(entry.rows):
        first = (number % prompts) * depths
        sources[first] += [end + place for place in row.choices]
        end += len(row.wanted)
        for depth in range(1, depths):
            sources[first + depth] += range(end, end + len(row.choices))
            end += len(row.choices)
    return sources


def _layout(entry: Scheduled) -> tuple[dict[Text, int], dict[Text, tuple[int, ...]]]:
    """Return where each text's rows begin among those that are chosen from, and the tokens of its chain."""
    starts: dict[Text, int] = {}
    guessed: dict[Text, tuple[int, ...]] = {}
    place, rows = 0, iter(entry.rows)
    for text in entry.job.group.live:
        first, *others = islice(rows, len(text.contexts))
        starts[text] = place
        if first.guessed:
            guessed[text] = tuple(first.tokens[-first.guessed :])
        place += 1 + first.guessed + (len(others) if entry.job.needs.star else 0)
    return starts, guessed


def let_watch(entry: Scheduled, own: Logits) -> None:
    """Give each who watches a path the rows that it wants of those just computed."""
    job, row = entry.job, entry.rows[0]
    start, end = row.branch.length - len(row.tokens), row.branch.length
    numbers = {start + place: number for number, place in enumerate(row.wanted)}
    places = [place for place in job.watched(start, end) if place in numbers]
    for watch in job.watches:
        wanted = set(watch.within(places[0], places[-1] + 1)) if places else ()
        kept = [place for place in places if place in wanted]
        if kept:
            rows = [numbers[place] for place in kept]
            states = own.states[rows] if watch.states and own.states is not None else None
            watch.take(kept, own.rows[rows], states)
