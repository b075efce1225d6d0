"""The native sampler: against the rules in float64 and the torch sampler, to the bit in any company."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from ponder.kernels import native as native_kernels
from ponder.kernels import select_kernels
from ponder.sampling import SamplingParams
from ponder.sampling.bitmask import pack, unpack
from ponder.sampling.native import sample_many, usable
from ponder.sampling.rng import CHOICE, EXCLUSION, uniforms
from ponder.sampling.sampler import (
    NativeSampler,
    Row,
    TorchSampler,
    process,
    sample_reference,
    sampler_for,
)

pytestmark = pytest.mark.skipif(not native_kernels.available(), reason="the native kernels are not built")

FAINTEST = -126 * math.log(2)  # where a weight relative to the largest becomes zero


def instruction_sets():
    """Those that this processor has; none where there are no native kernels."""
    return native_kernels.instruction_sets() if native_kernels.available() else []


def make_logits(shape, size, rng):
    """One row, float32, of one of several shapes."""
    if shape == "equal":
        row = np.full(size, rng.normal())
    elif shape == "ties":
        row = rng.integers(-12, 12, size) / 4
    elif shape == "two levels":
        row = np.where(rng.random(size) < 0.3, 2.0, 0.5)
    elif shape == "peaked":
        row = -2.5 * np.log1p(rng.permutation(size)) + rng.normal(size=size) * 0.1
    elif shape == "far":
        row = rng.normal(size=size) * 60
    elif shape == "huge":
        row = rng.normal(size=size) * 1e37
    else:
        row = rng.normal(size=size) * 2.5
    if shape == "holes" and size > 1:
        row[rng.random(size) < 0.4] = -np.inf
        row[rng.integers(size)] = 1.0
    return row.astype(np.float32)


SHAPES = ("normal", "equal", "ties", "two levels", "peaked", "far", "huge", "holes")
sizes = st.one_of(
    st.integers(1, 40), st.integers(41, 3000), st.sampled_from([1023, 1024, 1025, 2048, 5003, 49152])
)
temperatures = st.one_of(st.just(0.0), st.floats(0.2, 3), st.sampled_from([1.0, 0.7, 1e-30]))
top_ks = st.one_of(st.just(0), st.integers(1, 60), st.sampled_from([1, 700, 1000, 2500, 10**30]))
top_ps = st.one_of(st.just(1.0), st.floats(0.01, 0.999), st.sampled_from([1e-9, 0.5, 0.9, 0.95, 1 - 1e-5]))
min_ps = st.one_of(st.just(0.0), st.floats(1e-6, 0.5), st.sampled_from([1.0, 0.05, 1e-12]))
biases = st.one_of(
    st.just({}),
    st.dictionaries(
        st.integers(0, 10**6), st.sampled_from([-100.0, -1e9, 5.0, -3.0, 1.5, 1e300]), max_size=6
    ),
)
some_params = st.builds(
    lambda **fields: fields,
    temperature=temperatures,
    top_k=top_ks,
    top_p=top_ps,
    min_p=min_ps,
    repetition_penalty=st.sampled_from([1.0, 1.0, 1.3, 0.7, 1e-300, 1e300]),
    frequency_penalty=st.sampled_from([0.0, 0.0, 0.5, -2.0]),
    presence_penalty=st.sampled_from([0.0, 0.0, 1.0, -0.3]),
    logit_bias=biases,
    seed=st.integers(0, 2**64 - 1),
    top_logprobs=st.sampled_from([0, 0, 1, 5, 20, 1000]),
)


def make_rows(size, count, rng, masked):
    """`count` rows with outputs, prompts, forbidden tokens and, of some, masks."""
    masks = [pack(torch.from_numpy(rng.random(size) < share)) for share in (0.5, 0.01)]
    one = torch.zeros(size, dtype=torch.bool)
    one[rng.integers(size)] = True
    masks.append(pack(one)[: 1 + int(one.nonzero()[0]) // 32])
    return [
        Row(
            int(rng.integers(1000)),
            tuple(rng.integers(size, size=5).tolist()),
            rng.integers(size, size=int(rng.integers(12))).tolist(),
            tuple(rng.integers(size, size=2).tolist()) if rng.random() < 0.3 else (),
            masks[int(rng.integers(3))] if masked and rng.random() < 0.7 else None,
        )
        for _ in range(count)
    ]


def order_of(processed, params):
    """Ids by falling weight, equal ones by rising id, and e = (logit - largest) / T of each.

    The difference is rounded to float32: logits that it makes equal are so for all samplers.
    """
    with np.errstate(over="ignore"):
        shifted = processed - processed.max()
    order = np.lexsort((np.arange(len(shifted)), -shifted))
    return order, shifted[order].astype(np.float64) / min(max(params.temperature, 1e-30), 1e30)


def kept_at_most(e, params, slack):
    """How many tokens the rules keep if each were `slack` more generous."""
    weights = np.exp(e)
    count = int((e >= FAINTEST - slack * 1e4).sum())
    if params.top_k:
        count = min(count, params.top_k)
    if params.top_p < 1:
        ahead = weights[:count].cumsum() - weights[:count]
        count = max(1, int((ahead < (params.top_p + slack) * weights[:count].sum()).sum()))
    if params.min_p:
        count = max(1, int((weights[:count] >= params.min_p * (1 - slack)).sum()))
    return count


def check_choice(trace, processed, params, u):
    """The trace is what the rules, in float64, make of processed logits and the random number."""
    order, e = order_of(processed, params)
    if params.temperature == 0:
        assert trace.token_id == order[0]
        assert (trace.kept, trace.kept_mass, trace.tempered_logprob, trace.truncated_logprob) == (1, 1, 0, 0)
        return
    slack = 2e-6
    assert kept_at_most(e, params, -slack) <= trace.kept <= kept_at_most(e, params, slack)
    # The cut may fall between two that are one weight in float32: then ids decide, unlike here.
    last = trace.kept - 1
    assume(trace.kept == len(e) or e[last] == e[last + 1] or e[last] - e[last + 1] > 1e-5)
    weights = np.exp(e)
    kept = order[: trace.kept]
    assert trace.token_id in kept
    assert trace.kept_mass == pytest.approx(weights[: trace.kept].sum() / weights.sum(), abs=2e-6)
    own = e[np.flatnonzero(order == trace.token_id)[0]]
    exactness = 2e-6 + abs(own) * 3e-7
    assert trace.tempered_logprob == pytest.approx(own - math.log(weights.sum()), abs=exactness)
    total = weights[: trace.kept].sum()
    assert trace.truncated_logprob == pytest.approx(own - math.log(total), abs=exactness)
    before = weights[: trace.kept][kept < trace.token_id].sum() / total
    assert before - slack <= u <= before + math.exp(own) / total + slack


def check_raw(trace, logits, params):
    """Raw log-probability, entropy, rank and alternatives, in float64."""
    raw = logits.astype(np.float64)
    shifted = raw - raw.max()
    logprobs = shifted - math.log(np.exp(shifted).sum())
    own = logprobs[trace.token_id]
    assert trace.logprob == pytest.approx(own, abs=2e-6, rel=3e-7) or own == trace.logprob == -math.inf
    possible = logprobs > -745
    entropy = -(np.exp(logprobs[possible]) * logprobs[possible]).sum()
    assert trace.entropy == pytest.approx(entropy, abs=2e-6)
    order = np.lexsort((np.arange(len(raw)), -raw))
    assert trace.rank == 1 + int(np.flatnonzero(order == trace.token_id)[0])
    wanted = order[: min(params.top_logprobs, np.count_nonzero(raw > -np.inf))]
    assert [token for token, _ in trace.top] == wanted.tolist()
    for token, value in trace.top:
        assert value == pytest.approx(logprobs[token], abs=2e-6, rel=3e-7) or value == logprobs[token]


@pytest.mark.slow
@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.sampled_from(SHAPES), sizes, some_params, st.integers(1, 4), st.booleans(), st.integers(0, 2**32))
def test_the_rules_hold(shape, size, fields, count, masked, seed):
    """Any parameters on rows of any shape and size: kept sets, draws and traces follow from the rules."""
    rng = np.random.default_rng(seed)
    fields["logit_bias"] = {token % size: bias for token, bias in fields["logit_bias"].items()}
    params = SamplingParams(**fields)
    logits = np.stack([make_logits(shape, size, rng) for _ in range(count)])
    before = logits.copy()
    rows = make_rows(size, count, rng, masked)
    traces = sample_many([(torch.from_numpy(logits), rows, params)])
    assert np.array_equal(logits, before)
    processed = process(torch.from_numpy(logits), rows, params).numpy()
    numbers = uniforms(params.seed, [row.stream for row in rows], [len(row.output) for row in rows])
    for trace, raw, changed, u in zip(traces, logits, processed, numbers, strict=True):
        assert (trace is None) == (changed.max() == -np.inf)
        if trace is not None:
            check_raw(trace, raw, params)
            check_choice(trace, changed, params, u)


def setting_id(setting):
    return " ".join(f"{name}={value}" for name, value in setting.items()) or "plain"


SETTINGS = [
    {},
    {"temperature": 0},
    {"temperature": 0.8, "top_p": 0.9},
    {"top_k": 50},
    {"min_p": 0.02, "temperature": 1.5},
    {"temperature": 1.2, "top_k": 200, "top_p": 0.95, "min_p": 0.01},
    {"repetition_penalty": 1.2, "top_p": 0.95, "logit_bias": {3: 4.0, 5: -100}},
]


@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS, ids=setting_id)
def test_the_torch_sampler_chooses_the_same(setting):
    """Of 80 rows of the default vocabulary's size all but a few near a boundary; what both say agrees."""
    params = SamplingParams(seed=7, **setting)
    rng = np.random.default_rng(0)
    rows = [Row(i, (1, 2, 3), (4, 5, 4), (9,)) for i in range(20)]
    different = 0
    for shape in ("normal", "peaked", "ties", "holes"):
        logits = torch.from_numpy(np.stack([make_logits(shape, 49152, rng) for _ in range(20)]))
        for ours, theirs in zip(
            sample_many([(logits, rows, params)]), sample_reference(logits, rows, params), strict=True
        ):
            if (ours.token_id, ours.kept) != (theirs.token_id, theirs.kept):
                different += 1
                continue
            assert ours.rank == theirs.rank
            for name in ("logprob", "tempered_logprob", "truncated_logprob", "kept_mass"):
                assert getattr(ours, name) == pytest.approx(getattr(theirs, name), abs=2e-6)
            assert ours.entropy == pytest.approx(theirs.entropy, abs=2e-6)
    assert different <= 1


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["normal", "peaked", "ties", "equal"])
@pytest.mark.parametrize("size", [7, 1500, 49152])
def test_a_row_is_the_same_in_any_company_and_for_any_number_of_threads(shape, size):
    """Seven rows at once by one to five threads, and each alone: all traces to the bit."""
    rng = np.random.default_rng(size)
    logits = torch.from_numpy(np.stack([make_logits(shape, size, rng) for _ in range(7)]))
    places = [slice(i, i + 1) for i in range(7)]
    for setting in SETTINGS:
        params = SamplingParams(seed=3, top_logprobs=4, **setting)
        rows = make_rows(size, 7, rng, masked=True)
        for isa in instruction_sets():
            found = [
                [
                    trace
                    for part in parts
                    for trace in sample_many(
                        [(logits[part], rows[part], params)], threads=count, instruction_set=isa
                    )
                ]
                for parts, count in [
                    *(([slice(7)], count) for count in (1, 2, 3, 5)),
                    (places, 1),
                    (places, 2),
                ]
            ]
            assert all(other == found[0] for other in found)


