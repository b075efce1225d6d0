"""Each step of ponder's own semantics: against its definition, token by token, and what is drawn after it."""

import itertools
import math
from collections import Counter
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ponder.errors import ParameterError
from ponder.sampling import SEMANTICS, SamplingParams, TokenTrace, resolve_params
from ponder.sampling.mirostat import ceiling
from ponder.sampling.processors import common_suffixes
from ponder.sampling.rng import EXCLUSION, uniforms
from ponder.sampling.row import Row
from ponder.sampling.sampler import distributions, sample_reference
from ponder.sampling.steps import STEPS
from ponder.sampling.steps.top_p import nucleus


def exact(logits, temperature=1.0):
    """Softmax in float64, as a list."""
    values = [x / temperature for x in logits]
    top = max(values)
    weights = [math.exp(x - top) if x > -math.inf else 0.0 for x in values]
    return [w / sum(weights) for w in weights]


def entropy(probs):
    return -sum(p * math.log(p) for p in probs if p > 0)


def falling(probs):
    """Ids, the likeliest first, ties by id."""
    return sorted(range(len(probs)), key=lambda i: (-probs[i], i))


def while_ahead(order, probs, limit):
    """The ids in an order as long as those before hold less than a mass."""
    ahead, kept = 0.0, set()
    for token in order:
        if ahead < limit:
            kept.add(token)
        ahead += probs[token]
    return kept


def typical(logits, probs, mass):
    h = entropy(probs)
    odd = [abs(-math.log(p) - h) if p > 0 else math.inf for p in probs]
    return while_ahead(sorted(range(len(probs)), key=lambda i: (odd[i], i)), probs, mass)


def tail_free(logits, probs, z):
    order = falling(probs)
    p = [probs[i] for i in order]
    first = [b - a for a, b in itertools.pairwise(p)]
    bends = [abs(b - a) for a, b in itertools.pairwise(first)]
    if sum(bends) == 0:
        return set(order)
    held = [sum(bends[: i + 1]) / sum(bends) for i in range(len(bends))]
    return {order[0]} | {order[i + 1] for i in range(len(held)) if held[i] <= z}


def top_h(logits, probs, h):
    kept, held, all_of_it = set(), 0.0, entropy(probs)
    for token in falling(probs):
        held -= probs[token] * math.log(probs[token]) if probs[token] > 0 else 0
        if held <= h * all_of_it or not kept:
            kept.add(token)
    return kept


def sigma(logits, probs, n):
    there = [x for x in logits if x > -math.inf]
    mean = sum(there) / len(there)
    deviation = math.sqrt(sum((x - mean) ** 2 for x in there) / len(there))
    return {i for i, x in enumerate(logits) if x >= max(there) - n * deviation}


def at_least(least):
    return lambda logits, probs, value: {
        i for i, p in enumerate(probs) if p >= least(probs, value) or i == falling(probs)[0]
    }


RULES = {
    "top_k": lambda logits, probs, k: set(falling(probs)[:k]),
    "top_p": lambda logits, probs, p: while_ahead(falling(probs), probs, p),
    "min_p": at_least(lambda probs, p: p * max(probs)),
    "typical_p": typical,
    "epsilon_cutoff": at_least(lambda probs, value: value),
    "eta_cutoff": at_least(lambda probs, value: min(value, math.sqrt(value) * math.exp(-entropy(probs)))),
    "top_a": at_least(lambda probs, a: a * max(probs) ** 2),
    "tfs": tail_free,
    "top_n_sigma": sigma,
    "top_h": top_h,
}
VALUES = {
    "top_k": st.integers(1, 12),
    "top_n_sigma": st.floats(0.05, 3),
    **dict.fromkeys(("epsilon_cutoff", "eta_cutoff", "min_p", "top_a"), st.floats(0.001, 0.9)),
    **dict.fromkeys(("top_p", "typical_p", "tfs", "top_h"), st.floats(0.02, 0.98)),
}
LOGITS = st.lists(
    st.integers(-8, 8).map(lambda x: x / 2) | st.integers(-600, 600).map(lambda x: x / 100),
    min_size=3,
    max_size=10,
)


def kept_of(logits, **params):
    _, truncated, possible = distributions(torch.tensor([logits]), [Row(0, (), ())], SamplingParams(**params))
    assert bool(possible)
    return truncated[0].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data(), logits=LOGITS, temperature=st.sampled_from([0.5, 1.0, 2.0]))
