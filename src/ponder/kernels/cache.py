"""Pages of keys and values: memory whose layout the kernels choose."""

from __future__ import annotations

import mmap
from contextlib import suppress
from math import prod
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from ponder.checkpoints.config import ModelConfig

PAGE_SIZE = 16  # tokens; docs/performance.md says how it was chosen


class Cache(Protocol):
    """A fixed number of pages of PAGE_SIZE slots. A slot is page * PAGE_SIZE + offset.

    Attributes
    ----------
    keys, values : [pages, layers, PAGE_SIZE, kv_heads, head_dim] is their shape. In which order a page of a
        layer holds its numbers is for the kernels to know.
    """

    @property
    def keys(self) -> torch.Tensor: ...

    @property
    def values(self) -> torch.Tensor: ...

    def copy(self, source: int, target: int) -> None:
        """Copy a page's keys and values of all layers over those of another."""
        ...

    def move(self, source: int, target: int) -> None:
        """Copy a slot's key and value of all layers over those of another slot."""
        ...


def page_bytes(config: ModelConfig, dtype: torch.dtype) -> int:
    """Return the bytes one page of keys and values takes over all layers."""
    return 2 * config.num_layers * PAGE_SIZE * config.num_kv_heads * config.head_dim * dtype.itemsize


def new_pages(
    config: ModelConfig, num_pages: int, dtype: torch.dtype, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return keys and values of so many pages, which are not filled; memory is touched only as it is used."""
    shape = (num_pages, config.num_layers, PAGE_SIZE, config.num_kv_heads, config.head_dim)
    return reserve(shape, dtype, device), reserve(shape, dtype, device)


def reserve(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Return a tensor that is not filled; on the CPU it lies on huge pages where the system has them."""
    if device.type != "cpu":
        return torch.empty(shape, dtype=dtype, device=device)
    memory = mmap.mmap(-1, prod(shape) * dtype.itemsize, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # a kernel without them
            memory.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(memory, dtype=dtype).view(shape)


def page_rows(pages: torch.Tensor) -> npt.NDArray[np.uint8]:
    """Return CPU memory of pages as bytes, in the shape of `pages` but for the last dimension.

    numpy copies in the calling thread. torch wakes another for so little and waits for it: measured, 6 ms
    against 0.01 where another program has that core.
    """
    rows: npt.NDArray[np.uint8] = pages.view(torch.uint8).numpy()
    return rows


class TorchCache:
    """Pages as torch's operations read them: dimension after dimension, in the order of their shape."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        self.keys, self.values = keys, values
        on_cpu = keys.device.type == "cpu"
        self._stores: list[Any] = [page_rows(pages) if on_cpu else pages for pages in (keys, values)]

    def copy(self, source: int, target: int) -> None:
        for store in self._stores:
            store[target] = store[source]

    def move(self, source: int, target: int) -> None:
        size = self.keys.shape[2]
        (page, offset), (new_page, new_offset) = divmod(source, size), divmod(target, size)
        for store in self._stores:
            store[new_page, :, new_offset] = store[page, :, offset]
