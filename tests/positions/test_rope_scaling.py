"""Rotary scaling: the rules against transformers' functions, and what each rule promises in closed form."""

import math

import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from ponder.checkpoints.config import (
    DivisorScaling,
    DynamicScaling,
    LinearScaling,
    Llama3Scaling,
    LongRopeScaling,
    ProportionalScaling,
    RopeConfig,
    YarnScaling,
)
from ponder.positions.rope_scaling import frequencies, regime

transformers.utils.logging.set_verbosity_error()

BASES = st.sampled_from([500.0, 10000.0, 500000.0, 5e6]) | st.floats(10, 1e7)
HEAD_DIMS = st.sampled_from([8, 16, 64, 80, 96, 128])
PARTS = st.sampled_from([0.25, 0.5, 0.75, 1.0])
FACTORS = st.floats(1, 64)
CONTEXTS = st.integers(32, 8192)
LENGTHS = st.integers(1, 32768)


def theirs(rope: RopeConfig, head_dim: int, part: float, context: int, length: int, **parameters):
    """Frequencies and attention factor of transformers for one set of `rope_parameters`."""
    config = transformers.LlamaConfig(
        hidden_size=4 * head_dim,
        num_attention_heads=4,
        head_dim=head_dim,
        max_position_embeddings=context,
        rope_parameters={"rope_theta": rope.base, "partial_rotary_factor": part} | parameters,
    )
    return ROPE_INIT_FUNCTIONS[parameters["rope_type"]](config, torch.device("cpu"), seq_len=length)


def assert_same(rope: RopeConfig, head_dim: int, length: int, expected: tuple[torch.Tensor, float]) -> None:
    inv_freq, factor = frequencies(rope, head_dim, length)
    assert inv_freq.dtype == torch.float32
    torch.testing.assert_close(inv_freq, expected[0], rtol=1e-7, atol=0)
    assert factor == pytest.approx(expected[1], rel=1e-12)


@given(BASES, HEAD_DIMS, PARTS, FACTORS, CONTEXTS, LENGTHS)
def test_linear_and_dynamic(base, head_dim, part, factor, context, length):
    dim = int(head_dim * part)
    rope = RopeConfig(base, dim, LinearScaling(factor))
    given_to_theirs = (rope, head_dim, part, context, length)
    assert_same(rope, head_dim, length, theirs(*given_to_theirs, rope_type="linear", factor=factor))
    if dim > 2:
        rope = RopeConfig(base, dim, DynamicScaling(factor, context))
        assert_same(rope, head_dim, length, theirs(*given_to_theirs, rope_type="dynamic", factor=factor))


@given(BASES, HEAD_DIMS, PARTS, FACTORS, CONTEXTS, st.floats(0.25, 4), st.floats(1.5, 8))
def test_llama3(base, head_dim, part, factor, original, low, ratio):
    rope = RopeConfig(base, int(head_dim * part), Llama3Scaling(factor, low, low * ratio, original))
    parameters = {
        "rope_type": "llama3",
        "factor": factor,
        "low_freq_factor": low,
        "high_freq_factor": low * ratio,
        "original_max_position_embeddings": original,
    }
    assert_same(rope, head_dim, 1, theirs(rope, head_dim, part, 8 * original, 1, **parameters))


@given(
    BASES,
    HEAD_DIMS,
    PARTS,
    st.floats(0.5, 64),
    CONTEXTS,
    st.fixed_dictionaries(
        {},
        optional={
            "attention_factor": st.floats(0.25, 4),
            "beta_fast": st.floats(8, 64),
            "beta_slow": st.floats(0.25, 4),
            "mscale": st.floats(0.25, 2),
            "mscale_all_dim": st.floats(0.25, 2),
            "truncate": st.booleans(),
        },
    ),
)
def test_yarn(base, head_dim, part, factor, original, options):
    rope = RopeConfig(base, int(head_dim * part), YarnScaling(factor, original, **options))
    parameters = {"rope_type": "yarn", "factor": factor, "original_max_position_embeddings": original}
    assert_same(rope, head_dim, 1, theirs(rope, head_dim, part, 8 * original, 1, **parameters | options))


