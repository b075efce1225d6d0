"""Beam search: wide enough it is exhaustive search, and at any width it is transformers'."""

import math
import random
from itertools import product

import pytest
import torch

from asking import engine_ask
from decoders.answering import answer
from decoders.hf_twin import hf_beams, hf_twin
from forward import all_logits
from ponder.constraints import Ban
from ponder.decoders import BeamSearch
from ponder.engine import FinishedEvent
from ponder.errors import ParameterError
from ponder.sampling import SamplingParams
from stepping import forget, run
from tiny_models import tiny_engine, tiny_tokenizer

EARLY = [True, False, "never"]


@pytest.fixture(scope="module")
def five_tokens():
    """A random model over a, b, <|endoftext|>, <|im_start|>, <|im_end|>; tokens 2 and 4 end a text."""
    return tiny_engine(tiny_tokenizer("ab"), seed=3, num_pages=1024)


@pytest.fixture(scope="module")
def twins():
    """Three random models, each with its twin in transformers."""
    twins = [hf_twin(tiny_engine(seed=seed, kernels="reference").model) for seed in range(3)]
    return [(tiny_engine(seed=seed), twin) for seed, twin in enumerate(twins)]


def every_text(engine, prompt, max_tokens, *, bias=None, min_tokens=0, ban=None, stop=None):
    """Score every token sequence that could be an answer: {token ids: sum of (biased) log-probabilities}."""
    vocabulary, eos = engine.tokenizer.vocab_size, set(engine.tokenizer.eos_ids)
    bias = bias or {}

    def ends(ids):
        if stop is None or len(ids) == max_tokens:
            return len(ids) == max_tokens
        # A stop string counts if it ends in text that comes after the minimum.
        early, text = len(engine.tokenizer.decode(ids[:min_tokens])), engine.tokenizer.decode(ids)
        return stop in text[max(0, early + 1 - len(stop)) :]

    found, live = {}, {(): 0.0}
    while live:
        rows = all_logits(engine.model, [[*prompt, *ids] for ids in live])
        grown = {}
        for (ids, score), logits in zip(live.items(), rows, strict=True):
            logprobs = torch.log_softmax(logits[-1], dim=-1).tolist()
            for token in range(vocabulary):
                text = engine.tokenizer.decode((*ids, token))
                if (token in eos and len(ids) < min_tokens) or (ban is not None and ban in text):
                    continue
                value = score + logprobs[token] + bias.get(token, 0.0)
                finished = token in eos or ends((*ids, token))
                (found if finished else grown)[*ids, token] = value
        live = grown
    return found


def assert_ranking(outputs, scores, length_penalty):
    """The outputs are the best texts in order, with their scores."""
    ranked = sorted(scores, key=lambda ids: scores[ids] / len(ids) ** length_penalty, reverse=True)
    assert [output.token_ids for output in outputs] == ranked[: len(outputs)]
    for output in outputs:
        normalised = scores[output.token_ids] / len(output.token_ids) ** length_penalty
        assert output.score == pytest.approx(normalised, abs=1e-4)


@pytest.mark.parametrize("early_stopping", EARLY)
@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 1.0, 2.0])
def test_wide_enough_it_is_exhaustive(five_tokens, length_penalty, early_stopping):
    """All 161 texts of up to four tokens come back in the order of their normalised scores."""
    prompt = [0, 1, 3]
    scores = every_text(five_tokens, prompt, 4)
    assert len(scores) == 161
    decoder = BeamSearch(200, length_penalty, early_stopping)
    outputs = answer(five_tokens, prompt, decoder, max_tokens=4, n=200)
    assert len(outputs) == 161
    assert_ranking(outputs, scores, length_penalty)
    assert all(output.logprob == pytest.approx(scores[output.token_ids], abs=1e-4) for output in outputs)


