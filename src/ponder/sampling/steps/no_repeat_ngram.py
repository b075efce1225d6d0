"""Forbid what would make an n-gram that is there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ponder.sampling.parameter import WHOLE_OFF_OR_MORE, whole
from ponder.sampling.step import Step

if TYPE_CHECKING:
    import torch

    from ponder.sampling.row import Row


def change(logits: torch.Tensor, row: Row, no_repeat_ngram_size: int) -> None:
    from ponder.sampling.processors import forbid_repeated_ngrams

    forbid_repeated_ngrams(logits, [*row.prompt, *row.output], no_repeat_ngram_size)


STEP = Step(
    "no_repeat_ngram",
    "penalty",
    (
        whole(
            "no_repeat_ngram_size",
            0,
            WHOLE_OFF_OR_MORE,
            "no n-gram of this size comes twice, the prompt's included",
        ),
    ),
    change,
    "fairseq; transformers",
    kernel="no_repeat_ngram",
)