def test_a_truncation_is_its_definition(name, data, logits, temperature):
    """In float64, token by token; where a value is nudged, the kept set agrees before or after the nudge."""
    value = data.draw(VALUES[name])
    got = kept_of(logits, temperature=temperature, **{name: value})
    probs = exact(logits, temperature)
    kept = {i for i, p in enumerate(got) if p > 0}
    scaled = [x / temperature for x in logits]
    near = [value] if name == "top_k" else [value * (1 - 1e-5), value, value * (1 + 1e-5)]
    assert kept in [RULES[name](scaled, probs, nudged) for nudged in near]
    mass = sum(probs[i] for i in kept)
    assert got == pytest.approx([probs[i] / mass if i in kept else 0 for i in range(len(probs))], abs=1e-6)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(logits=LOGITS, threshold=st.floats(0.01, 0.6), seed=st.integers(0, 2**32))
def test_xtc_excludes_all_likely_tokens_but_one(logits, threshold, seed):
    """Where the roll says so; the least likely of those over the threshold stays."""
    probability = 0.5
    got = kept_of(logits, xtc_probability=probability, xtc_threshold=threshold, seed=seed)
    probs = exact(logits)
    likely = [i for i in falling(probs) if probs[i] >= threshold]
    rolled = uniforms(seed, [0], [0], EXCLUSION)[0] < probability
    gone = set(likely[:-1]) if rolled else set()
    if all(abs(p - threshold) > 1e-6 for p in probs):
        assert {i for i, p in enumerate(got) if p == 0} == gone


@pytest.mark.slow
def test_xtc_rolls_as_often_as_asked():
    """And with other numbers than those that choose the token."""
    logits = torch.tensor([[0.0, 0.0, -1.0]]).repeat(4000, 1)
    rows = [Row(i, (), ()) for i in range(len(logits))]
    params = SamplingParams(xtc_probability=0.3, xtc_threshold=0.3, seed=5)
    _, truncated, _ = distributions(logits, rows, params)
    excluded = (truncated[:, 0] == 0).sum().item()
    assert abs(excluded - 1200) < 4 * math.sqrt(4000 * 0.3 * 0.7)
    traces = sample_reference(logits, rows, params)
    assert {trace.token_id for trace in traces} == {0, 1, 2}


