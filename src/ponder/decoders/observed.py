"""Growths with the distributions that their tokens were chosen from."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Seq
from dataclasses import replace

import torch

from ponder.decoders.group import Decoder, Group, Growth
from ponder.decoders.stochastic_beam import StochasticBeamSearch
from ponder.sampling.distribution import Distribution, TraceSettings
from ponder.sampling.observe import observe
from ponder.sampling.params import SamplingParams
from ponder.sampling.row import Row
from ponder.sampling.trace import TokenTrace

Key = tuple[int, int]  # a row's place, and the sample it is a row of


def with_distributions(
    growths: Seq[Growth], group: Group, logits: torch.Tensor, decoder: Decoder, settings: TraceSettings
) -> list[Growth]:
    """Add to each trace what its token was chosen from; [R, V] are the logits that the decoder was given.

    The group must not have grown yet. A decoder's own additions to scores, such as noise or the penalty of
    other groups, belong to no distribution.
    """
    rows: dict[Key, Row] = {}
    keys = [_note_rows(growth, group, decoder, rows) for growth in growths]
    if not rows:  # no token was possible anywhere
        return list(growths)
    # Sampling and stochastic beams work on logits, the other searches on log-probabilities.
    normalised = not (decoder.streams or isinstance(decoder, StochasticBeamSearch))
    places = [place for place, _ in rows]
    params = _meant(group.params, decoder)
    seen = observe(logits, places, list(rows.values()), params, settings, normalised=normalised)
    found = dict(zip(rows, seen, strict=True))
    return [_observed(growth, own, found) for growth, own in zip(growths, keys, strict=True)]


def _meant(params: SamplingParams, decoder: Decoder) -> SamplingParams:
    """Return parameters with those that mean nothing to a decoder unset, as a temperature of 0 may be."""
    unset = SamplingParams()
    return replace(params, **{name: getattr(unset, name) for name in decoder.unused})


def _note_rows(growth: Growth, group: Group, decoder: Decoder, rows: dict[Key, Row]) -> list[Key]:
    """Describe the row of each of a growth's tokens, unless another growth has; return their keys."""
    index = growth.index if decoder.streams else 0
    if decoder.tries_tokens:
        return _note_trials(growth, group, index, rows)
    keys: list[Key] = []
    for place, row in zip(_places(growth, group), _rows(growth, group, index), strict=False):
        keys.append((place, index))
        rows.setdefault((place, index), row)
    return keys


def _note_trials(growth: Growth, group: Group, index: int, rows: dict[Key, Row]) -> list[Key]:
    """Describe the row of the tokens that are tried next: what was tried before, was observed then."""
    if not growth.trials:
        return []
    key = growth.context or 0, index
    first, *rest = (trace for trace in (growth.trace, growth.trials[0]) if trace)
    *_, rows[key] = _rows(replace(growth, trace=first, further=tuple(rest)), group, index)
    return [key]


def _places(growth: Growth, group: Group) -> Iterator[int]:
    """The places of the rows after a growth's parent, and after each guess in its branch that was right."""
    start = 0
    for sequence in group.live:
        if sequence is growth.parent:
            break
        start += 1 + len(group.guesses(sequence))
    return iter(range(start, start + len(growth.traces)))


def _rows(growth: Growth, group: Group, index: int) -> Iterator[Row]:
    """Describe the row that each of a growth's tokens was chosen from; none where nothing was possible."""
    known = [trace for trace in growth.traces if trace]
    if not known:
        return iter(())
    chosen = known[:-1]
    return group.rows_along(growth.parent, index, [trace.token_id for trace in chosen], chosen)


def _observed(growth: Growth, keys: Seq[Key], found: dict[Key, Distribution]) -> Growth:
    if growth.trials:
        (key,) = keys
        return replace(
            growth, trials=tuple(replace(trace, distribution=found[key]) for trace in growth.trials)
        )
    traces = list(growth.traces)
    seen: list[TokenTrace | None] = [
        trace and replace(trace, distribution=found[key]) for trace, key in zip(traces, keys, strict=False)
    ]
    first, *further = seen + traces[len(seen) :]
    return replace(growth, trace=first, further=tuple(further))
