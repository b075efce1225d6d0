"""What other systems keep of small rows made by hand: ties, boundaries, what is counted, low temperatures.

`test_golden_llamacpp.py`, `test_golden_vllm.py` and `parity/` compare with the systems themselves, where they
can be had; the rows here are for all of them, SGLang and ExLlama too, to be read as a table.
"""

import pytest
import torch

from ponder.errors import ParameterError
from ponder.sampling import SamplingParams
from ponder.sampling.params import resolve_params
from ponder.sampling.row import Row
from ponder.sampling.sampler import distributions, process

SYSTEMS = ("ponder", "hf", "vllm", "llamacpp", "sglang", "flashinfer", "exllama")
HALVES = (0.5, 0.25, 0.125, 0.125)
DECIMALS = (0.4, 0.3, 0.2, 0.1)
EIGHTHS = (1 / 8,) * 8
PAIRS = (0.25, 0.25, 0.125, 0.125, 0.125, 0.125)
NOTHING = Row(0, (), ())


def truncated(probs, system, row=NOTHING, **values):
    """The probabilities that tokens with these are drawn with, all rules of a system applied."""
    logits = torch.tensor([probs], dtype=torch.float64).log().float()
    params = resolve_params({"semantics": system, **values}, {}).params
    _, drawn, possible = distributions(logits, [row], params)
    assert possible.all()
    return drawn[0].tolist()


def kept(probs, system, **values):
    """How many of the likeliest tokens are left. Which of equal ones is another question."""
    drawn = truncated(probs, system, **values)
    left = sorted((p for p, q in zip(probs, drawn, strict=True) if q > 0), reverse=True)
    assert left == sorted(probs, reverse=True)[: len(left)]
    return len(left)


def table(head, *rows):
    """Cases (system, values, count) of a table with a system for each column."""
    return [
        pytest.param(system, values, count, id=" ".join([system, *(f"{k}={v:g}" for k, v in values.items())]))
        for values, *counts in rows
        for system, count in zip(head, counts, strict=True)
    ]


def test_the_rows_are_exact():
    """Their softmax is what they are called, to the last bit, so that a boundary is one."""
    for probs in (HALVES, EIGHTHS, PAIRS):
        assert torch.softmax(torch.tensor(probs).log(), -1).tolist() == list(probs)


@pytest.mark.parametrize(
    ("system", "values", "count"),
    table(
        ("ponder", "hf", "vllm", "llamacpp", "sglang", "flashinfer", "exllama"),
        # Mass ahead of the tokens: 0, .5, .75, .875; with their own: .5, .75, .875, 1.
        ({"top_p": 1e-300}, 1, 1, 1, 1, 1, 1, 1),
        ({"top_p": 0.25}, 1, 1, 1, 1, 1, 1, 1),
        ({"top_p": 0.5}, 1, 1, 1, 1, 2, 1, 1),  # exactly what is ahead of the second
        ({"top_p": 0.625}, 2, 2, 2, 2, 2, 2, 1),  # ExLlama drops the token that crosses
        ({"top_p": 0.75}, 2, 2, 2, 2, 3, 2, 2),
        ({"top_p": 0.8125}, 3, 3, 3, 3, 3, 4, 2),  # FlashInfer keeps both of the tie
        ({"top_p": 0.875}, 3, 3, 3, 3, 4, 4, 3),
        ({"top_p": 0.9375}, 4, 4, 4, 4, 4, 4, 3),
    ),
)
def test_top_p_at_the_boundary(system, values, count):
    """Of 1/2, 1/4, 1/8, 1/8."""
    assert kept(HALVES, system, **values) == count


@pytest.mark.parametrize(
    ("system", "values", "count"),
    table(
        ("ponder", "hf", "vllm", "llamacpp", "sglang", "flashinfer", "exllama"),
        ({"top_p": 0.3}, 1, 1, 1, 1, 1, 1, 1),
        ({"top_p": 0.65}, 2, 2, 2, 2, 2, 2, 1),
        ({"top_p": 0.85}, 3, 3, 3, 3, 3, 3, 2),
        ({"top_p": 0.95}, 4, 4, 4, 4, 4, 4, 3),
    ),
)
def test_top_p_between_boundaries(system, values, count):
    """Of 0.4, 0.3, 0.2, 0.1: all agree but for ExLlama, which drops the crossing token."""
    assert kept(DECIMALS, system, **values) == count