EVERY = {
    "dynatemp_range": 0.5,
    "top_k": 5,
    "top_p": 0.8,
    "min_p": 0.1,
    "typical_p": 0.7,
    "epsilon_cutoff": 0.08,
    "eta_cutoff": 0.3,
    "top_a": 0.3,
    "tfs": 0.9,
    "top_n_sigma": 1.0,
    "top_h": 0.7,
    "mirostat": 2,
    "xtc_probability": 1.0,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_tokens_are_drawn_from_what_is_left(name):
    """Chi-square of 4,000 draws against the distribution; nothing else is ever drawn."""
    logits = torch.tensor([[1.5, 1.0, 0.5, 0.0, -0.5, -1.0, -2.0]])
    tau = 1.0 if name == "mirostat" else 5.0
    params = SamplingParams(**{name: EVERY[name]}, seed=11, temperature=0.9, mirostat_tau=tau)
    count = 4000
    _, truncated, _ = distributions(logits, [Row(0, (), ())], params)
    rows = [Row(i, (), ()) for i in range(count)]
    drawn = Counter(trace.token_id for trace in sample_reference(logits.expand(count, -1), rows, params))
    expected = {i: count * p for i, p in enumerate(truncated[0].double().tolist()) if p > 0}
    assert set(drawn) == set(expected)
    assert len(expected) < 7 or name == "dynatemp_range"
    statistic = sum((drawn[i] - e) ** 2 / e for i, e in expected.items())
    degrees = len(expected) - 1
    assert statistic < degrees + 5 * math.sqrt(2 * degrees) + 6


def test_the_temperature_follows_the_entropy():
    """Flat rows get the highest temperature, sure ones the lowest."""
    flat, sure = [0.0] * 8, [30.0] + [0.0] * 7
    assert kept_of(flat, temperature=1.0, dynatemp_range=0.5) == pytest.approx([1 / 8] * 8)
    logits = [2.0, 1.0, 0.0, -1.0]
    h = entropy(exact(logits)) / math.log(4)
    for exponent in (1.0, 2.5):
        chosen = 0.3 + (1.7 - 0.3) * h**exponent
        got = kept_of(logits, temperature=1.0, dynatemp_range=0.7, dynatemp_exponent=exponent)
        assert got == pytest.approx(exact(logits, chosen), abs=1e-6)
    assert kept_of(sure, temperature=1.0, dynatemp_range=1.0)[0] == pytest.approx(1.0)
    assert kept_of([200.0, 0.0, 0.0], temperature=1.0, dynatemp_range=1e300) == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("version", [1, 2])
def test_mirostat_follows_from_the_tokens_so_far(version):
    """mu is 2 tau less eta for each bit of surprise over tau; version 2 keeps what surprises at most so."""

    def trace(logprob):
        return TokenTrace(0, 0.0, logprob, 0.0, 0.0, 1, 1, 1.0)

    past = [-1.0, -3.0, -0.2]
    mu = 2 * 2.0
    for logprob in past:
        mu -= 0.5 * (-logprob / math.log(2) - 2.0)
    assert ceiling(past, 2.0, 0.5) == pytest.approx(mu)
    logits = torch.tensor([[3.0, 2.0, 1.0, 0.0, -1.0, -4.0]])
    row = Row(0, (), (0, 0, 0), traces=[trace(x) for x in past])
    params = SamplingParams(mirostat=version, mirostat_tau=2.0, mirostat_eta=0.5)
    _, truncated, _ = distributions(logits, [row], params)
    kept = {i for i, p in enumerate(truncated[0].tolist()) if p > 0}
    surprise = [-math.log2(p) for p in exact(logits[0].tolist())]
    if version == 2:
        assert kept == {i for i, s in enumerate(surprise) if s <= mu}
    else:
        assert kept == set(range(len(kept)))  # the likeliest ones


def test_top_p_decays_along_a_sentence():
    """p max(floor, p decay^t), t the tokens of the present sentence."""
    logits = torch.zeros(1, 10)
    params = SamplingParams(top_p=0.95, top_p_decay=0.5, top_p_floor=0.25)
    for sentence, count in ((0, 10), (1, 5), (2, 3), (9, 3)):
        _, truncated, _ = distributions(logits, [Row(0, (), (), sentence=sentence)], params)
        assert (truncated > 0).sum() == count


@pytest.mark.parametrize("top_p", [1.0, 0.6])
def test_the_nucleus_narrows_with_the_residual_entropy(top_p):
    """Each row's is top-p at the smaller of its own p and exp(-residual / T); the likeliest token stays."""
    logits = torch.randn(1, 50, generator=torch.Generator().manual_seed(2))
    for temperature in (0.5, 2.0, 1e-308):
        params = SamplingParams(real_temperature=temperature, top_p=top_p, temperature=0.8)
        residuals = (0.0, 1e-9, 0.1, 0.7, 3.0, 50.0, 1e5, 1e300)
        rows = [Row(0, (), (), residual=residual) for residual in residuals]
        _, truncated, _ = distributions(logits.expand(len(rows), -1), rows, params)
        for residual, own in zip(residuals, truncated, strict=True):
            p = max(min(top_p, math.exp(-residual / temperature)), 1e-300)
            plain = SamplingParams(top_p=p, temperature=0.8)
            assert own.equal(distributions(logits, [Row(0, (), ())], plain)[1][0])
            assert own.count_nonzero() >= 1


def test_the_narrow_nucleus_goes_under_the_floor_of_a_decaying_one():
    """The floor is that of the decay alone."""
    row = Row(0, (), (), sentence=9, residual=2.0)
    params = SamplingParams(top_p=0.9, top_p_decay=0.5, top_p_floor=0.4, real_temperature=1.0)
    assert nucleus(row, params) == math.exp(-2.0)
    assert nucleus(replace(row, residual=0.5), params) == 0.4
    long = Row(0, (), (), sentence=5000)
    assert nucleus(long, SamplingParams(top_p=0.9, top_p_decay=0.5)) > 0


def test_a_temperature_of_zero_puts_it_off():
    """Nothing is left to truncate, and no head is needed."""
    resolved = resolve_params({"temperature": 0, "real_temperature": 1.0}, {})
    assert resolved.params.real_temperature == 0
    assert resolved.sources["real_temperature"] == "resolved"


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 3), max_size=40))
def test_common_suffixes(text):
    """The Z algorithm agrees with comparing token by token."""

    def common(end):
        length = 0
        while length <= end and text[end - length] == text[len(text) - 1 - length]:
            length += 1
        return length

    assert common_suffixes(text)[:-1] == [common(end) for end in range(len(text) - 1)]


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    text=st.lists(st.integers(0, 4), max_size=30),
    breakers=st.frozensets(st.integers(0, 4), max_size=2),
    allowed=st.integers(1, 4),
)
def test_dry_penalises_what_goes_on_with_a_repetition(text, breakers, allowed):
    """By the longest repetition that a token would continue; breakers stand in none."""
    params = SamplingParams(dry_multiplier=0.8, dry_base=1.5, dry_allowed_length=allowed)
    row = Row(0, text[:10], text[10:], breakers=breakers)
    tempered, _, _ = distributions(torch.zeros(1, 5), [row], params)
    lengths = [0] * 5
    for place in range(1, len(text)):
        length = 0
        while (
            length < place
            and text[place - 1 - length] == text[len(text) - 1 - length]
            and text[place - 1 - length] not in breakers
        ):
            length += 1
        if text[place] not in breakers:
            lengths[text[place]] = max(lengths[text[place]], length)
    penalties = [0.8 * 1.5 ** (length - allowed) if length >= allowed else 0.0 for length in lengths]
    assert tempered[0].tolist() == pytest.approx(exact([-x for x in penalties]), abs=1e-6)


