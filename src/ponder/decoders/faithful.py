"""Samples of what the model says, given that the text is allowed.

A constraint that takes tokens out of rows changes the distribution: a text whose likely ways on were
forbidden is drawn as often as one whose ways were not. The target of faithful sampling is

    p*(text) ~ p(text) [the text is allowed]

where p is what sampling without the constraint draws from: penalties, temperature and truncation look at the
whole row, and the constraint comes last. Z is the share of a row that it lets through, end tokens included.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, get_args

from ponder.asks.needs import Asker, Needs
from ponder.decoders.group import Group
from ponder.decoders.particles import resampled, weighted
from ponder.decoders.rejection import Pass, accepted
from ponder.decoders.rows import Rows
from ponder.decoders.sample import by_index
from ponder.decoders.text import Growth, Ranked, Settled
from ponder.errors import ParameterError
from ponder.sampling.params import SamplingParams

Kind = Literal["weights", "smc", "exact"]

MAX_PASSES = 1_000_000

_UNFIT = {"xtc_probability": 0, "mirostat": 0, "real_temperature": 0}  # and what turns them off


@dataclass(frozen=True, slots=True)
class Faithful:
    """Draw n texts that stand for p*, each with a weight (`Output.log_weight`).

    A text that `max_tokens` cuts where the constraint does not let it end is not allowed: its weight is 0.
    One that pauses (`until`) counts as allowed so far. Without a constraint all weights are 1.

    Attributes
    ----------
    kind : how.

        - "weights": each text is drawn token by token from what is allowed, and weighs the product of its Z.
        - "smc": sequential Monte Carlo. The n texts grow in step. Where the effective sample size of those
          that still grow is under half their number, or one of them cannot go on, they are resampled
          systematically, in proportion to their weights with the next Z, and then all have the mean weight.
          A text that has ended is set aside with its weight. Both leave the sum of weights over any texts
          what it was on average, so that weighted means over the n texts estimate those of p*.
        - "exact": rejection sampling that learns (CARS, arXiv 2510.01902). A text is drawn without the
          constraint, and begun anew as soon as it is not allowed; what is known to lead nowhere is not drawn
          again. Each text is a sample of p*, and weighs 1.
    passes : for "exact", how often a text is begun at most. A text that is given up ends as "constraint",
        without tokens, and weighs 0.
    """

    kind: Kind = "weights"
    passes: int = 1000

    name: ClassVar[str] = "faithful sampling"
    unused: ClassVar[frozenset[str]] = frozenset({"min_allowed_mass"})
    normalised: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ParameterError("kind", self.kind, "weights, smc or exact")
        if type(self.passes) is not int or not 1 <= self.passes <= MAX_PASSES:
            raise ParameterError("passes", self.passes, f"a whole number from 1 to {MAX_PASSES}")

    @property
    def streams(self) -> bool:
        """Whether a text keeps its tokens; else another may take its place, or it may begin anew."""
        return self.kind == "weights"

    def check(self, params: SamplingParams) -> None:
        if params.temperature == 0:
            raise ParameterError("temperature", params.temperature, f"over 0 with {self.name}")
        for name, off in _UNFIT.items():
            if getattr(params, name) != off:
                allowed = f"{off} with {self.name}: a row should follow from the text alone"
                raise ParameterError(name, getattr(params, name), allowed)

    def width(self, params: SamplingParams) -> int:
        return params.n

    def asks(self, params: SamplingParams) -> Asker:
        return Asker("decoder", self, "another", Needs())

    def advance(self, group: Group, rows: Rows) -> list[Growth]:
        if rows.keep is not None:
            raise ParameterError("trace", rows.keep, f"unset with {self.name}")
        if self.kind == "exact":
            return accepted(group, rows, self.passes)
        return resampled(group, rows) if self.kind == "smc" else weighted(group, rows)

    def settle(self, group: Group) -> Settled:
        return Settled(not group.live)

    def answers(self, group: Group) -> list[Ranked]:
        return [_weighed(ranked) for ranked in by_index(group)]


def _weighed(ranked: Ranked) -> Ranked:
    note, reason = ranked.text.note, ranked.text.finish_reason
    if isinstance(note, Pass):
        is_sample = reason in ("stop", "length", "until")
        return replace(ranked, log_weight=0.0 if is_sample else -math.inf, passes=note.number)
    return replace(ranked, log_weight=0.0 if note is None else note)  # None: the path had ended
