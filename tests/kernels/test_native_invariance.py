"""A row's bits are the same alone and in any company, in any order, chunks, pages and number of threads."""

import contextlib
import functools
from dataclasses import replace

import pytest
import torch
from hypothesis import strategies as st

from kernels.native_programs import (
    ISAS,
    PAGE,
    Model,
    numbers,
    on_every_isa,
    plain,
    ragged,
    random_tree,
    random_weight,
)
from ponder.kernels.layers import Linear, Norm

VOCABULARY = 53
KINDS = {
    "float32": (("F32",), 24, "F32"),
    "blocks of 32": (("Q8_0", "Q4_1", "Q5_0", "BF16"), 64, "BF16"),
    "more blocks of 32": (("Q5_1", "Q4_0", "IQ4_NL", "MXFP4", "BF16"), 64, "BF16"),
    "K-quants": (("Q4_K", "Q6_K", "Q2_K", "F16"), 256, "BF16"),
    "more blocks of 256": (("Q3_K", "Q5_K", "IQ4_XS"), 256, "BF16"),
}


@functools.cache
def random_model(isa: str, name: str, layers: int = 2) -> Model:
    """Two layers, or the first of them only, the second with a window; 3 key heads of 20 dimensions, each
    read by 3 query heads."""
    kinds, hidden, cache = KINDS[name]
    heads, kv_heads, head_dim, inner = 9, 3, 20, 96 if hidden < 256 else 256
    if hidden == 256:
        heads, kv_heads, head_dim = 8, 2, 32
    generator = torch.Generator().manual_seed(0)
    made = iter(range(1000))

    def layer(out, inputs, bias=False):
        i = next(made)
        fitting = [kind for kind in kinds if inputs % 32 == 0 or kind in ("F32", "BF16")]
        kind = fitting[i % len(fitting)]
        return Linear(random_weight(kind, out, inputs, i), numbers(generator, out) if bias else None)

    norms = [Norm(1 + numbers(generator, hidden) / 10, 1e-5) for _ in range(3)]
    head_norms = [Norm(2 + numbers(generator, head_dim) / 10, 1e-5) for _ in range(2)]
    qkv = [[layer(n * head_dim, hidden, bias=i == 0) for n in (heads, kv_heads, kv_heads)] for i in range(2)]
    o = [layer(hidden, heads * head_dim) for _ in range(2)]
    feed = [(layer(inner, hidden), layer(inner, hidden), layer(hidden, inner, bias=True)) for _ in range(2)]
    table, head = plain(numbers(generator, VOCABULARY, hidden)), layer(VOCABULARY, hidden).weight

    def define(ops):
        ops.embed(table)
        ops.exit(0)
        for i in range(layers):
            ops.project(i, norms[i], *qkv[i], *(head_norms if i else (None, None)), rotate=True)
            ops.attend(i, 75 if i else None)
            ops.add_projection(o[i])
            ops.add_feed_forward(norms[i], *feed[i])
            ops.exit(i + 1)
        ops.logits(norms[2], head)

    return Model(define, isa, hidden, heads, kv_heads, head_dim, 8, 2, cache, num_pages=300)


def forgetful(isa: str, name: str) -> Model:
    """The same model each time, its cache forgotten."""
    model = random_model(isa, name)
    model.pages.fill_(torch.nan)
    return model


def run(model: Model, tokens, sequences, positions, trees=None) -> torch.Tensor:
    angles = torch.tensor(positions)[:, None] * torch.tensor([1.0, 0.3, 0.1, 0.03])
    batch = ragged(tokens, sequences, trees=trees)
    return model.native(batch, (angles.cos(), angles.sin()))


