"""A row's bits are the same in any company: few rows or many, in any order, cut in any way, on any page."""

import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ponder.errors import UnsupportedError
from ponder.kernels import reference, row_invariant, select_kernels
from ponder.kernels.attention_plan import AttentionPlan
from ponder.kernels.row_invariant.linear import BLOCKS, cover, proven_blocks

OPS = row_invariant
seeds = st.integers(0, 2**32)
selections = st.lists(st.integers(0, 149), min_size=1, max_size=150)
# out, in: the tiny model, shapes with tails of vectors, and the default model's.
SHAPES = [(32, 32), (16, 32), (64, 32), (32, 64), (7, 5), (3, 1), (13, 577)]
SHAPES += [(576, 576), (192, 576), (1536, 576), (576, 1536)]


def normal(*shape: int, seed: int, scale: float = 1.0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * scale


def test_selection():
    """The CPU has both; elsewhere what was asked for is refused by name."""
    cpu = torch.device("cpu")
    assert select_kernels(cpu, name="reference").primitives is reference
    assert select_kernels(cpu, name="reference", row_invariant=True).primitives is row_invariant
    assert select_kernels(torch.device("meta")).primitives is reference
    with pytest.raises(UnsupportedError, match=r"row_invariant = True .*'cuda:0'.* only on 'cpu'"):
        select_kernels(torch.device("cuda:0"), row_invariant=True)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("biased", [False, True])
@settings(max_examples=20)
@given(seed=seeds, chosen=selections)
def test_linear(shape, biased, seed, chosen):
    x, weight = normal(150, shape[1], seed=seed), normal(*shape, seed=seed + 1)
    bias = normal(shape[0], seed=seed + 2) if biased else None
    assert torch.equal(OPS.linear(x[chosen], weight, bias), OPS.linear(x, weight, bias)[chosen])


@pytest.mark.slow
def test_linear_of_the_vocabulary():
    x, weight = normal(70, 576, seed=0), normal(49152, 576, seed=1)
    whole = OPS.linear(x, weight, None)
    for rows in ([3], [3, 69], list(range(69, 40, -1)), [5] * 9 + [3]):
        assert torch.equal(OPS.linear(x[rows], weight, None), whole[rows])


def test_linear_of_nothing():
    assert OPS.linear(torch.empty(0, 5), torch.ones(3, 5), torch.ones(3)).shape == (0, 3)


@pytest.mark.slow
@given(rows=st.integers(0, 1000), sizes=st.sets(st.sampled_from(BLOCKS), min_size=1))
def test_blocks_cover_the_rows(rows, sizes):
    """Only the given sizes occur, and less than one block is padding."""
    blocks = cover(rows, sorted(sizes))
    assert set(blocks) <= sizes
    assert 0 <= sum(blocks) - rows < max(sizes)
    assert not blocks or rows > sum(blocks[:-1])


def test_without_a_proven_block_each_row_is_its_own_product(monkeypatch):
    """A library that does not pass the trial costs speed and not the property."""
    noise = torch.Generator().manual_seed(0)

    def unsteady(x, weight, blocks):
        return torch.randn(sum(blocks), weight.shape[0], generator=noise)

    monkeypatch.setattr(sys.modules[proven_blocks.__module__], "multiply", unsteady)
    assert proven_blocks.__wrapped__(6, 4, torch.float32, 1) == (1,)
    assert cover(5, (1,)) == [1] * 5


@pytest.mark.parametrize("width", [1, 7, 8, 31, 32, 33, 64, 576, 1000, 1536])
@settings(max_examples=20)
@given(seed=seeds, chosen=selections, scale=st.sampled_from([0.1, 1.0, 20.0]))
def test_rms_norm_and_swiglu(width, seed, chosen, scale):
    """The rows of a norm may also be heads."""
    x, up, weight = (normal(150, width, seed=seed + i, scale=scale) for i in range(3))
    for op in (lambda *a: OPS.rms_norm(a[0], weight[0], 1e-5), OPS.swiglu):
        assert torch.equal(op(x[chosen], up[chosen]), op(x, up)[chosen])
    heads = OPS.rms_norm(x.view(50, 3, width), weight[0], 1e-5)
    assert torch.equal(heads.flatten(0, 1)[chosen], OPS.rms_norm(x[chosen], weight[0], 1e-5))


@settings(max_examples=20)
@given(seed=seeds, chosen=st.lists(st.integers(0, 149), min_size=1, unique=True))
def test_rope_and_store(seed, chosen):
    q, k, v = normal(150, 9, 64, seed=seed), *normal(2, 150, 3, 64, seed=seed + 1)
    angles = normal(150, 32, seed=seed + 2, scale=100.0)
    cos_sin, slots = (angles.cos(), angles.sin()), torch.arange(150)
    whole, part = torch.zeros(2, 2, 10, 16, 3, 64)
    rotated = OPS.rope_and_store(q, k, v, cos_sin, *whole, slots)
    alone = OPS.rope_and_store(
        q[chosen], k[chosen], v[chosen], (angles[chosen].cos(), angles[chosen].sin()), *part, slots[chosen]
    )
    assert torch.equal(alone, rotated[chosen])
    assert torch.equal(part.flatten(1, 2)[:, chosen], whole.flatten(1, 2)[:, chosen])


class Paged:
    """Random sequences on scattered pages, what was never written being NaN; attention in any portions."""

    def __init__(self, lengths, heads, groups, head_dim, page_size, seed):
        generator = torch.Generator().manual_seed(seed)
        counts = [-(-length // page_size) for length in lengths]
        self.tables = list(torch.randperm(sum(counts), generator=generator).split(counts))
        self.k_pages, self.v_pages = torch.full((2, sum(counts), page_size, groups, head_dim), torch.nan)
        self.q, self.k, self.v = (
            [torch.randn(length, n, head_dim, generator=generator) * 2 for length in lengths]
            for n in (heads, groups, groups)
        )
        self.page_size, self.window = page_size, None

    def run(self, portions, trees=None):
        """Attend for `portions`: (sequence, first, last). Keys are written as far as the portions go."""
        for i, first, last in portions:
            positions = torch.arange(first, last)
            slots = self.tables[i][positions // self.page_size] * self.page_size + positions % self.page_size
            self.k_pages.flatten(0, 1)[slots] = self.k[i][first:last]
            self.v_pages.flatten(0, 1)[slots] = self.v[i][first:last]
        plan = AttentionPlan(
            [last - first for _, first, last in portions],
            [last for *_, last in portions],
            [self.tables[i][: -(-last // self.page_size)] for i, _, last in portions],
            trees or {},
        )
        q = torch.cat([self.q[i][first:last] for i, first, last in portions])
        out = OPS.attention(q, self.k_pages, self.v_pages, plan, self.window)
        return out.split([last - first for _, first, last in portions])


HEADS = {"tiny": (4, 2, 8, 16), "default": (9, 3, 64, 16), "odd": (5, 1, 20, 4), "pages of 1": (2, 2, 8, 1)}


@pytest.mark.slow
@pytest.mark.parametrize("shape", HEADS.values(), ids=HEADS)
@settings(max_examples=25)
@given(
    data=st.data(),
    seed=seeds,
    lengths=st.lists(st.integers(1, 100), min_size=1, max_size=5),
    window=st.none() | st.integers(1, 50),
)
def test_attention(shape, data, seed, lengths, window):
    """All sequences in random chunks, each step in random company, equal each alone in one pass."""
    alone = []
    for i, length in enumerate(lengths):
        paged = Paged(lengths, *shape, seed)
        paged.window = window
        alone += paged.run([(i, 0, length)])
    paged = Paged(lengths, *shape, seed)
    paged.window = window
    done = [0] * len(lengths)
    while any(now < length for now, length in zip(done, lengths, strict=True)):
        growing = [i for i, length in enumerate(lengths) if done[i] < length]
        company = data.draw(st.lists(st.sampled_from(growing), min_size=1, unique=True))
        ends = [min(lengths[i], done[i] + data.draw(st.sampled_from([1, 7, 16, 40]))) for i in company]
        portions = [(i, done[i], end) for i, end in zip(company, ends, strict=True)]
        for (i, first, last), out in zip(portions, paged.run(portions), strict=True):
            assert torch.equal(out, alone[i][first:last])
            done[i] = last


@pytest.mark.slow
def test_attention_over_a_long_context():
    """Over 512 keys the fused kernel works in portions; a token alone still equals the whole pass."""
    paged = Paged([1100], 9, 3, 64, 16, 0)
    [whole] = paged.run([(0, 0, 1100)])
    for first, last in ((511, 512), (512, 513), (1000, 1016), (1099, 1100)):
        paged = Paged([1100], 9, 3, 64, 16, 0)
        paged.run([(0, 0, first)])
        assert torch.equal(paged.run([(0, first, last)])[0], whole[first:last])


@pytest.mark.slow
@pytest.mark.parametrize("shape", HEADS.values(), ids=HEADS)
@settings(max_examples=25)
@given(data=st.data(), seed=seeds, cached=st.integers(0, 40), window=st.none() | st.integers(1, 50))
def test_a_tree_is_its_paths(shape, data, seed, cached, window):
    """Every node attends as the last token of its path does in a sequence of its own."""
    nodes = data.draw(st.integers(1, 20))
    sees = torch.eye(nodes, dtype=torch.bool)
    for node in range(1, nodes):
        parent = data.draw(st.integers(-1, node - 1))
        if parent >= 0:
            sees[node] |= sees[parent]
    paged = Paged([cached + nodes], *shape, seed)
    paged.window = window
    if cached:
        paged.run([(0, 0, cached)])
    [tree] = paged.run([(0, cached, cached + nodes)], {0: sees})
    for node in range(nodes):
        path = [*range(cached), *(cached + sees[node].nonzero()[:, 0]).tolist()]
        chain = Paged([len(path)], *shape, seed)
        chain.window = window
        chain.q, chain.k, chain.v = ([x[0][path]] for x in (paged.q, paged.k, paged.v))
        assert torch.equal(chain.run([(0, 0, len(path))])[0][-1], tree[node])