def test_penalties_look_back_as_far_as_asked():
    """Repetition over prompt and output, occurrences over the output."""
    row = Row(0, (0, 1), (2, 3, 3))
    for reach, seen in ((0, {0, 1, 2, 3}), (3, {2, 3}), (1, {3})):
        params = SamplingParams(repetition_penalty=2.0, penalty_range=reach)
        tempered, _, _ = distributions(torch.ones(1, 5), [row], params)
        assert tempered[0].tolist() == pytest.approx(exact([0.5 if i in seen else 1.0 for i in range(5)]))
    params = SamplingParams(frequency_penalty=0.5, presence_penalty=0.25, penalty_range=2)
    tempered, _, _ = distributions(torch.zeros(1, 5), [row], params)
    assert tempered[0].tolist() == pytest.approx(exact([0, 0, 0, -1.25, 0]))


def test_an_order_is_kept():
    """top-k before or after top-p is not the same, and the temperature's place counts."""
    logits = [2.0, 1.0, 1.0, 0.0, 0.0]
    first = kept_of(logits, top_k=2, top_p=0.8, order=("temperature", "top_k", "top_p"))
    second = kept_of(logits, top_k=2, top_p=0.8, order=("temperature", "top_p", "top_k"))
    assert [p > 0 for p in first] == [True, True, False, False, False]
    assert [p > 0 for p in second] == [True, True, False, False, False]
    late = kept_of(logits, temperature=3.0, min_p=0.3, order=("min_p", "temperature"))
    early = kept_of(logits, temperature=3.0, min_p=0.3, order=("temperature", "min_p"))
    assert sum(p > 0 for p in late) == 3
    assert sum(p > 0 for p in early) == 5


@pytest.mark.parametrize(
    ("given_", "field", "allowed"),
    [
        ({"semantics": "gpt"}, "semantics", "ponder, hf"),
        ({"semantics": "vllm", "typical_p": 0.5}, "typical_p", "no such step"),
        ({"semantics": "vllm", "temperature": 2.5}, "temperature", "at most 2 "),
        ({"semantics": "hf", "top_p": 0.9, "top_p_decay": 0.9}, "top_p_decay", "does not have it"),
        ({"semantics": "hf", "dynatemp_range": 0.9}, "dynatemp_range", "does not have it"),
        *(
            ({"semantics": name, "real_temperature": 1.0}, "real_temperature", "does not have it")
            for name in SEMANTICS
            if name != "ponder"
        ),
        ({"real_temperature": -1.0}, "real_temperature", "0 (off) or more"),
        ({"real_temperature": math.nan}, "real_temperature", "finite"),
        ({"mirostat": 2, "real_temperature": 1.0}, "real_temperature", "mirostat"),
        ({"order": ["temperature"], "real_temperature": 1.0}, "order", "top_p"),
        ({"mirostat": 2, "top_k": 5}, "top_k", "mirostat"),
        ({"mirostat": 3}, "mirostat", "1 or 2"),
        ({"dry_base": 2.0}, "dry_base", "dry_multiplier"),
        ({"xtc_threshold": 0.2}, "xtc_threshold", "xtc_probability"),
        ({"mirostat_tau": 2.0}, "mirostat_tau", "mirostat"),
        ({"top_p_decay": 0.9}, "top_p_decay", "top_p"),
        ({"top_p": 0.9, "top_p_floor": 0.2}, "top_p_floor", "top_p_decay"),
        ({"dynatemp_exponent": 2.0}, "dynatemp_exponent", "dynatemp_range"),
        ({"order": "top_k", "top_k": 3}, "order", "temperature"),
        ({"order": "temperature,top_q"}, "order", "steps of semantics"),
        ({"order": ["temperature", "temperature"]}, "order", "once"),
        ({"order": ["temperature"], "top_k": 3}, "order", "top_k"),
        ({"order": 5}, "order", "a list"),
        ({"sequence_bias": [[[1, 2]]]}, "sequence_bias", "[token ids, bias]"),
        ({"sequence_bias": [[[], 1.0]]}, "sequence_bias", "1 to 100"),
        ({"sequence_bias": [[[[1]], 1.0]]}, "sequence_bias", "token ids"),
        ({"sequence_bias": [[[True], 1.0]]}, "sequence_bias", "token ids"),
        ({"sequence_bias": [[[1], None]]}, "sequence_bias[(1,)]", "finite"),
        ({"sequence_bias": 5}, "sequence_bias", "a list of"),
        ({"dry_sequence_breakers": [""]}, "dry_sequence_breakers", "not empty"),
    ],
)
def test_contradictions_are_refused(given_, field, allowed):
    """With the field, the value and what is allowed."""
    with pytest.raises(ParameterError) as caught:
        resolve_params(given_, {})
    assert caught.value.field == field
    assert allowed in caught.value.allowed