@pytest.mark.parametrize("setting", SETTINGS, ids=setting_id)
def test_instruction_sets_choose_the_same(setting):
    """All that this processor has: the same tokens and, nearly, numbers."""
    params = SamplingParams(seed=1, **setting)
    rng = np.random.default_rng(1)
    logits = torch.from_numpy(np.stack([make_logits(shape, 5003, rng) for shape in SHAPES * 4]))
    rows = make_rows(5003, len(logits), rng, masked=True)
    best, *others = [sample_many([(logits, rows, params)], instruction_set=isa) for isa in instruction_sets()]
    for traces in others:
        for one, other in zip(best, traces, strict=True):
            assert (one.token_id, one.kept, one.rank) == (other.token_id, other.kept, other.rank)
            assert one.truncated_logprob == pytest.approx(other.truncated_logprob, abs=2e-6)
            assert one.entropy == pytest.approx(other.entropy, abs=2e-6)


@pytest.mark.parametrize("setting", SETTINGS, ids=setting_id)
def test_several_requests_are_each_its_own(setting):
    """Requests with different parameters in one call: the traces of one call each, one after another."""
    rng = np.random.default_rng(2)
    requests = [
        (
            torch.from_numpy(rng.normal(size=(count, 2100)).astype(np.float32)),
            make_rows(2100, count, rng, masked=True),
            SamplingParams(seed=seed, **chosen),
        )
        for seed, (count, chosen) in enumerate(
            [(3, setting), (1, {"top_k": 3}), (0, {}), (2, {"temperature": 0})]
        )
    ]
    apart = [trace for request in requests for trace in sample_many([request])]
    assert sample_many(requests) == apart
    assert len(apart) == 6


