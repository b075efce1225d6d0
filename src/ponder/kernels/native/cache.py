"""Pages as the native kernels read them (`PageLayout` in `csrc/batch.h`)."""

from __future__ import annotations

import numpy as np
import torch

from ponder.kernels.cache import page_rows


class NativeCache:
    """Pages of float32 or bfloat16.

    A unit is four bytes: one float32, or two bfloat16. Of each layer and head a page holds keys as [units of
    the head][slot] and values as [units of slots][head_dim]: two slots of bfloat16 values lie side by side.
    `stored` are keys and values for numpy, which has no bfloat16: its bits as uint16.
    """

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        self.keys, self.values = keys, values
        pages, layers, self._size, heads, head_dim = keys.shape
        self._per_unit = 4 // keys.dtype.itemsize
        element = np.uint16 if keys.dtype.itemsize == 2 else np.float32
        self.stored = page_rows(keys).view(element), page_rows(values).view(element)
        key_rows, value_rows = (rows.reshape(pages, layers, heads, -1) for rows in self.stored)
        # [pages, layers, heads, units, slots]
        self._key_units = key_rows.view(np.uint32).reshape(pages, layers, heads, -1, self._size)
        # [pages, layers, heads, units of slots, head_dim, slots of a unit]
        self._value_units = value_rows.reshape(pages, layers, heads, -1, head_dim, self._per_unit)

    def copy(self, source: int, target: int) -> None:
        for pages in self.stored:
            pages[target] = pages[source]

    def move(self, source: int, target: int) -> None:
        (page, slot), (new_page, new_slot) = divmod(source, self._size), divmod(target, self._size)
        self._key_units[new_page, ..., new_slot] = self._key_units[page, ..., slot]
        (unit, place), (new_unit, new_place) = divmod(slot, self._per_unit), divmod(new_slot, self._per_unit)
        self._value_units[new_page, :, :, new_unit, :, new_place] = self._value_units[
            page, :, :, unit, :, place
        ]
