"""The share of the model's distribution that a constraint lets through: both samplers, and a plain sum."""

import math

import numpy as np
import pytest
import torch

from ponder.kernels import native as native_kernels
from ponder.sampling import SamplingParams
from ponder.sampling.bitmask import pack, unpack
from ponder.sampling.native import sample_many
from ponder.sampling.row import Row

SETTINGS = [
    {},
    {"temperature": 0.0},
    {"temperature": 1.7, "top_p": 0.7},
    {"frequency_penalty": 1.0, "top_k": 5},
]


def logits_of(count, size, spread=3.0):
    return torch.from_numpy(
        np.random.default_rng(size).normal(size=(count, size)).astype(np.float32) * spread
    )


def rows_of(count, size, rng):
    """Rows with masks that allow almost nothing to almost all, with forbidden tokens, one of them twice."""
    shares = (0.002, 0.1, 0.5, 0.98, 0.9999)
    rows = []
    for i in range(count):
        mask = rng.random(size) < shares[i % len(shares)]
        mask[rng.integers(size)] = True
        forbidden = (3, size - 1, 3) if i % 3 else ()
        rows.append(Row(i, (), (1, 1), forbidden, pack(mask) if i % 4 else None))
    return rows


def plain(logits, row):
    """In float64, by the definition."""
    weights = np.exp(logits.double().numpy() - float(logits.max()))
    may_come = np.ones(len(weights), dtype=bool) if row.allowed is None else unpack(row.allowed, len(weights))
    may_come[list(row.forbidden)] = False
    return weights[may_come].sum() / weights.sum()


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@pytest.mark.parametrize("size", [40, 1025, 3003])
def test_it_is_the_share_of_what_may_come(sample, setting, size):
    """Of the raw distribution, whatever else the parameters do to the row, and however small it is."""
    logits, rows = logits_of(20, size), rows_of(20, size, np.random.default_rng(1))
    for trace, own, row in zip(sample(logits, rows, SamplingParams(**setting)), logits, rows, strict=True):
        expected = plain(own, row)
        if trace is None:
            assert expected == 0
        else:
            assert trace.allowed_mass == pytest.approx(expected, rel=2e-6)
            if expected == 1:
                assert trace.allowed_mass == 1


def test_a_forbidden_giant_leaves_a_small_share_exactly(sample):
    """What is left is added up, and not what is missing taken off."""
    logits = logits_of(1, 3000)
    logits[0, 7] = 40.0
    row = Row(0, (), (), (7,))
    (trace,) = sample(logits, [row], SamplingParams())
    assert trace.allowed_mass == pytest.approx(plain(logits[0], row), rel=2e-6)
    assert trace.allowed_mass < 1e-10


def test_what_is_too_faint_to_be_summed_has_its_tokens_share(sample):
    """Its logarithm is finite, so that a text's sum is."""
    logits = torch.zeros(1, 2000)
    logits[0, 5] = -200.0
    mask = np.zeros(2000, dtype=bool)
    mask[5] = True
    (trace,) = sample(logits, [Row(0, (), (), (), pack(mask))], SamplingParams())
    assert math.log(trace.allowed_mass) == pytest.approx(-200 - math.log(1999), rel=1e-6)


def test_a_given_token_says_what_was_allowed(sample):
    """Also where it is itself not allowed, and where nothing is."""
    logits = logits_of(2, 70)
    masks = [pack(np.arange(70) % 7 == 0), pack(np.zeros(70, dtype=bool))]
    rows = [Row(i, (), (), (), masks[i], forced=8) for i in range(2)]
    some, nothing = sample(logits, rows, SamplingParams())
    assert some.allowed_mass == pytest.approx(plain(logits[0], rows[0]), rel=2e-6)
    assert nothing.allowed_mass == 0


@pytest.mark.skipif(not native_kernels.available(), reason="the native kernels are not built")
def test_company_threads_and_instruction_sets():
    """The same bits in any company and for any number of threads; the same share by each instruction set."""
    logits, rows = logits_of(7, 5003), rows_of(7, 5003, np.random.default_rng(2))
    params = SamplingParams(top_p=0.9)
    found = {}
    for name in native_kernels.instruction_sets():
        together = sample_many([(logits, rows, params)], threads=3, instruction_set=name)
        for i, trace in enumerate(together):
            (alone,) = sample_many([(logits[i : i + 1], [rows[i]], params)], threads=1, instruction_set=name)
            assert alone == trace
        found[name] = [trace.allowed_mass for trace in together]
    for masses in found.values():
        assert masses == pytest.approx(next(iter(found.values())), rel=1e-6)
