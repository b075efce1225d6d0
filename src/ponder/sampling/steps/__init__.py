"""The steps there are, in ponder's order: one module each, with parameters and rule. See docs/sampling.md.

A new step is a module here and its place in this list; SamplingParams, command line, server and docs follow.
Importing them needs no torch.
"""

from __future__ import annotations

from collections.abc import Mapping

from ponder.sampling.parameter import Parameter
from ponder.sampling.step import Step
from ponder.sampling.steps import (
    dry,
    epsilon,
    eta,
    logit_bias,
    min_p,
    mirostat,
    no_repeat_ngram,
    occurrence_penalties,
    repetition_penalty,
    sequence_bias,
    tail_free,
    temperature,
    top_a,
    top_h,
    top_k,
    top_n_sigma,
    top_p,
    typical,
    xtc,
)

STEPS: Mapping[str, Step] = {
    module.STEP.name: module.STEP
    for module in (
        repetition_penalty,
        occurrence_penalties,
        dry,
        no_repeat_ngram,
        sequence_bias,
        logit_bias,
        temperature,
        top_n_sigma,
        top_k,
        top_p,
        min_p,
        typical,
        top_h,
        epsilon,
        eta,
        top_a,
        tail_free,
        xtc,
        mirostat,
    )
}
PARAMETERS: Mapping[str, Parameter] = {one.name: one for step in STEPS.values() for one in step.parameters}
"""What the steps take, by name."""
