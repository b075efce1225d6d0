"""A row of logits -> a token: exact distributions, penalties, and what the trace says."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from transformers import RepetitionPenaltyLogitsProcessor

from ponder.sampling import SamplingParams
from ponder.sampling.bitmask import pack
from ponder.sampling.rng import uniforms
from ponder.sampling.sampler import Row, distributions, draw, process, sample_reference

DRAWS = 60_000


def random_logits(size, seed, scale=2.0):
    """One row, [V] float32."""
    return torch.from_numpy(np.random.default_rng(seed).normal(size=size).astype(np.float32) * scale)


def rows(count, output=()):
    """`count` samples of one prompt."""
    return [Row(index, (), output) for index in range(count)]


def exact(logits, params):
    """The distribution a token is drawn from, in float64, written down from the parameters' definitions."""
    logits = logits.double().numpy()
    probs = np.exp((logits - logits.max()) / params.temperature)
    probs /= probs.sum()
    order = sorted(range(len(probs)), key=lambda token: (-probs[token], token))
    if params.top_k:
        order = order[: params.top_k]
    total, ahead, nucleus = sum(probs[token] for token in order), 0.0, []
    for token in order:
        if params.top_p == 1 or ahead < params.top_p * total:
            nucleus.append(token)
        ahead += probs[token]
    kept = [token for token in nucleus if probs[token] >= params.min_p * probs[order[0]]]
    result = np.zeros_like(probs)
    result[kept] = probs[kept]
    return result / result.sum()


def assert_drawn_from(counts, distribution):
    """Chi-square over all tokens expected five times or more, the rarer ones as one."""
    assert not counts[distribution == 0].any(), "a token that was cut off was drawn"
    expected = distribution * counts.sum()
    often = expected >= 5
    rest = [counts[~often].sum(), expected[~often].sum()]
    seen, hoped = np.append(counts[often], rest[0]), np.append(expected[often], rest[1])
    seen, hoped = seen[hoped > 0], hoped[hoped > 0]
    assert stats.chisquare(seen, hoped).pvalue > 1e-3


SETTINGS = [
    {},
    {"temperature": 0.6},
    {"temperature": 1.7},
    {"top_k": 20},
    {"top_p": 0.8},
    {"min_p": 0.08},
    {"temperature": 0.8, "top_k": 30, "top_p": 0.9},
    {"temperature": 1.5, "top_p": 0.95, "min_p": 0.05},
    {"temperature": 1.3, "top_k": 40, "top_p": 0.85, "min_p": 0.1},
]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@pytest.mark.parametrize(("size", "along"), [(50, "samples"), (400, "positions")])
def test_draws_follow_the_exact_distribution(setting, size, along):
    """60,000 draws by the sampler's own steps against the truncated distribution computed in float64."""
    params = SamplingParams(seed=11, **setting)
    logits = random_logits(size, seed=size)
    probs = distributions(logits[None], rows(1), params)[1].expand(20_000, -1)
    counts = np.zeros(size)
    for start in range(0, DRAWS, 20_000):
        places, zeros = list(range(start, start + 20_000)), [0] * 20_000
        numbers = uniforms(params.seed, *((places, zeros) if along == "samples" else (zeros, places)))
        counts += np.bincount(draw(probs, torch.from_numpy(numbers)).numpy(), minlength=size)
    assert_drawn_from(counts, exact(logits, params))


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_sample_is_these_steps(setting):
    """`sample_reference` draws token for token what the truncated distribution and the numbers say."""
    params = SamplingParams(seed=5, **setting)
    logits = torch.stack([random_logits(120, seed) for seed in range(300)])
    traces = sample_reference(logits, rows(300, output=(1, 2, 3)), params)
    _, probs, _ = distributions(logits, rows(300), params)
    expected = draw(probs, torch.from_numpy(uniforms(5, list(range(300)), [3] * 300)))
    assert [trace.token_id for trace in traces] == expected.tolist()


