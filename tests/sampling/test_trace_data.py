"""What a trace keeps of each distribution, against float64 arithmetic on the logits it came from."""

import math

import numpy as np
import pytest
import torch

from asking import face_ask
from ponder.asks.fronts import generate
from ponder.constraints import Ban
from ponder.decoders import (
    BeamSample,
    BeamSearch,
    DiverseBeamSearch,
    PromptLookup,
    Sample,
    Speculative,
    StochasticBeamSearch,
)
from ponder.errors import ParameterError
from ponder.sampling import SamplingParams
from ponder.sampling.bitmask import pack
from ponder.sampling.distribution import TEMPERATURES, TraceSettings
from ponder.sampling.observe import observe
from ponder.sampling.row import Row
from ponder.sampling.sampler import sample_reference
from ponder.traces.document import Row as TraceRow
from ponder.traces.redraw import nucleus, redraw

SIZE = 3000
SEEN = (7, 7, 11, 400)
ALL = TraceSettings(top=1000)


def random_logits(rows=3, size=SIZE, seed=5, scale=3.0):
    """[rows, size] float32."""
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(rows, size)).astype(np.float32) * scale)


def row(index=0, **changes):
    return Row(index, SEEN, SEEN, **changes)


def seen(logits, params, settings=ALL, rows=None):
    rows = rows or [row(index) for index in range(len(logits))]
    return observe(logits, range(len(logits)), rows, params, settings)


def as_row(distribution):
    """The distribution as it stands in a file, for `redraw`."""
    tails = tuple(tail if math.isfinite(tail) else None for tail in distribution.tails)
    return TraceRow(
        0.0,
        1,
        1.0,
        distribution.ids,
        distribution.logits,
        distribution.tempered,
        distribution.truncated,
        tails,
        (),
    )


def exact(logits, temperature):
    """The softmax of [V] at a temperature in float64."""
    scaled = logits.double().numpy() / temperature
    weights = np.exp(scaled - scaled.max())
    return weights / weights.sum()


@pytest.mark.parametrize("top", [1, 50, 1000])
def test_top_and_tails_are_those_of_the_logits(top):
    """The likeliest tokens, falling, and log-sum-exp of the others on the whole grid."""
    logits = random_logits()
    logits[0, 40] = logits[0, 30] = logits[0].max() + 1  # a tie: the lower id comes first
    for own, found in zip(logits, seen(logits, SamplingParams(), TraceSettings(top)), strict=True):
        values = own.double().numpy()
        order = sorted(range(SIZE), key=lambda token: (-values[token], token))
        assert list(found.ids) == order[:top]
        assert list(found.logits) == values[order[:top]].tolist()
        for temperature, tail in zip(TEMPERATURES, found.tails, strict=True):
            rest = values[order[top:]] / temperature
            assert tail == pytest.approx(rest.max() + np.log(np.exp(rest - rest.max()).sum()), abs=2e-6)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_a_row_can_be_redrawn_at_another_temperature(temperature):
    """At a temperature of the grid the probabilities are those of the logits; so is the nucleus."""
    logits = random_logits()
    for own, found in zip(logits, seen(logits, SamplingParams(), TraceSettings()), strict=True):
        probs, drawn = exact(own, temperature), redraw(as_row(found), TEMPERATURES, temperature)
        assert np.abs(probs[list(found.ids)] - drawn.probs).max() < 1e-5
        assert drawn.tail == pytest.approx(1 - probs[list(found.ids)].sum(), abs=2e-6)
        ordered = np.sort(probs)[::-1]
        kept = int((ordered.cumsum() - ordered < 0.4).sum())
        assert nucleus(drawn.probs, 0.4) == min(kept, len(found.ids))


