"""Each native operation against its definition in float64, with every instruction set of this processor."""

import math

import pytest
import torch
from hypothesis import strategies as st

from kernels.native_programs import (
    BLOCK,
    CODES,
    ISAS,
    KINDS,
    PAGE,
    Model,
    close,
    grid,
    identity,
    numbers,
    on_every_isa,
    passing,
    plain,
    quantised,
    ragged,
    random_tree,
    random_weight,
    rows_alone,
    stored_blocks,
    weight,
)
from ponder.checkpoints.stored import StoredTensor, dequantize
from ponder.kernels.layers import Linear, Norm
from ponder.kernels.native import _native
from ponder.positions import Buckets, Slopes

SEEDS = st.integers(0, 2**32 - 1)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# ---------------------------------------------------------------------------------------------- matrices


def rows_of(matrix: _native.Matrix) -> torch.Tensor:
    out, inputs = matrix.shape
    rows = torch.full((out, inputs), torch.nan)
    for i in range(out):
        matrix.read_row(i, rows[i])
    return rows


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sane", [True, False])
def test_a_packed_matrix_holds_the_file_s_numbers(kind, sane):
    """Whatever the bytes: to the bit what `gguf` makes of them, in the order of `rows`."""
    for out in (1, 15, 16, 17, 48, 53):
        for inputs in (BLOCK[kind], 3 * BLOCK[kind]) if kind in CODES else (1, 7, 33):
            stored = stored_blocks(kind, out, inputs, seed=out + inputs, sane=sane)
            order = torch.randint(out, (out,), generator=seeded(out)).numpy()
            for rows in (None, order):
                stored = StoredTensor(kind, (out, inputs), stored.data, rows)
                packed = weight(stored, threads=1 + out % 3).native
                assert (packed.kind, packed.shape) == (kind, (out, inputs))
                expected = torch.from_numpy(dequantize(stored))
                torch.testing.assert_close(rows_of(packed), expected, rtol=0, atol=0, equal_nan=True)


def test_bytes_need_not_be_aligned_nor_owned():
    """A tensor in a mapped file begins anywhere, and the file may be closed afterwards."""
    for kind in KINDS:
        stored = stored_blocks(kind, 5, 2 * BLOCK[kind], seed=1)
        moved = torch.zeros(len(stored.data) + 3, dtype=torch.uint8).numpy()
        moved[3:] = stored.data
        matrix = weight(StoredTensor(kind, stored.shape, moved[3:])).native
        moved[:] = 255
        assert torch.equal(rows_of(matrix), torch.from_numpy(dequantize(stored)))


# ------------------------------------------------------------------------------------------ linear layers


def linear(isa: str, layer, x: torch.Tensor, logit_rows=None) -> tuple[torch.Tensor, torch.Tensor]:
    """`layer` of rows `x` by the native kernels and by definition."""
    width = x.shape[1]
    table = plain(x)

    def define(ops):
        ops.embed(table)
        ops.logits(passing(width), layer)

    model = Model(define, isa, width, num_pages=len(x))
    return model.both(rows_alone(len(x), logit_rows))