@pytest.mark.parametrize(
    ("system", "values", "count"),
    table(
        ("ponder", "hf", "vllm", "llamacpp", "sglang", "flashinfer", "exllama"),
        ({"top_p": 0.05}, 1, 1, 1, 1, 1, 8, 1),
        ({"top_p": 0.25}, 2, 2, 2, 2, 3, 8, 2),
        ({"top_p": 0.45}, 4, 4, 4, 4, 4, 8, 3),
        ({"top_p": 0.5}, 4, 4, 4, 4, 5, 8, 4),
        ({"top_p": 0.875}, 7, 7, 7, 7, 8, 8, 7),
    ),
)
def test_top_p_of_equal_tokens(system, values, count):
    """Of eight with 1/8 each: only FlashInfer keeps them together."""
    assert kept(EIGHTHS, system, **values) == count


@pytest.mark.parametrize(
    ("system", "values", "count"),
    table(
        ("ponder", "hf", "vllm", "llamacpp", "sglang", "flashinfer", "exllama"),
        ({"top_k": 1}, 1, 2, 2, 1, 1, 2, 1),
        ({"top_k": 2}, 2, 2, 2, 2, 2, 2, 2),
        ({"top_k": 3}, 3, 6, 6, 3, 3, 6, 3),
        ({"top_k": 6}, 6, 6, 6, 6, 6, 6, 6),
        ({"top_k": 100}, 6, 6, 6, 6, 6, 6, 6),
    ),
)
def test_top_k_of_equal_tokens(system, values, count):
    """Of 1/4 twice and 1/8 four times: transformers, vLLM and FlashInfer keep all as likely as the k-th."""
    assert kept(PAIRS, system, **values) == count


@pytest.mark.parametrize(
    ("system", "values", "count"),
    table(
        ("ponder", "hf", "vllm", "llamacpp", "sglang", "flashinfer", "exllama"),
        # Of the first two the first has 4/7 once they are renormalised; of the first three, 4/9, and two 7/9.
        ({"top_k": 2, "top_p": 0.5}, 1, 1, 1, 1, 2, 2, 1),
        ({"top_k": 2, "top_p": 0.65}, 2, 2, 2, 2, 2, 2, 1),
        ({"top_k": 3, "top_p": 0.75}, 2, 2, 2, 2, 3, 3, 1),
        # A min-p makes SGLang over FlashInfer do one after the other, its torch sampler not.
        ({"top_k": 2, "top_p": 0.5, "min_p": 0.125}, 1, 1, 1, 1, 2, 1, 1),
        # In vLLM and ExLlama a min-p comes before: what it leaves out is not in top-p's mass.
        ({"top_p": 0.5, "min_p": 0.6}, 2, 2, 1, 2, 2, 2, 1),
    ),
)
def test_several_truncations(system, values, count):
    """Of 0.4, 0.3, 0.2, 0.1: jointly or renormalised in between, and in whose order."""
    assert kept(DECIMALS, system, **values) == count


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    ("min_p", "count"), [(0.2, 4), (0.25, 4), (0.26, 2), (0.5, 2), (0.51, 1), (1.0, 1), (0.0, 4)]
)
def test_min_p(system, min_p, count):
    """Of 1/2, 1/4, 1/8, 1/8: a token stays if it is at least min_p times as likely as the likeliest."""
    assert kept(HALVES, system, min_p=min_p) == count


