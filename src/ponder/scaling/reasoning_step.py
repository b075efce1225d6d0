"""Where a reasoning step ends."""

from __future__ import annotations

from ponder.asks import Boundary, End, Until

BLANK_LINE = Boundary(("\n\n",))  # what most instruction-tuned models write between two steps


def step_end(step: Boundary, number: int, max_steps: int) -> Until:
    """Return where step `number`, counted from 0, ends: the last of `max_steps` is the rest of the text."""
    return step if number + 1 < max_steps else End()
