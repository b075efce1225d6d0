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
    logit_depths : [R] int64, after how many layers, 0 being the embedding alone; ~d: after d layers, and the
        head reads the residual stream as it is, without the last norm. None: after all, and normed.
    states : [R, C] float32, receives what the head reads for each row of logits.
        None: not wanted.
    """

    token_ids: torch.Tensor
    positions: torch.Tensor
    slot_mapping: torch.Tensor
    plan: AttentionPlan
    reaches: Sequence[int]
    logit_rows: torch.Tensor
    logit_depths: torch.Tensor | None = None
    states: torch.Tensor | None = None