@pytest.mark.parametrize("system", ["ponder", "sglang", "llamacpp", "exllama"])
def test_where_a_sort_decides_the_lowest_ids_stay(system):
    """Of equal tokens; the systems themselves do not say which."""
    probs = (1 / 8, 1 / 8, 1 / 4, 1 / 8, 1 / 4, 1 / 8)
    assert [i for i, p in enumerate(truncated(probs, system, top_k=3)) if p] == [0, 2, 4]
    least = [i for i, p in enumerate(truncated(EIGHTHS, system, top_p=0.3)) if p]
    assert least == ([0, 1] if system == "exllama" else [0, 1, 2])


# Entropy of 1/2, 1/4, 1/8, 1/8: 1.75 bits. The surprises are 1, 2, 3 and 3, so .25 is nearest, then .5.
@pytest.mark.parametrize(
    ("system", "mass", "ids"),
    [
        ("ponder", 0.2, [1]),
        ("ponder", 0.25, [1]),
        ("hf", 0.2, [1]),
        ("hf", 0.5, [0, 1]),
        ("llamacpp", 0.2, [1]),
        ("llamacpp", 0.25, [0, 1]),  # cut where the mass is over, not where it is reached
        ("llamacpp", 0.5, [0, 1]),
        ("ponder", 0.75, [0, 1]),
        ("llamacpp", 0.75, [0, 1, 2]),
        ("ponder", 0.8, [0, 1, 2]),
        ("hf", 0.8, [0, 1, 2, 3]),  # equally near: together
        ("llamacpp", 0.8, [0, 1, 2]),
    ],
)
def test_typical(system, mass, ids):
    """Locally typical sampling at its boundary, and of equally near tokens."""
    drawn = truncated(HALVES, system, typical_p=mass)
    assert [i for i, p in enumerate(drawn) if p] == ids


@pytest.mark.parametrize("system", ["ponder", "hf"])
@pytest.mark.parametrize(
    ("values", "ids"),
    [
        ({"epsilon_cutoff": 0.125}, [0, 1, 2, 3]),
        ({"epsilon_cutoff": 0.126}, [0, 1]),
        ({"epsilon_cutoff": 0.9}, [0]),
        # exp(-H) = 2 ** -1.75 = 0.297: sqrt(0.09) * 0.297 = 0.0892, under 0.09; sqrt(0.4) * 0.297 = 0.188.
        ({"eta_cutoff": 0.09}, [0, 1, 2, 3]),
        ({"eta_cutoff": 0.4}, [0, 1]),
        ({"eta_cutoff": 0.99}, [0]),
    ],
)
def test_epsilon_and_eta(system, values, ids):
    """Of 1/2, 1/4, 1/8, 1/8: under epsilon, or eta = min(eps, sqrt(eps) exp(-H)), a token goes; one stays."""
    assert [i for i, p in enumerate(truncated(HALVES, system, **values)) if p] == ids


def test_top_n_sigma_of_what_is_left():
    """Logits 0, -2, -4, -6 have a deviation of sqrt(5); the first two alone of 1."""
    logits = torch.tensor([[0.0, -2.0, -4.0, -6.0]])

    def ids(*order, **values):
        params = SamplingParams(semantics="llamacpp", order=(*order, "temperature"), **values)
        return distributions(logits, [NOTHING], params)[1][0].nonzero().flatten().tolist()

    assert ids("top_n_sigma", top_n_sigma=1) == [0, 1]
    assert ids("top_n_sigma", top_n_sigma=0.8) == [0]
    assert ids("top_n_sigma", "top_k", top_n_sigma=1.5, top_k=2) == [0, 1]
    assert ids("top_k", "top_n_sigma", top_n_sigma=1.5, top_k=2) == [0]
    assert ids("top_k", "top_n_sigma", top_n_sigma=2, top_k=2) == [0, 1]