def test_one_row_for_many_samples():
    """The rows may be one row expanded, as at the first step of n samples."""
    logits = torch.from_numpy(make_logits("normal", 3000, np.random.default_rng(0)))[None].expand(40, -1)
    rows = [Row(i, (), ()) for i in range(40)]
    params = SamplingParams(seed=5, top_p=0.9)
    assert sample_many([(logits, rows, params)]) == sample_many([(logits.contiguous(), rows, params)])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "setting"),
    [
        (50, {}),
        (50, {"top_p": 0.8}),
        (400, {"temperature": 1.5, "top_k": 90, "min_p": 0.05}),
        (3000, {}),
        (2100, {"top_p": 0.9}),
    ],
    ids=str,
)
def test_frequencies_are_the_distribution(size, setting):
    """30,000 draws against the exact distribution of the kept tokens: chi-square."""
    logits = torch.from_numpy(make_logits("normal", size, np.random.default_rng(size)))
    params = SamplingParams(seed=12, **setting)
    counts, kept = np.zeros(size), 0
    for start in range(0, 30_000, 5000):
        rows = [Row(start + i, (), ()) for i in range(5000)]
        traces = sample_many([(logits.expand(5000, -1), rows, params)])
        counts += np.bincount([trace.token_id for trace in traces], minlength=size)
        kept = traces[0].kept
    order, e = order_of(logits.numpy(), params)
    expected = np.zeros(size)
    expected[order[:kept]] = np.exp(e[:kept]) / np.exp(e[:kept]).sum() * 30_000
    assert not counts[expected == 0].any()
    often = expected >= 5
    seen, hoped = (
        np.append(counts[often], counts[~often].sum()),
        np.append(expected[often], expected[~often].sum()),
    )
    assert stats.chisquare(seen[hoped > 0], hoped[hoped > 0]).pvalue > 1e-3


