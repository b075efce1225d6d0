"""The pages of a branch in order, in memory that forks share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

NO_PAGES = np.empty(0, np.int64)


class BlockTable:
    """Pages [capacity] int64. A branch reads its first entries and knows how many; forks read one table.

    A table is written in place where no other branch can see that, else a copy is: so its entries are copied
    at most once after a fork, by one memcpy.
    """

    __slots__ = ("_filled", "_pages", "_readers")

    def __init__(self, pages: np.ndarray = NO_PAGES) -> None:
        self._pages = pages
        self._readers = 1
        self._filled = 0  # entries from here on are read by nobody, where the table has several readers

    def share(self, length: int) -> None:
        """Add a reader that sees as many entries as the one that shares the table."""
        if self._readers == 1:
            self._filled = length
        self._readers += 1

    def leave(self) -> None:
        """Take a reader away, who must not use the table any more."""
        self._readers -= 1

    def write(self, place: int, pages: Sequence[int]) -> BlockTable:
        """Return the table, or the reader's own copy of it, with `pages` from entry `place` on.

        The reader sees nothing after them. Other readers see what they saw.
        """
        end = place + len(pages)
        table = self
        if end > len(self._pages) or (self._readers > 1 and place < self._filled):
            table = BlockTable(np.empty(end + end // 4 + 8, np.int64))
            table._pages[:place] = self._pages[:place]
            self.leave()
        if len(pages) == 1:
            table._pages[place] = pages[0]
        else:
            table._pages[place:end] = pages
        table._filled = end
        return table

    def first(self, length: int) -> list[int]:
        """Return the first entries."""
        pages: list[int] = self._pages[:length].tolist()
        return pages

    def tensor(self, length: int, device: torch.device) -> torch.Tensor:
        """Return the first entries as a tensor; on the CPU it is a view, valid until the reader writes."""
        view = torch.from_numpy(self._pages[:length])
        return view if device.type == "cpu" else view.to(device)