@pytest.mark.parametrize(
    ("system", "values", "count"),
    table(
        ("ponder", "hf", "vllm", "llamacpp", "sglang", "flashinfer", "exllama"),
        ({"temperature": 1.0, "top_p": 0.7}, 2, 2, 2, 2, 2, 2, 1),
        ({"temperature": 2.0, "top_p": 0.7}, 3, 3, 3, 2, 3, 4, 2),  # it makes of the row .37, .26, .18, .18
        ({"temperature": 2.0, "min_p": 0.5}, 4, 4, 4, 2, 4, 4, 4),  # the square root of 1/4
        ({"temperature": 0.5, "min_p": 0.5}, 1, 1, 1, 2, 1, 1, 1),
    ),
)
def test_when_the_temperature_comes(system, values, count):
    """Last in llama.cpp: what is kept does not depend on it. Elsewhere it comes before the truncations."""
    assert kept(HALVES, system, **values) == count


PROMPT, OUTPUT = (1, 1, 2), (2, 3, 3)


def penalised(system, prompt=PROMPT, output=OUTPUT, **values):
    """What is subtracted from five logits of 3."""
    params = resolve_params({"semantics": system, **values}, {}).params
    return (3 - process(torch.full((1, 5), 3.0), [Row(0, prompt, output)], params)[0]).tolist()


@pytest.mark.parametrize(
    ("system", "repetition", "counts"),
    [
        ("ponder", [0, 1, 1, 1, 0], [0, 0, 0.75, 1.25, 0]),
        ("hf", [0, 1, 1, 1, 0], None),
        ("vllm", [0, 1, 1, 1, 0], [0, 0, 0.75, 1.25, 0]),
        ("sglang", [0, 0, 1, 1, 0], [0, 0, 0.75, 1.25, 0]),
        ("flashinfer", [0, 0, 1, 1, 0], [0, 0, 0.75, 1.25, 0]),
        ("llamacpp", [0, 1, 1, 1, 0], [0, 1.25, 1.25, 1.25, 0]),
    ],
)
def test_what_penalties_count(system, repetition, counts):
    """Prompt 1 1 2, output 2 3 3: a repetition penalty of 1.5, and 0.5 a time and 0.25 once."""
    assert penalised(system, repetition_penalty=1.5) == repetition
    occurrences = {"frequency_penalty": 0.5, "presence_penalty": 0.25}
    if counts is None:
        with pytest.raises(ParameterError):
            penalised(system, **occurrences)
    else:
        assert penalised(system, **occurrences) == counts


def test_llamacpp_penalises_the_last_64():
    """Of prompt and output; or as many as are asked for, 0 being all."""
    prompt, output = (1,) + (2,) * 3, (3,) * 61
    assert penalised("llamacpp", prompt, output, repetition_penalty=1.5) == [0, 0, 1, 1, 0]
    assert penalised("llamacpp", prompt, output[1:], repetition_penalty=1.5) == [0, 1, 1, 1, 0]
    assert penalised("llamacpp", prompt, output, presence_penalty=1.0) == [0, 0, 1, 1, 0]
    assert penalised("llamacpp", prompt, output, presence_penalty=1.0, penalty_range=61) == [0, 0, 0, 1, 0]
    assert penalised("llamacpp", prompt, output, presence_penalty=1.0, penalty_range=0) == [0, 1, 1, 1, 0]
    assert penalised("vllm", prompt, output, repetition_penalty=1.5) == [0, 1, 1, 1, 0]


@pytest.mark.parametrize(
    ("system", "asked", "settled"),
    [
        ("vllm", 0.0, {"temperature": 0.0}),
        ("vllm", 9e-6, {"temperature": 0.0}),
        ("vllm", 1e-5, {"temperature": 0.01}),
        ("vllm", 0.009, {"temperature": 0.01}),
        ("vllm", 0.01, {"temperature": 0.01}),
        ("vllm", 2.0, {"temperature": 2.0}),
        ("sglang", 0.0, {"temperature": 1.0, "top_k": 1}),
        ("sglang", 9e-7, {"temperature": 1.0, "top_k": 1}),
        ("sglang", 1e-6, {"temperature": 1e-6, "top_k": 0}),
        ("flashinfer", 0.0, {"temperature": 1.0, "top_k": 1}),
        ("ponder", 1e-7, {"temperature": 1e-7}),
        ("llamacpp", 1e-7, {"temperature": 1e-7}),
        ("hf", 1e-7, {"temperature": 1e-7}),
    ],
)
def test_temperatures_near_zero(system, asked, settled):
    """What a system makes of them before anything else."""
    params = resolve_params({"semantics": system, "temperature": asked}, {}).params
    assert {name: getattr(params, name) for name in settled} == settled


