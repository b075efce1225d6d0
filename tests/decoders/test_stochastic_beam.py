"""Stochastic beam search draws texts without replacement, by enumeration of all there are."""

import math

import numpy as np
import pytest
from scipy import stats

from decoders.answering import answer
from decoders.naive import next_logprobs
from ponder.constraints import Ban
from ponder.decoders import StochasticBeamSearch
from ponder.decoders.stochastic_beam import inclusion_probability
from ponder.errors import ParameterError
from tiny_models import tiny_engine, tiny_tokenizer

RUNS, PROMPT = 600, [0, 1, 3]


@pytest.fixture(scope="module")
def engine():
    """A random model over five tokens, two of which end a text."""
    return tiny_engine(tiny_tokenizer("ab"), seed=3, num_pages=1024)


def every_text(model, ends, max_tokens, temperature=1.0, top_k=5):
    """The log-probability of each text of up to so many tokens, drawn token by token."""
    found, live = {}, {(): 0.0}
    while live:
        grown = {}
        for ids, logprob in live.items():
            logits = np.array(model(ids)) / temperature
            kept = np.argsort(-logits, kind="stable")[:top_k].tolist()
            total = np.logaddexp.reduce(logits[kept])
            for token in kept:
                text = (*ids, token)
                done = token in ends or len(text) == max_tokens
                (found if done else grown)[text] = logprob + float(logits[token] - total)
        live = grown
    return found


@pytest.fixture(scope="module")
def texts(engine):
    """Log-probabilities of all 53 texts of up to three tokens."""
    found = every_text(next_logprobs(engine, PROMPT), engine.tokenizer.eos_ids, 3)
    assert len(found) == 53
    assert math.fsum(map(math.exp, found.values())) == pytest.approx(1)
    return found


@pytest.fixture(scope="module")
def runs(engine):
    """The four texts each of many seeds draws."""
    decoder = StochasticBeamSearch(4)
    return [answer(engine, PROMPT, decoder, max_tokens=3, n=4, seed=seed) for seed in range(RUNS)]


def included(probabilities, count):
    """The probability of each thing to be among `count` drawn one by one without replacement."""
    p = np.asarray(probabilities)
    if count == 1:
        return p
    total = p.copy()
    for first, chance in enumerate(p):
        rest = p / (1 - chance)
        rest[first] = 0
        total += chance * included(rest, count - 1)
    return total


@pytest.mark.slow
def test_the_first_text_is_a_sample(texts, runs):
    """A chi-squared test of the first text drawn against the probabilities of all."""
    counts = dict.fromkeys(texts, 0)
    for outputs in runs:
        counts[outputs[0].token_ids] += 1
    often = [ids for ids, logprob in texts.items() if RUNS * math.exp(logprob) >= 5]
    observed = [counts[ids] for ids in often]
    expected = [RUNS * math.exp(texts[ids]) for ids in often]
    observed, expected = [*observed, RUNS - sum(observed)], [*expected, RUNS - math.fsum(expected)]
    assert stats.chisquare(observed, expected).pvalue > 0.001


@pytest.mark.slow
def test_inclusion_is_that_of_draws_without_replacement(texts, runs):
    """How often each text is among the first three: within 4 standard errors, and the rare ones together."""
    exact = included(np.exp(list(texts.values())), 3)
    assert exact.sum() == pytest.approx(3)
    counts = dict.fromkeys(texts, 0)
    for outputs in runs:
        assert len({output.token_ids for output in outputs}) == 4
        for output in outputs[:3]:
            counts[output.token_ids] += 1
    observed = np.array(list(counts.values()))
    often = np.minimum(exact, 1 - exact) * RUNS >= 5
    assert often.sum() > 10
    errors = (observed - RUNS * exact) / np.sqrt(RUNS * exact * (1 - exact))
    assert np.abs(errors[often]).max() < 4
    rare, expected = observed[~often].sum(), RUNS * exact[~often].sum()
    assert abs(rare - expected) < 4 * math.sqrt(expected)


@pytest.mark.slow
def test_the_largest_perturbed_log_probability_is_standard_gumbel(runs):
    """As the largest over a distribution that sums to one; and G falls."""
    assert stats.kstest([outputs[0].score for outputs in runs], "gumbel_r").pvalue > 0.001
    for outputs in runs:
        scores = [output.score for output in outputs]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.slow
def test_weighted_draws_estimate_expectations(texts, runs):
    """Sums of f * p / inclusion are unbiased: of one, of the length, of the log-probability."""
    functions = (lambda ids: 1.0, len, texts.__getitem__)
    exact = [math.fsum(math.exp(lp) * f(ids) for ids, lp in texts.items()) for f in functions]
    estimates = [[] for _ in functions]
    for outputs in runs:
        for f, values in zip(functions, estimates, strict=True):
            values.append(
                math.fsum(
                    math.exp(output.truncated_logprob) / output.inclusion * f(output.token_ids)
                    for output in outputs[:-1]
                )
            )
    for value, values in zip(exact, estimates, strict=True):
        error = np.std(values) / math.sqrt(RUNS)
        assert abs(np.mean(values) - value) < 4 * error


