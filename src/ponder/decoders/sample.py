"""n independent samples from one prompt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from ponder.asks.needs import Asker, Needs
from ponder.asks.path import branched
from ponder.decoders.draw import Spot, draw, growth
from ponder.decoders.group import Group
from ponder.decoders.rows import Rows
from ponder.decoders.text import Growth, Ranked, Settled
from ponder.sampling.params import SamplingParams


@dataclass(frozen=True, slots=True)
class Sample:
    """Each text draws its own next token; all n share the prompt's pages."""

    name: ClassVar[str] = "sampling"
    unused: ClassVar[frozenset[str]] = frozenset()
    streams: ClassVar[bool] = True
    normalised: ClassVar[bool] = False

    def check(self, params: SamplingParams) -> None:
        pass

    def width(self, params: SamplingParams) -> int:
        return params.n

    def asks(self, params: SamplingParams) -> Asker:
        return Asker("decoder", self, "another", Needs())

    def advance(self, group: Group, rows: Rows) -> list[Growth]:
        if group.grew or group.replays:
            spots, logits = [Spot(text, text.index) for text in group.live], rows.logits
        else:
            (path,) = group.live
            spots = [Spot(path, index) for index in range(group.params.n)]
            logits = rows.logits.expand(group.params.n, -1)
        drawn = draw(group, logits, spots)
        return [growth(group, spot.text, spot.index, [one]) for spot, one in zip(spots, drawn, strict=True)]

    def settle(self, group: Group) -> Settled:
        return Settled(not group.live)

    def answers(self, group: Group) -> list[Ranked]:
        return by_index(group)


def by_index(group: Group) -> list[Ranked]:
    """Return the finished texts in the order of samples; what they are ranked by is their log-probability."""
    ordered = sorted(group.finished, key=lambda text: text.index)
    if ordered and not group.grew:  # the path itself has ended: every sample of it is that
        (path,) = ordered
        ordered = [
            replace(path, index=i, lineage=branched(path.lineage, path.depth, i))
            for i in range(group.params.n)
        ]
    return [Ranked(text, text.logprob(len(group.begun))) for text in ordered]