def test_equal_tokens_are_kept_by_rising_id():
    """Of equal tokens top-k keeps the k lowest ids, and top-p k of them for p = k / V."""
    for size in (64, 1024, 4096):
        logits = torch.zeros(200, size)
        rows = [Row(i, (), ()) for i in range(200)]
        for k in (1, 2, 31, size - 1):
            for setting in ({"top_k": k}, {"top_p": k / size}):
                traces = sample_many([(logits, rows, SamplingParams(**setting))])
                assert {trace.kept for trace in traces} == {k}
                assert max(trace.token_id for trace in traces) < k
    # At a temperature that makes all weights equal ids decide, not logits.
    logits = torch.arange(3000.0).expand(100, -1)
    rows = [Row(i, (), ()) for i in range(100)]
    traces = sample_many([(logits, rows, SamplingParams(temperature=1e30, top_k=5))])
    assert {trace.token_id for trace in traces} == set(range(5))


@pytest.mark.parametrize("size", [2, 40, 500, 5000])
@pytest.mark.parametrize("p", [1 - 1e-9, 1 - 2.0**-53])
def test_top_p_next_to_one(size, p):
    """Where rounding decides whether the mass is reached, what is kept holds it but for rounding."""
    rng = np.random.default_rng(size)
    logits = [make_logits(shape, size, rng) for shape in SHAPES if shape != "huge"]
    logits += [
        np.linspace(0, -87, size, dtype=np.float32),
        np.where(np.arange(size) == 1, 0, -87).astype(np.float32),
    ]
    rows = [Row(i, (), ()) for i in range(len(logits))]
    stacked = torch.from_numpy(np.stack(logits))
    for trace in sample_many([(stacked, rows, SamplingParams(top_p=p))]):
        assert 1 <= trace.kept <= size
        assert trace.kept_mass > 1 - 1e-6


