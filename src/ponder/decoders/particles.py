"""Texts with weights: drawn from what a constraint allows, resampled where the weights have come apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ponder.asks.path import branched, stream_of
from ponder.asks.weights import effective_sample_size
from ponder.decoders.draw import Spot, tally_of
from ponder.decoders.group import Group
from ponder.decoders.rows import Rows
from ponder.decoders.target import RESAMPLING, fate, target_of
from ponder.decoders.text import Growth, Text
from ponder.sampling.rng import uniforms
from ponder.sampling.target import TargetRows


@dataclass(frozen=True, slots=True)
class Particle:
    """A text that comes next: which live one it grows from, as which sample, and its weight so far."""

    parent: Text
    place: int
    index: int
    stream: int
    log_weight: float


def weighted(group: Group, rows: Rows) -> list[Growth]:
    """Let each text grow by a token that is allowed."""
    target = target_of(group, rows)
    return _grown(group, target, _weighed(group, target))


def resampled(group: Group, rows: Rows) -> list[Growth]:
    """Weigh the texts by their next rows, resample them where that is due, and let those that stay grow.

    All texts that grow have as many tokens. Who comes of whom is decided before tokens are drawn, so that
    texts with the same past part at once.
    """
    target = target_of(group, rows)
    particles = _weighed(group, target)
    weights = [one.log_weight for one in particles]
    largest, least = max(weights), min(weights)
    due = least == -math.inf or effective_sample_size(weights) < len(weights) / 2
    if group.grew and due and largest > -math.inf:
        (number,) = uniforms(group.params.seed, [0], [group.length], RESAMPLING).tolist()
        shares = np.exp(np.array(weights) - largest)
        mean = largest + math.log(shares.mean())
        indices = iter([one.index for one in particles])
        particles = [
            replace(one, index=next(indices), stream=_stream(one.parent, branch), log_weight=mean)
            for one, count in zip(particles, systematic(shares, number), strict=True)
            for branch in range(count)
        ]
    return _grown(group, target, particles)


def systematic(weights: npt.NDArray[np.float64], number: float) -> list[int]:
    """Return how often each of n is chosen in n draws in proportion to `weights`.

    That is its share of n, rounded down or up. `number`, from 0 to under 1, is all that is random.
    """
    count, ends = len(weights), np.cumsum(weights)
    points = (np.arange(count) + number) / count * ends[-1]
    chosen = np.searchsorted(ends, np.minimum(points, np.nextafter(ends[-1], 0)), side="right")
    times: list[int] = np.bincount(chosen, minlength=count).tolist()
    return times


def _weighed(group: Group, target: TargetRows) -> list[Particle]:
    """Return the live texts, weighed by their next rows; n of them where only the path is there."""
    logs = [math.log(mass) if mass > 0 else -math.inf for mass in target.masses]
    if group.grew:
        return [
            Particle(text, place, text.index, text.stream, text.note + logs[place])
            for place, text in enumerate(group.live)
        ]
    (path,) = group.live
    return [Particle(path, 0, i, group.stream(path, i), logs[0]) for i in range(group.params.n)]


def _stream(text: Text, branch: int) -> int:
    """Return the stream of random numbers of a text's branch, the one that `Group.branch_out` gives it."""
    return stream_of(branched(text.lineage, text.depth, branch)) if branch else text.stream


def _grown(group: Group, target: TargetRows, particles: Sequence[Particle]) -> list[Growth]:
    """Let texts grow by a token that is allowed; those that have none are stuck."""
    going = [i for i, one in enumerate(particles) if target.masses[one.place] > 0]
    places = [particles[i].place for i in going]
    streams, depths = [particles[i].stream for i in going], [particles[i].parent.depth for i in going]
    tokens = target.drawn(places, uniforms(group.params.seed, streams, depths).tolist())
    traces = dict(zip(going, target.traces(places, tokens), strict=True))
    growths = []
    for i, one in enumerate(particles):
        trace = traces.get(i)
        ending = "refused" if trace is None else fate(group, one.parent, trace.token_id)
        taken = () if trace is None or ending == "refused" else (trace,)
        weight = one.log_weight if ending == "lives" else -math.inf
        refused = {trace.token_id} if trace is not None and not taken else set[int]()
        tally = tally_of(group, target.logits[one.place], Spot(one.parent, one.index), trace, refused)
        growths.append(Growth(one.parent, one.index, taken, note=weight, stuck=not taken, tally=tally))
    return growths
