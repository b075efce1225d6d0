"""What the live texts of a request draw from where they are to be faithful: the constraint comes last."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from ponder.decoders.group import Group
from ponder.decoders.rows import Rows
from ponder.decoders.text import Text
from ponder.sampling.rng import EXCLUSION
from ponder.sampling.row import Row
from ponder.sampling.target import TargetRows, target_rows

RESAMPLING = EXCLUSION + 1
"""What a random number is for: choosing the texts that go on. The numbers after it are for further passes."""


def target_of(group: Group, rows: Rows) -> TargetRows:
    """Return a row to draw from for each live text."""
    described = [group.row(text, text.index) for text in group.live]
    return target_rows(rows.logits, described, [_free(group, row) for row in described], group.params)


def _free(group: Group, row: Row) -> Row:
    """Return a row without what the constraint says of it."""
    too_short = len(row.output) < group.params.min_tokens
    return replace(row, allowed=None, forbidden=tuple(group.end_ids) if too_short else ())


Fate = Literal["lives", "refused", "cut"]


def fate(group: Group, text: Text, token: int) -> Fate:
    """Say what becomes of a text with a token after it that its mask allows.

    The constraint may refuse the token nevertheless; or `max_tokens` cuts the text where it may not end.
    """
    if group.allowed is None or token in group.end_ids:
        return "lives"
    state = group.allowed.step(text.node.state, token)
    if state is None:
        return "refused"
    cut = text.depth + 1 >= group.params.max_tokens and not group.allowed.may_end(state)
    return "cut" if cut else "lives"