@given(
    BASES,
    HEAD_DIMS,
    PARTS,
    st.floats(0.5, 64),
    CONTEXTS,
    LENGTHS,
    st.none() | st.floats(0.25, 4),
    st.integers(0, 2**32),
)
def test_longrope(base, head_dim, part, factor, original, length, attention, seed):
    dim = int(head_dim * part)
    draws = torch.rand(2, dim // 2, generator=torch.Generator().manual_seed(seed)).double() * 40 + 1
    short, long = draws.tolist()
    scaling = LongRopeScaling(tuple(short), tuple(long), original, factor, attention)
    rope = RopeConfig(base, dim, scaling)
    parameters = {
        "rope_type": "longrope",
        "factor": factor,
        "short_factor": short,
        "long_factor": long,
        "original_max_position_embeddings": original,
        "attention_factor": attention,
    }
    assert_same(rope, head_dim, length, theirs(rope, head_dim, part, original * 8, length, **parameters))


@given(BASES, HEAD_DIMS, PARTS, FACTORS)
def test_proportional(base, head_dim, part, factor):
    rope = RopeConfig(base, 2 * int(part * head_dim // 2), ProportionalScaling(factor))
    expected = theirs(rope, head_dim, part, 128, 1, rope_type="proportional", factor=factor)
    assert_same(rope, head_dim, 1, expected)


def plain(base: float, dim: int) -> torch.Tensor:
    """theta_i = base ** (-2i/d) in float64."""
    return torch.tensor([base ** (-2 * i / dim) for i in range(dim // 2)], dtype=torch.float64)


def scaled(base: float, dim: int, scaling, length: int = 1) -> torch.Tensor:
    return frequencies(RopeConfig(base, dim, scaling), dim, length).inv_freq.double()


@given(BASES, HEAD_DIMS)
def test_unscaled_closed_form(base, dim):
    torch.testing.assert_close(scaled(base, dim, None), plain(base, dim), rtol=1e-6, atol=0)


@given(BASES, HEAD_DIMS, st.floats(1.5, 64), CONTEXTS)
def test_llama3_is_piecewise(base, dim, factor, original):
    """In turns over the original context, L0 theta / 2 pi: more than high kept, fewer than low divided,
    and in between a blend that is linear in the turns.
    """
    low, high = 1.0, 4.0
    theta, ours = plain(base, dim), scaled(base, dim, Llama3Scaling(factor, low, high, original))
    turns = original * theta / (2 * math.pi)
    weight = ((turns - low) / (high - low)).clamp(0, 1)
    expected = theta / factor + weight * (theta - theta / factor)
    torch.testing.assert_close(ours, expected, rtol=2e-5, atol=0)


@given(BASES, HEAD_DIMS, st.floats(1.5, 64), CONTEXTS)
def test_yarn_keeps_fast_pairs_and_divides_slow_ones(base, dim, factor, original):
    """Without rounding, pairs turning over 32 times in the original context are kept, those turning less
    than once are divided, the others lie strictly between and are monotone.
    """
    theta, ours = plain(base, dim), scaled(base, dim, YarnScaling(factor, original, truncate=False))
    turns, ratio = original * theta / (2 * math.pi), theta / ours
    assert ((ratio > 1 - 1e-5) & (ratio < factor * (1 + 1e-5))).all()
    assert ((ratio[turns > 32] - 1).abs() < 1e-5).all()
    slow = (turns < 1) & (torch.arange(dim // 2) > 0)
    assert ((ratio[slow] / factor - 1).abs() < 1e-5).all()
    assert (ratio.diff() > -1e-5 * factor).all()


@given(BASES, st.sampled_from([8, 64, 128]), FACTORS, CONTEXTS, LENGTHS)
def test_dynamic_stretches_the_slowest_pair_by_the_excess(base, dim, factor, original, length):
    """The exponent d/(d-2) is chosen so that theta_0 stays and the last theta is divided by the stretch."""
    ours = scaled(base, dim, DynamicScaling(factor, original), length)
    stretch = factor * max(length, original) / original - (factor - 1)
    assert ours[0] == 1
    assert ours[-1].item() == pytest.approx(plain(base, dim)[-1].item() / stretch, rel=1e-5)


@given(BASES, HEAD_DIMS, FACTORS, CONTEXTS)
def test_divisors_stand_for_llama3(base, dim, factor, original):
    """GGUF writes llama3 scaling as theta / theta'; dividing by it gives theta' back."""
    expected = scaled(base, dim, Llama3Scaling(factor, 1.0, 4.0, original))
    divisors = DivisorScaling(tuple((plain(base, dim) / expected).tolist()))
    torch.testing.assert_close(scaled(base, dim, divisors), expected, rtol=1e-6, atol=0)


SCALINGS = [
    None,
    LinearScaling(4.0),
    DynamicScaling(2.0, 100),
    Llama3Scaling(8.0, 1.0, 4.0, 100),
    YarnScaling(4.0, 100),
    LongRopeScaling((1.0, 2.0, 3.0, 4.0), (2.0, 4.0, 6.0, 9.0), 100, 4.0),
    ProportionalScaling(2.0),
    DivisorScaling((1.0, 2.0, 3.0, 4.0)),
]
NEAR = st.integers(90, 110) | st.integers(1, 1000)


@pytest.mark.parametrize("scaling", SCALINGS, ids=lambda scaling: type(scaling).__name__)
@given(a=NEAR, b=NEAR)
def test_one_regime_is_one_set_of_frequencies(scaling, a, b):
    """Cached keys may be shared exactly where the frequencies, and with them the keys, are the same."""
    rope = RopeConfig(10000.0, 8, scaling)
    one, other = frequencies(rope, 8, a), frequencies(rope, 8, b)
    same = torch.equal(one.inv_freq, other.inv_freq) and one.attention_factor == other.attention_factor
    assert same == (regime(rope, a) == regime(rope, b))
