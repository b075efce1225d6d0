"""Draw tokens, and again where the constraint refuses one that its mask allowed.

A mask may allow more than the constraint does: a check that runs when a value closes, a predicate that is
asked of a text, an end that would come too late. A token that is refused is taken out of the row, and the
next one is drawn with a random number of its own, so that every other token comes in proportion to its
probability.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from ponder.constraints import bits
from ponder.decoders.candidates import Candidates
from ponder.decoders.group import Group
from ponder.decoders.text import Growth, Tally, Text
from ponder.sampling import bitmask
from ponder.sampling.row import Row
from ponder.sampling.trace import TokenTrace


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a token is to come: in sample `index`, after a text and what this step chose to follow it."""

    text: Text
    index: int
    traces: tuple[TokenTrace, ...] = ()

    @property
    def tokens(self) -> tuple[int, ...]:
        """The tokens after the text."""
        return tuple(trace.token_id for trace in self.traces)

    @staticmethod
    def after(texts: Sequence[Text]) -> list[Spot]:
        """Return the spots after some texts of a search, which has no samples."""
        return [Spot(text, 0) for text in texts]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A token that came, None where none may, and what the constraint did to it."""

    trace: TokenTrace | None
    tally: Tally


def draw(group: Group, logits: torch.Tensor, spots: Sequence[Spot]) -> list[Drawn]:
    """Draw a token from each row of [R, V] logits."""
    sample, params = group.ranker.sampler.sample, group.params
    rows = [group.row_after(spot.text, spot.index, spot.tokens, spot.traces) for spot in spots]
    if group.allowed is not None:
        rows = [_landed(group, logits[i], spots[i], row) for i, row in enumerate(rows)]
    traces = sample(logits, rows, params)
    refused: list[set[int]] = [set() for _ in spots]
    again = list(range(len(spots))) if group.allowed is not None else []
    while again := [i for i in again if _is_refused(group, spots[i], traces[i])]:
        for i in again:
            spot, trace = spots[i], traces[i]
            assert trace is not None, "a token was refused"
            refused[i].add(trace.token_id)
            rows[i] = group.row_after(spot.text, spot.index, spot.tokens, spot.traces, refused[i])
        drawn = sample(some_rows(logits, again), [rows[i] for i in again], params)
        for i, trace in zip(again, drawn, strict=True):
            traces[i] = trace
    return [
        Drawn(trace, tally_of(group, row, spot, trace, before))
        for row, spot, trace, before in zip(logits, spots, traces, refused, strict=True)
    ]


def _landed(group: Group, logits: torch.Tensor, spot: Spot, row: Row) -> Row:
    """Allow nothing but what closes the thoughts, where that is due and among the likeliest of logits [V]."""
    due = group.landing(spot.text, spot.tokens)
    if due is None or row.allowed is None:
        return row
    token, rank = due
    if not bitmask.unpack(row.allowed, group.vocabulary)[token]:
        return row
    likelier = int((logits > logits[token]).sum()) + int((logits[:token] == logits[token]).sum())
    return replace(row, allowed=bits.of((token,), group.vocabulary)) if likelier < rank else row


def tally_of(
    group: Group, row: torch.Tensor, spot: Spot, trace: TokenTrace | None, refused: set[int]
) -> Tally:
    """Count what the constraint did to a token drawn from a row [V] of logits."""
    bound: tuple[int, ...] = ()
    if group.allowed is not None and (trace is None or trace.rank > 1):
        bound = group.denied(spot.text, spot.tokens, likeliest(row))
    late = sum(group.is_late(spot.text, spot.tokens, token) for token in refused)
    return Tally(bound, len(refused) - late, late)


def likeliest(row: torch.Tensor) -> int:
    """Return the likeliest token of a row [V] of logits."""
    return int(row.numpy(force=True).argmax())  # in a tenth of torch's time


def taken(
    group: Group, spots: Sequence[Spot], values: torch.Tensor, never: float, find: Callable[[], Candidates]
) -> Candidates:
    """Return what `find` finds in rows [R, V], one for each spot, without what the constraint refuses.

    What is refused is `never` in `values` afterwards.
    """
    if group.allowed is None:
        return find()
    refused: list[set[int]] = [set() for _ in spots]
    while True:
        found = find()
        again = set()
        for beam, token in zip(found.beams.tolist(), found.tokens.tolist(), strict=True):
            if not group.takes(spots[beam].text, spots[beam].tokens, token):
                refused[beam].add(token)
                again.add(beam)
        if not again:
            return found
        for beam in again:
            spot = spots[beam]
            row = group.row_after(spot.text, spot.index, spot.tokens, spot.traces, refused[beam])
            assert row.allowed is not None, "some tokens are refused"
            allowed = torch.from_numpy(bitmask.unpack(row.allowed, values.shape[1]))
            values[beam, ~allowed.to(values.device)] = never


def growth(group: Group, text: Text, index: int, drawn: Sequence[Drawn]) -> Growth:
    """Grow a text by tokens that were drawn; without any it goes back from a dead end, or ends there.

    It goes back as well from where the constraint leaves less than `min_allowed_mass`, while it can.
    """
    least = group.params.min_allowed_mass
    few = next((i for i, one in enumerate(drawn) if one.trace and one.trace.allowed_mass < least), len(drawn))
    drawn = drawn[: max(few, 1)]  # the next step looks at the others again
    traces = tuple(one.trace for one in drawn if one.trace is not None)
    tally = sum((one.tally for one in drawn), Tally())
    if not traces or few == 0:
        back = group.retreat(text, index, "unlikely" if traces else "dead")
        if not traces or not back.stuck:
            return replace(back, tally=tally)
    return Growth(text, index, traces, settled=group.settled(text, len(traces)), tally=tally)


def some_rows(logits: torch.Tensor, places: list[int]) -> torch.Tensor:
    """Return some rows of [R, V]; a single one where it lies."""
    return logits[places[0] : places[0] + 1] if len(places) == 1 else logits[places]


def _is_refused(group: Group, spot: Spot, trace: TokenTrace | None) -> bool:
    return trace is not None and not group.takes(spot.text, spot.tokens, trace.token_id)