@pytest.mark.parametrize(
    "rules",
    [
        {"min_tokens": 3},
        {"bias": {0: 2.0, 2: -1.5}},
        {"ban": "ab"},
        {"stop": "ba"},
        {"stop": "aa", "min_tokens": 2},
        {"ban": "bb", "bias": {1: 3.0}, "min_tokens": 1, "stop": "ab"},
    ],
    ids=str,
)
def test_constraints_stops_and_biases_are_searched_exhaustively(five_tokens, rules):
    """Bans, stop strings, minimum lengths and biases cut down and rescore the same exhaustive search."""
    scores = every_text(five_tokens, [1, 0], 4, **rules)
    params = {"min_tokens": rules.get("min_tokens", 0), "stop": (rules["stop"],) if "stop" in rules else ()}
    ban = Ban((rules["ban"],)) if "ban" in rules else None
    decoder = BeamSearch(200, 0.6, "never")
    outputs = answer(
        five_tokens, [1, 0], decoder, ban, max_tokens=4, n=200, logit_bias=rules.get("bias", {}), **params
    )
    assert len(outputs) == len(scores)
    assert_ranking(outputs, scores, 0.6)
    for output in outputs:
        shown = five_tokens.tokenizer.decode(output.token_ids)
        stopped = output.finish_reason == "stop" and output.token_ids[-1] < 2
        assert output.text == (shown.removesuffix(rules["stop"]) if stopped else shown)


def test_a_beam_that_can_go_nowhere_says_so(five_tokens):
    """When everything is forbidden after some tokens, the answer ends there with the reason "constraint"."""
    no_end = dict.fromkeys((2, 3, 4), -100.0)
    outputs = answer(
        five_tokens, [0], BeamSearch(2), Ban(("aa", "ab", "ba", "bb")), max_tokens=5, n=2, logit_bias=no_end
    )
    assert [output.finish_reason for output in outputs] == ["constraint"] * 2
    assert {output.text for output in outputs} == {"a", "b"}


@pytest.mark.parametrize("early_stopping", EARLY)
@pytest.mark.parametrize(
    ("num_beams", "length_penalty"),
    [*((4, penalty) for penalty in (-1.0, 0.0, 0.6, 1.0, 2.0)), (2, 0.0), (2, 1.0), (8, -1.0), (8, 2.0)],
)
def test_the_answers_are_those_of_transformers(twins, num_beams, length_penalty, early_stopping):
    """Token ids, order and normalised scores of all returned beams equal `generate(num_beams=...)`."""
    rng, ended, decoder = random.Random(num_beams), 0, BeamSearch(num_beams, length_penalty, early_stopping)
    for engine, twin in twins:
        prompt = [rng.randrange(61) for _ in range(rng.randrange(1, 40))]
        eos = engine.tokenizer.eos_ids
        expected, scores = hf_beams(
            twin,
            prompt,
            eos,
            14,
            num_beams=num_beams,
            num_return_sequences=num_beams,
            length_penalty=length_penalty,
            early_stopping=early_stopping,
        )
        outputs = answer(engine, prompt, decoder, max_tokens=14, n=num_beams)
        assert [output.token_ids for output in outputs] == expected
        ours = [output.score for output in outputs]
        assert ours == pytest.approx(scores, abs=1e-3)
        ended += sum(output.finish_reason == "stop" for output in outputs)
        best = answer(engine, prompt, decoder, max_tokens=14)
        assert [output.token_ids for output in best] == expected[:1]
    assert ended, "no text ended early: the comparison would not see the rules for finished beams"


@pytest.mark.parametrize("ends", [1, 3, 8])
def test_many_end_tokens_are_those_of_transformers(twins, ends):
    """With the likeliest tokens ending a text, enough candidates are looked at to keep every beam alive."""
    for engine, twin in twins:
        prompt = [11, 22, 33]
        (logits,) = all_logits(engine.model, [prompt])
        stops = tuple(logits[-1].topk(ends).indices.tolist())
        expected, _ = hf_beams(
            twin,
            prompt,
            (*engine.tokenizer.eos_ids, *stops),
            10,
            num_beams=4,
            num_return_sequences=4,
            length_penalty=3.0,
            early_stopping="never",
        )
        decoder = BeamSearch(4, 3.0, "never")
        outputs = answer(engine, prompt, decoder, max_tokens=10, n=4, stop_token_ids=stops)
        assert [output.token_ids for output in outputs] == expected


def test_characters_cut_by_tokens_are_each_beams_own():
    """Beams that fork inside a character spell their own bytes."""
    engine = tiny_engine(tiny_tokenizer(None), seed=1)
    table = engine.tokenizer.bytes_table
    bias = {table.index(bytes([byte])): 12.0 for byte in b"\xe2\x82\xac\xad\xc3\xa9"}
    outputs = answer(engine, [5], BeamSearch(8), max_tokens=12, n=8, logit_bias=bias)
    assert len({output.text for output in outputs}) > 1
    for output in outputs:
        assert output.text == engine.tokenizer.decode(output.token_ids)


