"""Projections in blocks of a few fixed numbers of rows.

A matrix library chooses kernels by the shape of the product, and another kernel may add in another order.
So rows are padded to blocks of the sizes below, of which only those are used that a trial shows to give
equal bits in every place of every block. The kernels' order does not depend on the numbers, so one row
in all places is enough of a trial. Where not even the smallest block passes, each row is multiplied alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
import torch.nn.functional as F

BLOCKS = (8, 16, 32, 64, 128)  # measured: 4 rows take as long as 8, and over 128 little is gained


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    rows = x.shape[0]
    if rows == 0:
        return x.new_empty(0, weight.shape[0])
    blocks = cover(rows, proven_blocks(*weight.shape, weight.dtype, torch.get_num_threads()))
    out = multiply(x, weight, blocks)[:rows]
    return out if bias is None else out + bias


def multiply(x: torch.Tensor, weight: torch.Tensor, blocks: Sequence[int]) -> torch.Tensor:
    """X [rows, in] @ weight [out, in] transposed, the rows padded to `blocks` -> [sum of blocks, out]."""
    products, start = [], 0
    for size in blocks:
        block = x[start : start + size]
        # Always a copy: the order may depend on the alignment of memory, and fresh memory is aligned alike.
        block = F.pad(block, (0, 0, 0, size - block.shape[0]))
        products.append(torch.mm(block, weight.t()))
        start += size
    return torch.cat(products)


def cover(rows: int, sizes: Sequence[int]) -> list[int]:
    """Blocks of the rising `sizes` that hold `rows`: the largest, and the smallest that holds the rest."""
    full, rest = divmod(rows, sizes[-1])
    return [sizes[-1]] * full + [size for size in sizes if size >= rest > 0][:1]


@cache
def proven_blocks(out_features: int, in_features: int, dtype: torch.dtype, threads: int) -> tuple[int, ...]:
    """Return the sizes of blocks that give a row the same bits in all places, or (1,) if there are none.

    `threads` are those of the process now: with another number the library may choose another way.
    """
    generator = torch.Generator().manual_seed(0)
    tile = torch.randn(min(out_features, 64), in_features, generator=generator)
    weight = tile.repeat(-(-out_features // 64), 1)[:out_features].to(dtype)
    row = torch.randn(1, in_features, generator=generator).to(dtype)
    expected = multiply(row.repeat(BLOCKS[0], 1), weight, BLOCKS[:1])[:1]
    proven = tuple(
        size for size in BLOCKS if bool((multiply(row.repeat(size, 1), weight, (size,)) == expected).all())
    )
    return proven if BLOCKS[0] in proven else (1,)
