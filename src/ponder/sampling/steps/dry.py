"""Penalise tokens that would go on with a repetition, more for a longer one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ponder.sampling.parameter import OFF_OR_MORE, WHOLE_ALL_OR_MORE, Parameter, Range, number, whole
from ponder.sampling.step import Step

if TYPE_CHECKING:
    import torch

    from ponder.sampling.row import Row


def change(
    logits: torch.Tensor,
    row: Row,
    dry_multiplier: float,
    dry_base: float,
    dry_allowed_length: int,
    dry_range: int,
    dry_sequence_breakers: tuple[str, ...],
) -> None:
    from ponder.sampling.processors import penalise_continued_repeats

    text = [*row.prompt, *row.output]
    penalise_continued_repeats(
        logits,
        text[-dry_range:] if dry_range else text,
        row.breakers,  # the tokens of dry_sequence_breakers
        multiplier=dry_multiplier,
        base=dry_base,
        allowed_length=dry_allowed_length,
    )


STEP = Step(
    "dry",
    "penalty",
    (
        number("dry_multiplier", 0.0, OFF_OR_MORE, "penalise tokens that go on with a repetition"),
        number(
            "dry_base",
            1.75,
            Range("a finite number, 1 or more", 1),
            "the penalty's growth per repeated token",
        ),
        whole(
            "dry_allowed_length",
            2,
            Range("a whole number, 1 or more", 1),
            "repetitions shorter than this are free",
        ),
        whole("dry_range", 0, WHOLE_ALL_OR_MORE, "how many of the last tokens are searched for repetitions"),
        Parameter(
            "dry_sequence_breakers",
            "other",
            ("\n", ":", '"', "*"),
            help="strings that end a repetition for DRY",
        ),
    ),
    change,
    "p-e-w, text-generation-webui #5677",
    kernel="dry",
)
