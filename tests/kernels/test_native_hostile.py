"""Calls that make no sense: each is refused in a sentence, changes nothing, and the next call works."""

import gc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.native_programs import CODES, KINDS, PAGE, stored_blocks
from ponder.kernels.native import _native

HIDDEN, HEADS, KV_HEADS, HEAD_DIM, ROTATED, LAYERS, PAGES = 32, 4, 2, 8, 4, 2, 3
VOCABULARY, OUTPUTS, TOKENS = 10, 20, 5
SHAPE = {
    "isa": None,
    "hidden": HIDDEN,
    "heads": HEADS,
    "kv_heads": KV_HEADS,
    "head_dim": HEAD_DIM,
    "rotated": ROTATED,
    "layers": LAYERS,
    "cache": "F32",
}
BAD = (ValueError, TypeError)


def matrix(out: int, inputs: int, kind: str = "F32") -> _native.Matrix:
    return _native.pack(
        _native.Arena(), kind, stored_blocks(kind, out, inputs, seed=out).data, out, inputs, None, 1
    )


def ones(size: int) -> torch.Tensor:
    return torch.ones(size)


def projections(**changes) -> dict:
    arguments = {
        "layer": 0,
        "norm": ones(HIDDEN),
        "eps": 1e-5,
        "q": matrix(HEADS * HEAD_DIM, HIDDEN),
        "q_bias": ones(HEADS * HEAD_DIM),
        "k": matrix(KV_HEADS * HEAD_DIM, HIDDEN),
        "k_bias": None,
        "v": matrix(KV_HEADS * HEAD_DIM, HIDDEN),
        "v_bias": None,
        "q_norm": ones(HEAD_DIM),
        "k_norm": None,
        "rotate": True,
    }
    return arguments | changes


def feed_forward(**changes) -> dict:
    arguments = {
        "norm": ones(HIDDEN),
        "eps": 1e-5,
        "gate": matrix(64, HIDDEN),
        "gate_bias": None,
        "up": matrix(64, HIDDEN),
        "up_bias": None,
        "down": matrix(HIDDEN, 64),
        "down_bias": None,
    }
    return arguments | changes


def program() -> _native.Program:
    made = _native.Program(**SHAPE)
    made.embed(matrix(VOCABULARY, HIDDEN))
    made.exit(0)
    made.project(**projections())
    made.attend(0, None)
    made.add_projection(matrix(HIDDEN, HEADS * HEAD_DIM), None)
    made.exit(1)
    made.add_feed_forward(**feed_forward())
    made.exit(2)
    made.logits(ones(HIDDEN), 1e-5, matrix(OUTPUTS, HIDDEN))
    return made


def cache(*, pages: int = PAGES, dtype=torch.float32) -> torch.Tensor:
    return torch.zeros(LAYERS, pages, PAGE, KV_HEADS, HEAD_DIM, dtype=dtype)


def longs(*values: int) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int64)


