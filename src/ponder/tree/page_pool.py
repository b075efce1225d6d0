"""Who needs which pages of a cache."""

from __future__ import annotations

from ponder.errors import CapacityError
from ponder.kernels.cache import PAGE_SIZE, Cache

__all__ = ["PAGE_SIZE", "PagePool", "pages_for"]


def pages_for(tokens: int) -> int:
    """Return how many pages so many tokens fill, the last one perhaps in part."""
    return -(-tokens // PAGE_SIZE)


class PagePool:
    """The pages of a cache. A page is busy while branches hold it, idle while only the tree keeps it.

    The others are free. A page outside the tree is held once by each branch that has it, a page in the tree
    once by its node, while that has users.

    Pages are counted here and never looked into.
    """

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        num_pages = cache.keys.shape[0]
        self.num_pages = num_pages
        self.num_idle = 0
        self._holders = [0] * num_pages
        self._kept = bytearray(num_pages)
        self._free = list(range(num_pages - 1, -1, -1))

    @property
    def num_free(self) -> int:
        """Pages that hold nothing."""
        return len(self._free)

    @property
    def num_busy(self) -> int:
        """Pages that branches hold."""
        return self.num_pages - self.num_free - self.num_idle

    def allocate(self) -> int:
        """Take a free page, held once. Raises CapacityError when there is none."""
        if not self._free:
            raise CapacityError(f"all {self.num_pages} cache pages of {PAGE_SIZE} tokens are in use")
        page = self._free.pop()
        self._holders[page] = 1
        return page

    def hold(self, page: int) -> None:
        """Hold a page that is busy or idle once more."""
        assert self._holders[page] or self._kept[page], f"page {page} is free"
        if not self._holders[page]:
            self.num_idle -= 1
        self._holders[page] += 1

    def release(self, page: int) -> None:
        """Let go of a page; without holders it is idle if it is kept, and free if not."""
        assert self._holders[page], f"nobody holds page {page}"
        self._holders[page] -= 1
        if not self._holders[page]:
            self._settle(page)

    def keep(self, page: int) -> None:
        """Keep a busy page for later, also when nobody holds it any more."""
        assert self._holders[page], f"page {page} is not busy"
        assert not self._kept[page], f"page {page} is kept already"
        self._kept[page] = True

    def forget(self, page: int) -> None:
        """Stop keeping an idle page: it is free."""
        assert self.is_idle(page), f"page {page} is not idle"
        self.num_idle -= 1
        self._kept[page] = False
        self._settle(page)

    def _settle(self, page: int) -> None:
        if self._kept[page]:
            self.num_idle += 1
        else:
            self._free.append(page)

    def is_idle(self, page: int) -> bool:
        """Return whether a page is kept and nobody holds it."""
        return bool(self._kept[page]) and not self._holders[page]

    def is_exclusive(self, page: int) -> bool:
        """Return whether nobody but one branch reads the page, so that it may be written."""
        return self._holders[page] == 1 and not self._kept[page]

    def copy(self, source: int, target: int) -> None:
        """Copy a page's keys and values of all layers."""
        self.cache.copy(source, target)

    def check_integrity(self) -> None:
        """Assert that every page is either free, once, or held, or kept."""
        assert len(set(self._free)) == len(self._free), "a page is free twice"
        for page in self._free:
            assert not self._holders[page], f"page {page} is free and held"
            assert not self._kept[page], f"page {page} is free and kept"
        unused = [page for page in range(self.num_pages) if not self._holders[page] and not self._kept[page]]
        assert len(unused) == len(self._free), "a page is neither free nor held nor kept"
        assert self.num_idle == sum(map(self.is_idle, range(self.num_pages))), "idle pages are miscounted"