@pytest.mark.parametrize("size", [40, 2000])
def test_what_lies_beyond_the_mask_is_not_allowed(size):
    """A mask of one word allows at most 32 tokens, whatever follows it in memory."""
    words = torch.full((200,), -1, dtype=torch.int32)[:1]
    rows = [Row(i, (), (), allowed=words) for i in range(300)]
    traces = sample_many([(torch.zeros(300, size), rows, SamplingParams())])
    assert {trace.token_id for trace in traces} == set(range(32))
    assert {trace.kept for trace in traces} == {32}


def test_random_numbers_are_the_same():
    """The kernel's numbers are those of `uniforms`, to the bit."""
    from ponder.kernels.native import _native

    rng = np.random.default_rng(0)
    for seed in (0, 1, 2**32, 2**64 - 1, *map(int, rng.integers(2**63, size=20))):
        positions = rng.integers(2**32, size=50).tolist()
        samples = rng.integers(2**64, size=50, dtype=np.uint64).tolist()
        samples, positions = [0, 2**32, 2**64 - 1, *samples[2:]], [0, *positions]
        for purpose in (CHOICE, EXCLUSION):
            ours = [
                _native.uniform(seed, sample, position, purpose)
                for sample, position in zip(samples, positions, strict=True)
            ]
            assert ours == uniforms(seed, samples, positions, purpose).tolist()