def alone(model: Model, text: list[int]) -> torch.Tensor:
    """Logits after every token of a text, computed in one pass with nothing beside it, by one thread."""
    pages = list(range(-(-len(text) // PAGE)))
    with threads(1):
        return run(model, text, [(len(text), len(text), pages)], range(len(text)))


def alone_with_states(isa: str, name: str, layers: int, text: list[int], bare: bool):
    """`alone`, in a model of so many layers, and what the head reads; `bare`: without the last norm."""
    model = random_model(isa, name, layers)
    angles = torch.arange(len(text))[:, None] * torch.tensor([1.0, 0.3, 0.1, 0.03])
    batch = ragged(text, [(len(text), len(text), list(range(-(-len(text) // PAGE))))])
    states = torch.full((len(text), KINDS[name][1]), torch.nan)
    depths = torch.full((len(text),), ~layers) if bare else None
    with threads(1):
        logits = model.native(
            replace(batch, logit_depths=depths, states=states), (angles.cos(), angles.sin())
        )
    return logits, states


@contextlib.contextmanager
def threads(count: int):
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    return torch.equal(a.contiguous().view(torch.int32), b.contiguous().view(torch.int32))


TOKENS = st.integers(0, VOCABULARY - 1)


@st.composite
def texts(draw):
    """Texts, and for each the earlier text whose beginning it shares, and how much of it."""
    seed = draw(st.integers(0, 2**32 - 1))
    generator = torch.Generator().manual_seed(seed)
    found, parents = [], []
    for i in range(draw(st.integers(1, 5))):
        length = draw(st.integers(1, 40) | st.integers(100, 300))
        text = torch.randint(VOCABULARY, (length,), generator=generator).tolist()
        parent = draw(st.none() | st.integers(0, i - 1)) if i else None
        shared = 0
        if parent is not None:
            # At least one token is left to compute.
            shared = draw(st.integers(0, len(found[parent])))
            text = found[parent][:shared] + text
        found.append(text)
        parents.append((parent, shared))
    return found, parents


@pytest.mark.slow
@on_every_isa(
    15, 3, {"name": list(KINDS)}, drawn=texts(), sharing=st.booleans(), shuffle=st.randoms(), data=st.data()
)
def test_any_schedule(isa, name, drawn, sharing, shuffle, data):
    """Texts in random chunks, in random company and order, on random pages that are shared or not, by one,
    two or three threads: each row has the bits it has in its text alone."""
    found, parents = drawn
    model = forgetful(isa, name)
    expected = [alone(model, text) for text in found]
    model.pages.fill_(torch.nan)
    free = list(range(model.num_pages))
    shuffle.shuffle(free)
    tables, done = [[] for _ in found], [0] * len(found)
    while any(now < len(text) for now, text in zip(done, found, strict=True)):
        for i, (parent, shared) in enumerate(parents):
            # Begin behind the whole pages that the parent has computed by now.
            if sharing and parent is not None and done[i] == 0:
                pages = min(shared, done[parent]) // PAGE
                tables[i], done[i] = tables[parent][:pages], pages * PAGE
        growing = [i for i, text in enumerate(found) if done[i] < len(text)]
        company = data.draw(st.lists(st.sampled_from(growing), min_size=1, unique=True)) if growing else []
        tokens, sequences, positions, rows = [], [], [], []
        for i in company:
            new = min(len(found[i]) - done[i], data.draw(st.sampled_from([1, 2, 7, 8, 20, 60, 150])))
            end = done[i] + new
            while len(tables[i]) * PAGE < end:
                tables[i] = [*tables[i], free.pop()]
            tokens += found[i][done[i] : end]
            positions += range(done[i], end)
            sequences.append((new, end, tables[i]))
            rows.append((i, done[i], end))
        with threads(data.draw(st.sampled_from([1, 2, 3]))):
            logits = run(model, tokens, sequences, positions)
        for (i, first, end), part in zip(rows, logits.split([n for n, *_ in sequences]), strict=True):
            assert same_bits(part, expected[i][first:end])
            done[i] = end


@pytest.mark.slow
@on_every_isa(
    20,
    5,
    {"name": list(KINDS)},
    seed=st.integers(0, 2**32 - 1),
    cached=st.integers(0, 40) | st.integers(100, 160),
    nodes=st.integers(1, 30),
    data=st.data(),
)
def test_a_node_is_the_end_of_its_text(isa, name, seed, cached, nodes, data):
    """The nodes of a trie behind cached tokens have the bits of the same tokens as a text of their own."""
    generator = torch.Generator().manual_seed(seed)
    prefix = torch.randint(VOCABULARY, (cached,), generator=generator).tolist()
    tokens = torch.randint(VOCABULARY, (nodes,), generator=generator).tolist()
    chain = data.draw(st.booleans())
    sees = random_tree(lambda node: node - 1 if chain else data.draw(st.integers(-1, node - 1)), nodes)
    depths = (sees.sum(1) - 1 + cached).tolist()
    paths = [[*prefix, *(tokens[i] for i in sees[node].nonzero()[:, 0])] for node in range(nodes)]
    model = forgetful(isa, name)
    expected = [alone(model, path)[-1:] for path in paths]
    model.pages.fill_(torch.nan)
    company = torch.randint(VOCABULARY, (9,), generator=generator).tolist()
    pages = list(range(-(-(cached + nodes) // PAGE)))
    if cached:
        run(model, prefix, [(cached, cached, pages)], range(cached))
    batch = [(9, 9, [100]), (nodes, cached + nodes, pages)]
    with threads(data.draw(st.sampled_from([1, 2, 3]))):
        logits = run(model, company + tokens, batch, [*range(9), *depths], {1: sees})
    assert same_bits(logits[9:], torch.cat(expected))


@pytest.mark.slow
@on_every_isa(
    20,
    5,
    {"name": list(KINDS)},
    seed=st.integers(0, 2**32 - 1),
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    data=st.data(),
)
def test_logits_after_fewer_layers_are_a_shallower_model_s(isa, name, seed, lengths, data):
    """Any rows in any order, at any depths, by one to three threads: the bits of a model without the rest."""
    generator = torch.Generator().manual_seed(seed)
    texts = [torch.randint(VOCABULARY, (length,), generator=generator).tolist() for length in lengths]

    def in_model_of(layers: int, bare: bool) -> list[torch.Tensor]:
        parts = [alone_with_states(isa, name, layers, text, bare) for text in texts]
        return [torch.cat(part) for part in zip(*parts, strict=True)]

    normed, unnormed = ([in_model_of(layers, bare) for layers in range(3)] for bare in (False, True))
    places = data.draw(st.lists(st.integers(0, sum(lengths) - 1), max_size=60))
    depths = [data.draw(st.integers(0, 2)) for _ in places]
    bare = [data.draw(st.booleans()) for _ in places]
    tokens, positions = [token for text in texts for token in text], [i for n in lengths for i in range(n)]
    tables = [list(range(4 * i, 4 * i + 4)) for i in range(len(lengths))]
    sequences = [(n, n, pages) for n, pages in zip(lengths, tables, strict=True)]
    angles = torch.tensor(positions)[:, None] * torch.tensor([1.0, 0.3, 0.1, 0.03])
    batch = ragged(tokens, sequences, logit_rows=places)
    states = torch.full((len(places), KINDS[name][1]), torch.nan)
    asked = [~depth if without_norm else depth for depth, without_norm in zip(depths, bare, strict=True)]
    batch = replace(batch, logit_depths=torch.tensor(asked, dtype=torch.int64), states=states)
    model = forgetful(isa, name)
    with threads(data.draw(st.sampled_from([1, 2, 3]))):
        logits = model.native(batch, (angles.cos(), angles.sin()))
    for row, place, depth, without_norm, state in zip(logits, places, depths, bare, states, strict=True):
        expected = unnormed if without_norm else normed
        assert same_bits(row, expected[depth][0][place])
        assert same_bits(state, expected[depth][1][place])


@pytest.mark.parametrize("name", KINDS)
def test_every_number_of_rows(name):
    """1 to 50 texts of one token side by side: each the bits it has alone, in every place."""
    for isa in ISAS:
        model = forgetful(isa, name)
        expected = torch.cat([alone(model, [token]) for token in range(50)])
        for rows in range(1, 50, 1 if isa == ISAS[0] else 7):
            order = torch.randperm(50, generator=torch.Generator().manual_seed(rows))[:rows].tolist()
            logits = run(model, order, [(1, 1, [i]) for i in range(rows)], [0] * rows)
            assert same_bits(logits, expected[order])