def batch(**changes) -> dict:
    """Two sequences, of 3 and 2 tokens; the second has 15 more in the cache and so a second page."""
    arguments = {
        "token_ids": longs(0, 1, 2, 3, 9),
        "slots": longs(0, 1, 2, 31, 32),
        "cos": torch.ones(TOKENS, ROTATED // 2),
        "sin": torch.zeros(TOKENS, ROTATED // 2),
        "query_lengths": longs(3, 2),
        "context_lengths": longs(3, 17),
        "pages": longs(0, 1, 2),
        "trees": [None, torch.eye(2, dtype=torch.bool)],
        "logit_rows": longs(4, 0),
        "logit_depths": longs(1, 2),
        "states": torch.zeros(2, HIDDEN),
        "keys": cache(),
        "values": cache(),
        "threads": 2,
    }
    return arguments | changes


def change(name: str, at: int, value: int) -> dict:
    changed = batch()[name].clone()
    changed[at] = value
    return {name: changed}


BATCHES = {
    "a token beyond the vocabulary": change("token_ids", 4, VOCABULARY),
    "a negative token": change("token_ids", 0, -1),
    "the smallest token": change("token_ids", 0, -(2**63)),
    "the largest token": change("token_ids", 0, 2**63 - 1),
    "a token that wraps to a good one": change("token_ids", 0, 2**32),
    "tokens in a table": {"token_ids": batch()["token_ids"][None]},
    "tokens that are fractions": {"token_ids": torch.arange(TOKENS) + 0.5},
    "tokens as a list": {"token_ids": [0, 1, 2, 3, 9]},
    "tokens as text": {"token_ids": "01239"},
    "no tokens": {"token_ids": longs()},
    "too few tokens": {"token_ids": longs(0, 1, 2, 3)},
    "too many tokens": {"token_ids": longs(0, 1, 2, 3, 4, 5)},
    "a slot beyond the cache": change("slots", 4, PAGES * PAGE),
    "a negative slot": change("slots", 4, -1),
    "too few slots": {"slots": longs(0, 1, 2, 31)},
    "cos of too few tokens": {"cos": torch.ones(TOKENS - 1, ROTATED // 2)},
    "sin of too few dimensions": {"sin": torch.ones(TOKENS, ROTATED // 2 - 1)},
    "cos in a row": {"cos": torch.ones(TOKENS * ROTATED // 2)},
    "lengths that fall short": change("query_lengths", 0, 2),
    "lengths that go beyond": change("query_lengths", 0, 4),
    "a length of zero": {"query_lengths": longs(5, 0)},
    "a negative length": {"query_lengths": longs(7, -2)},
    "lengths that add up by overflow": {"query_lengths": longs(2**63 - 1, -(2**63) + 6)},
    "a sequence without a context": {"context_lengths": longs(3)},
    "a context shorter than its new tokens": change("context_lengths", 0, 2),
    "a context longer than the cache": change("context_lengths", 1, PAGES * PAGE + 1),
    "the longest context": change("context_lengths", 1, 2**63 - 1),
    "a negative context": change("context_lengths", 1, -1),
    "too few pages": {"pages": longs(0, 1)},
    "too many pages": {"pages": longs(0, 1, 2, 2)},
    "a page beyond the cache": change("pages", 2, PAGES),
    "a negative page": change("pages", 2, -1),
    "too few trees": {"trees": [None]},
    "too many trees": {"trees": [None, None, None]},
    "no list of trees": {"trees": None},
    "a tree of too many nodes": {"trees": [None, torch.eye(3, dtype=torch.bool)]},
    "a tree that is no square": {"trees": [None, torch.ones(2, 3, dtype=torch.bool)]},
    "a tree in a row": {"trees": [None, torch.ones(4, dtype=torch.bool)]},
    "logits of a row beyond the batch": change("logit_rows", 0, TOKENS),
    "logits of a negative row": change("logit_rows", 0, -1),
    "too few depths": {"logit_depths": longs(1)},
    "too many depths": {"logit_depths": longs(0, 1, 2)},
    "a depth beyond the model": change("logit_depths", 1, LAYERS + 1),
    "a depth below the model": change("logit_depths", 0, ~(LAYERS + 1)),
    "the smallest depth": change("logit_depths", 0, -(2**63)),
    "depths that are fractions": {"logit_depths": torch.ones(2)},
    "states of too few rows": {"states": torch.zeros(1, HIDDEN)},
    "states of another width": {"states": torch.zeros(2, HIDDEN + 1)},
    "states in a row": {"states": torch.zeros(2 * HIDDEN)},
    "states of another type": {"states": torch.zeros(2, HIDDEN, dtype=torch.float64)},
    "states with gaps": {"states": torch.zeros(2, 2 * HIDDEN)[:, ::2]},
    "keys and values of different sizes": {"keys": cache(pages=PAGES - 1)},
    "part of a page": {name: cache().flatten()[:-1] for name in ("keys", "values")},
    "no cache": {name: cache(pages=0) for name in ("keys", "values")},
    "a cache of another type": {name: cache(dtype=torch.uint16) for name in ("keys", "values")},
    "a cache of doubles": {name: cache(dtype=torch.float64) for name in ("keys", "values")},
    "a cache with gaps": {name: cache(pages=2 * PAGES)[:, ::2] for name in ("keys", "values")},
    "a cache that is elsewhere": {name: cache().to("meta") for name in ("keys", "values")},
    "no thread": {"threads": 0},
    "negative threads": {"threads": -1},
    "too many threads to count": {"threads": 2**31},
}


@pytest.mark.parametrize("changes", BATCHES.values(), ids=BATCHES)
def test_a_batch_that_makes_no_sense(changes):
    made, good = program(), batch()
    expected = made.run(**batch())
    bad = good | changes
    with pytest.raises(BAD, match=r"\w+ \w+ \w+"):
        made.run(**bad)
    assert not good["keys"].any()
    assert np.array_equal(made.run(**batch()), expected)


INTEGERS = st.lists(st.integers(-2, 60), max_size=7) | st.lists(st.integers(0, 4), max_size=7)


@pytest.mark.slow
@settings(max_examples=300)
@given(
    changes=st.dictionaries(
        st.sampled_from(
            [
                *("token_ids", "slots", "query_lengths", "context_lengths", "pages"),
                *("logit_rows", "logit_depths"),
            ]
        ),
        INTEGERS,
        min_size=1,
        max_size=3,
    ),
    at=st.data(),
)
def test_random_batches(changes, at):
    """Whatever the integers, a batch is refused or computed. Some differ from a good one in one place."""
    for name in changes:
        if at.draw(st.booleans()):
            good = batch()[name].tolist()
            place = at.draw(st.integers(0, len(good) - 1))
            good[place] = at.draw(st.integers(-1, 50))
            changes[name] = good
    arguments = batch() | {name: longs(*values) for name, values in changes.items()}
    if at.draw(st.booleans()):
        arguments["states"] = torch.zeros(len(arguments["logit_rows"]), HIDDEN)
    if "logit_depths" not in changes and at.draw(st.booleans()):
        arguments["logit_depths"] = None
    try:
        logits = PROGRAM.run(**arguments)
    except ValueError:
        return
    assert logits.shape == (len(arguments["logit_rows"]), OUTPUTS)


PROGRAM = program()


def test_a_batch_of_nothing():
    """No tokens and no sequences: no logits, and nothing written."""
    nothing = {
        name: longs()
        for name in (
            *("token_ids", "slots", "query_lengths", "context_lengths", "pages"),
            *("logit_rows", "logit_depths"),
        )
    }
    empty = torch.ones(0, ROTATED // 2)
    arguments = batch(**nothing, cos=empty, sin=empty, trees=[], states=torch.zeros(0, HIDDEN))
    assert program().run(**arguments).shape == (0, OUTPUTS)
    assert not arguments["keys"].any()


SHAPES = {
    "no isa of that name": {"isa": "sparc"},
    "an isa without a name": {"isa": ""},
    "no hidden size": {"hidden": 0},
    "a negative size": {"heads": -4},
    "no key heads": {"kv_heads": 0},
    "heads that are no multiple": {"heads": 5},
    "no head size": {"head_dim": 0},
    "an odd number of rotated dimensions": {"rotated": 3},
    "more rotated dimensions than there are": {"rotated": HEAD_DIM + 2},
    "a negative number of rotated dimensions": {"rotated": -2},
    "no layers": {"layers": 0},
    "a cache of another kind": {"cache": "F16"},
    "half a unit of bfloat16": {"cache": "BF16", "head_dim": 7},
    "a size beyond integers": {"hidden": 2**31},
    "queries beyond integers": {"heads": 2**20, "head_dim": 2**12},
    # 64 bytes a token's dimension * 2^16 heads * 2^16 dimensions * 2^26 layers = 2^64: no bytes at all.
    "a cache of 2^64 bytes": {"heads": 2**16, "kv_heads": 2**16, "head_dim": 2**16, "layers": 2**26},
    "a fraction": {"layers": 1.5},
}


@pytest.mark.parametrize("changes", SHAPES.values(), ids=SHAPES)
def test_a_shape_that_makes_no_sense(changes):
    with pytest.raises(BAD):
        _native.Program(**SHAPE | changes)


COMMANDS = {
    "a table of another width": ("embed", {"table": matrix(VOCABULARY, HIDDEN + 1)}),
    "no table": ("embed", {"table": None}),
    "a second table": ("embed", {"table": matrix(VOCABULARY + 1, HIDDEN)}),
    "a layer that is not there": ("project", projections(layer=LAYERS)),
    "a negative layer": ("project", projections(layer=-1)),
    "a norm of another width": ("project", projections(norm=ones(HIDDEN - 1))),
    "queries of another width": ("project", projections(q=matrix(HEADS * HEAD_DIM, HIDDEN + 1))),
    "queries of another height": ("project", projections(q=matrix(HEADS * HEAD_DIM + 1, HIDDEN))),
    "keys of another height": ("project", projections(k=matrix(KV_HEADS * HEAD_DIM - 1, HIDDEN))),
    "values of another height": ("project", projections(v=matrix(HEADS * HEAD_DIM, HIDDEN))),
    "a bias of another length": ("project", projections(q_bias=ones(HEADS * HEAD_DIM - 1))),
    "a bias in a table": ("project", projections(q_bias=ones(HEADS * HEAD_DIM)[None])),
    "a head's norm of another width": ("project", projections(q_norm=ones(HEAD_DIM + 1))),
    "attention in a layer that is not there": ("attend", {"layer": LAYERS, "window": None}),
    "an empty window": ("attend", {"layer": 0, "window": 0}),
    "a negative window": ("attend", {"layer": 0, "window": -1}),
    "a window beyond integers": ("attend", {"layer": 0, "window": 2**31}),
    "a slope too many": ("attend", {"layer": 0, "window": None, "slopes": ones(HEADS + 1)}),
    "slopes in a table": ("attend", {"layer": 0, "window": None, "slopes": ones(HEADS)[None]}),
    "a table of other heads": ("attend", {"layer": 0, "window": None, "table": torch.ones(HEADS - 1, 4)}),
    "a table of no distances": ("attend", {"layer": 0, "window": None, "table": torch.ones(HEADS, 0)}),
    "a table of wide numbers": (
        "attend",
        {"layer": 0, "window": None, "table": torch.ones(HEADS, 4).double()},
    ),
    "slopes and a table": (
        "attend",
        {"layer": 0, "window": None, "slopes": ones(HEADS), "table": torch.ones(HEADS, 4)},
    ),
    "an output of another width": ("add_projection", {"o": matrix(HIDDEN, HIDDEN + 1), "bias": None}),
    "an output of another height": (
        "add_projection",
        {"o": matrix(HIDDEN + 1, HEADS * HEAD_DIM), "bias": None},
    ),
    "an output's bias of another length": (
        "add_projection",
        {"o": matrix(HIDDEN, HEADS * HEAD_DIM), "bias": ones(1)},
    ),
    "a gate of another height": ("add_feed_forward", feed_forward(gate=matrix(65, HIDDEN))),
    "a down projection of another width": ("add_feed_forward", feed_forward(down=matrix(HIDDEN, 65))),
    "a down projection of another height": ("add_feed_forward", feed_forward(down=matrix(HIDDEN + 1, 64))),
    "a gate's bias of another length": ("add_feed_forward", feed_forward(gate_bias=ones(63))),
    "an exit out of order": ("exit", {"depth": 1}),
    "an exit twice": ("exit", {"depth": 2}),
    "an exit beyond the layers": ("exit", {"depth": LAYERS + 1}),
    "a negative exit": ("exit", {"depth": -1}),
    "a head of another width": (
        "logits",
        {"norm": ones(HIDDEN), "eps": 1e-5, "head": matrix(OUTPUTS, HIDDEN + 1)},
    ),
    "a last norm of another width": (
        "logits",
        {"norm": ones(HIDDEN + 1), "eps": 1e-5, "head": matrix(OUTPUTS, HIDDEN)},
    ),
    "a second head": ("logits", {"norm": ones(HIDDEN), "eps": 1e-5, "head": matrix(OUTPUTS - 1, HIDDEN)}),
}


@pytest.mark.parametrize(("command", "arguments"), COMMANDS.values(), ids=COMMANDS)
def test_a_command_that_makes_no_sense(command, arguments):
    """It is not recorded: the program still runs as before."""
    made = program()
    expected = made.run(**batch())
    with pytest.raises(BAD, match=r"\w+ \w+"):
        getattr(made, command)(*arguments.values())
    assert np.array_equal(made.run(**batch()), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_packing_what_makes_no_sense(kind):
    out, inputs = 3, 256
    stored = stored_blocks(kind, out, inputs, seed=0).data
    good = {
        "arena": _native.Arena(),
        "kind": kind,
        "stored": stored,
        "out": out,
        "inputs": inputs,
        "rows": np.array([2, 0, 1]),
        "threads": 1,
    }
    assert _native.pack(**good).shape == (out, inputs)
    changes = [
        {"kind": "IQ1_S"},
        {"kind": ""},
        {"kind": None},
        {"stored": stored[:-1]},
        {"stored": stored[:0]},
        {"stored": np.append(stored, stored[:1])},
        {"stored": stored.reshape(1, -1)},
        {"stored": stored.astype(np.float32)},
        {"out": 0},
        {"out": -1},
        {"out": out + 1},
        {"out": 2**31},
        {"inputs": 0},
        {"inputs": -inputs},
        {"inputs": 2 * inputs},
        {"inputs": 2**31 - 32},
        {"rows": np.array([0, 1])},
        {"rows": np.array([0, 1, 2, 0])},
        {"rows": np.array([0, 1, 3])},
        {"rows": np.array([0, -1, 2])},
        {"rows": np.array([0.0, 0.5, 1.0])},
        {"threads": 0},
        {"threads": -1},
    ]
    if kind in CODES:
        changes.append({"inputs": inputs + 1})
    answers = []
    for change in changes:
        try:
            answers.append(_native.pack(**good | change))
        except BAD as refused:
            answers.append(str(refused))
    accepted = [
        change for change, answer in zip(changes, answers, strict=True) if not isinstance(answer, str)
    ]
    assert accepted == []
    assert all(len(answer.split()) > 3 for answer in answers)


@pytest.mark.parametrize("row", [-1, 3, 2**31])
def test_rows_that_are_not_there(row):
    with pytest.raises(BAD):
        matrix(3, 7).read_row(row, np.zeros(7, np.float32))


@pytest.mark.parametrize(
    "out",
    [
        np.zeros(6, np.float32),
        np.zeros(8, np.float32),
        np.zeros((1, 7), np.float32),
        np.zeros(7),
        np.zeros(14, np.float32)[::2],
        np.zeros(7, np.int32),
        None,
    ],
    ids=["short", "long", "table", "doubles", "gaps", "integers", "nothing"],
)
def test_a_row_that_does_not_fit_where_it_should_go(out):
    with pytest.raises(BAD):
        matrix(3, 7).read_row(0, out)


# ------------------------------------------------------------------------------------------------- lifetimes


@pytest.mark.slow
def test_a_program_keeps_what_it_reads():
    """Matrices, norms and biases may be forgotten by who recorded it, and arenas by who packed."""
    made = program()
    expected = made.run(**batch())
    gc.collect()
    _ = [torch.full((size,), torch.nan) for size in (HIDDEN, HEAD_DIM, HEADS * HEAD_DIM) for _ in range(50)]
    _ = [matrix(out, HIDDEN) for out in (VOCABULARY, OUTPUTS, 64)]
    assert np.array_equal(made.run(**batch()), expected)


@pytest.mark.slow
def test_logits_stay_what_they_are():
    """The memory of logits is used again only when nothing looks at it any more, not even a row."""
    made = program()
    plain = {"logit_depths": None, "states": None}
    kept = [made.run(**batch(logit_rows=longs(i % TOKENS), **plain)) for i in range(10)]
    copies = [logits.copy() for logits in kept]
    rows = [logits[0, 3:] for logits in kept]
    del kept
    for _ in range(5):
        made.run(**batch(token_ids=longs(9, 9, 9, 9, 9), logit_rows=longs(0, 1, 2, 3, 4), **plain))
    assert all(np.array_equal(row, copy[0, 3:]) for row, copy in zip(rows, copies, strict=True))
    del made
    gc.collect()
    assert all(np.array_equal(row, copy[0, 3:]) for row, copy in zip(rows, copies, strict=True))