@pytest.mark.slow
def test_sample_itself_follows_the_exact_distribution(sample):
    """6,000 whole calls' worth of rows, with penalties and bias, follow the distribution they define."""
    params = SamplingParams(
        seed=2, temperature=0.9, top_k=25, min_p=0.02, presence_penalty=1.5, logit_bias={4: 2.0, 5: -100}
    )
    logits = random_logits(60, seed=1)
    traces = sample(logits.expand(6000, -1), rows(6000, output=(7, 7, 9)), params)
    changed = logits.clone()
    changed[[7, 9]] -= 1.5
    changed[4] += 2
    changed[5] = -torch.inf
    counts = np.bincount([trace.token_id for trace in traces], minlength=60)
    assert_drawn_from(counts, exact(changed, params))


def test_draw_inverts_the_distribution_function():
    """The first id whose cumulative mass exceeds u * total: by hand, with zeros at the ends and inside."""
    probs = torch.tensor([[0, 1, 0, 2, 1, 0]])
    numbers = [0, 0.2499, 0.25, 0.5, 0.7499, 0.75, 1 - 2.0**-53]
    drawn = draw(probs.expand(len(numbers), -1).float(), torch.tensor(numbers, dtype=torch.float64))
    assert drawn.tolist() == [1, 1, 3, 3, 3, 4, 4]


def test_draw_never_leaves_what_was_kept():
    """The largest u takes the last kept token whatever the rounding of the sums."""
    rng = np.random.default_rng(0)
    probs = torch.from_numpy(rng.random((2000, 300)).astype(np.float32) ** 8)
    probs[:, 200:] = 0
    probs /= probs.sum(-1, keepdim=True)
    drawn = draw(probs, torch.full((2000,), 1 - 2.0**-53, dtype=torch.float64))
    assert (probs.gather(-1, drawn[:, None]) > 0).all()
    assert (drawn > 150).all()


def test_a_row_draws_the_same_in_any_batch(sample):
    """The draw depends on (seed, sample, position) and the row, not on its neighbours."""
    logits = torch.stack([random_logits(80, seed) for seed in range(40)])
    places = [Row(i * 3, (), (0,) * i) for i in range(40)]
    params = SamplingParams(seed=9, top_p=0.9)
    together = sample(logits, places, params)
    order = np.random.default_rng(1).permutation(40)
    shuffled = sample(logits[order], [places[i] for i in order], params)
    assert [together[i] for i in order] == shuffled
    assert [sample(logits[i : i + 1], [places[i]], params)[0] for i in range(40)] == together


@pytest.mark.parametrize("temperature", [0, 5e-324, 1e-300, 1e-45, 1e-40, 1e-30, 1e-6])
def test_temperatures_at_zero_take_the_largest(sample, temperature):
    """At 0 and at temperatures too small for float32 the largest logit is certain."""
    logits = torch.stack([random_logits(300, seed) for seed in range(20)])
    traces = sample(logits, rows(20), SamplingParams(temperature=temperature, seed=3))
    assert [trace.token_id for trace in traces] == logits.argmax(-1).tolist()
    assert all(trace.tempered_logprob == 0 == trace.truncated_logprob and trace.kept == 1 for trace in traces)


def test_greedy_ties_go_to_the_lowest_id(sample):
    """Equal largest logits: at temperature 0 always the first, at a tiny one each half of the time."""
    logits = torch.zeros(400, 9)
    logits[:, [3, 7]] = 5.0
    zero = sample(logits, rows(400), SamplingParams(temperature=0))
    assert {trace.token_id for trace in zero} == {3}
    tiny = [trace.token_id for trace in sample(logits, rows(400), SamplingParams(temperature=1e-30))]
    assert set(tiny) == {3, 7}
    assert stats.binomtest(tiny.count(3), 400).pvalue > 1e-3


