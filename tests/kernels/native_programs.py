"""Programs of a few operations, run by the native kernels and by an oracle in float64.

A norm's epsilon of 2^60 hides the row's own size beside it, and a weight of 2^30 undoes the root of that:
such a norm passes its input through unchanged, to the bit. So each operation can be given any numbers (as
rows of the embedding) and its result be seen as it is (by a head that is the identity).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from hypothesis import given, settings
from hypothesis import strategies as st

from ponder.checkpoints.stored import StoredTensor, dequantize
from ponder.kernels import native, reference
from ponder.kernels.attention_plan import AttentionPlan
from ponder.kernels.batch import ForwardBatch
from ponder.kernels.layers import Linear, Norm
from ponder.kernels.torch_kernels import TorchPass

if native.missing is not None:
    pytest.skip(f"no native kernels: {native.missing}", allow_module_level=True)

from ponder.kernels.native import _native
from ponder.kernels.native.cache import NativeCache
from ponder.kernels.native.kernels import Recorder, Replay

PAGE = 16
KINDS = _native.KINDS
NUMBERS = ("F32", "F16", "BF16")
CODES = tuple(kind for kind in KINDS if kind not in NUMBERS)
BLOCK = {kind: 1 if kind in NUMBERS else GGML_QUANT_SIZES[GGMLQuantizationType[kind]][0] for kind in KINDS}


HALVES = {  # the largest value of a block whose half-precision scales are 1, and where those scales are
    "Q4_0": (8, (0,)),
    "Q4_1": (15, (0, 2)),
    "Q5_0": (16, (0,)),
    "Q5_1": (31, (0, 2)),
    "Q8_0": (128, (0,)),
    "Q2_K": (3 * 15, (80, 82)),
    "Q3_K": (4 * 32, (108,)),
    "Q4_K": (15 * 63, (0, 2)),
    "Q5_K": (31 * 63, (0, 2)),
    "Q6_K": (32 * 128, (208,)),
    "IQ4_NL": (127, (0,)),
    "IQ4_XS": (127 * 32, (0,)),
}


ISAS = native.instruction_sets()


def on_every_isa(most: int, fewest: int, each: dict[str, Sequence] | None = None, **strategies):
    """A property `test(isa, **drawn)`: `most` examples with the best instruction set, `fewest` with others.

    Names in `each` take every one of their values instead of being drawn.
    """
    each = {"isa": ISAS} | (each or {})

    def decorate(test):
        def run(isa, **fixed):
            @settings(max_examples=most if isa == ISAS[0] else fewest)
            @given(st.fixed_dictionaries(strategies))
            def holds(drawn):
                test(isa, **fixed, **drawn)

            holds()

        parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in each]
        run.__signature__ = inspect.Signature(parameters)
        run.__doc__ = test.__doc__
        for name, values in each.items():
            run = pytest.mark.parametrize(name, values, ids=str)(run)
        return run

    return decorate


def numbers(generator: torch.Generator, *shape: int, scale: float = 1.0) -> torch.Tensor:
    return torch.randn(shape, generator=generator) * scale


def grid(generator: torch.Generator, *shape: int, step: float = 0.25, most: int = 8) -> torch.Tensor:
    """Multiples of `step` up to `most` steps: sums of their products are exact in float32, in any order."""
    return torch.randint(-most, most + 1, shape, generator=generator) * step


# ------------------------------------------------------------------------------------------------ weights


@dataclass(frozen=True, eq=False)
class Weight:
    """A matrix as the native kernels hold it, and its values."""

    stored: StoredTensor
    native: _native.Matrix
    values: torch.Tensor  # float64 [out, in]


def weight(stored: StoredTensor, threads: int = 2) -> Weight:
    packed = _native.pack(_native.Arena(), stored.kind, stored.data, *stored.shape, stored.rows, threads)
    return Weight(stored, packed, torch.from_numpy(dequantize(stored)).double())


def plain(values: torch.Tensor, kind: str = "F32") -> Weight:
    """Weights of a kind of plain numbers, of these values."""
    dtype = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}[kind]
    data = values.to(dtype).contiguous().view(torch.uint8).reshape(-1).numpy()
    return weight(StoredTensor(kind, tuple(values.shape), data))


def identity(size: int) -> Weight:
    return plain(torch.eye(size))


def stored_blocks(kind: str, out: int, inputs: int, seed: int, *, sane: bool = True) -> StoredTensor:
    """Random bytes of a kind: every code occurs; `sane` scales are of a size that layers have."""
    random = np.random.default_rng(seed)
    if kind in NUMBERS:
        size = out * inputs * (4 if kind == "F32" else 2)
        if not sane:
            return StoredTensor(kind, (out, inputs), random.integers(0, 256, size, np.uint8))
        values = torch.from_numpy(random.standard_normal((out, inputs)).astype(np.float32))
        return plain(values, kind).stored
    block, block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType[kind]]
    blocks = random.integers(0, 256, (out * inputs // block, block_bytes), np.uint8)
    if sane:
        if kind == "MXFP4":  # an exponent of two: of values up to 12, about 1 at most
            blocks[:, 0] = random.integers(120, 125, len(blocks))
        else:
            largest, places = HALVES[kind]
            scale = (random.uniform(-1, 1, (len(blocks), 1)) / largest).astype(np.float16).view(np.uint8)
            for place in places:
                blocks[:, place : place + 2] = scale
    return StoredTensor(kind, (out, inputs), blocks.reshape(-1))


def random_weight(kind: str, out: int, inputs: int, seed: int) -> Weight:
    return weight(stored_blocks(kind, out, inputs, seed))


def passing(width: int) -> Norm:
    """A norm that changes nothing."""
    return Norm(torch.full((width,), 2.0**30), 2.0**60)


# ------------------------------------------------------------------------------------------------- oracle


def quantised(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Activations as layers of quantised weights read them: int8 codes, [rows, blocks, 32], and their scales.

    The definition: of 32 numbers, scale = largest / 127 in float32, codes = numbers times 127 / largest,
    rounded half to even.
    """
    blocks = x.to(torch.float32).numpy().reshape(len(x), x.shape[1] // 32, 32)
    top = np.abs(blocks).max(-1, keepdims=True)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        codes = np.where(top > 0, np.rint(blocks * (np.float32(127) / top)), 0)
    scales = top / np.float32(127)
    return torch.from_numpy(codes).double(), torch.from_numpy(scales).double()


class Oracle:
    """`Primitives` in float64 that quantise and round where, and only where, the native kernels mean to."""

    def __init__(self, cache: str) -> None:
        self._bf16 = cache == "BF16"

    def embed(self, table: Weight, token_ids: torch.Tensor) -> torch.Tensor:
        return reference.embed(table.values, token_ids)

    def rms_norm(self, x: torch.Tensor, scale: torch.Tensor, eps: float) -> torch.Tensor:
        return x / (x.square().mean(-1, keepdim=True) + eps).sqrt() * scale.double()

    def linear(self, x: torch.Tensor, layer: Weight, bias: torch.Tensor | None) -> torch.Tensor:
        if layer.stored.kind in CODES:
            codes, scales = quantised(x)
            x = (codes * scales).flatten(1)
        return reference.linear(x, layer.values, None if bias is None else bias.double())

    def rope_and_store(self, q, k, v, cos_sin, k_pages, v_pages, slots):
        cos_sin = None if cos_sin is None else tuple(part.double() for part in cos_sin)
        if self._bf16:
            if cos_sin is not None:
                q, k = (reference.attention.rotate(x, *cos_sin) for x in (q, k))
            q, k, v = (x.bfloat16().double() for x in (q, k, v))
            cos_sin = None
        return reference.rope_and_store(q, k, v, cos_sin, k_pages, v_pages, slots)

    attention = staticmethod(reference.attention)
    swiglu = staticmethod(reference.swiglu)


class Sides:
    """Gives `Ops` the weights as its side holds them."""

    def __init__(self, ops, take: Callable[[Weight], object]) -> None:
        self._ops, self._take = ops, take

    def _linear(self, layer: Linear) -> Linear:
        return Linear(self._take(layer.weight), layer.bias)

    def embed(self, table):
        self._ops.embed(self._take(table))

    def project(self, layer, norm, q, k, v, q_norm=None, k_norm=None, *, rotate=False):
        self._ops.project(layer, norm, *map(self._linear, (q, k, v)), q_norm, k_norm, rotate=rotate)

    def attend(self, layer, window=None, bias=None):
        self._ops.attend(layer, window, bias)

    def add_projection(self, o):
        self._ops.add_projection(self._linear(o))

    def add_feed_forward(self, norm, gate, up, down):
        self._ops.add_feed_forward(norm, *map(self._linear, (gate, up, down)))

    def exit(self, depth):
        self._ops.exit(depth)

    def logits(self, norm, head):
        self._ops.logits(norm, self._take(head))


@dataclass
class Model:
    """A definition run by both, each over its own pages; what was never written there is NaN."""

    define: Callable[[Sides], None]
    isa: str
    hidden: int
    heads: int = 1
    kv_heads: int = 1
    head_dim: int = 2
    rotated: int = 0
    layers: int = 1
    cache: str = "F32"
    num_pages: int = 1
    replay: Replay = field(init=False)

    def __post_init__(self) -> None:
        sizes = (self.hidden, self.heads, self.kv_heads, self.head_dim, self.rotated, self.layers)
        program = _native.Program(self.isa, *sizes, self.cache)
        self.define(Sides(Recorder(program), lambda taken: taken.native))
        self.replay = Replay(program)
        shape = (2, self.num_pages, self.layers, PAGE, self.kv_heads, self.head_dim)
        dtype = torch.float32 if self.cache == "F32" else torch.bfloat16
        self.pages = torch.full(shape, torch.nan, dtype=dtype)
        self.exact_pages = torch.full(shape, torch.nan, dtype=torch.float64)

    def native(self, batch: ForwardBatch, cos_sin=None) -> torch.Tensor:
        return self.replay(batch, self._angles(batch, cos_sin), NativeCache(*self.pages))

    def exact(self, batch: ForwardBatch, cos_sin=None) -> torch.Tensor:
        """The oracle's logits; float64, since `TorchPass.logits` would round them."""
        ops = _Double(
            Oracle(self.cache), self.head_dim, batch, self._angles(batch, cos_sin), *self.exact_pages
        )
        self.define(Sides(ops, lambda taken: taken))
        return ops.result

    def both(self, batch: ForwardBatch, cos_sin=None) -> tuple[torch.Tensor, torch.Tensor]:
        return self.native(batch, cos_sin).double(), self.exact(batch, cos_sin)

    def _angles(self, batch, cos_sin):
        return cos_sin or (torch.ones(len(batch.token_ids), self.rotated // 2),) * 2


class _Double(TorchPass):
    def logits(self, norm: Norm, head: Weight) -> None:
        x = self._norm(self.x[self._batch.logit_rows], norm)
        self.result = self._p.linear(x, head, None)


# ------------------------------------------------------------------------------------------------ batches


def ragged(
    token_ids: Sequence[int] | torch.Tensor,
    sequences: Sequence[tuple[int, int, Sequence[int]]],
    *,
    trees: dict[int, torch.Tensor] | None = None,
    logit_rows: Sequence[int] | None = None,
) -> ForwardBatch:
    """A batch of `sequences`: (new tokens, context, pages). Positions are not filled in."""
    slots = []
    for new, context, pages in sequences:
        slots += [pages[i // PAGE] * PAGE + i % PAGE for i in range(context - new, context)]
    plan = AttentionPlan(
        [new for new, *_ in sequences],
        [context for _, context, _ in sequences],
        [torch.tensor(pages[: -(-context // PAGE)]) for _, context, pages in sequences],
        trees or {},
    )
    token_ids = torch.as_tensor(token_ids, dtype=torch.int64)
    rows = range(len(token_ids)) if logit_rows is None else logit_rows
    return ForwardBatch(
        token_ids=token_ids,
        positions=torch.zeros(len(token_ids), dtype=torch.int64),
        slot_mapping=torch.tensor(slots, dtype=torch.int64),
        plan=plan,
        reaches=(),
        logit_rows=torch.tensor(list(rows), dtype=torch.int64),
    )


def rows_alone(count: int, logit_rows: Sequence[int] | None = None) -> ForwardBatch:
    """Tokens 0 to `count` - 1, each a sequence with a page of its own."""
    return ragged(range(count), [(1, 1, [i]) for i in range(count)], logit_rows=logit_rows)


def random_tree(draw_parent: Callable[[int], int], nodes: int) -> torch.Tensor:
    """[nodes, nodes]: what each node sees, its parent being an earlier node, or -1: a root."""
    sees = torch.eye(nodes, dtype=torch.bool)
    for node in range(1, nodes):
        parent = draw_parent(node)
        if parent >= 0:
            sees[node] |= sees[parent]
    return sees


def close(ours: torch.Tensor, exact: torch.Tensor, allowed: torch.Tensor | float) -> None:
    """Every difference is within `allowed`, and no number is NaN."""
    excess = (ours - exact).abs() - allowed
    assert ours.shape == exact.shape
    assert bool((excess <= 0).all()), f"off by {(ours - exact).abs().max()}, {excess.max()} more than allowed"
