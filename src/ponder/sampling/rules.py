"""A step's rule -> what it does to rows of logits, [R, V] -> [R, V]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ponder.sampling.params import SamplingParams
from ponder.sampling.row import Row
from ponder.sampling.softmax import softmax
from ponder.sampling.step import Context, Step

Apply = Callable[[torch.Tensor, Context], torch.Tensor]
Keep = Callable[[torch.Tensor, Context], torch.Tensor]
Change = Callable[[torch.Tensor, Row, SamplingParams], None]


def keeping(keep: Keep) -> Apply:
    """A step that leaves out what a rule does not keep; the rule is given probabilities."""
    return lambda logits, context: logits.masked_fill(~keep(softmax(logits), context), -torch.inf)


def keeping_logits(keep: Keep) -> Apply:
    """A step that leaves out what a rule does not keep; the rule is given logits."""
    return lambda logits, context: logits.masked_fill(~keep(logits, context), -torch.inf)


def changing(change: Change) -> Apply:
    """A step that changes each row, [V], in place."""

    def apply(logits: torch.Tensor, context: Context) -> torch.Tensor:
        logits = logits.clone()
        for values, row in zip(logits, context.rows, strict=True):
            change(values, row, context.params)
        # What a bias or penalty overflowed: inf - inf would be NaN.
        return logits.clamp_(max=torch.finfo(logits.dtype).max)

    return apply


def values_of(step: Step, params: SamplingParams) -> dict[str, Any]:
    """Return the step's parameters by name."""
    return {one.name: getattr(params, one.name) for one in step.parameters}


def apply_of(step: Step) -> Apply:
    """Return what a step does by its own rule."""
    if step.kind == "penalty":
        return changing(lambda x, row, params: step.rule(x, row, **values_of(step, params)))
    if step.kind == "temperature":
        return lambda logits, c: step.rule(logits, c, **values_of(step, c.params))
    wrap = keeping_logits if step.of_logits else keeping
    return wrap(lambda x, c: step.rule(x, c, **values_of(step, c.params)))
