"""Pages of keys and values, counted by who holds them."""

from __future__ import annotations

import torch

from ponder.checkpoints.config import ModelConfig
from ponder.errors import CapacityError

PAGE_SIZE = 16


def page_bytes(config: ModelConfig, dtype: torch.dtype) -> int:
    """Return the bytes one page of keys and values takes over all layers."""
    return 2 * config.num_layers * PAGE_SIZE * config.num_kv_heads * config.head_dim * dtype.itemsize


class PagePool:
    """A fixed number of pages, each held by any number of branches.

    `k_pages` and `v_pages` are [layers, pages, PAGE_SIZE, kv_heads, head_dim]. The memory is reserved
    here and touched only as pages come into use.
    """

    def __init__(self, config: ModelConfig, num_pages: int, device: torch.device, dtype: torch.dtype) -> None:
        shape = (config.num_layers, num_pages, PAGE_SIZE, config.num_kv_heads, config.head_dim)
        self.k_pages = torch.empty(shape, dtype=dtype, device=device)
        self.v_pages = torch.empty(shape, dtype=dtype, device=device)
        self.num_pages = num_pages
        self._holders = [0] * num_pages
        self._free = list(range(num_pages - 1, -1, -1))

    @property
    def num_free(self) -> int:
        """Pages nobody holds."""
        return len(self._free)

    def allocate(self) -> int:
        """Take a free page, held once. Raises CapacityError when there is none."""
        if not self._free:
            raise CapacityError(f"all {self.num_pages} cache pages of {PAGE_SIZE} tokens are in use")
        page = self._free.pop()
        self._holders[page] = 1
        return page

    def hold(self, page: int) -> None:
        """Hold a page once more."""
        assert self._holders[page] > 0, f"page {page} is free"
        self._holders[page] += 1

    def release(self, page: int) -> None:
        """Let go of a page; it is free when nobody holds it."""
        assert self._holders[page] > 0, f"page {page} is free"
        self._holders[page] -= 1
        if self._holders[page] == 0:
            self._free.append(page)

    def own(self, page: int) -> int:
        """Return a page with the same contents that only the caller holds, copying if it is shared."""
        if self._holders[page] == 1:
            return page
        copy = self.allocate()
        self.k_pages[:, copy] = self.k_pages[:, page]
        self.v_pages[:, copy] = self.v_pages[:, page]
        self.release(page)
        return copy

    def check_integrity(self) -> None:
        """Assert that every page is either free, once, or held."""
        assert len(set(self._free)) == len(self._free), "a page is free twice"
        assert all((self._holders[page] == 0) for page in self._free), "a free page is held"
        assert sum(count == 0 for count in self._holders) == len(self._free), (
            "a page is neither free nor held"
        )