def test_vllm_refuses_high_temperatures():
    """Over 2."""
    with pytest.raises(ParameterError, match="temperature"):
        SamplingParams(semantics="vllm", temperature=2.01)
    SamplingParams(semantics="ponder", temperature=2.01)


@pytest.mark.parametrize("system", ["ponder", "vllm", "sglang", "llamacpp", "exllama"])
def test_temperature_zero_takes_the_likeliest(system):
    """Of 0.4, 0.3, 0.2, 0.1 the first, in whatever way a system gets there."""
    assert truncated(DECIMALS, system, temperature=0.0) == [1, 0, 0, 0]


# Excluded are 0.4 and 0.3, the likeliest but one of those with at least 0.15.
EXCLUDED = [0, 0, 2 / 3, 1 / 3]


@pytest.mark.parametrize(
    ("system", "probability", "expected"),
    [
        ("ponder", 1.0, EXCLUDED),
        ("llamacpp", 1.0, EXCLUDED),
        ("exllama", 1.0, EXCLUDED),
        ("ponder", 0.0, DECIMALS),
        ("exllama", 0.25, [0.75 * p + 0.25 * q for p, q in zip(DECIMALS, EXCLUDED, strict=True)]),
    ],
)
def test_xtc(system, probability, expected):
    """Always, never, or in ExLlama the mixture of the two."""
    threshold = {"xtc_threshold": 0.15} if probability else {}
    drawn = truncated(DECIMALS, system, xtc_probability=probability, **threshold)
    assert drawn == pytest.approx(list(expected), abs=1e-6)


@pytest.mark.parametrize("system", ["ponder", "llamacpp"])
def test_xtc_rolls_once_a_step(system):
    """With 0.25 a quarter of the rows exclude, and a row excludes altogether or not at all."""
    logits = torch.tensor([DECIMALS]).log().expand(4000, -1)
    params = SamplingParams(semantics=system, xtc_probability=0.25, xtc_threshold=0.15, seed=3)
    rows = [Row(i, (), ()) for i in range(len(logits))]
    drawn = distributions(logits, rows, params)[1]
    excluded = drawn[:, 0] == 0
    assert 0.22 < excluded.float().mean() < 0.28
    for chosen, expected in ((excluded, EXCLUDED), (~excluded, DECIMALS)):
        assert drawn[chosen].tolist() == [pytest.approx(list(expected), abs=1e-6)] * int(chosen.sum())


@pytest.mark.parametrize(
    ("system", "threshold", "ids"),
    [
        ("llamacpp", 0.5, [0, 1, 2, 3]),  # one token has so much: it is spared
        ("llamacpp", 0.25, [1, 2, 3]),  # exactly the threshold counts
        ("llamacpp", 0.125, [3]),
        ("ponder", 0.25, [1, 2, 3]),
        ("ponder", 0.125, [3]),
        ("exllama", 0.125, [3]),
    ],
)
def test_xtc_at_the_threshold(system, threshold, ids):
    """Of 1/2, 1/4, 1/8, 1/8; of equally unlikely ones the last is spared."""
    drawn = truncated(HALVES, system, xtc_probability=1.0, xtc_threshold=threshold)
    assert [i for i, p in enumerate(drawn) if p] == ids


def test_steps_that_a_system_lacks_are_refused():
    """None is silently left out."""
    for system, values in {
        "hf": {"presence_penalty": 0.5},
        "vllm": {"typical_p": 0.5},
        "sglang": {"xtc_probability": 0.5},
        "flashinfer": {"mirostat": 2},
        "llamacpp": {"top_a": 0.2},
        "exllama": {"top_n_sigma": 1.0},
    }.items():
        with pytest.raises(ParameterError, match=system):
            SamplingParams(semantics=system, **values)
