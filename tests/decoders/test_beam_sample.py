"""Beam-sample draws what the definition says, by enumeration; drawn to the end it is beam search."""

import itertools
import math

import pytest
from scipy import stats

from decoders.answering import answer
from decoders.naive import draw_sets, next_logprobs
from ponder.decoders import BeamSample, BeamSearch
from ponder.errors import ParameterError
from tiny_models import tiny_engine, tiny_tokenizer

RUNS = 250


@pytest.fixture(scope="module")
def five_tokens():
    """A random model over five tokens."""
    return tiny_engine(tiny_tokenizer("ab"), seed=3, num_pages=1024)


def enumerated(model, beams, max_tokens, temperature, top_k):
    """The probability of each pair of best texts, no token of which ends one.

    Scores add up log p / temperature; 2 * beams candidates are drawn without replacement in proportion to
    exp(score), and the best `beams` of those go on.
    """

    def continued(live):
        found = []
        for ids, score in live:
            logprobs = model(ids)
            kept = sorted(range(5), key=lambda token: -logprobs[token])[: top_k or 5]
            found += [((*ids, token), score + logprobs[token] / temperature) for token in kept]
        return found

    states = {(((), 0.0),): 1.0}
    for _ in range(max_tokens):
        grown = {}
        for live, chance in states.items():
            found = continued(live)
            for chosen, probability in draw_sets([math.exp(score) for _, score in found], 2 * beams):
                best = tuple(sorted((found[i] for i in chosen), key=lambda text: -text[1])[:beams])
                grown[best] = grown.get(best, 0.0) + chance * probability
        states = grown
    return {tuple(ids for ids, _ in live): chance for live, chance in states.items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("beams", "params"), [(1, {}), (1, {"temperature": 3.0, "top_k": 4}), (2, {"temperature": 2.0})], ids=str
)
def test_the_distribution_is_the_definitions(five_tokens, beams, params):
    """All answers of a request together, over many seeds: a chi-squared test."""
    prompt, options = [0, 1, 3], {"max_tokens": 2, "ignore_eos": True, "n": beams, **params}
    model = next_logprobs(five_tokens, prompt)
    expected = enumerated(model, beams, 2, params.get("temperature", 1.0), params.get("top_k", 0))
    assert math.fsum(expected.values()) == pytest.approx(1)
    counts = dict.fromkeys(expected, 0)
    for seed in range(RUNS):
        outputs = answer(five_tokens, prompt, BeamSample(beams), seed=seed, **options)
        counts[tuple(output.token_ids for output in outputs)] += 1
    often = [texts for texts, chance in expected.items() if chance * RUNS >= 5]
    observed = [counts[texts] for texts in often]
    chances = [expected[texts] for texts in often]
    if len(often) < len(expected):
        observed, chances = [*observed, RUNS - sum(observed)], [*chances, 1 - math.fsum(chances)]
    assert len(chances) > 3
    assert stats.chisquare(observed, [RUNS * chance for chance in chances]).pvalue > 0.001


@pytest.mark.parametrize("params", [{}, {"temperature": 0.7}, {"temperature": 1.5, "top_k": 3}], ids=str)
def test_scores_add_up_tempered_log_probabilities(five_tokens, params):
    """As transformers: divided by the temperature, not renormalised where tokens were cut."""
    temperature = params.get("temperature", 1.0)
    for output in answer(five_tokens, [1], BeamSample(3, 0.6), max_tokens=5, n=3, seed=4, **params):
        total = math.fsum(trace.logprob for trace in output.traces) / temperature
        assert output.score == pytest.approx(total / len(output.token_ids) ** 0.6, abs=1e-4)
        for trace in output.traces:
            assert trace.kept <= params.get("top_k", 5)
            assert trace.truncated_logprob == pytest.approx(
                trace.tempered_logprob - math.log(trace.kept_mass), abs=1e-4
            )


def test_drawn_to_the_end_it_is_beam_search(five_tokens):
    """With more candidates than there are continuations, chance has no say: ends, scores and order agree."""
    for early_stopping in (True, False, "never"):
        drawn = answer(five_tokens, [4, 0], BeamSample(60, 0.6, early_stopping), max_tokens=3, n=60, seed=1)
        ranked = answer(five_tokens, [4, 0], BeamSearch(60, 0.6, early_stopping), max_tokens=3, n=60)
        assert [output.token_ids for output in drawn] == [output.token_ids for output in ranked]
        assert [o.score for o in drawn] == pytest.approx([o.score for o in ranked], abs=1e-5)


def test_few_tokens_left(five_tokens):
    """Fewer possible continuations than beams are no mistake: top-k 1 is greedy."""
    outputs = answer(five_tokens, [3], BeamSample(4), max_tokens=4, n=4, top_k=1, seed=0, ignore_eos=True)
    greedy = answer(five_tokens, [3], BeamSearch(1), max_tokens=4, ignore_eos=True)
    assert [output.token_ids for output in outputs] == [greedy[0].token_ids]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *itertools.product(["num_beams"], [0, 401, "4", True]),
        *itertools.product(["length_penalty"], [math.nan, 11, "x"]),
        *itertools.product(["early_stopping"], ["always", None, 2]),
    ],
)
def test_bad_values_are_refused(field, value):
    """Each field names itself."""
    with pytest.raises(ParameterError) as caught:
        BeamSample(**{"num_beams": 4, field: value})
    assert caught.value.field == field
