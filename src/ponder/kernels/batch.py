"""One ragged batch: what a forward pass is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ponder.kernels.attention_plan import AttentionPlan


@dataclass(frozen=True, slots=True)
class ForwardBatch:
    """T new tokens of S sequences, one sequence after another.

    Attributes
    ----------
    token_ids, positions : [T] int64.
    slot_mapping : [T] int64, where each token's key and value go (page * page_size + offset).
    plan : the pages each sequence reads.
    reaches : per sequence, the longest it may become (chooses the frequencies of length-dependent RoPE).
    logit_rows : [R] int64, the tokens whose next-token logits are wanted.
    """

    token_ids: torch.Tensor
    positions: torch.Tensor
    slot_mapping: torch.Tensor
    plan: AttentionPlan
    reaches: Sequence[int]
    logit_rows: torch.Tensor