@pytest.mark.parametrize(
    ("given_", "settled"),
    [
        ({"semantics": "vllm", "temperature": 0.005}, {"temperature": 0.01}),
        ({"semantics": "vllm", "temperature": 1e-6}, {"temperature": 0.0}),
        ({"semantics": "sglang", "temperature": 0.0}, {"temperature": 1.0, "top_k": 1}),
        ({"semantics": "llamacpp", "repetition_penalty": 1.1}, {"penalty_range": 64}),
        ({"semantics": "llamacpp", "penalty_range": 8, "repetition_penalty": 1.1}, {}),
        ({"semantics": "ponder", "temperature": 0.005}, {}),
    ],
)
def test_what_a_system_makes_of_a_value_is_recorded(given_, settled):
    """Under its own source, so that nobody wonders."""
    resolved = resolve_params(given_, {})
    assert {name for name, source in resolved.sources.items() if source == "resolved"} == set(settled)
    for name, value in settled.items():
        assert getattr(resolved.params, name) == value


@pytest.mark.parametrize("semantics", SEMANTICS)
@pytest.mark.parametrize(
    "given_",
    [
        {},
        {"temperature": 0},
        {"temperature": 1e-6, "top_k": 20},
        {"temperature": 0.005, "top_p": 0.9},
        {"repetition_penalty": 1.1},
        {"repetition_penalty": 1.1, "penalty_range": 0},
    ],
    ids=str,
)
def test_parameters_made_directly_are_those_that_are_resolved(semantics, given_):
    """Whoever makes them, a semantics makes the same of them, and nothing more of what it has made."""
    made = SamplingParams(semantics=semantics, seed=1, **given_)
    assert made == resolve_params({"semantics": semantics, "seed": 1, **given_}, {}).params
    assert replace(made) == made


def test_what_a_system_makes_of_a_value_is_checked():
    """SGLang's greedy choice is a top-k, which this order leaves out."""
    with pytest.raises(ParameterError, match=r"order = .*with top_k"):
        SamplingParams(semantics="sglang", temperature=0, order=("temperature",))


def test_every_step_is_somewhere_and_its_parameters_exist():
    """The table and the parameters agree; ponder has all steps."""
    names = set(SamplingParams.__dataclass_fields__)
    assert set(SEMANTICS["ponder"].order) == set(STEPS)
    for semantics in SEMANTICS.values():
        assert set(semantics.order) <= set(STEPS)
        assert len(set(semantics.order)) == len(semantics.order)
    for step in STEPS.values():
        assert {*step.switches, *step.knobs} <= names
        assert step.source


def test_truncations_of_a_single_token_are_put_off():
    """At temperature 0 they would change nothing, and the parameters say so."""
    resolved = resolve_params(
        {"temperature": 0, "top_p": 0.9, "xtc_probability": 0.5, "xtc_threshold": 0.2}, {}
    )
    assert (resolved.params.top_p, resolved.params.xtc_probability) == (1.0, 0.0)
    assert resolved.sources["top_p"] == resolved.sources["xtc_threshold"] == "resolved"
    late = resolve_params({"temperature": 0, "top_p": 0.9, "semantics": "llamacpp"}, {})
    assert late.params.top_p == 0.9