def rounding(layer, x: torch.Tensor) -> torch.Tensor:
    """What adding products one after another in float32 may be off by."""
    width = x.shape[1]
    if layer.stored.kind not in CODES:
        return 2.0**-24 * width * (x.double().abs() @ layer.values.abs().T)
    # Whole blocks are added. Codes and a minimum are multiplied apart, and may be larger than their sum.
    codes, scales = quantised(x)
    widest = 2 * layer.values.abs().unflatten(1, (-1, 32)).amax(-1)
    return (
        2.0**-24 * (width // 16 + 8) * ((codes.abs().sum(-1, keepdim=True) * scales).squeeze(-1) @ widest.T)
    )


@on_every_isa(
    12,
    4,
    {"kind": KINDS},
    seed=SEEDS,
    rows=st.integers(1, 15) | st.integers(16, 70),
    out=st.integers(1, 150),
    width=st.integers(1, 70),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
)
def test_linear(isa, kind, seed, rows, out, width, scale):
    """Any number of rows and of tiles, the last one cut."""
    width = (1 + width % 3) * BLOCK[kind] if kind in CODES else width
    x = numbers(seeded(seed), rows, width, scale=scale)
    layer = random_weight(kind, out, width, seed)
    ours, exact = linear(isa, layer, x)
    close(ours, exact, rounding(layer, x) + 1e-30)


@on_every_isa(15, 5, seed=SEEDS, rows=st.integers(1, 30), data=st.data())
def test_logits_of_chosen_rows(isa, seed, rows, data):
    """In any order, any of them twice, or none at all: what all of them give, to the bit."""
    chosen = data.draw(st.lists(st.integers(0, rows - 1), max_size=40))
    kind = data.draw(st.sampled_from(["F32", "Q8_0"]))
    x = numbers(seeded(seed), rows, 64)
    layer = random_weight(kind, 37, 64, seed)
    some, exact = linear(isa, layer, x, chosen)
    everything, _ = linear(isa, layer, x)
    assert some.shape == (len(chosen), 37)
    assert torch.equal(some, everything[chosen])
    close(some, exact, rounding(layer, x[chosen]) + 1e-30)


@on_every_isa(
    20,
    5,
    seed=SEEDS,
    width=st.integers(1, 100),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    eps=st.sampled_from([1e-6, 1e-2]),
)
def test_norm(isa, seed, width, scale, eps):
    x = numbers(seeded(seed), 7, width, scale=scale)
    norm = Norm(numbers(seeded(seed + 1), width), eps)
    table, head = plain(x), identity(width)

    def define(ops):
        ops.embed(table)
        ops.logits(norm, head)

    ours, exact = Model(define, isa, width, num_pages=7).both(rows_alone(7))
    close(ours, exact, 1e-6 * exact.abs() + 1e-30)


@pytest.mark.parametrize("kind", KINDS)
def test_embed(kind):
    """A row of the table, to the bit, for each token; the same token may come again."""
    width = 2 * BLOCK[kind] if kind in CODES else 19
    table, head = random_weight(kind, 21, width, seed=3), identity(width)

    def define(ops):
        ops.embed(table)
        ops.logits(passing(width), head)

    tokens = [20, 0, 7, 7, 16]
    for isa in ISAS:
        model = Model(define, isa, width, num_pages=5)
        ours = model.native(ragged(tokens, [(1, 1, [i]) for i in range(5)]))
        assert torch.equal(ours.double(), table.values[tokens])


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("size", [1e-36, 1e-38, 1e-44])
@pytest.mark.parametrize("kind", CODES)
def test_activations_of_next_to_nothing(isa, kind, size):
    """They give next to nothing: no NaN, and nothing large."""
    table, layer = plain(numbers(seeded(0), 5, 256)), random_weight(kind, 20, 256, seed=0)
    norm = Norm(torch.full((256,), size), 1e-6)

    def define(ops):
        ops.embed(table)
        ops.logits(norm, layer)

    ours = Model(define, isa, 256, num_pages=5).native(rows_alone(5)).double()
    close(ours, torch.zeros_like(ours), 256 * 4 * layer.values.abs().max() * size)


# ----------------------------------------------------------------------------------------------- attention


@st.composite
def contexts(draw, trees: bool):
    """Sequences (new, context, pages) over pages filled beforehand, trees, the fills (page, tokens), and how
    many pages there are.

    A segment of 16 pages comes from one of two templates, so that some sequences share it and others do not,
    whatever lies before it.
    """
    filled = draw(st.integers(1, 20))
    pages = st.lists(st.integers(0, filled - 1), min_size=16, max_size=16)
    templates = [[draw(pages), draw(pages)] for _ in range(3)]
    next_page, fills, sequences, masks = filled, [(page, PAGE) for page in range(filled)], [], {}
    for i in range(draw(st.integers(1, 6))):
        cached = draw(st.just(0) | st.integers(0, 40) | st.integers(100, 300) | st.integers(500, 600))
        new = draw(st.sampled_from([1, 1, 1, 2, 3, 7, 8, 9, 16, 17, 40]))
        table = [page for template in templates for page in draw(st.sampled_from(template))]
        table = table[: cached // PAGE]
        if cached % PAGE:
            fills.append((next_page, cached % PAGE))
        own = -(-(cached + new) // PAGE) - len(table)
        table += range(next_page, next_page + own)
        next_page += own
        sequences.append((new, cached + new, table))
        if trees and draw(st.integers(0, 3)):
            masks[i] = random_tree(lambda node: draw(st.integers(-1, node - 1)), new)
    return sequences, masks, fills, max(next_page, 41)  # a context is never longer than the cache


HIDDEN = 24


def random_bias(generator, kind, heads):
    """Slopes such as ALiBi's, or buckets that differ by some nats; None for None."""
    if kind is None:
        return None
    if kind == "slopes":
        return Slopes(2.0 ** -torch.randint(0, 9, (heads,), generator=generator).float())
    buckets, farthest = kind
    return Buckets(2 * numbers(generator, buckets, heads), farthest)


class Attention:
    """Project and attend for a case of `contexts`; queries, keys and values are exact before they are turned
    (rows and weights lie on a grid), so that both sides round them alike to bfloat16."""

    def __init__(self, isa, case, seed, heads, head_dim, window, cache, rotated=0, bias=None) -> None:
        self.generator, self.case, (heads, kv_heads) = seeded(seed), case, heads
        added = random_bias(self.generator, bias, heads)
        self.table, *qkv, self.o = (
            plain(grid(self.generator, out, inputs))
            for out, inputs in (
                (97, HIDDEN),
                *((n * head_dim, HIDDEN) for n in (heads, kv_heads, kv_heads)),
                (HIDDEN, heads * head_dim),
            )
        )
        # Scores of some nats, so that some keys weigh and others do not.
        smaller = Norm(torch.full((HIDDEN,), 2.0 ** (30 - 4)), 2.0**60)
        layer = seed % 2

        def define(ops):
            ops.embed(self.table)
            ops.project(layer, smaller, *map(Linear, qkv), rotate=rotated > 0)
            ops.attend(layer, window, added)
            ops.add_projection(Linear(self.o))
            ops.logits(passing(HIDDEN), identity(HIDDEN))

        sizes = (HIDDEN, heads, kv_heads, head_dim, rotated, 2)
        self.model = Model(define, isa, *sizes, cache, num_pages=case[3])

    def run(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The residual stream after it, by both, and what it is off by where every value mixed is off by one
        part of the largest."""
        sequences, masks, fills, _ = self.case
        self._step([(count, count, [page]) for page, count in fills], {}, [])
        ours, exact = self._step(sequences, masks)
        largest = self.model.exact_pages[1].nan_to_num(0.0).abs().max()
        return ours, exact, largest * self.o.values.abs().sum(1)

    def _step(self, sequences, masks, logit_rows=None):
        tokens = torch.randint(97, (sum(new for new, *_ in sequences),), generator=self.generator)
        angles = torch.rand(len(tokens), self.model.rotated // 2, generator=self.generator) * 6
        batch = ragged(tokens, sequences, trees=masks, logit_rows=logit_rows)
        return self.model.both(batch, (angles.cos(), angles.sin()))


ATTENTION = {
    "seed": SEEDS,
    "heads": st.sampled_from(
        [(1, 1), (2, 2), (3, 1), (4, 2), (6, 3), (7, 1), (8, 4), (9, 1), (9, 3), (10, 5)]
    ),
    "head_dim": st.sampled_from([8, 16, 20, 64, 80, 128]),
    "window": st.none() | st.integers(1, 40) | st.integers(100, 700),
    "bias": st.sampled_from([None, None, "slopes", (2, 2), (32, 128), (9, 700)]),
}
TREES = {"trees": [False, True]}


@pytest.mark.slow
@on_every_isa(40, 10, TREES, data=st.data(), rotated=st.sampled_from([0, 4, 8]), **ATTENTION)
def test_attention_in_float32(isa, trees, data, **drawn):
    """Decode rows, several new tokens, prompts, trees: each sees what it should, and nothing unwritten."""
    ours, exact, size = Attention(isa, data.draw(contexts(trees)), cache="F32", **drawn).run()
    close(ours, exact, 1e-5 * size)


@pytest.mark.slow
@on_every_isa(40, 10, TREES, data=st.data(), **ATTENTION)
def test_attention_in_bfloat16(isa, trees, data, **drawn):
    """Over rounded queries, keys and values, a weight is rounded once more: by up to 2^-9 of it."""
    ours, exact, size = Attention(isa, data.draw(contexts(trees)), cache="BF16", **drawn).run()
    close(ours, exact, (2.0**-9 + 1e-5) * size)


@pytest.mark.slow
@on_every_isa(
    25,
    8,
    seed=SEEDS,
    kinds=st.lists(st.sampled_from(KINDS), min_size=3, max_size=3),
    biased=st.booleans(),
    normed=st.booleans(),
    rotated=st.sampled_from([None, 0, 2, 6, 20]),
    tokens=st.integers(1, 25),
)
def test_project(isa, seed, kinds, biased, normed, rotated, tokens):
    """Projections of any kinds, biases, norms of heads, partial rotation; keys and values go to their slots.

    One sequence attends, so what was projected is seen. Nothing else in the cache is touched.
    """
    heads, kv_heads, head_dim, hidden, layer = 6, 3, 20, 256, seed % 3
    generator = seeded(seed)
    table = plain(numbers(generator, tokens, hidden))
    sizes = [n * head_dim for n in (heads, kv_heads, kv_heads)]
    qkv = [
        Linear(random_weight(kind, size, hidden, seed + i), numbers(generator, size) if biased else None)
        for i, (kind, size) in enumerate(zip(kinds, sizes, strict=True))
    ]
    # Small queries and keys where no norm makes them so: scores of some nats.
    norm = Norm(numbers(generator, hidden) / (1 if normed else 8), 1e-5)
    head_norms = [Norm(numbers(generator, head_dim), 1e-5) if normed else None for _ in range(2)]
    o = Linear(plain(numbers(generator, hidden, sizes[0]) / 8))

    def define(ops):
        ops.embed(table)
        ops.project(layer, norm, *qkv, *head_norms, rotate=rotated is not None)
        ops.attend(layer)
        ops.add_projection(o)
        ops.logits(passing(hidden), identity(hidden))

    pages = [4, 0, 2]
    model = Model(define, isa, hidden, heads, kv_heads, head_dim, rotated or 0, 3, num_pages=5)
    angles = torch.rand(tokens, (rotated or 0) // 2, generator=generator) * 6
    batch = ragged(range(tokens), [(tokens, tokens, pages)])
    ours, exact = model.both(batch, (1.25 * angles.cos(), 1.25 * angles.sin()))
    # Where activations are quantised, one that lies between two codes may go to either.
    part = 5e-4 if any(kind in CODES for kind in kinds) else 2e-5
    close(ours, exact, part * exact_size(model, o))
    written = ~model.pages.isnan()
    assert torch.equal(written.sum((3, 4, 5)), (~model.exact_pages.isnan()).sum((3, 4, 5)))


def exact_size(model: Model, o: Linear) -> torch.Tensor:
    """What outputs of `o` are off by where every value mixed is off by one part of the largest."""
    return model.exact_pages[1].nan_to_num(0.0).abs().max() * o.weight.values.abs().sum(1)


# -------------------------------------------------------------------------------------------- feed-forward


def feed_forward(isa, x, layers, norm=None):
    """The residual stream after `layers` of (gate, up, down), by both."""
    hidden = x.shape[1]
    table = plain(x)

    def define(ops):
        ops.embed(table)
        for layer in layers:
            ops.add_feed_forward(norm or passing(hidden), *layer)
        ops.logits(passing(hidden), identity(hidden))

    return Model(define, isa, hidden, num_pages=len(x)).both(rows_alone(len(x)))


@pytest.mark.slow
@on_every_isa(
    25,
    8,
    {"kind": ("F32", "BF16", "Q8_0", "Q4_1", "Q6_K")},
    seed=SEEDS,
    rows=st.integers(1, 14),
    hidden=st.integers(1, 40),
    inner=st.integers(1, 100),
    biased=st.booleans(),
    scale=st.sampled_from([0.1, 1.0, 8.0]),
)
def test_feed_forward(isa, kind, seed, rows, hidden, inner, biased, scale):
    """Gate and up of a kind, down of plain numbers: exact but for rounding."""
    generator = seeded(seed)
    hidden = 1 + hidden % 2 if kind == "Q6_K" else hidden
    hidden = hidden % 3 * BLOCK[kind] + BLOCK[kind] if kind in CODES else hidden
    gate, up = (
        Linear(random_weight(kind, inner, hidden, seed + i), numbers(generator, inner) if biased else None)
        for i in range(2)
    )
    down = Linear(plain(numbers(generator, hidden, inner)), numbers(generator, hidden) if biased else None)
    x = numbers(generator, rows, hidden, scale=scale)
    ours, exact = feed_forward(isa, x, [(gate, up, down)])
    bound = (exact - x).abs().amax(-1, keepdim=True) + x.abs().amax(-1, keepdim=True)
    close(ours, exact, 1e-5 * (bound + inner**0.5 * hidden * scale**2))


@on_every_isa(10, 4, {"kind": CODES}, seed=SEEDS, rows=st.integers(1, 14), blocks=st.integers(1, 4))
def test_down_projection_of_codes(isa, kind, seed, rows, blocks):
    """What is gated is quantised in blocks of 32, whatever computes it."""
    generator, hidden, inner = seeded(seed), 32, blocks * BLOCK[kind]
    gate, up = (Linear(plain(numbers(generator, inner, hidden) / 4)) for _ in range(2))
    down = random_weight(kind, hidden, inner, seed)
    x = numbers(generator, rows, hidden)
    ours, exact = feed_forward(isa, x, [(gate, up, Linear(down))])
    inside = torch.nn.functional.silu(x.double() @ gate.weight.values.T) * (x.double() @ up.weight.values.T)
    close(ours, exact, rounding(down, inside) + two_codes(down, inside) + 1e-5 * (1 + exact.abs()))


@on_every_isa(10, 4, {"kind": CODES}, seed=SEEDS, rows=st.integers(1, 14))
def test_output_projection_of_codes(isa, kind, seed, rows):
    """What was mixed is quantised in blocks of 32. A token that sees only itself mixes its own value."""
    generator, hidden, head_dim = seeded(seed), 32, 64
    qkv = [Linear(plain(numbers(generator, n * head_dim, hidden))) for n in (4, 2, 2)]
    o, table = random_weight(kind, hidden, 256, seed), plain(numbers(generator, rows, hidden))
    bias = numbers(generator, hidden)

    def define(ops):
        ops.embed(table)
        ops.project(0, passing(hidden), *qkv)
        ops.attend(0)
        ops.add_projection(Linear(o, bias))
        ops.logits(passing(hidden), identity(hidden))

    ours, exact = Model(define, isa, hidden, 4, 2, head_dim, num_pages=rows).both(rows_alone(rows))
    value = (table.values @ qkv[2].weight.values.T).unflatten(1, (2, 64)).repeat_interleave(2, 1).flatten(1)
    close(ours, exact, rounding(o, value) + two_codes(o, value) + 1e-6 * (1 + exact.abs()))


def two_codes(layer, x: torch.Tensor) -> torch.Tensor:
    """What outputs are off by where activations are off in their last bits, so that of their codes a few are
    rounded the other way: two are allowed for."""
    return 2 * x.abs().amax(-1, keepdim=True) / 127 * layer.values.abs().amax(1)


@pytest.mark.parametrize("isa", ISAS)
def test_silu_far_from_zero(isa):
    """Silu goes to 0 on the left and to x on the right, however far."""
    far = torch.tensor([1e3, 1e4, 1e5])
    x = torch.cat([torch.linspace(-200, 200, 801), far, -far])[:, None]
    one, two = (Linear(plain(torch.full((1, 1), value))) for value in (1.0, 2.0))
    nothing = Linear(plain(torch.zeros(1, 1)), torch.ones(1))
    ours, _ = feed_forward(isa, x, [(one, nothing, two)])
    exact = torch.nn.functional.silu(x.double()) * 2 + x.double()
    close(ours, exact, 1e-6 * (exact.abs() + x.abs()))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("widths", [(32, 96), (96, 32)], ids=str)
@pytest.mark.parametrize("kind", ["F32", "Q8_0"])
def test_feed_forwards_of_several_widths(isa, widths, kind):
    """Layers of one model need not be equally wide: each works, or is refused when it is added."""
    generator = seeded(0)
    layers = [
        tuple(
            Linear(random_weight(kind, out, inputs, seed=i))
            for i, (out, inputs) in enumerate([(width, 32), (width, 32), (32, width)])
        )
        for width in widths
    ]
    try:
        ours, exact = feed_forward(isa, numbers(generator, 7, 32), layers, Norm(torch.ones(32), 1e-5))
    except ValueError:
        return
    close(ours, exact, 0.02 * exact.abs().max())


# ---------------------------------------------------------------------------------- what is not a number


NOT = st.sampled_from([math.nan, math.inf, -math.inf])


def whole_model(isa, kind, cache, x, seed=0):
    """All operations, over rows `x` as embedding."""
    generator, hidden, heads, kv_heads, head_dim, inner = seeded(seed), x.shape[1], 4, 2, 8, 96

    def layer(out, inputs):
        return Linear(random_weight(kind, out, inputs, seed=out + inputs))

    table, head = plain(x), random_weight(kind, 41, hidden, seed)
    norm = Norm(1 + numbers(generator, hidden) / 10, 1e-5)

    def define(ops):
        ops.embed(table)
        for i in range(2):
            ops.project(i, norm, *(layer(n * head_dim, hidden) for n in (heads, kv_heads, kv_heads)))
            ops.attend(i)
            ops.add_projection(layer(hidden, heads * head_dim))
            ops.add_feed_forward(norm, layer(inner, hidden), layer(inner, hidden), layer(hidden, inner))
        ops.logits(norm, head.native and head)

    return Model(define, isa, hidden, heads, kv_heads, head_dim, 0, 2, cache, num_pages=len(x))


@pytest.mark.slow
@on_every_isa(
    20,
    6,
    {"cache": ["F32", "BF16"]},
    kind=st.sampled_from(["F32", "BF16", "Q4_0", "Q4_1", "Q8_0"]),
    value=NOT,
    rows=st.integers(1, 20),
    data=st.data(),
)
def test_what_is_not_a_number_stays_in_its_row(isa, cache, kind, value, rows, data):
    """One NaN or infinity in a row: all its logits are NaN, and other sequences' are what they were."""
    row, place = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, 63))
    x = numbers(seeded(rows), rows, 64)
    clean = whole_model(isa, kind, cache, x).native(rows_alone(rows))
    x[row, place] = value
    ours = whole_model(isa, kind, cache, x).native(rows_alone(rows))
    assert bool(ours[row].isnan().all())
    others = [i for i in range(rows) if i != row]
    assert torch.equal(ours[others], clean[others])


@pytest.mark.slow
@on_every_isa(
    20,
    6,
    {"cache": ["F32", "BF16"]},
    value=NOT,
    length=st.integers(1, 40),
    data=st.data(),
)
def test_what_is_not_a_number_is_seen_by_what_follows(isa, cache, value, length, data):
    """In one sequence, tokens before it are what they were; it and those after it are NaN."""
    row = data.draw(st.integers(0, length - 1))
    x = numbers(seeded(length), length, 64)
    batch = ragged(range(length), [(length, length, list(range(length)))])
    clean = whole_model(isa, "F32", cache, x).native(batch)
    x[row, 5] = value
    ours = whole_model(isa, "F32", cache, x).native(batch)
    assert bool(ours[row:].isnan().all())
    assert torch.equal(ours[:row], clean[:row])