@pytest.mark.parametrize("temperature", [0.15, 0.33, 0.95, 1.25, 1.99])
def test_between_the_grid_the_tail_is_a_little_too_large(temperature):
    """Its logarithm is convex in 1 / T: linear interpolation is never below it, and at most 5% above."""
    logits = random_logits()
    for own, found in zip(logits, seen(logits, SamplingParams(), TraceSettings()), strict=True):
        probs, drawn = exact(own, temperature), redraw(as_row(found), TEMPERATURES, temperature)
        tail = 1 - probs[list(found.ids)].sum()
        assert tail - 1e-6 <= drawn.tail <= tail * 1.05 + 0.002


def test_temperatures_outside_of_the_grid_are_refused():
    (found, *_) = seen(random_logits(), SamplingParams())
    for temperature in (0.05, 2.5, math.nan):
        with pytest.raises(ParameterError, match="temperature"):
            redraw(as_row(found), TEMPERATURES, temperature)


def test_a_vocabulary_within_the_top_has_no_tail():
    (found,) = seen(random_logits(1, size=20), SamplingParams())
    assert len(found.ids) == 20
    assert set(found.tails) == {-math.inf}
    assert redraw(as_row(found), TEMPERATURES, 0.95).tail == 0


def test_looking_leaves_the_number_of_threads():
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        seen(random_logits(1), SamplingParams())
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)


SETTINGS = [
    {},
    {"temperature": 0},
    {"temperature": 0.7, "top_k": 40},
    {"temperature": 1.4, "top_p": 0.8},
    {"top_p": 0.9, "min_p": 0.02},
    {"temperature": 0.8, "top_k": 200, "top_p": 0.95, "min_p": 0.01},
    {"repetition_penalty": 1.3, "frequency_penalty": 0.5, "top_k": 25},
    {"typical_p": 0.7, "temperature": 1.2},
    {"logit_bias": {3: -100.0, 9: 4.0}, "top_p": 0.7},
    {"semantics": "llamacpp", "temperature": 1.5, "top_p": 0.8, "min_p": 0.05},
]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_what_is_kept_is_what_the_sampler_keeps(setting):
    """Counts, masses and probabilities equal those of the traced token, and what steps removed adds up."""
    logits, params = random_logits(size=900), SamplingParams(seed=1, **setting)
    rows = [row(index) for index in range(len(logits))]
    tokens = sample_reference(logits, rows, params)
    for token, found in zip(tokens, seen(logits, params, rows=rows), strict=True):
        assert len(found.ids) == 900
        kept = [share > 0 for share in found.truncated]
        assert sum(kept) == token.kept
        held = sum(share for share, there in zip(found.tempered, kept, strict=True) if there)
        assert held == pytest.approx(token.kept_mass, abs=2e-6)
        assert sum(found.truncated) == pytest.approx(1, abs=2e-6)
        place = found.ids.index(token.token_id)
        assert kept[place]
        assert math.log(found.truncated[place]) == pytest.approx(token.truncated_logprob, abs=2e-6)
        assert math.log(found.tempered[place]) == pytest.approx(token.tempered_logprob, abs=2e-6)
        assert [step.step for step in found.steps] == params.steps()
        assert 900 - sum(step.removed for step in found.steps) == token.kept
        if params.semantics == "ponder":
            cut = [step.mass for step in found.steps if step.kind == "truncation"]
            assert math.prod(1 - mass for mass in cut) == pytest.approx(token.kept_mass, abs=2e-6)


def test_steps_say_what_they_change():
    """A penalty counts the tokens it touches; a bias of -100 removes one, a constraint those it forbids."""
    logits = random_logits(1)
    params = SamplingParams(repetition_penalty=1.2, logit_bias={5: -100.0, 6: 1.0})
    allowed = torch.ones(SIZE, dtype=torch.bool)
    allowed[:100] = False
    allowed[5:12] = True
    limited = row(forbidden=(11,), allowed=pack(allowed))
    (found,) = seen(logits, params, rows=[limited])
    constraint, penalty, bias, temperature = found.steps
    assert (constraint.step, constraint.removed) == ("constraint", 94)
    gone = exact(logits[0], 1.0)[[*range(5), 11, *range(12, 100)]].sum()
    assert constraint.mass == pytest.approx(gone, abs=1e-6)
    assert (penalty.step, penalty.removed, penalty.changed) == ("repetition_penalty", 0, 2)  # 7 and 400
    assert (bias.step, bias.removed, bias.changed) == ("logit_bias", 1, 1)
    assert (temperature.step, temperature.removed, temperature.changed) == ("temperature", 0, 0)
    (free,) = seen(logits, params)
    assert [step.step for step in free.steps] == ["repetition_penalty", "logit_bias", "temperature"]