@pytest.mark.parametrize("temperature", [1e6, 1e30, 1e300, 1.7e308])
def test_huge_temperatures_are_uniform_over_what_is_allowed(sample, temperature):
    """However high the temperature, a forbidden token stays impossible and the others become equal."""
    params = SamplingParams(temperature=temperature, logit_bias={0: -100, 6: -100})
    traces = sample(random_logits(12, 0, scale=10).expand(2000, -1), rows(2000), params)
    counts = np.bincount([trace.token_id for trace in traces], minlength=12)
    distribution = np.full(12, 0.1)
    distribution[[0, 6]] = 0
    assert_drawn_from(counts, distribution)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4, 1e30])
def test_extreme_logits(sample, scale):
    """Logits of any size give a kept token and numbers that are not NaN."""
    logits = torch.stack([random_logits(100, seed) * scale for seed in range(30)])
    logits[:, ::7] = -torch.inf
    for trace in sample(logits, rows(30), SamplingParams(top_p=0.9, min_p=0.01, top_k=50)):
        assert trace.token_id % 7 != 0
        assert trace.kept >= 1
        assert not any(
            map(math.isnan, (trace.logprob, trace.tempered_logprob, trace.entropy, trace.kept_mass))
        )


@pytest.mark.parametrize("penalty", [0.5, 1.0, 1.3, 10.0])
def test_repetition_penalty_is_transformers(penalty):
    """Prompt and output tokens count, each once."""
    logits = torch.stack([random_logits(50, seed, scale=4) for seed in range(20)])
    prompt, output = (3, 1, 4, 1, 5), (9, 2, 6, 5, 3)
    params = SamplingParams(repetition_penalty=penalty)
    ours = process(logits, [Row(i, prompt, output) for i in range(20)], params)
    ids = torch.tensor([[*prompt, *output]] * 20)
    theirs = RepetitionPenaltyLogitsProcessor(penalty)(ids, logits.clone())
    assert torch.equal(ours, theirs)


def test_frequency_and_presence_penalties():
    """logit - frequency * count - presence * (count > 0), over the output alone."""
    logits = random_logits(10, 0)
    params = SamplingParams(frequency_penalty=0.5, presence_penalty=-0.25)
    result = process(logits[None], [Row(0, (0, 1, 1), (2, 2, 2, 5))], params)[0]
    expected = logits.clone()
    expected[2] -= 3 * 0.5 - 0.25
    expected[5] -= 0.5 - 0.25
    torch.testing.assert_close(result, expected)


def test_bias_forbidding_and_masks():
    """Bias adds, -100 and less forbid, and so do `forbidden`, a mask, and padding beyond the mask."""
    logits = torch.full((1, 8), 200.0)
    allowed = torch.tensor([True, True, True, True, False, True])
    row = Row(0, (), (), forbidden=(5,), allowed=pack(allowed))
    params = SamplingParams(logit_bias={0: -100, 1: -99.5, 2: 3.0, 3: -1e30})
    result = process(logits, [row], params)[0]
    assert result.tolist() == [-torch.inf, 100.5, 203, -torch.inf, *[-torch.inf] * 4]
    assert logits.tolist() == [[200.0] * 8], "the model's logits were changed"


def test_the_order_is_penalties_then_bias():
    """A repetition penalty does not touch the bias: 2 / 4 + 1 = 1.5, not (2 + 1) / 4."""
    params = SamplingParams(repetition_penalty=4.0, presence_penalty=1.0, logit_bias={0: 1.0})
    result = process(torch.tensor([[2.0, 0.0]]), [Row(0, (), (0,))], params)
    assert result[0].tolist() == [0.5, 0]


@pytest.mark.parametrize(
    "extreme",
    [
        {"repetition_penalty": 1e-300},
        {"repetition_penalty": 1e300},
        {"logit_bias": {3: 1e300}},
        {"logit_bias": {3: 3e38, 4: 1e39}},
        {"logit_bias": {3: -1e300}},
    ],
    ids=str,
)
def test_values_beyond_float32(sample, extreme):
    """Every value that is accepted gives a token: numbers that overflow float32 do not become NaN."""
    logits = random_logits(20, 3, scale=5).repeat(50, 1)
    logits[:, 7] = 0.0
    traces = sample(logits, [Row(i, (3, 7), (4,)) for i in range(50)], SamplingParams(**extreme))
    assert all(trace is not None and trace.kept >= 1 for trace in traces)
    if extreme == {"logit_bias": {3: 1e300}}:
        assert {trace.token_id for trace in traces} == {3}


