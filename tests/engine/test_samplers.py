"""Every sampler in the engine: the same text whatever n is, what else runs, how often it was put aside."""

from dataclasses import replace
from itertools import pairwise

import pytest

from asking import engine_ask
from ponder.decoders import BeamSearch, Sample, Speculative
from ponder.engine import Engine, EngineLimits, FinishedEvent
from ponder.sampling import SEMANTICS, SamplingParams
from stepping import assert_at_rest, run
from tiny_models import random_entropy_head, tiny_engine

pytestmark = pytest.mark.usefixtures("one_thread")

TOKENS = 24
SAMPLERS = {
    "dynamic temperature": {"dynatemp_range": 0.5, "dynatemp_exponent": 1.5},
    "typical": {"typical_p": 0.8},
    "epsilon": {"epsilon_cutoff": 0.01},
    "eta": {"eta_cutoff": 0.01},
    "top-a": {"top_a": 0.2},
    "tail-free": {"tfs": 0.9},
    "top-n-sigma": {"top_n_sigma": 1.5},
    "top-h": {"top_h": 0.6},
    "mirostat 1": {"mirostat": 1, "mirostat_tau": 3.0},
    "mirostat 2": {"mirostat": 2, "mirostat_tau": 3.0, "mirostat_eta": 0.3},
    "xtc": {"xtc_probability": 0.5, "xtc_threshold": 0.02},
    "dry": {"dry_multiplier": 0.8, "dry_allowed_length": 1},
    "n-grams": {"no_repeat_ngram_size": 2},
    "sequence bias": {"sequence_bias": {(1, 2): 5.0, (3,): -2.0}},
    "factual nucleus": {"top_p": 0.95, "top_p_decay": 0.9, "top_p_floor": 0.3},
    "residual entropy": {"real_temperature": 2.0},
    "residual entropy along a sentence": {"real_temperature": 4.0, "top_p": 0.95, "top_p_decay": 0.95},
    "penalties of the last": {"repetition_penalty": 1.3, "presence_penalty": 0.5, "penalty_range": 4},
    "order": {"top_k": 20, "min_p": 0.01, "order": ("min_p", "temperature", "top_k")},
    **{name: {"semantics": name, "top_k": 30, "top_p": 0.9, "min_p": 0.01} for name in SEMANTICS},
}


def ask(prompt, n=3, **params):
    return engine_ask(
        prompt, SamplingParams(**{"max_tokens": TOKENS, "ignore_eos": True, "n": n, "seed": 5} | params)
    )


def engine_of(model, vocabulary, pages, limits=None):
    head = random_entropy_head(model.config.hidden_size)
    return Engine(model, vocabulary, pages, limits, entropy_head=head)


def texts(events):
    *_, last = events
    assert isinstance(last, FinishedEvent)
    return [(output.token_ids, output.traces) for output in last.outputs]


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_text_does_not_depend_on_its_company(model, vocabulary, name):
    """Neither tokens nor traces: on n, on what runs beside it, on a cache that is too small for all."""
    request = ask((1, 2, 3, 1, 2), **SAMPLERS[name])
    wanted = texts(run(engine_of(model, vocabulary, 64), request))
    single = replace(request, params=replace(request.params, n=1))
    assert texts(run(engine_of(model, vocabulary, 64), single)) == wanted[:1]
    engine = engine_of(model, vocabulary, 12, EngineLimits(token_budget=16))
    ids = [engine.submit(request if i % 2 else ask((4, i), n=2, seed=i)) for i in range(4)]
    finished = {}
    while engine.busy:
        for event in engine.step():
            if isinstance(event, FinishedEvent):
                finished[event.request_id] = [(one.token_ids, one.traces) for one in event.outputs]
    assert engine.stats().preemptions > 0
    assert [finished[ids[i]] for i in (1, 3)] == [wanted, wanted]
    assert_at_rest(engine)


def test_repetitions_are_not_gone_on_with(model, vocabulary):
    """No 2-gram twice, the prompt's included."""
    prompt = (1, 2, 3, 1, 2)
    for tokens, _ in texts(run(Engine(model, vocabulary, 64), ask(prompt, no_repeat_ngram_size=2))):
        text = [*prompt[3:], *tokens]
        pairs = list(pairwise(text))
        assert len(set(pairs)) == len(pairs)


GREEDY = {
    "temperature 0": {"temperature": 0},
    "top-k 1": {"top_k": 1},
    "top-p near 0": {"top_p": 1e-9},
    "min-p 1": {"min_p": 1.0},
    "a temperature near 0": {"temperature": 1e-9},
    **{f"top-k 1 as {name}": {"top_k": 1, "semantics": name} for name in SEMANTICS},
}


@pytest.mark.parametrize("name", GREEDY)
def test_ways_to_remove_randomness_give_one_text(model, vocabulary, name):
    """The likeliest token each time, whatever the seed; one beam finds the same."""
    engine = Engine(model, vocabulary, 64)
    (greedy,) = texts(run(engine, ask((1, 2, 3), n=1, temperature=0)))
    for seed in (0, 1, 2**63):
        assert texts(run(engine, ask((1, 2, 3), n=2, seed=seed, **GREEDY[name])))[0][0] == greedy[0]
    beam = engine_ask((1, 2, 3), SamplingParams(max_tokens=TOKENS, ignore_eos=True), decoder=BeamSearch(1))
    assert texts(run(engine, beam))[0][0] == greedy[0]


@pytest.mark.parametrize("decoder", [Sample(), BeamSearch(3), Speculative()], ids=lambda one: one.name)
def test_a_models_kernels_choose_its_sampler(monkeypatch, decoder):
    """On reference kernels nothing is sampled natively, whatever decodes; on native ones all is."""

    def refuse(*args, **options):
        raise AssertionError("asked natively")

    monkeypatch.setattr("ponder.sampling.native.sample_many", refuse)
    monkeypatch.setattr("ponder.kernels.native.are_numbers", refuse)
    params = SamplingParams(max_tokens=8, seed=5, ignore_eos=True)
    request = engine_ask((1, 2, 3, 1, 2), params, decoder=decoder)
    *_, last = run(tiny_engine(kernels="reference"), request)
    assert isinstance(last, FinishedEvent)
    with pytest.raises(AssertionError, match="asked natively"):
        list(run(tiny_engine(kernels="native"), request))
