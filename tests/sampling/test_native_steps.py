"""The native sampler's steps, one by one, together and in any order, against the torch code, their oracle."""

import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ponder.kernels import native as native_kernels
from ponder.sampling import SamplingParams, TokenTrace
from ponder.sampling.bitmask import pack
from ponder.sampling.native import sample_many, usable
from ponder.sampling.sampler import Row, sample_reference
from ponder.sampling.semantics import SEMANTICS
from ponder.sampling.steps import STEPS

pytestmark = pytest.mark.skipif(not native_kernels.available(), reason="the native kernels are not built")

VOCABULARY = 49152


def numbers(*values):
    return st.sampled_from(values)


TRUNCATIONS = {
    "top_n_sigma": {"top_n_sigma": numbers(0.3, 1.0, 1.7, 3.0)},
    "top_k": {"top_k": numbers(1, 3, 20, 200)},
    "top_p": {"top_p": numbers(0.1, 0.5, 0.9, 0.97)},
    "decay": {"top_p": numbers(0.9), "top_p_decay": numbers(0.8, 1e-300), "top_p_floor": numbers(0.0, 0.3)},
    "min_p": {"min_p": numbers(1e-4, 0.03, 0.3, 1.0)},
    "typical": {"typical_p": numbers(0.05, 0.3, 0.8, 0.95, 0.999)},
    "top_h": {"top_h": numbers(0.05, 0.3, 0.7, 0.95)},
    "epsilon": {"epsilon_cutoff": numbers(1e-40, 1e-6, 3e-4, 0.01, 0.2)},
    "eta": {"eta_cutoff": numbers(1e-6, 3e-4, 0.01, 0.2)},
    "top_a": {"top_a": numbers(0.01, 0.2, 0.9)},
    "tail_free": {"tfs": numbers(0.3, 0.7, 0.95, 0.99)},
    "xtc": {"xtc_probability": numbers(0.5, 1.0), "xtc_threshold": numbers(0.0, 1e-5, 0.01, 0.1, 0.4, 1.0)},
}
MIROSTAT = {
    "mirostat": numbers(1, 2),
    "mirostat_tau": numbers(0.1, 1.0, 3.0, 5.0, 300.0),
    "mirostat_eta": numbers(0.1, 1.0),
}
PENALTIES = {
    "repetition_penalty": {"repetition_penalty": numbers(1.3, 0.7)},
    "occurrence_penalties": {"frequency_penalty": numbers(0.5, -1.0), "presence_penalty": numbers(0.3, 0.0)},
    "dry": {
        "dry_multiplier": numbers(0.8, 1e30),
        "dry_base": numbers(1.0, 1.75, 1e10),
        "dry_allowed_length": numbers(1, 2, 10**20),
        "dry_range": numbers(0, 0, 7, 10**20),
    },
    "no_repeat_ngram": {"no_repeat_ngram_size": numbers(1, 2, 3, 30, 10**20)},
    "logit_bias": {
        "logit_bias": st.dictionaries(st.integers(0, 4), numbers(2.0, -100.0, 1e300, -3.0), min_size=1)
    },
    "sequence_bias": {
        "sequence_bias": st.dictionaries(
            st.lists(st.integers(0, 2), min_size=1, max_size=4).map(tuple),
            numbers(3.0, -200.0, -1.0),
            min_size=1,
        )
    },
}


@st.composite
def some_params(draw):
    """Steps and, half the time, an order: penalties before all else."""
    fields = {"temperature": draw(numbers(0.0, 0.7, 1.0, 1.7)), "seed": draw(st.integers(0, 2**64 - 1))}
    if draw(st.booleans()):
        chosen = draw(st.lists(numbers(*TRUNCATIONS), unique=True, min_size=1, max_size=4))
        steps = [TRUNCATIONS[name] for name in chosen]
    else:
        steps = [MIROSTAT] if draw(st.booleans()) else []
    if draw(st.booleans()):
        steps += [PENALTIES[name] for name in draw(st.lists(numbers(*PENALTIES), unique=True, max_size=3))]
    for step in steps:
        fields |= {name: draw(values) for name, values in step.items()}
    if draw(st.booleans()):
        fields["penalty_range"] = draw(numbers(1, 4, 10**20))
    if draw(st.booleans()) and fields["temperature"]:
        fields |= {"dynatemp_range": draw(numbers(0.1, 0.2)), "dynatemp_exponent": draw(numbers(1.0, 2.5))}
    params = SamplingParams(**fields)
    if draw(st.booleans()):
        order = draw(st.permutations(params.steps()))
        params = replace(params, order=tuple(sorted(order, key=lambda step: STEPS[step].kind != "penalty")))
    return params


