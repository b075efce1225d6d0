"""Diverse beam search against a plain re-implementation, and its ends: one group, and no penalty."""

import math

import pytest

from decoders.answering import answer
from decoders.naive import diverse, next_logprobs
from ponder.decoders import BeamSearch, DiverseBeamSearch
from ponder.errors import ParameterError
from tiny_models import tiny_engine, tiny_tokenizer


@pytest.fixture(scope="module")
def models():
    """Five tokens, of which texts end soon, and 64."""
    return [tiny_engine(tiny_tokenizer("ab"), seed=3, num_pages=1024), tiny_engine(seed=1, num_pages=1024)]


@pytest.mark.slow
@pytest.mark.parametrize("early_stopping", [True, False, "never"])
@pytest.mark.parametrize("penalty", [-1.0, 0.0, 1.0, 2.0])
def test_the_answers_are_those_of_group_beam_search(models, penalty, early_stopping):
    """Token ids, order and scores of all groups together."""
    stopped = 0
    for engine in models:
        for prompt, beams, groups, diversity in (
            ([1, 0], 4, 2, 0.7),
            ([0], 6, 3, 0.2),
            ([3, 1, 4], 6, 2, 3.0),
            ([2, 2], 3, 3, 1.0),
        ):
            decoder = DiverseBeamSearch(beams, groups, diversity, penalty, early_stopping)
            outputs = answer(engine, prompt, decoder, max_tokens=7, n=beams)
            ends = engine.tokenizer.eos_ids
            model = next_logprobs(engine, prompt)
            expected = diverse(model, ends, beams, groups, diversity, 7, penalty, early_stopping)
            assert [output.token_ids for output in outputs] == [ids for ids, _ in expected]
            assert [o.score for o in outputs] == pytest.approx([score for _, score in expected], abs=1e-4)
            stopped += any(output.finish_reason == "stop" for output in outputs)
    assert stopped


def test_one_group_is_beam_search(models):
    """And a penalty has nobody to act between."""
    engine = models[1]
    plain = answer(engine, [7, 9], BeamSearch(4), max_tokens=8, n=4)
    grouped = answer(engine, [7, 9], DiverseBeamSearch(4, 1, 5.0), max_tokens=8, n=4)
    assert [output.token_ids for output in grouped] == [output.token_ids for output in plain]
    assert [output.score for output in grouped] == [output.score for output in plain]


def test_without_a_penalty_groups_agree_and_with_one_they_part(models):
    """Four groups of one beam: one text four times, or four first tokens."""
    engine = models[1]
    same = answer(engine, [7, 9], DiverseBeamSearch(4, 4, 0.0), max_tokens=8, n=4)
    assert len({output.token_ids for output in same}) == 1
    apart = answer(engine, [7, 9], DiverseBeamSearch(4, 4, 50.0), max_tokens=8, n=4, ignore_eos=True)
    assert len({output.token_ids[0] for output in apart}) == 4


def test_traces_tell_the_penalty(models):
    """Raw log-probabilities are the model's; the tempered ones are those after the penalties."""
    outputs = answer(models[1], [7, 9], DiverseBeamSearch(2, 2, 50.0), max_tokens=1, n=2, ignore_eos=True)
    first, second = (output.traces[0] for output in outputs)
    assert first.tempered_logprob == pytest.approx(first.logprob, abs=1e-5)
    assert second.rank == 2
    assert second.tempered_logprob == pytest.approx(
        second.logprob - math.log1p(-math.exp(first.logprob)), abs=1e-4
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("num_beams", value) for value in (0, 401, 2.0, True)),
        *(("num_beam_groups", value) for value in (0, 3, 5, 2.0, "2", True)),
        *(("diversity_penalty", value) for value in (-0.1, math.nan, math.inf, "x", True)),
        ("length_penalty", 11),
        ("early_stopping", "x"),
    ],
)
def test_bad_values_are_refused(field, value):
    """Each field names itself."""
    with pytest.raises(ParameterError) as caught:
        DiverseBeamSearch(**{"num_beams": 4, "num_beam_groups": 2, field: value})
    assert caught.value.field == field
