"""Which tokens survive: against naive full sorts, the boundary cases by hand, and transformers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import MinPLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from ponder.sampling.truncation import min_p, renormalise, top_k, top_p

SHAPES = ("normal", "peaked", "flat", "ties", "uniform", "one hot", "dyadic", "zeros")


def kept(mask):
    """The kept ids of each row."""
    return [row.nonzero().squeeze(-1).tolist() for row in mask]


def make_row(shape, size, rng):
    """A distribution, float32, of one of several shapes."""
    if shape == "one hot":
        row = np.zeros(size)
        row[rng.integers(size)] = 1.0
    elif shape == "uniform":
        row = np.ones(size)
    elif shape == "ties":
        row = rng.integers(1, 4, size).astype(float)
    elif shape == "dyadic":
        row = 2.0 ** -rng.integers(1, 12, size)
    elif shape == "zeros":
        row = rng.random(size) * (rng.random(size) < 0.2)
        row[rng.integers(size)] = 1.0
    else:
        row = np.exp(rng.normal(size=size) * {"normal": 1.5, "peaked": 8.0, "flat": 0.01}[shape])
    return (row / row.sum()).astype(np.float32)


def ordered(row):
    """All ids by falling probability, equal ones by rising id: a full sort."""
    return sorted(range(len(row)), key=lambda token: (-row[token], token))


def naive_top_p(row, p):
    """The first tokens of the full order, as long as the mass before them is < p of the whole."""
    order = np.lexsort((np.arange(len(row)), -row))
    cumulative = row[order].astype(np.float64).cumsum()
    ahead = np.concatenate(([0.0], cumulative[:-1]))
    return sorted(order[ahead < p * row.astype(np.float64).sum()].tolist())


rows = st.tuples(
    st.sampled_from(SHAPES), st.floats(np.log(3), np.log(50_000)).map(lambda x: round(np.exp(x)))
)
# Up to 1 - 1e-6: closer to 1 the order of a float64 sum decides, and no definition does.
levels = st.one_of(
    st.floats(1e-9, 1 - 1e-6),
    st.sampled_from([1e-300, 0.125, 0.25, 0.5, 0.75, 0.9, 0.95, 0.999]),
)


@pytest.mark.slow
@settings(max_examples=125, deadline=None, derandomize=True)
@given(rows, levels, st.integers(0, 2**32))
def test_top_p_is_the_full_sort(shape_and_size, p, seed):
    """Sorting only the tokens that can be kept changes nothing: 2,000 rows of 3 to 50,000 tokens."""
    shape, size = shape_and_size
    rng = np.random.default_rng(seed)
    probs = np.stack([make_row(shape, size, rng) for _ in range(8)])
    assert kept(top_p(torch.from_numpy(probs), p)) == [naive_top_p(row, p) for row in probs]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.sampled_from(SHAPES), st.integers(3, 400), st.data())
def test_top_k_is_the_full_sort(shape, size, data):
    """Exactly k tokens stay, the first of the full order."""
    k = data.draw(st.integers(1, size + 3))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    probs = np.stack([make_row(shape, size, rng) for _ in range(4)])
    assert kept(top_k(torch.from_numpy(probs), k)) == [sorted(ordered(row)[:k]) for row in probs]


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.sampled_from(SHAPES), st.integers(3, 400), st.floats(0, 1, width=32), st.integers(0, 2**32))
def test_min_p_is_its_definition(shape, size, p, seed):
    """A token stays iff its probability is >= p times the largest; the largest always does."""
    row = make_row(shape, size, np.random.default_rng(seed))
    expected = [i for i in range(size) if row[i] >= np.float32(p) * row.max()]
    assert kept(min_p(torch.from_numpy(row)[None], p)) == [expected]
    assert int(row.argmax()) in expected


def test_top_k_ties_go_to_the_lowest_ids():
    """Among equal tokens at the k-th place the lowest ids stay, wherever they lie."""
    probs = torch.tensor([[0.1, 0.2, 0.1, 0.2, 0.1, 0.2, 0.1]])
    assert kept(top_k(probs, 2)) == [[1, 3]]
    assert kept(top_k(probs, 4)) == [[0, 1, 3, 5]]
    assert kept(top_k(probs, 0)) == [list(range(7))]
    assert kept(top_k(probs, 7)) == kept(top_k(probs, 10**30)) == [list(range(7))]


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        (5e-324, [2]),
        (0.25, [2]),
        (0.5, [2]),  # exactly 0.5 lies ahead of the next token: not < 0.5
        (0.5000001, [0, 2]),
        (0.75, [0, 2]),
        (0.76, [0, 2, 3]),
        (0.875, [0, 2, 3]),  # the tie of 3 and 4 goes to the lower id
        (0.88, [0, 2, 3, 4]),
        (1 - 2.0**-53, [0, 2, 3, 4]),  # a token of probability zero is never needed
        (1.0, [0, 1, 2, 3, 4]),  # 1 is "off"
    ],
)
def test_top_p_at_the_boundary(p, expected):
    """A token stays iff the mass strictly ahead of it is < p."""
    probs = torch.tensor([[0.25, 0.0, 0.5, 0.125, 0.125]])
    assert kept(top_p(probs, p)) == [expected]


def test_top_p_of_equal_tokens():
    """Of 64 equal tokens p = k/64 keeps the k lowest ids."""
    probs = torch.full((1, 64), 1 / 64)
    for k in (1, 2, 31, 63):
        assert kept(top_p(probs, k / 64)) == [list(range(k))]
        assert kept(top_p(probs, k / 64 + 1e-9)) == [list(range(k + 1))]


def test_rows_do_not_see_each_other():
    """A batch of rows is its rows."""
    rng = np.random.default_rng(5)
    probs = torch.from_numpy(np.stack([make_row(shape, 97, rng) for shape in SHAPES]))
    for rule, value in ((top_k, 11), (top_p, 0.6), (min_p, 0.2)):
        together = rule(probs, value)
        assert all(torch.equal(together[i], rule(probs[i : i + 1], value)[0]) for i in range(len(SHAPES)))


@pytest.mark.parametrize("scale", [0.3, 2.0, 6.0])
@pytest.mark.parametrize("size", [5, 60, 1000])
def test_transformers_keeps_the_same_tokens(scale, size):
    """Without ties the three rules are transformers' warpers (run there in float64)."""
    logits = torch.from_numpy(np.random.default_rng(size).normal(size=(200, size)) * scale)
    probs = torch.softmax(logits, dim=-1).float()
    for k in (1, 2, size // 2, size):
        expected = TopKLogitsWarper(k)(None, logits)
        assert torch.equal(top_k(probs, k), expected > -torch.inf)
    for p in (0.001, 0.3, 0.7, 0.95, 0.999):
        expected = TopPLogitsWarper(p)(None, logits)
        assert torch.equal(top_p(probs, p), expected > -torch.inf)
        expected = MinPLogitsWarper(p)(None, logits)
        assert torch.equal(min_p(probs, p), expected > -torch.inf)


def test_renormalised_rows_sum_to_one():
    """The kept tokens share all mass in their old proportions."""
    probs = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.97, 0.01, 0.01, 0.01]])
    result = renormalise(probs, torch.tensor([[True, False, True, False], [False, True, True, False]]))
    torch.testing.assert_close(result, torch.tensor([[0.25, 0, 0.75, 0], [0, 0.5, 0.5, 0]]))
