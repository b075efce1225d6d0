"""ALiBi's slopes and T5's buckets are those of transformers; what does not fit a model is refused by name."""

import re
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.t5.modeling_t5 import T5Attention

from ponder.checkpoints.config import (
    DivisorScaling,
    DynamicScaling,
    LinearScaling,
    Llama3Scaling,
    ProportionalScaling,
    RopeConfig,
    YarnScaling,
)
from ponder.errors import ParameterError
from ponder.positions import Alibi, NoPositions, Rope, T5Bias, choose_positions
from ponder.positions.bias import Buckets, bucket_of
from ponder.positions.unrotated import alibi_slopes
from tiny_models import tiny_config

CPU = torch.device("cpu")


@pytest.mark.parametrize("heads", range(1, 41))
def test_slopes_are_those_of_transformers(heads):
    """Also for numbers of heads that are no powers of 2."""
    theirs = build_alibi_tensor(torch.ones(1, 2), heads, torch.float32)[:, 0, 1]
    torch.testing.assert_close(torch.tensor(alibi_slopes(heads)), theirs, rtol=1e-6, atol=0)


@given(st.integers(2, 64), st.integers(2, 300))
def test_buckets_are_those_of_transformers(buckets, farther):
    """For every distance, to the last."""
    farthest = buckets // 2 + farther
    distances = torch.arange(2 * farthest)
    theirs = T5Attention._relative_position_bucket(-distances, False, buckets, farthest)
    assert bucket_of(distances, buckets, farthest).tolist() == theirs.tolist()


@given(st.integers(2, 64), st.integers(2, 300), st.integers(1, 5))
def test_far_distances_have_one_bias(buckets, farther, heads):
    """From the largest distance on, so that a table of so many entries is all of it."""
    table = torch.randn(buckets, heads)
    farthest = buckets // 2 + farther
    at = Buckets(table, farthest).at(torch.tensor([[farthest, farthest + 1], [10 * farthest, 0]]))
    assert at.shape == (heads, 2, 2)
    assert torch.equal(at[:, 0, 0], table[-1])
    assert torch.equal(at[:, 0, 1], table[-1])
    assert torch.equal(at[:, 1, 0], table[-1])
    assert torch.equal(at[:, 1, 1], table[0])


def test_what_is_asked_for_is_what_is_chosen():
    """Nothing asked for: the checkpoint's. A scaling keeps base and dimensions, and lengthens the context."""
    config = tiny_config(context_length=100, rope=RopeConfig(500.0, 4))
    for asked, kind in (
        (None, Rope),
        ("none", NoPositions),
        ("alibi", Alibi),
        (T5Bias(torch.ones(8, 4)), T5Bias),
    ):
        found, positions = choose_positions(config, asked, CPU)
        assert found == config
        assert type(positions) is kind
    for scaling, context in (
        (LinearScaling(2.0), 200),
        (YarnScaling(8.0, 32), 256),
        (YarnScaling(2.0, 32), 100),
        (DynamicScaling(4.0, 100), 400),
        (ProportionalScaling(), 100),
    ):
        found, positions = choose_positions(config, scaling, CPU)
        assert found == replace(config, rope=RopeConfig(500.0, 4, scaling), context_length=context)
        assert isinstance(positions, Rope)
        assert positions.config == found.rope
    found, positions = choose_positions(config, RopeConfig(7.0, 8), CPU)
    assert found.rope == RopeConfig(7.0, 8)
    assert choose_positions(config, positions, CPU)[1] is positions


def test_only_length_and_rotation_divide_a_cache():
    """Sequences of any reach share keys that are not rotated before they are written."""
    dynamic = RopeConfig(500.0, 8, DynamicScaling(4.0, 32))
    written, read = Rope(dynamic, 8, CPU), Rope(dynamic, 8, CPU, "read")
    assert written.regime(33) != written.regime(34)
    for positions in (read, NoPositions(), Alibi(4, CPU), T5Bias(torch.zeros(2, 1))):
        assert positions.regime(33) == positions.regime(34)


REFUSED = {
    "name": ("rope", "'none', 'alibi', a RopeConfig"),
    "number": (5, "'none', 'alibi', a RopeConfig"),
    "class": (YarnScaling, "'none', 'alibi', a RopeConfig"),
    "t5 without a table": ("t5", r"T5Bias(table), with the table [buckets, heads]"),
    "heads": (T5Bias(torch.zeros(32, 3)), "a bias for the model's 4 heads, and not for 3"),
    "odd dimensions": (RopeConfig(1e4, 5), "even and from 2 to 8"),
    "too many dimensions": (RopeConfig(1e4, 10), "even and from 2 to 8"),
    "base": (RopeConfig(0.0, 8), "a base over 1"),
    "infinite base": (RopeConfig(float("inf"), 8), "a base over 1"),
    "factor": (LinearScaling(-1.0), "a positive number as factor"),
    "text": (YarnScaling("4", 64), "a positive number as factor"),
    "original context": (YarnScaling(4.0, 0), "a positive number as original_context"),
    "divisors": (DivisorScaling((1.0,) * 3), "4 positive numbers as divisors"),
    "bounds": (Llama3Scaling(8.0, 4.0, 1.0, 64), "a high_freq_factor over low_freq_factor"),
    "scaling": (RopeConfig(1e4, 8, "yarn"), "a scaling such as YarnScaling"),
    "dynamic": (RopeConfig(1e4, 2, DynamicScaling(2.0, 64)), "at least 4 rotated dimensions"),
}


@pytest.mark.parametrize(("asked", "why"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused(asked, why):
    with pytest.raises(ParameterError, match=f"^positions = .*{re.escape(why)}"):
        choose_positions(tiny_config(), asked, CPU)


@pytest.mark.parametrize(
    ("table", "distance", "why"),
    [
        ([[1.0]], 128, "table = .* at least two buckets"),
        (torch.zeros(1, 4), 128, "table = .* at least two buckets"),
        (torch.zeros(4), 128, "table = .* at least two buckets"),
        (torch.full((4, 4), torch.nan), 128, "table = .* finite"),
        (torch.zeros(32, 4), 16, "max_distance = 16 .* from 17"),
        (torch.zeros(32, 4), 1e3, "max_distance = 1000.0 "),
        (torch.zeros(32, 4), 2**40, "max_distance = "),
    ],
)
def test_tables_that_are_none(table, distance, why):
    with pytest.raises(ParameterError, match=why):
        T5Bias(table, distance)
