"""fairseq's and vLLM's rules for beams, against plain re-implementations of them."""

import random

import pytest

from decoders.answering import answer
from decoders.naive import fairseq, next_logprobs, vllm
from ponder.decoders import BeamSearch
from ponder.errors import ParameterError
from tiny_models import tiny_engine, tiny_tokenizer

PENALTIES = [-1.0, 0.0, 0.6, 1.0, 2.0]


@pytest.fixture(scope="module")
def models():
    """Two vocabularies of 5 tokens, of which texts end soon, and one of 64."""
    small = [tiny_engine(tiny_tokenizer("ab"), seed=seed, num_pages=1024) for seed in (3, 5)]
    return [*small, tiny_engine(seed=2, num_pages=1024)]


def cases(seed, count):
    """Prompts, widths and lengths."""
    rng = random.Random(seed)
    return [
        ([rng.randrange(5) for _ in range(rng.randrange(1, 9))], rng.randrange(1, 6), rng.randrange(1, 7))
        for _ in range(count)
    ]


def assert_same(outputs, expected):
    assert [output.token_ids for output in outputs] == [ids for ids, _ in expected]
    assert [output.score for output in outputs] == pytest.approx([score for _, score in expected], abs=1e-4)


def searched(engine, ends, prompt, decoder, max_tokens):
    """All answers, where just these tokens end a text."""
    params = {"ignore_eos": True, "stop_token_ids": tuple(ends)}
    return answer(engine, prompt, decoder, max_tokens=max_tokens, n=decoder.num_beams, **params)


@pytest.mark.slow
@pytest.mark.parametrize("one_end", [True, False])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_fairseq(models, penalty, one_end):
    """Token ids, order and scores; some cases stop before the limit, and some are ended by it."""
    early = late = 0
    for engine in models:
        ends = engine.tokenizer.eos_ids[:1] if one_end else engine.tokenizer.eos_ids
        for prompt, beams, max_tokens in cases(1, 8):
            outputs = searched(
                engine, ends, prompt, BeamSearch(beams, penalty, semantics="fairseq"), max_tokens
            )
            assert_same(outputs, fairseq(next_logprobs(engine, prompt), ends, beams, max_tokens, penalty))
            assert all(output.finish_reason == "stop" for output in outputs)
            longest = max(len(output.token_ids) for output in outputs)
            early, late = early + (longest < max_tokens), late + (longest == max_tokens)
    assert early
    assert late


@pytest.mark.slow
@pytest.mark.parametrize("one_end", [True, False])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_vllm(models, penalty, one_end):
    """Token ids, order and scores, normalised by the length of the whole text."""
    ended = 0
    for engine in models:
        ends = engine.tokenizer.eos_ids[:1] if one_end else engine.tokenizer.eos_ids
        for prompt, beams, max_tokens in cases(2, 8):
            outputs = searched(engine, ends, prompt, BeamSearch(beams, penalty, semantics="vllm"), max_tokens)
            model = next_logprobs(engine, prompt)
            assert_same(outputs, vllm(model, ends, beams, max_tokens, penalty, len(prompt)))
            ended += sum(output.finish_reason == "stop" for output in outputs)
    assert ended


@pytest.mark.slow
def test_the_three_differ(models):
    """There is a prompt for which the rules give three different answers: the comparisons can tell."""
    engine, prompt = models[0], [0, 1, 3]
    answers = {
        semantics: [
            output.token_ids
            for output in answer(engine, prompt, BeamSearch(3, 2.0, semantics=semantics), max_tokens=6, n=3)
        ]
        for semantics in ("hf", "fairseq", "vllm")
    }
    assert len(set(map(tuple, answers.values()))) == 3


def test_fairseq_without_an_end_token_ends_at_the_limit(models):
    """Where no end is possible, the last token is any."""
    (output,) = answer(models[0], [1], BeamSearch(2, semantics="fairseq"), max_tokens=4, ignore_eos=True)
    assert output.finish_reason == "length"
    assert len(output.token_ids) == 4


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"semantics": "beam"}, "semantics"),
        ({"semantics": None}, "semantics"),
        ({"semantics": "vllm", "early_stopping": True}, "early_stopping"),
        ({"semantics": "fairseq", "early_stopping": "never"}, "early_stopping"),
    ],
)
def test_bad_values_are_refused(bad, field):
    """Rules of one system are not mixed with another's."""
    with pytest.raises(ParameterError) as caught:
        BeamSearch(4, **bad)
    assert caught.value.field == field