@pytest.mark.slow
def test_outputs_say_how_they_were_drawn(texts, runs):
    """Log-probability by the traces, and 1 - exp(-exp(logprob - threshold)); the last is the threshold."""
    for outputs in runs[:50]:
        *drawn, last = outputs
        for output in drawn:
            assert output.truncated_logprob == pytest.approx(texts[output.token_ids], abs=1e-4)
            expected = 1 - math.exp(-math.exp(output.truncated_logprob - last.score))
            assert output.inclusion == pytest.approx(expected)
        assert last.inclusion is None
    assert inclusion_probability(-1.0, -math.inf) == 1.0
    assert inclusion_probability(-800.0, 0.0) == 0.0


def test_a_narrow_search_is_the_beginning_of_a_wide_one(engine):
    """The noise belongs to the path: the same texts with the same G, whatever the width."""
    wide = answer(engine, PROMPT, StochasticBeamSearch(30), max_tokens=5, n=30, seed=9)
    for width in (1, 2, 7, 29):
        narrow = answer(engine, PROMPT, StochasticBeamSearch(width), max_tokens=5, n=width, seed=9)
        assert [o.token_ids for o in narrow] == [o.token_ids for o in wide[:width]]
        assert [o.score for o in narrow] == [o.score for o in wide[:width]]


def test_a_text_that_is_not_asked_for_is_the_threshold(engine):
    """Of a wider search all answers have an inclusion: that which the next text would give them."""
    wide = answer(engine, PROMPT, StochasticBeamSearch(9), max_tokens=5, n=9, seed=4)
    for n in range(1, 9):
        asked = answer(engine, PROMPT, StochasticBeamSearch(9), max_tokens=5, n=n, seed=4)
        assert [output.token_ids for output in asked] == [output.token_ids for output in wide[:n]]
        assert [output.inclusion for output in asked] == pytest.approx(
            [inclusion_probability(output.truncated_logprob, wide[n].score) for output in asked]
        )


@pytest.mark.parametrize("params", [{}, {"temperature": 0.6}, {"temperature": 1.4, "top_k": 3}], ids=str)
def test_wide_enough_it_finds_every_text(engine, params):
    """All texts the parameters leave possible, each once, with its log-probability; the estimate is exact."""
    ends = engine.tokenizer.eos_ids
    model = next_logprobs(engine, PROMPT)
    expected = every_text(model, ends, 3, params.get("temperature", 1.0), params.get("top_k", 5))
    outputs = answer(engine, PROMPT, StochasticBeamSearch(60), max_tokens=3, n=60, seed=2, **params)
    assert {output.token_ids for output in outputs} == set(expected)
    logprobs = [output.truncated_logprob for output in outputs]
    assert logprobs == pytest.approx([expected[output.token_ids] for output in outputs], abs=1e-4)
    assert all(output.inclusion == 1 for output in outputs)
    assert math.fsum(map(math.exp, logprobs)) == pytest.approx(1, abs=1e-4)


def test_constraints_and_stop_strings_shape_the_tree(engine):
    """Banned texts are not among all, and what a stop string ends is one text."""
    outputs = answer(
        engine, PROMPT, StochasticBeamSearch(100), Ban(("ab",)), max_tokens=4, n=100, seed=2, stop=("ba",)
    )
    texts = [output.text for output in outputs]
    assert not any("ab" in text or "ba" in text for text in texts)
    stopped = [output for output in outputs if output.stopped_by == "ba"]
    assert stopped
    assert math.fsum(math.exp(output.truncated_logprob) for output in outputs) == pytest.approx(1, abs=1e-4)


def test_a_text_that_can_go_nowhere_keeps_its_place(engine):
    """A beam whose every token is forbidden ends with what probability it has."""
    no_end = dict.fromkeys((2, 3, 4), -100.0)
    outputs = answer(
        engine,
        [0],
        StochasticBeamSearch(9),
        Ban(("aa", "ab", "bba")),
        max_tokens=4,
        n=9,
        seed=1,
        logit_bias=no_end,
    )
    assert sorted((o.text, o.finish_reason) for o in outputs) == [
        ("a", "constraint"),
        ("ba", "constraint"),
        ("bbbb", "length"),
    ]
    assert math.fsum(math.exp(output.truncated_logprob) for output in outputs) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("value", [0, 401, 2.0, "4", True])
def test_bad_values_are_refused(value):
    """A width is a whole number from 1 to 400."""
    with pytest.raises(ParameterError) as caught:
        StochasticBeamSearch(value)
    assert caught.value.field == "num_beams"
