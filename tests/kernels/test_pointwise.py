"""Norm, projection, embedding and activation against their formulas in float64."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ponder.kernels import reference, row_invariant

IMPLEMENTATIONS = [pytest.param(ops, id=ops.__name__.split(".")[-1]) for ops in (reference, row_invariant)]
SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 40))


def normal(*shape: int, seed: int, scale: float = 1.0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * scale


@pytest.mark.slow
@pytest.mark.parametrize("ops", IMPLEMENTATIONS)
@given(
    shape=SHAPES,
    seed=st.integers(0, 2**32),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    eps=st.sampled_from([1e-6, 1e-5, 1e-2]),
)
def test_rms_norm(ops, shape, seed, scale, eps):
    x, weight = normal(*shape, seed=seed, scale=scale), normal(shape[-1], seed=seed + 1)
    exact = x.double() / ((x.double() ** 2).sum(-1, keepdim=True) / shape[-1] + eps) ** 0.5 * weight.double()
    torch.testing.assert_close(ops.rms_norm(x, weight, eps).double(), exact, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("ops", IMPLEMENTATIONS)
@given(seed=st.integers(0, 2**32), scale=st.sampled_from([1e-3, 1.0, 30.0]))
def test_swiglu(ops, seed, scale):
    gate, up = normal(7, 24, seed=seed, scale=scale), normal(7, 24, seed=seed + 1)
    exact = gate.double() / (1 + (-gate.double()).exp()) * up.double()
    torch.testing.assert_close(ops.swiglu(gate, up).double(), exact, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("ops", IMPLEMENTATIONS)
@given(shape=SHAPES, seed=st.integers(0, 2**32), biased=st.booleans())
def test_linear(ops, shape, seed, biased):
    tokens, rows, columns = shape
    x, weight = normal(tokens, columns, seed=seed), normal(rows, columns, seed=seed + 1)
    bias = normal(rows, seed=seed + 2) if biased else None
    exact = torch.tensor(
        [[sum(a * b for a, b in zip(t, w, strict=True)) for w in weight.tolist()] for t in x.tolist()]
    )
    exact = exact + bias if biased else exact
    torch.testing.assert_close(ops.linear(x, weight, bias), exact, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("ops", IMPLEMENTATIONS)
def test_embed(ops):
    weight, ids = normal(9, 5, seed=0), [3, 0, 8, 3]
    assert torch.equal(ops.embed(weight, torch.tensor(ids)), torch.stack([weight[i] for i in ids]))