def test_processors_are_those_of_transformers(twins):
    """Repetition penalty and minimum length act on log-probabilities, as in transformers' beam search."""
    for engine, twin in twins:
        prompt = [5, 9, 5, 33]
        expected, _ = hf_beams(
            twin,
            prompt,
            engine.tokenizer.eos_ids,
            12,
            num_beams=4,
            num_return_sequences=4,
            repetition_penalty=1.4,
            min_new_tokens=6,
        )
        outputs = answer(
            engine, prompt, BeamSearch(4), max_tokens=12, n=4, repetition_penalty=1.4, min_tokens=6
        )
        assert [output.token_ids for output in outputs] == expected


def test_one_beam_is_greedy():
    """A single beam takes the likeliest token, as temperature 0 does."""
    prompt = (4, 8, 15, 16, 23, 42)
    engine = tiny_engine()
    (beam,) = answer(engine, prompt, BeamSearch(1), max_tokens=30)
    *_, last = run(engine, engine_ask(prompt, SamplingParams(temperature=0, max_tokens=30)))
    assert beam.token_ids == last.outputs[0].token_ids


def test_traces_belong_to_the_answer(twins):
    """Each answer's traces are the log-probabilities of its own tokens under the model."""
    engine, _ = twins[0]
    prompt = [7, 3, 50]
    for output in answer(engine, prompt, BeamSearch(6), max_tokens=9, n=6, ignore_eos=True):
        (logits,) = all_logits(engine.model, [[*prompt, *output.token_ids]])
        logprobs = torch.log_softmax(logits[2:-1], dim=-1)
        expected = logprobs[range(9), list(output.token_ids)].tolist()
        assert [trace.token_id for trace in output.traces] == list(output.token_ids)
        assert [trace.logprob for trace in output.traces] == pytest.approx(expected, abs=1e-4)
        assert output.logprob == pytest.approx(math.fsum(expected), abs=1e-3)


def test_beams_share_steps_with_other_requests(twins):
    """A search beside samples gives what it gives alone."""
    engine, _ = twins[1]
    beams = engine_ask((9, 2), SamplingParams(max_tokens=10, n=3), None, BeamSearch(3))
    samples = engine_ask((30,) * 20, SamplingParams(max_tokens=12, n=4, seed=1))
    alone = [list(run(engine, request))[-1].outputs for request in (beams, samples)]
    forget(engine)
    ids = {engine.submit(request): i for i, request in enumerate((beams, samples))}
    together = {}
    while len(together) < 2:
        for event in engine.step():
            if isinstance(event, FinishedEvent):
                together[ids[event.request_id]] = event.outputs
    for i in range(2):
        assert [o.token_ids for o in together[i]] == [o.token_ids for o in alone[i]]


@pytest.mark.parametrize(
    "bad",
    [
        *({"num_beams": value} for value in (0, 401, 2.0, "4", True)),
        *({"num_beams": 2, "length_penalty": value} for value in (math.nan, math.inf, 101, "x", True)),
        *({"num_beams": 2, "early_stopping": value} for value in ("always", None, 2, 1)),
    ],
    ids=str,
)
def test_bad_values_are_refused(bad):
    """Each field names itself, its value and what is allowed."""
    with pytest.raises(ParameterError) as caught:
        BeamSearch(**bad)
    assert caught.value.field == list(bad)[-1]


def test_more_answers_than_beams_are_refused():
    """n is at most num_beams."""
    with pytest.raises(ParameterError, match="n = 5 is not allowed: at most num_beams, which is 4"):
        answer(tiny_engine(), [1], BeamSearch(4), n=5, max_tokens=8)


def test_brute_force_is_what_it_says(five_tokens):
    """The oracle's own check: 2 + 3 * 2 + 9 * 5 texts of up to three tokens; probabilities sum to one."""
    scores = every_text(five_tokens, [1], 3)
    assert len(scores) == 2 + 6 + 45
    assert math.fsum(map(math.exp, scores.values())) == pytest.approx(1, abs=1e-5)
    assert set(map(len, scores)) == {1, 2, 3}
    assert all(ids in scores for ids in product((0, 1, 3), repeat=3))
