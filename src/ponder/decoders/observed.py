"""Growths with the distributions that their tokens were chosen from."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import replace

from ponder.asks.grow import Method
from ponder.decoders.decoder import Decoder
from ponder.decoders.group import Group
from ponder.decoders.rows import Rows
from ponder.decoders.text import Growth
from ponder.sampling.distribution import Distribution
from ponder.sampling.observe import observe
from ponder.sampling.params import SamplingParams
from ponder.sampling.row import Row

Key = tuple[int, int]  # a row's place, and the sample it is a row of


def with_distributions(growths: Seq[Growth], group: Group, rows: Rows, decoder: Decoder) -> list[Growth]:
    """Add to each trace what its token was chosen from, as `Rows.keep` says.

    The group must not have grown yet. A decoder's own additions to scores, such as noise or the penalty of
    other groups, belong to no distribution. A token that was tried was observed
    when it was chosen for that, and so was one that takes the place of another.
    """
    assert rows.keep is not None, "nothing is kept"
    described: dict[Key, Row] = {}
    keys = [_describe(growth, group, rows, decoder, described) for growth in growths]
    if not described:  # no token was possible anywhere
        return list(growths)
    places, params = [place for place, _ in described], meant(group.params, decoder)
    seen = observe(
        rows.logits, places, list(described.values()), params, rows.keep, normalised=decoder.normalised
    )
    found = dict(zip(described, seen, strict=True))
    return [_observed(growth, own, found) for growth, own in zip(growths, keys, strict=True)]


def meant(params: SamplingParams, method: Method) -> SamplingParams:
    """Return parameters with those that mean nothing to a method unset, as a temperature of 0 may be."""
    unset = SamplingParams()
    return replace(params, **{name: getattr(unset, name) for name in method.unused})


def _describe(
    growth: Growth, group: Group, rows: Rows, decoder: Decoder, described: dict[Key, Row]
) -> list[Key]:
    """Describe the row of each of a growth's tokens, unless another growth has; return their keys."""
    if growth.took is not None or growth.back or not growth.traces:
        return []
    index = growth.index if decoder.streams else 0
    chosen = growth.traces[:-1]
    along = group.rows_along(growth.parent, index, [trace.token_id for trace in chosen], chosen)
    keys = []
    for node, row in enumerate(along):
        keys.append((rows.place(growth.parent, node), index))
        described.setdefault(keys[-1], row)
    return keys


def _observed(growth: Growth, keys: Seq[Key], found: dict[Key, Distribution]) -> Growth:
    if not keys:
        return growth
    traces = zip(growth.traces, keys, strict=True)
    return replace(growth, traces=tuple(replace(trace, distribution=found[key]) for trace, key in traces))