def test_nothing_possible_is_none_and_stays_in_its_row(sample):
    """A row whose every token is forbidden has no token; its neighbours have theirs."""
    logits = torch.stack([random_logits(6, seed) for seed in range(3)])
    blocked = Row(1, (), (), allowed=pack(torch.zeros(6, dtype=torch.bool)))
    for temperature in (0, 1.0):
        params = SamplingParams(temperature=temperature, top_p=0.9)
        first, none, last = sample(logits, [Row(0, (), ()), blocked, Row(2, (), ())], params)
        assert none is None
        assert [first] == sample(logits[:1], [Row(0, (), ())], params)
        assert [last] == sample(logits[2:], [Row(2, (), ())], params)
    everything = SamplingParams(logit_bias=dict.fromkeys(range(6), -100.0))
    assert sample(logits, rows(3), everything) == [None] * 3


@pytest.mark.parametrize("temperature", [0, 0.7, 1.0])
def test_the_trace(sample, temperature):
    """Three log-probabilities, entropy, rank, survivors and alternatives, against float64 by hand."""
    params = SamplingParams(
        temperature=temperature,
        top_k=12,
        top_p=0.9,
        frequency_penalty=1.0,
        logit_bias={2: -100},
        top_logprobs=5,
        seed=4,
    )
    logits = torch.stack([random_logits(40, seed) for seed in range(60)])
    logits[:, 30] = logits[:, 20]  # a tie, for the rank
    for i, trace in enumerate(sample(logits, rows(60, output=(1, 1, 8)), params)):
        raw = logits[i].double().numpy()
        logprobs = raw - np.log(np.exp(raw).sum())
        changed = raw.copy()
        changed[1] -= 2
        changed[8] -= 1
        changed[2] = -np.inf
        token = trace.token_id
        if temperature:
            tempered = np.exp(changed / temperature) / np.exp(changed / temperature).sum()
            truncated = exact(torch.from_numpy(changed), params)
        else:
            tempered = truncated = np.eye(40)[changed.argmax()]
        assert trace.logprob == pytest.approx(logprobs[token], abs=2e-6)
        assert trace.tempered_logprob == pytest.approx(math.log(tempered[token]), abs=2e-6)
        assert trace.truncated_logprob == pytest.approx(math.log(truncated[token]), abs=2e-6)
        assert trace.entropy == pytest.approx(-(np.exp(logprobs) * logprobs).sum(), abs=2e-6)
        order = sorted(range(40), key=lambda other: (-raw[other], other))
        assert trace.rank == 1 + order.index(token)
        assert trace.kept == (truncated > 0).sum()
        assert trace.kept_mass == pytest.approx(tempered[truncated > 0].sum(), abs=2e-6)
        assert [raw[other] for other, _ in trace.top] == [raw[other] for other in order[:5]]
        assert len({other for other, _ in trace.top}) == 5
        assert [value for _, value in trace.top] == pytest.approx(np.sort(logprobs)[::-1][:5], abs=2e-6)


def test_alternatives_are_as_many_as_there_are(sample):
    """`top_logprobs` over the vocabulary names the whole vocabulary, 0 nothing."""
    logits = random_logits(7, 0)[None]
    (trace,) = sample(logits, rows(1), SamplingParams(top_logprobs=1000))
    assert sorted(token for token, _ in trace.top) == list(range(7))
    assert sum(math.exp(value) for _, value in trace.top) == pytest.approx(1)
    assert sample(logits, rows(1), SamplingParams())[0].top == ()