SHAPES = ("normal", "equal", "ties", "two levels", "peaked", "holes", "one", "flat")


def make_row(shape, size, rng):
    """One row, float32; its probabilities lie within 2 ** -126 of each other."""
    if shape == "equal":
        row = np.full(size, rng.normal())
    elif shape == "ties":
        row = rng.integers(-12, 12, size) / 4
    elif shape == "two levels":
        row = np.where(rng.random(size) < 0.3, 2.0, 0.5)
    elif shape == "peaked":
        row = -2.0 * np.log1p(rng.permutation(size)) + rng.normal(size=size) * 0.1
    elif shape == "flat":
        row = rng.normal(size=size) * 0.2
    else:
        row = rng.normal(size=size) * 2
    if shape in ("holes", "one"):
        row[rng.random(size) < (0.4 if shape == "holes" else 1)] = -np.inf
        row[rng.integers(size)] = 1.0
    return row.astype(np.float32)


def make_rows(size, count, rng):
    """`count` rows with texts of few different tokens, which repeat themselves; some with masks."""
    few = min(size, 3)
    mask = pack(torch.from_numpy(rng.random(size) < 0.5))
    return [
        Row(
            int(rng.integers(1000)),
            tuple(rng.integers(few, size=20).tolist()),
            rng.integers(few, size=int(rng.integers(12))).tolist(),
            tuple(rng.integers(size, size=2).tolist()) if rng.random() < 0.3 else (),
            mask if rng.random() < 0.3 else None,
            [TokenTrace(0, -1.0, -6 * rng.random(), -1.0, 1.0, 1, 1, 1.0) for _ in range(8)],
            int(rng.integers(9)),
            frozenset(rng.integers(size + 3, size=1).tolist()),
        )
        for _ in range(count)
    ]


def within(params, size):
    """The parameters with the tokens of a smaller vocabulary."""
    return replace(
        params,
        logit_bias={token % size: bias for token, bias in params.logit_bias.items()},
        sequence_bias={
            tuple(token % size for token in tokens): bias for tokens, bias in params.sequence_bias.items()
        },
    )


def choices(traces):
    return [trace and (trace.token_id, trace.kept) for trace in traces]


def same(ours, theirs):
    """Whether two traces are of one choice."""
    if ours is None or theirs is None:
        return ours is theirs
    if (ours.token_id, ours.kept, ours.rank) != (theirs.token_id, theirs.kept, theirs.rank):
        return False
    assert [token for token, _ in ours.top] == [token for token, _ in theirs.top]
    return all(
        getattr(ours, name) == pytest.approx(getattr(theirs, name), abs=5e-6)
        for name in ("logprob", "tempered_logprob", "truncated_logprob", "kept_mass", "entropy")
    )


def disagreements(logits, rows, params):
    """How many rows the native sampler decides otherwise than the torch code does in float32 and in float64.

    Where those two differ from each other, rounding decides, and either is right.
    """
    assert usable(logits, params)
    traces = sample_many([(logits, rows, params)])
    single = sample_reference(logits, rows, params)
    return sum(
        not same(ours, theirs)
        and not same(ours, sample_reference(logits[i : i + 1].double(), [rows[i]], params)[0])
        for i, (ours, theirs) in enumerate(zip(traces, single, strict=True))
    )


@pytest.mark.slow
@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    numbers(*SHAPES),
    st.one_of(st.integers(1, 40), numbers(1000, 1023, 1024, 1025, 3000, 5003)),
    some_params(),
    st.integers(0, 2**32),
)
def test_any_steps_in_any_order(shape, size, params, seed):
    """Tokens, kept counts and probabilities are the oracle's."""
    rng = np.random.default_rng(seed)
    params = within(params, size)
    logits = torch.from_numpy(np.stack([make_row(shape, size, rng) for _ in range(2)]))
    assert disagreements(logits, make_rows(size, 2, rng), params) == 0