@pytest.mark.parametrize("top", [0, -1, 1001, 2.0, True, None])
def test_how_much_is_kept_is_checked(top):
    with pytest.raises(ParameterError, match="1 to 1000"):
        TraceSettings(top)


def test_a_request_wants_settings(tiny_model):
    with pytest.raises(ParameterError, match="trace = True is not allowed: a TraceSettings"):
        generate(tiny_model, face_ask("a", {"seed": 1}, trace=True))


def answer(model, decoder, trace, **sampling):
    drawn = {} if "seed" in decoder.unused else {"seed": 3}
    sampling = {"max_tokens": 12, "repetition_penalty": 1.2, **drawn, **sampling}
    request = face_ask("abcabcabcab", sampling, Ban(["q"]), decoder, trace=trace)
    return generate(model, request).outputs


DECODERS = [
    Sample(),
    Speculative(PromptLookup(4)),
    BeamSearch(3),
    BeamSample(3),
    DiverseBeamSearch(4, 2),
    StochasticBeamSearch(3),
]


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda decoder: type(decoder).__name__)
@pytest.mark.parametrize("n", [1, 3])
def test_every_decoder_can_be_watched(tiny_model, decoder, n):
    """Watching changes no token, and each token is among what its distribution keeps, where that says."""
    plain = answer(tiny_model, decoder, None, n=n)
    watched = answer(tiny_model, decoder, TraceSettings(64), n=n)
    assert [output.token_ids for output in watched] == [output.token_ids for output in plain]
    assert all(trace.distribution is None for output in plain for trace in output.traces)
    for output in watched:
        for trace in output.traces:
            found = trace.distribution
            place = found.ids.index(trace.token_id)
            assert found.truncated[place] > 0
            assert found.steps[0].step == "constraint"
            total = sum(math.exp(value - found.logits[0]) for value in found.logits)
            raw = found.logits[place] - found.logits[0] - math.log(total)
            assert raw == pytest.approx(trace.logprob, abs=5e-6)
            if not isinstance(decoder, DiverseBeamSearch):  # other groups' penalties are in the token alone
                assert math.log(found.truncated[place]) == pytest.approx(trace.truncated_logprob, abs=5e-6)


@pytest.mark.parametrize("n", [1, 2])
def test_guessing_changes_no_distribution(tiny_model, n):
    """A guessed token's distribution is that of the same token drawn by itself."""
    sampling = {"n": n, "temperature": 0.3, "top_p": 0.9, "repetition_penalty": 1.1}
    plain, guessed = (
        answer(tiny_model, decoder, TraceSettings(10), **sampling)
        for decoder in (Sample(), Speculative(PromptLookup(4)))
    )
    for one, other in zip(plain, guessed, strict=True):
        for a, b in zip(one.traces, other.traces, strict=True):
            assert a.distribution.ids == b.distribution.ids
            assert a.distribution.truncated == pytest.approx(b.distribution.truncated, abs=2e-6)
            assert [s.removed for s in a.distribution.steps] == [s.removed for s in b.distribution.steps]


def test_samples_of_one_row_are_told_apart_only_where_they_differ(tiny_model):
    """XTC rolls for each sample: what it removed at the first token is each sample's own."""
    outputs = answer(
        tiny_model, Sample(), TraceSettings(64), n=8, xtc_probability=0.5, xtc_threshold=0.02, temperature=1.5
    )
    removed = {output.traces[0].distribution.steps[-1].removed for output in outputs}
    assert len(removed) == 2
    assert 0 in removed
