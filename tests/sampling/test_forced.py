"""A token that is given and not drawn: traced as if it had been drawn, -inf where it could not have been."""

import math
from dataclasses import astuple, replace

import numpy as np
import pytest
import torch

from ponder.sampling import SamplingParams
from ponder.sampling.bitmask import pack
from ponder.sampling.row import Row

SETTINGS = [
    {},
    {"temperature": 0.0},
    {"temperature": 0.7, "top_k": 5},
    {"top_p": 0.6, "min_p": 0.02},
    {"typical_p": 0.7, "repetition_penalty": 1.3},
    {"dynatemp_range": 0.5, "top_k": 9},
    {"semantics": "llamacpp", "top_k": 7, "temperature": 1.4},
    {"semantics": "llamacpp", "top_k": 7, "temperature": 0.0},
    {"semantics": "hf", "top_k": 7, "top_p": 0.9},
    {"xtc_probability": 0.5, "xtc_threshold": 0.05},
]
VALUES = ("logprob", "tempered_logprob", "truncated_logprob", "entropy", "kept_mass")


def logits_of(count: int, size: int = 300) -> torch.Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(size)) * 2


def row_of(index: int, forced: int | None = None) -> Row:
    return Row(index, (1, 2, 3), (4, 5), (9,), forced=forced)


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_a_drawn_token_that_is_given_has_the_same_trace(sample, setting):
    """To the bit, whichever stream the row has."""
    logits, params = logits_of(40), SamplingParams(seed=3, top_logprobs=4, **setting)
    drawn = sample(logits, [row_of(i) for i in range(40)], params)
    given = sample(logits, [row_of(i, trace.token_id) for i, trace in enumerate(drawn)], params)
    assert given == drawn


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_any_token_can_be_given(sample, setting):
    """The row is what it was; of the token all is finite or -inf, and what is cut off has no probability."""
    logits, params = logits_of(1, 60), SamplingParams(seed=3, **setting)
    (drawn,) = sample(logits, [row_of(0)], params)
    traces = sample(logits.expand(60, -1), [row_of(0, token) for token in range(60)], params)
    assert [trace.token_id for trace in traces] == list(range(60))
    for trace in traces:
        assert (trace.kept, trace.kept_mass, trace.entropy) == (drawn.kept, drawn.kept_mass, drawn.entropy)
        assert all(
            math.isfinite(getattr(trace, name)) or getattr(trace, name) == -math.inf for name in VALUES
        )
    held = [math.exp(trace.truncated_logprob) for trace in traces]
    assert np.count_nonzero(held) == drawn.kept
    assert math.fsum(held) == pytest.approx(1, abs=1e-5)
    assert math.fsum(math.exp(trace.logprob) for trace in traces) == pytest.approx(1, abs=1e-5)
    assert traces[9].tempered_logprob == traces[9].truncated_logprob == -math.inf  # forbidden
    if params.temperature:
        tempered = math.fsum(math.exp(trace.tempered_logprob) for trace in traces)
        assert tempered == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@pytest.mark.parametrize("as_tensor", [True, False])
def test_a_constraint_forbids_it(sample, setting, as_tensor):
    """A mask is numpy's or torch's; where it forbids all tokens a given one has a trace nevertheless."""
    logits, params = logits_of(3, 70), SamplingParams(seed=3, **setting)
    masks = [pack(np.arange(70) % 7 == 0), pack(np.zeros(70, dtype=np.bool_))]
    masks[0].flags.writeable = as_tensor
    if as_tensor:
        masks = [torch.from_numpy(mask) for mask in masks]
    forced, nothing, empty = sample(
        logits,
        [
            replace(row_of(0, 8), allowed=masks[0]),
            replace(row_of(1, 8), allowed=masks[1]),
            replace(row_of(2), allowed=masks[1]),
        ],
        params,
    )
    assert empty is None
    assert forced.kept >= 1
    assert (nothing.kept, nothing.kept_mass) == (0, 0.0)
    for trace in (forced, nothing):
        assert trace.token_id == 8
        assert trace.tempered_logprob == trace.truncated_logprob == -math.inf
        assert math.isfinite(trace.logprob)


def test_a_row_without_numbers_has_a_trace(sample):
    """Nothing in it is NaN."""
    logits = torch.full((1, 40), -torch.inf)
    (trace,) = sample(logits, [Row(0, (), (), forced=3)], SamplingParams())
    assert not any(isinstance(value, float) and math.isnan(value) for value in astuple(trace))
    assert trace.logprob == -math.inf
