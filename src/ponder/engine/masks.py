"""Masks of constraints, filled while the model computes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from ponder.constraints.ending import Ending, Standing
from ponder.engine.scheduler import Scheduled


class MaskFiller:
    """Fills the masks that a batch will need, in a thread of its own beside the forward pass.

    What is allowed keeps a mask once it is filled, so that it is there when a decoder asks for it.
    """

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None

    def begin(self, batch: Sequence[Scheduled]) -> Future[None] | None:
        """Begin to fill the masks of the texts whose next token a batch decides; None: there are none."""
        wanted: list[tuple[Ending, Standing]] = []
        for entry in batch:
            group = entry.job.group
            if group.allowed is not None and entry.complete:
                wanted += [(group.allowed, text.node.state) for text in group.live]
        if not wanted:
            return None
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "ponder-masks")
        try:
            return self._pool.submit(_fill, wanted)
        except RuntimeError:  # Python is ending, and starts no thread: decoders fill their own
            return None


def _fill(wanted: Sequence[tuple[Ending, Standing]]) -> None:
    for allowed, state in wanted:
        allowed.mask(state)