UNTIED = ("normal", "peaked", "holes", "one", "flat")


@st.composite
def other_semantics(draw):
    """A system, and some of its steps."""
    name = draw(numbers(*(name for name in SEMANTICS if name != "ponder")))
    fields = {"temperature": draw(numbers(0.0, 0.7, 1.0, 1.7)), "seed": draw(st.integers(0, 2**64 - 1))}
    known = {"mirostat": MIROSTAT, **TRUNCATIONS, **PENALTIES}
    chosen = draw(st.lists(numbers(*SEMANTICS[name].order), unique=True, max_size=5))
    if "mirostat" in chosen:
        chosen = ["mirostat"]
    for step in chosen:
        fields |= {field: draw(values) for field, values in known.get(step, {}).items()}
    if name in ("hf", "vllm"):
        fields["logit_bias"] = {token: min(bias, 2.5) for token, bias in fields.get("logit_bias", {}).items()}
    if name == "exllama":
        fields |= {"xtc_probability": 0.0, "xtc_threshold": 0.1}
    if name == "llamacpp":
        fields["penalty_range"] = draw(numbers(0, 3, 64))
        if "mirostat" not in chosen:
            fields["top_k"] = draw(numbers(1, 40))
    return SamplingParams(semantics=name, **fields)


@pytest.mark.slow
@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data(), numbers(1, 2, 3, 17, 40, 1000, 1025, 3000), other_semantics(), st.integers(0, 2**32))
def test_the_rules_of_other_systems(data, size, params, seed):
    """Tokens, kept counts and probabilities are the oracle's; no ties where torch's sort decides them."""
    shape = data.draw(numbers(*(UNTIED if params.semantics in ("hf", "vllm") else SHAPES)))
    rng = np.random.default_rng(seed)
    params = within(params, size)
    logits = torch.from_numpy(np.stack([make_row(shape, size, rng) for _ in range(2)]))
    assert disagreements(logits, make_rows(size, 2, rng), params) == 0


def test_ties_of_transformers_and_vllm():
    """What is kept together stays together; of what is not, the lowest ids."""
    logits = torch.tensor([[0.0, 1.0, 1.0, 1.0, 1.0, -1.0]])
    rows = [Row(0, (), ())]
    for semantics, fields, kept in (
        ("hf", {"top_k": 2}, 4),
        ("vllm", {"top_k": 2}, 4),
        ("flashinfer", {"top_k": 2}, 4),
        ("hf", {"epsilon_cutoff": 0.9}, 4),
        ("hf", {"eta_cutoff": 0.9}, 4),
        ("hf", {"typical_p": 0.1}, 4),
        ("hf", {"top_p": 0.3}, 2),
        ("vllm", {"top_p": 0.3}, 2),
        ("flashinfer", {"top_p": 0.3}, 4),
        ("sglang", {"top_k": 2}, 2),
        ("exllama", {"top_p": 0.3}, 1),
    ):
        (trace,) = sample_many([(logits, rows, SamplingParams(semantics=semantics, **fields))])
        assert (semantics, fields, trace.kept) == (semantics, fields, kept)
        (expected,) = sample_reference(logits, rows, SamplingParams(semantics=semantics, **fields))
        assert trace.kept == expected.kept