@pytest.mark.parametrize("isa", instruction_sets())
@pytest.mark.parametrize("size", [1, 5, 70, 1024, 3001])
def test_what_is_no_number_does_no_harm(isa, size):
    """NaN and infinities: no crash, and what comes is a token or None. An infinite logit is the largest."""
    rng = np.random.default_rng(size)
    for round_ in range(30):
        logits = rng.normal(size=(3, size)).astype(np.float32) * 3
        for value in (np.nan, np.inf, -np.inf):
            logits[rng.random((3, size)) < (0.3 if round_ % 3 else 0.01)] = value
        for setting in SETTINGS[:6]:
            params = SamplingParams(top_logprobs=3, seed=round_, **setting)
            rows = [Row(i, (), ()) for i in range(3)]
            for trace in sample_many([(torch.from_numpy(logits), rows, params)], instruction_set=isa):
                assert trace is None or 0 <= trace.token_id < size
    logits = np.zeros((1, size), dtype=np.float32)
    logits[0, size // 2] = np.inf
    for setting in SETTINGS[:6]:
        (trace,) = sample_many([(torch.from_numpy(logits), [Row(0, (), ())], SamplingParams(**setting))])
        assert trace.token_id == size // 2


def test_what_does_not_fit_is_refused():
    """Tokens beyond the vocabulary, and arrays of other kinds, are errors and read nothing."""
    logits = torch.zeros(1, 40)
    row = Row(0, (), ())
    for bad in (Row(0, (), (), forbidden=(40,)), Row(0, (), (), forbidden=(-1,)), Row(0, (), (2**40,))):
        with pytest.raises(ValueError, match="not in the vocabulary"):
            sample_many([(logits, [bad], SamplingParams(frequency_penalty=1.0))])
    with pytest.raises(ValueError, match="not in the vocabulary"):
        sample_many([(logits, [row], SamplingParams(logit_bias={40: 1.0}))])
    with pytest.raises(ValueError, match="as many rows"):
        sample_many([(logits, [row, row], SamplingParams())])
    with pytest.raises(ValueError, match="one vocabulary"):
        sample_many([(logits, [row], SamplingParams()), (torch.zeros(1, 41), [row], SamplingParams())])
    with pytest.raises(TypeError, match="float32"):
        sample_many([(logits.double(), [row], SamplingParams())])
    with pytest.raises(TypeError, match="int32"):
        sample_many([(logits, [Row(0, (), (), allowed=torch.ones(40, dtype=torch.bool))], SamplingParams())])
    assert sample_many([]) == []


def test_which_sampler_is_used(monkeypatch):
    """The native one for float32 on the CPU and the steps it has.

    So for models on native kernels alone; which these are, the environment may say when they are loaded.
    """
    params = SamplingParams(
        top_p=0.9, repetition_penalty=1.1, order=("repetition_penalty", "top_p", "temperature")
    )
    assert usable(torch.zeros(1, 4), params)
    assert usable(
        torch.zeros(1, 4), SamplingParams(mirostat=2, order=("temperature", "mirostat", "logit_bias"))
    )
    assert usable(torch.zeros(1, 4), SamplingParams(semantics="llamacpp", top_p=0.9, top_k=40))
    assert not usable(torch.zeros(1, 4, dtype=torch.float64), params)
    assert not usable(torch.zeros(1, 4, device="meta"), params)
    for other in (
        {"semantics": "hf", "temperature": 0.01},
        {"semantics": "vllm", "order": ("top_k", "temperature"), "top_k": 3},
        {"semantics": "llamacpp", "top_p": 0.9},
        {"semantics": "exllama", "xtc_probability": 0.5},
        {"order": ("temperature", "logit_bias"), "logit_bias": {0: 1.0}},
        {"order": ("top_k", "logit_bias", "temperature"), "logit_bias": {0: 1.0}, "top_k": 3},
        {"real_temperature": 1.0},
    ):
        assert not usable(torch.zeros(1, 4), SamplingParams(**other))
    cpu = torch.device("cpu")
    assert isinstance(sampler_for(select_kernels(cpu, name="native")), NativeSampler)
    monkeypatch.setenv("PONDER_KERNELS", "reference")
    assert isinstance(sampler_for(select_kernels(cpu)), TorchSampler)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 200), st.integers(0, 300), st.integers(0, 2**32))
def test_bitmasks_are_their_sets(size, asked, seed):
    """Bit i % 32 of word i // 32 is token i; unpacked to another size, what is beyond is not in the set."""
    members = np.random.default_rng(seed).random(size) < 0.5
    words = pack(torch.from_numpy(members))
    assert words.dtype == np.int32
    assert words.shape == (-(-size // 32),)
    bits = sum(int(word) % 2**32 << (32 * i) for i, word in enumerate(words))
    assert [i for i in range(bits.bit_length()) if bits >> i & 1] == np.flatnonzero(members).tolist()
    expected = np.zeros(asked, dtype=bool)
    expected[: min(asked, size)] = members[:asked]
    assert unpack(words, asked).tolist() == expected.tolist()
