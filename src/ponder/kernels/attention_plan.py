"""Which pages the queries of one forward pass read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch


@dataclass(frozen=True, slots=True)
class AttentionPlan:
    """A ragged batch of S sequences over a paged cache.

    Attributes
    ----------
    query_lengths : new tokens of each sequence; its queries are the last ones of its context.
    context_lengths : tokens of each sequence in the cache, the new ones included.
    block_tables : per sequence its pages in order, [ceil(context / B)] int64.
    trees : for a sequence whose new tokens form a tree instead of a chain, [new, new] bool: which of
        the new tokens each new token sees (itself and its ancestors). A token's position is that of
        the last cached one plus how many new tokens it sees.
    """

    query_lengths: Sequence[int]
    context_lengths: Sequence[int]
    block_tables: Sequence[torch.Tensor]
    trees: Mapping[int, torch.Tensor] = field(default_factory=dict)
