"""Pages as the native kernels read them (`PageLayout` in `csrc/batch.h`)."""

from __future__ import annotations

import numpy as np
import torch

from ponder.kernels.cache import page_rows


class NativeCache:
    """Pages of float32 or bfloat16.

    A unit is four bytes: one float32, or two bfloat16. Of each layer and head a page holds keys as [units of
    the head][slot] and values as [units of slots][head_dim]: two slots of bfloat16 values lie side by side.
    """

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        self.keys, self.values = keys, values
        pages, layers, self._size, heads, head_dim = keys.shape
        self._per_unit = 4 // keys.dtype.itemsize
        element = {2: np.uint16, 4: np.uint32}[keys.dtype.itemsize]
        self._pages = page_rows(keys), page_rows(values)
        key_rows, value_rows = (stored.reshape(pages, layers, heads, -1) for stored in self._pages)
        # [pages, layers, heads, units, slots]
        self._key_units = key_rows.view(np.uint32).reshape(pages, layers, heads, -1, self._size)
        # [pages, layers, heads, units of slots, head_dim, slots of a unit]
        self._value_units = value_rows.view(element).reshape(
            pages, layers, heads, -1, head_dim, self._per_unit
        )

    def copy(self, source: int, target: int) -> None:
        for pages in self._pages:
            pages[target] = pages[source]

    def move(self, source: int, target: int) -> None:
        (page, slot), (new_page, new_slot) = divmod(source, self._size), divmod(target, self._size)
        self._key_units[new_page, ..., new_slot] = self._key_units[page, ..., slot]
        (unit, place), (new_unit, new_place) = divmod(slot, self._per_unit), divmod(new_slot, self._per_unit)
        self._value_units[new_page, :, :, new_unit, :, new_place] = self._value_units[
            page, :, :, unit, :, place
        ]