STEP_SETTINGS = {
    "typical": {"typical_p": 0.8},
    "epsilon": {"epsilon_cutoff": 0.001},
    "eta": {"eta_cutoff": 0.001},
    "top-a": {"top_a": 0.2},
    "tail-free": {"tfs": 0.9},
    "top-n-sigma": {"top_n_sigma": 1.5},
    "top-h": {"top_h": 0.6},
    "mirostat 1": {"mirostat": 1, "mirostat_tau": 3.0},
    "mirostat 2": {"mirostat": 2, "mirostat_tau": 3.0},
    "xtc": {"xtc_probability": 1.0, "xtc_threshold": 0.001},
    "dynamic": {"dynatemp_range": 0.5, "dynatemp_exponent": 1.5},
    "factual nucleus": {"top_p": 0.95, "top_p_decay": 0.9, "top_p_floor": 0.3},
    "dry": {"dry_multiplier": 0.8, "dry_allowed_length": 1},
    "n-grams": {"no_repeat_ngram_size": 2},
    "sequence bias": {"sequence_bias": {(1, 2): 5.0, (3,): -2.0}},
    "range": {"repetition_penalty": 1.3, "presence_penalty": 0.5, "penalty_range": 4},
    "llama.cpp's order": {
        "top_n_sigma": 2.0,
        "top_k": 40,
        "typical_p": 0.9,
        "top_p": 0.95,
        "min_p": 0.01,
        "xtc_probability": 0.5,
        "xtc_threshold": 0.05,
        "temperature": 1.4,
        "dynatemp_range": 0.3,
        "order": ("top_n_sigma", "top_k", "typical", "top_p", "min_p", "xtc", "temperature"),
    },
    "all": {
        "top_n_sigma": 3.0,
        "top_k": 3000,
        "top_p": 0.99,
        "min_p": 0.001,
        "typical_p": 0.99,
        "top_h": 0.95,
        "epsilon_cutoff": 1e-6,
        "eta_cutoff": 1e-6,
        "top_a": 0.01,
        "tfs": 0.99,
        "xtc_probability": 0.5,
        "temperature": 0.8,
        "repetition_penalty": 1.1,
        "dry_multiplier": 1.0,
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name", STEP_SETTINGS)
def test_rows_of_a_large_vocabulary(name):
    """Steps on rows of the default vocabulary's size."""
    params = SamplingParams(seed=7, top_logprobs=3, **STEP_SETTINGS[name])
    rng = np.random.default_rng(0)
    different = 0
    for shape in SHAPES:
        logits = torch.from_numpy(np.stack([make_row(shape, VOCABULARY, rng) for _ in range(4)]))
        different += disagreements(logits, make_rows(VOCABULARY, 4, rng), params)
    assert different == 0


@pytest.mark.parametrize("name", STEP_SETTINGS)
def test_a_row_is_the_same_in_any_company(name):
    """Seven rows at once by one to five threads, and each alone: all traces to the bit."""
    params = SamplingParams(seed=3, top_logprobs=4, **STEP_SETTINGS[name])
    rng = np.random.default_rng(0)
    for shape in ("normal", "ties", "flat"):
        logits = torch.from_numpy(np.stack([make_row(shape, 5003, rng) for _ in range(7)]))
        rows = make_rows(5003, 7, rng)
        together = sample_many([(logits, rows, params)], threads=1)
        for threads in (2, 3, 5):
            assert sample_many([(logits, rows, params)], threads=threads) == together
        for threads in (1, 2):
            apart = [
                sample_many([(logits[i : i + 1], rows[i : i + 1], params)], threads=threads) for i in range(7)
            ]
            assert [trace for one in apart for trace in one] == together


@pytest.mark.parametrize("name", STEP_SETTINGS)
def test_instruction_sets_choose_the_same(name):
    """The same tokens by all instruction sets that this processor has."""
    params = SamplingParams(seed=1, **STEP_SETTINGS[name])
    rng = np.random.default_rng(1)
    logits = torch.from_numpy(np.stack([make_row(shape, 5003, rng) for shape in SHAPES]))
    rows = make_rows(5003, len(logits), rng)
    best, *others = [
        sample_many([(logits, rows, params)], instruction_set=isa)
        for isa in native_kernels.instruction_sets()
    ]
    for traces in others:
        assert choices(traces) == choices(best)


@pytest.mark.parametrize("size", [1, 4, 64, 1024, 8192])
@pytest.mark.parametrize(
    "fields",
    [
        *({"typical_p": mass} for mass in (0.25, 0.5, 0.75)),
        *({"xtc_probability": 1.0, "xtc_threshold": 1 / size} for size in (4, 64, 1024)),
        *({"epsilon_cutoff": 1 / size} for size in (4, 64, 1024)),
        *({"eta_cutoff": 1 / size} for size in (4, 64, 1024)),
        *({"top_a": 1.0}, {"tfs": 0.5}, {"top_n_sigma": 1.0}, {"mirostat": 1}, {"mirostat": 2}),
    ],
    ids=str,
)
def test_equal_tokens_are_kept_by_rising_id(size, fields):
    """Where all are equal, and sums exact, as many are kept as by the oracle, of the lowest ids."""
    rows = [Row(i, (), ()) for i in range(16)]
    for level in (0.0, 2.5):
        logits = torch.full((16, size), level)
        for order in (None, tuple(reversed(SamplingParams(**fields).steps()))):
            params = SamplingParams(order=order, **fields)
            assert choices(sample_many([(logits, rows, params)])) == choices(
                sample_reference(logits, rows, params)
            )


EXTREME = ("far", "huge", "tiny", "spread")


@pytest.mark.parametrize("shape", EXTREME)
@pytest.mark.parametrize("name", STEP_SETTINGS)
def test_extreme_logits(shape, name):
    """The token is the oracle's; faint tokens are not counted by both alike."""
    params = SamplingParams(seed=5, **STEP_SETTINGS[name])
    rng = np.random.default_rng(3)
    scale = {"far": 60, "huge": 1e37, "tiny": 1e-30, "spread": 8}[shape]
    for size in (3, 17, 1500):
        logits = torch.from_numpy((rng.normal(size=(8, size)) * scale).astype(np.float32))
        rows = [replace(row, prompt=(), output=[0], forbidden=()) for row in make_rows(size, 8, rng)]
        fields = {"sequence_bias": {(0, 1): 5.0}} if params.sequence_bias else {}
        changed = replace(params, **fields)
        theirs = sample_reference(logits, rows, changed)
        for ours, other in zip(sample_many([(logits, rows, changed)]), theirs, strict=True):
            assert (ours is None) == (other is None)
            if ours is not None and shape != "tiny":
                assert ours.token_id == other.token_id
                assert ours.truncated_logprob == pytest.approx(other.truncated_logprob, abs=1e-5, rel=1e-5)


@pytest.mark.parametrize("size", [1, 5, 70, 1024, 3001])
def test_what_is_no_number_does_no_harm(size):
    """NaN and infinities: no crash, and what comes is a token or None."""
    rng = np.random.default_rng(size)
    for round_ in range(5):
        logits = rng.normal(size=(3, size)).astype(np.float32) * 3
        for value in (np.nan, np.inf, -np.inf):
            logits[rng.random((3, size)) < (0.3 if round_ % 3 else 0.01)] = value
        rows = make_rows(size, 3, rng)
        for fields in STEP_SETTINGS.values():
            params = within(SamplingParams(seed=round_, top_logprobs=3, **fields), size)
            for trace in sample_many([(torch.from_numpy(logits), rows, params)]):
                assert trace is None or 0 <= trace.token_id < size


HOSTILE = {
    "one token": [0] * 30_000,
    "two tokens": [0, 1] * 15_000,
    "runs": [0, 0, 0, 0, 0, 0, 0, 1] * 4_000,
    "halves": [*range(2)] + [1] * 14_998 + [0] + [1] * 14_998,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_repetitions_are_found_in_linear_time(name):
    """Texts that repeat themselves everywhere: the oracle's choices, in a time that is linear."""
    text = HOSTILE[name]
    logits = torch.zeros(1, 40)
    for fields in (
        {"dry_multiplier": 0.01, "dry_base": 1.0001},
        {"no_repeat_ngram_size": 15_000},
        {"no_repeat_ngram_size": 2},
    ):
        params = SamplingParams(seed=2, **fields)
        row = Row(0, tuple(text), text[:9], breakers=frozenset({7}))
        assert disagreements(logits, [row], params) == 0
        start = time.process_time()
        for _ in range(20):
            sample_many([(logits, [row], params)])
        assert time.process_time() - start < 2  # it is 10 ms; what is quadratic takes minutes


def test_penalties_past_the_end_of_a_short_text():
    """Ranges, n-grams and sequences that are longer than the text, and no text at all."""
    logits = torch.arange(5.0)[None]
    for output in ([], [4], [4, 4]):
        row = Row(0, (), output)
        for fields in (
            {"repetition_penalty": 2.0, "penalty_range": 9},
            {"frequency_penalty": 2.0, "penalty_range": 1},
            {"no_repeat_ngram_size": 1},
            {"no_repeat_ngram_size": 2},
            {"dry_multiplier": 5.0, "dry_allowed_length": 1, "dry_range": 1},
            {"sequence_bias": {(4, 4, 4): -100.0, (4, 3): 9.0}},
        ):
            assert disagreements(logits, [row], SamplingParams(temperature=0.0, **fields)) == 0


def test_a_long_sentence_and_a_long_surprise_end_in_the_likeliest():
    """A top-p that has decayed to nothing, and a mu far under zero, keep one token by either sampler."""
    logits = torch.arange(8.0)[None]
    traces = [TokenTrace(0, -9.0, -9.0, -9.0, 1.0, 1, 1, 1.0)] * 3000
    row = Row(0, (), (), traces=traces, sentence=100_000)
    for fields in (
        {"top_p": 0.9, "top_p_decay": 0.5},
        {"mirostat": 2, "mirostat_tau": 0.01, "mirostat_eta": 1.0},
    ):
        params = SamplingParams(**fields)
        assert disagreements(logits, [row], params) == 0
        (trace,) = sample_many([(logits, [row], params)])
        assert (trace.token_id, trace.kept) == (7, 1)


def test_what_does_not_fit_is_refused():
    """Steps that are not there or come too late, parameters and rows of other kinds: errors."""
    from ponder.kernels.native._native import sample

    logits, row, plain = torch.zeros(1, 40), Row(0, (), ()), SamplingParams()
    order = ("temperature",)

    def refused(error, match, row=row, order=order, params=plain):
        with pytest.raises(error, match=match):
            sample([(logits, [row], params, order)], 1, None)

    refused(ValueError, "no such step", order=("temperature", "cool"))
    refused(ValueError, "no such step", order=("temperature", 3))
    refused(ValueError, "twice", order=("temperature", "temperature"))
    refused(ValueError, "temperature is one", order=())
    refused(TypeError, "list or a tuple", order=None)
    bias = SamplingParams(logit_bias={1: 1.0})
    refused(ValueError, "before all else", order=("temperature", "logit_bias"), params=bias)
    refused(ValueError, "not in the vocabulary", params=SamplingParams(sequence_bias={(1, 40): 1.0}))
    refused(ValueError, "not in the vocabulary", params=SamplingParams(sequence_bias={(40, 1): 1.0}))
    mirostat = SamplingParams(mirostat=2)
    refused(TypeError, "list or a tuple", row=replace(row, traces=3), params=mirostat)
    refused(AttributeError, "tempered_logprob", row=replace(row, traces=[3]), params=mirostat)
    dry = SamplingParams(dry_multiplier=1.0)
    refused(TypeError, "iterable", row=replace(row, breakers=3), params=dry)
    refused(TypeError, "integer", row=replace(row, breakers={"a"}), params=dry)
    fields = {name: getattr(plain, name) for name in plain.__dataclass_fields__}
    for name in ("cool", 3):
        refused(ValueError, "no such semantics", params=SimpleNamespace(**(fields | {"semantics": name})))
    for name, value in (
        *(
            ("temperature", -1.0),
            ("temperature", float("nan")),
            ("dynatemp_range", -1.0),
            ("dynatemp_exponent", 0.0),
        ),
        *(("top_n_sigma", -1.0), ("top_k", -1), ("top_p", 0.0), ("top_p_decay", 0.0), ("min_p", 2.0)),
        *(("typical_p", 0.0), ("top_h", 0.0), ("epsilon_cutoff", -1.0), ("eta_cutoff", float("nan"))),
        *(("top_a", 2.0), ("tfs", -1.0), ("xtc_probability", 2.0), ("xtc_threshold", -1.0), ("mirostat", 3)),
        *(("penalty_range", -1), ("dry_range", -(10**30)), ("dry_base", 0.5), ("dry_allowed_length", 0)),
        *(("no_repeat_ngram_size", -1), ("top_logprobs", -1), ("repetition_penalty", 0.0)),
    ):
        refused(ValueError, f"^{name} .* not allowed", params=SimpleNamespace(**(fields | {name: value})))
    refused(TypeError, "sequence|iterable|object", params=SimpleNamespace(**(fields | {"sequence_bias": 3})))
