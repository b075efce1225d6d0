"""Guidance, contrastive decoding and DoLa choose from what their formulas say, however they are decoded."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from asking import engine_ask, prompts_of
from decoders.answering import answer as search
from decoders.answering import assert_paths
from decoders.mixing import OnlyOf, Truth, log_softmax, mixing_engine
from forward import all_logits
from ponder.asks import Record, TokenEvent
from ponder.checkpoints.config import DynamicScaling, RopeConfig
from ponder.constraints import Ban
from ponder.decoders import (
    BeamSearch,
    ContrastiveSearch,
    DraftModel,
    PromptLookup,
    Speculative,
    StochasticBeamSearch,
)
from ponder.engine import EngineLimits, FinishedEvent
from ponder.errors import CapacityError, CheckpointError, ContextError, ParameterError
from ponder.mixtures import Contrast, DoLa, Guidance, context_aware
from ponder.mixtures.dola import half
from ponder.sampling import SamplingParams
from ponder.sampling.distribution import TraceSettings
from ponder.text import Message, TokenIds
from stepping import assert_at_rest, run
from tiny_models import tiny_tokenizer

pytestmark = pytest.mark.usefixtures("one_thread")

PROMPT = tuple(random.Random(1).choices(range(61), k=37))
OTHER = tuple(random.Random(2).choices(range(61), k=70))
SIX = {"num_layers": 6, "rope_layers": (True,) * 6, "sliding_windows": (None,) * 6}
MODELS = {
    "six layers": SIX,
    "windows": {**SIX, "sliding_windows": (5, None) * 3},
    "tied": {**SIX, "tie_embeddings": True},
}
AGAINST = {
    "its last token": PROMPT[-1:],
    "a longer prompt": OTHER,
    "a shorter one": OTHER[:9],
    "its beginning": PROMPT[:20],
    "its beginning, of a page": PROMPT[:16],
    "itself": PROMPT,
    "itself and more": PROMPT + OTHER[:30],
    "one with the same pages": PROMPT[:32] + OTHER[:14],
}
MIXTURES = {
    **{f"guidance from {name}": (Guidance(1.7), prompt) for name, prompt in AGAINST.items()},
    "guidance, all the other way": (Guidance(0.0), OTHER),
    "guidance, a lot": (Guidance(20.0), OTHER),
    "context-aware": (context_aware("x", 0.8), OTHER),
    "contrast with the draft": (Contrast(), None),
    "contrast as Li et al. have it": (Contrast("draft", 0.1, 1.0, 1.0, 0.5), None),
    "contrast, everything plausible": (Contrast("draft", 0.0, 1.2, 0.2), None),
    "contrast, the likeliest": (Contrast("draft", 1.0), None),
    "contrast with an earlier layer": (Contrast(2, 0.05), None),
    "contrast with the embedding": (Contrast(0, 0.01, 2.0, 1.0, 3.0), None),
    "DoLa": (DoLa((3, 5)), None),
    "DoLa with norms": (DoLa((1, 2, 4), 0.02, norm=True), None),
    "DoLa of one layer": (DoLa((0,), 0.0), None),
    "DoLa of a layer twice": (DoLa((5, 2, 5)), None),
}
DRAWN = {"temperature": 0.9, "top_p": 0.95, "seed": 3}


@pytest.fixture(scope="module")
def one_thread():
    """A tiny product is not worth a second thread's waking."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def engine():
    return mixing_engine(**SIX)


@pytest.fixture(scope="module")
def truth():
    return Truth(**SIX)


def ask(name, prompt=PROMPT, constraint=None, decoder=None, trace=None, **params):
    """A request for a mixture by name."""
    mixture, further = MIXTURES[name]
    params = SamplingParams(**{"max_tokens": 10, "temperature": 0.0} | params)
    options = {} if decoder is None else {"decoder": decoder}
    prompts = () if further is None else (further,)
    return engine_ask(
        prompt, params, constraint, trace=trace, mixture=mixture, further_prompts=prompts, **options
    )


def answer(engine, request):
    """The outputs of a sampled request, after checking that what was streamed is what came out."""
    *events, end = run(engine, request)
    assert isinstance(end, FinishedEvent)
    assert_at_rest(engine)
    for output in end.outputs:
        parts = [event for event in events if event.index == output.index]
        assert all(isinstance(event, TokenEvent) for event in parts)
        assert "".join(event.text for event in parts) == output.text
        assert tuple(event.trace for event in parts if event.trace) == output.traces
        assert parts[-1].finish_reason == output.finish_reason
    return end.outputs


def assert_as_truth(truth, request, outputs):
    """Tokens, and each one's log-probability in the mixture."""
    assert len(outputs) == request.params.n
    for output in outputs:
        tokens, logprobs, traces = truth.continued(request, output.index)
        assert output.token_ids == tokens
        assert [trace.logprob for trace in output.traces] == pytest.approx(logprobs, abs=2e-3)
        for trace, known in zip(output.traces, traces, strict=True):
            assert trace.truncated_logprob == pytest.approx(known.truncated_logprob, abs=2e-3)
            assert [token for token, _ in trace.top] == [token for token, _ in known.top]
            assert (trace.rank, trace.kept) == (known.rank, known.kept)


@pytest.mark.slow
@pytest.mark.parametrize("kernels", ["reference", "native"])
@pytest.mark.parametrize("name", MIXTURES)
def test_the_formula_over_whole_texts(name, kernels):
    """Greedy and drawn, as if every logit were computed from the beginning at each token."""
    for changes in MODELS.values() if kernels == "reference" else (SIX,):
        engine, truth = mixing_engine(kernels=kernels, **changes), Truth(**changes)
        for params in ({}, DRAWN):
            request = ask(name, **params, max_tokens=8)
            assert_as_truth(truth, request, answer(engine, request))


KINDS = {
    "four": {"temperature": 1.1, "n": 4},
    "penalties": {"temperature": 0.5, "repetition_penalty": 1.4, "frequency_penalty": 0.3, "n": 2},
    "alternatives": {"top_logprobs": 3, "temperature": 0.7, "n": 2},
    "min tokens": {"min_tokens": 6, "stop_token_ids": tuple(range(40))},
    "end tokens": {"stop_token_ids": tuple(range(0, 60, 4)), "temperature": 1.0, "n": 3},
    "banned": {"temperature": 0.8, "n": 2, "constraint": Ban(("e", "ab", "x", "3"))},
    "few tokens": {"temperature": 0.8, "n": 2, "constraint": OnlyOf(tuple(range(0, 64, 3)))},
    "three tokens": {"temperature": 0.8, "n": 2, "constraint": OnlyOf((3, 17, 40))},
    "none at last": {"constraint": OnlyOf(tuple(range(0, 64, 2)), ends=3)},
    "hot": {"temperature": 1.5, "min_p": 0.02, "top_k": 9, "n": 2, "logit_bias": {3: 2.0, 9: -50.0}},
}
SOME = (
    "guidance from a longer prompt",
    "guidance from its last token",
    "contrast, everything plausible",
    "contrast with an earlier layer",
    "DoLa with norms",
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SOME)
def test_whatever_else_is_asked(engine, truth, name, kind):
    """Samples, penalties, ends and constraints act on the mixture, as they do on a model's own logits."""
    request = ask(name, seed=1, **KINDS[kind])
    assert_as_truth(truth, request, answer(engine, request))


@pytest.mark.parametrize("name", SOME)
def test_stop_strings_cut_the_same_text(engine, name):
    """The tokens are those without the stop string up to where it is complete; the text ends before it."""
    (whole,) = answer(engine, ask(name, max_tokens=12, ignore_eos=True, **DRAWN))
    for place in (0, 5, 10):
        stop = engine.tokenizer.decode(whole.token_ids[place : place + 2])
        if not stop:
            continue
        (output,) = answer(engine, ask(name, max_tokens=12, ignore_eos=True, stop=(stop,), **DRAWN))
        assert output.finish_reason == "stop"
        assert output.text == whole.text[: whole.text.index(stop)]
        assert output.token_ids == whole.token_ids[: len(output.token_ids)]


@pytest.mark.parametrize("name", SOME)
def test_a_trace_has_the_mixture(engine, truth, name):
    """The distribution that is kept is the one that was mixed, without what may not come."""
    request = ask(name, trace=TraceSettings(top=5), **DRAWN)
    (output,) = answer(engine, request)
    prompts = prompts_of(request)
    for place, trace in enumerate(output.traces):
        mixed = truth.mixed(request.mixture, prompts, output.token_ids[:place])
        seen = trace.distribution
        assert list(seen.ids) == np.argsort(-mixed, kind="stable")[: len(seen.ids)].tolist()
        assert list(seen.logits) == pytest.approx(mixed[list(seen.ids)].tolist(), abs=2e-3)
        assert len(seen.ids) == min(5, int(np.isfinite(mixed).sum()))


def test_a_guidance_of_one_is_none(engine):
    """To the bit, whatever the other prompt is."""
    plain = engine_ask(PROMPT, SamplingParams(max_tokens=10, n=2, **DRAWN))
    guided = replace(plain, mixture=Guidance(1.0, TokenIds(OTHER)))
    assert Guidance(1.0, TokenIds(OTHER)).prompts(PROMPT) == ()
    assert answer(engine, plain) == answer(engine, guided)


FIVE = {"vocab_size": 5, **SIX}


@pytest.fixture(scope="module")
def five():
    """A model over five tokens, two of which end a text."""
    return mixing_engine(tiny_tokenizer("ab"), num_pages=512, **FIVE)


def search_request(name, decoder, **params):
    """A request for a search over five tokens."""
    mixture, further = MIXTURES[name]
    fewer = () if further is None else (tuple(token % 2 for token in further),)
    prompt = tuple(token % 2 for token in PROMPT)
    return engine_ask(
        prompt, SamplingParams(**params), decoder=decoder, mixture=mixture, further_prompts=fewer
    )


def every_text(request, max_tokens):
    """The log-probability of each text there is; a token's is what the mixture gives it."""
    truth, found, live = Truth(**FIVE), {}, {(): 0.0}
    prompts = prompts_of(request)
    while live:
        grown = {}
        for output, logprob in live.items():
            for token, own in enumerate(log_softmax(truth.mixed(request.mixture, prompts, output))):
                if own > -math.inf:
                    text = (*output, token)
                    done = token in (2, 4) or len(text) == max_tokens
                    (found if done else grown)[text] = logprob + float(own)
        live = grown
    return found


@pytest.mark.parametrize("name", SOME)
def test_beams_add_up_the_mixture(five, name):
    """As many beams as there are texts find the best of all, and their scores are its log-probabilities."""
    assert five.tokenizer.eos_ids == (4, 2)
    request = search_request(name, BeamSearch(30, 0.0, "never"), max_tokens=3, n=3)
    *_, end = run(five, request)
    found = sorted(every_text(request, 3).items(), key=lambda text: -text[1])[: len(end.outputs)]
    assert end.outputs
    assert [output.token_ids for output in end.outputs] == [text for text, _ in found]
    for output, (_, logprob) in zip(end.outputs, found, strict=True):
        assert output.score == pytest.approx(logprob, abs=1e-3)
    assert_at_rest(five)


@pytest.mark.slow
@pytest.mark.parametrize("name", SOME)
def test_two_beams_are_two_contexts_each(five, name):
    """A narrow search forks and drops branches of every context, and ends as one written out does."""
    request = search_request(name, BeamSearch(2, 0.0, "never"), max_tokens=24, n=2, ignore_eos=True)
    *_, end = run(five, request)
    truth, prompts = Truth(**FIVE), prompts_of(request)
    live = [((), 0.0)]
    for _ in range(24):
        rows = [log_softmax(truth.mixed(request.mixture, prompts, output)) for output, _ in live]
        grown = [
            ((*output, token), score + own)
            for (output, score), row in zip(live, rows, strict=True)
            for token, own in enumerate(row.tolist())
            if own > -math.inf
        ]
        live = sorted(grown, key=lambda text: -text[1])[:2]
    assert [output.token_ids for output in end.outputs] == [output for output, _ in live]
    assert [output.score for output in end.outputs] == pytest.approx([score for _, score in live], abs=5e-3)
    assert_at_rest(five)


@pytest.mark.parametrize("name", SOME)
def test_stochastic_beams_draw_every_text(five, name):
    """As many as there are: each once, with the log-probability that the mixture gives it."""
    request = search_request(name, StochasticBeamSearch(64), max_tokens=3, n=64, seed=1)
    *_, end = run(five, request)
    found = every_text(request, 3)
    assert len(end.outputs) == len(found)
    for output in end.outputs:
        assert output.logprob == pytest.approx(found[output.token_ids], abs=1e-3)
    assert_at_rest(five)


def test_searches_answer_with_paths_of_their_tree(engine):
    """What holds of every search, with two contexts as well."""
    for decoder in (BeamSearch(3), StochasticBeamSearch(3)):
        params = SamplingParams(max_tokens=6, n=2)
        plain = search(engine, PROMPT, decoder, max_tokens=6, n=2)
        for name in ("guidance from a longer prompt", "guidance from itself"):
            *steps, end = run(engine, replace(ask(name, decoder=decoder), params=params))
            assert_paths(steps, end)
            assert_at_rest(engine)
        assert [output.token_ids for output in end.outputs] == [output.token_ids for output in plain]
        assert [output.score for output in end.outputs] == pytest.approx(
            [output.score for output in plain], abs=1e-4
        )


@pytest.mark.parametrize("draft", [PromptLookup(5, min_ngram=1), DraftModel(3)])
@pytest.mark.parametrize("name", [name for name in MIXTURES if "DoLa" in name or "layer" in name])
def test_speculation_changes_nothing(name, draft):
    """Tokens and traces are the same to the bit where a model's own layers are mixed."""
    engine = mixing_engine(limits=EngineLimits(speculation_rows=64), row_invariant=True, **SIX)
    proposed = 0
    tight = {"constraint": OnlyOf(PROMPT[:4]), "min_tokens": 9}
    for params in ({}, {**DRAWN, "n": 3}, {"ignore_eos": True, "stop": ("a", "e")}, tight):
        request = ask(name, prompt=PROMPT * 2, max_tokens=14, **params)
        plain = answer(engine, request)
        *_, end = run(engine, replace(request, method=Speculative(draft)))
        assert end.outputs == plain
        proposed += end.usage.proposed_tokens
    assert proposed > 0


def test_prompts_reach_as_far_as_each_becomes():
    """Frequencies that depend on a text's length are those of each context's own."""
    changes = {"rope": RopeConfig(1000.0, 8, DynamicScaling(2.0, 32))}
    engine = mixing_engine(**changes)
    prompt, other = PROMPT[:20], OTHER
    request = engine_ask(
        prompt, SamplingParams(max_tokens=8, temperature=0.0), mixture=Guidance(2.0), further_prompts=(other,)
    )
    (output,) = answer(engine, request)
    for place, trace in enumerate(output.traces):
        texts = [[*start, *output.token_ids[:place]] for start in (prompt, other)]
        rows = all_logits(engine.model, texts, [len(start) + 8 for start in (prompt, other)])
        own, against = (log_softmax(row[-1].double().numpy()) for row in rows)
        mixed = log_softmax(2 * own - against)
        assert trace.logprob == pytest.approx(mixed[trace.token_id], abs=1e-3)
        assert trace.token_id == mixed.argmax()


def test_prompt_logprobs_are_the_model_s_own(engine):
    """Each prompt token is traced once, as without a mixture."""
    traces = []
    for name in (None, *SOME):
        request = ask(name or SOME[0], prompt=OTHER * 2)
        if name is None:
            request = replace(request, mixture=None)
        request = replace(request, record=Record(2))
        number, found = engine.submit(request), []
        while engine.busy:
            for event in engine.step():
                assert event.request_id == number
                found += getattr(event, "traces", ())
        traces.append(found)
    assert len(traces[0]) == 2 * len(OTHER)
    for found in traces[1:]:
        assert [trace and trace.token_id for trace in found] == [None, *(OTHER * 2)[1:]]
        assert [trace.logprob for trace in found[1:]] == pytest.approx(
            [trace.logprob for trace in traces[0][1:]], abs=1e-4
        )


REFUSED = {
    "speculation with another prompt": ("guidance from itself", {"decoder": Speculative()}, "mixture"),
    "speculation with a draft model": ("contrast with the draft", {"decoder": Speculative()}, "mixture"),
    "contrastive search": ("DoLa", {"decoder": ContrastiveSearch()}, "mixture"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_go_together_is_refused(engine, why):
    """When it is asked, and nothing has run."""
    name, options, param = REFUSED[why]
    with pytest.raises(ParameterError) as caught:
        engine.prepare(ask(name, **options))
    assert caught.value.field == param
    assert_at_rest(engine)


def test_a_mixture_has_its_own_prompts():
    """As many as it names, or the prompt's last token; those that mix no prompts have none."""
    assert Guidance().prompts(PROMPT) == (PROMPT[-1:],)
    assert Guidance(2.0, TokenIds(OTHER)).prompts(PROMPT) == (tuple(OTHER),)
    for mixture in (DoLa(), Contrast(), Contrast(2)):
        assert mixture.prompts(PROMPT) == ()


def test_layers_that_are_not_there_are_refused(engine):
    """From the embedding to the last but one; the last is the model."""
    for mixture in (Contrast(6), Contrast(-1), DoLa((6,)), DoLa((0, -1)), DoLa((2, 100))):
        with pytest.raises(ParameterError, match="0 to 5 layers"):
            engine.prepare(engine_ask(PROMPT, SamplingParams(max_tokens=4), mixture=mixture))
    for mixture in (Contrast(5), Contrast(0), DoLa((0, 5)), DoLa("low"), DoLa("high")):
        engine.prepare(engine_ask(PROMPT, SamplingParams(max_tokens=4), mixture=mixture))


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (Guidance, {"scale": value})
        for value in (-0.1, 1000.5, math.nan, math.inf, "2", True, None)
    ]
    + [(context_aware, {"without": "", "alpha": value}) for value in (-0.1, 1000, math.nan, True)]
    + [(Contrast, {"against": value}) for value in ("layer", 1.0, True, None)]
    + [(Contrast, {name: -0.1}) for name in ("alpha", "expert", "amateur", "temperature")]
    + [(Contrast, {"alpha": 1.1}), (Contrast, {"temperature": 0}), (Contrast, {"expert": math.nan})]
    + [(DoLa, {"layers": value}) for value in ("", "all", (), (1.0,), (True,), 3, None, ("low",))]
    + [(DoLa, {"norm": 1}), (DoLa, {"alpha": 2}), (DoLa, {"alpha": "0"})],
)  # fmt: skip
def test_values_that_mean_nothing_are_refused(make, options):
    """By name, when the mixture is made."""
    with pytest.raises(ParameterError) as caught:
        make(**options)
    assert caught.value.field in options


@pytest.mark.slow
def test_no_constraint_ends_a_text_while_tokens_are_allowed(engine):
    """What is plausible is so among the tokens that may come, however unlikely they are."""
    for seed in range(20):
        tokens = tuple(random.Random(seed).sample(range(61), k=10))
        for name in ("DoLa", "DoLa with norms", "contrast with an earlier layer", "contrast, the likeliest"):
            request = ask(name, constraint=OnlyOf(tokens), seed=seed, temperature=1.0)
            (output,) = answer(engine, request)
            assert output.finish_reason == "length"


def test_sources_of_nothing_are_told(engine):
    """A token that is -inf in several sources has no place in their mixture."""
    request, forward = ask("guidance from a longer prompt"), engine.runner.forward

    def never_a_seven(*arguments):
        logits = forward(*arguments).clone()
        logits[:, 7] = -torch.inf
        return logits

    engine.runner.forward = never_a_seven
    with pytest.raises(CheckpointError, match="-inf"):
        list(run(engine, request))
    engine.runner.forward = forward
    assert_at_rest(engine)


def test_what_to_be_guided_away_from_is_a_prompt():
    """Messages may be mappings; what is no prompt is refused by name."""
    turns = (Message("user", "Hello"),)
    assert Guidance(2, [{"role": "user", "content": "Hello"}]) == Guidance(2, turns)
    for value in (5, "", {"role": "user"}, b"text"):
        with pytest.raises(ParameterError, match="against"):
            Guidance(2, value)
    with pytest.raises(ParameterError, match="against"):
        Guidance(2, TokenIds(())).prompts(PROMPT)


def test_lists_become_values():
    """Mixtures are frozen, can be compared and hashed."""
    assert DoLa([1, 2]) == DoLa((1, 2))
    assert hash(DoLa([1, 2])) == hash(DoLa((1, 2)))


def test_halves_are_transformers(engine):
    """Every second layer, as `dola_layers` counts them."""
    assert half("high", 6, tied=False) == (3, 5)
    assert half("low", 6, tied=False) == (0, 2)
    assert half("low", 6, tied=True) == (2,)
    assert half("low", 4, tied=True) == (2,)
    assert half("low", 2, tied=True) == (1,)
    assert half("low", 1, tied=True) == (0,)
    assert half("high", 1, tied=True) == (0,)
    assert half("low", 40, tied=False) == tuple(range(0, 20, 2))
    assert half("high", 40, tied=False) == tuple(range(20, 40, 2))
    assert half("low", 60, tied=True) == tuple(range(2, 20, 2))
    assert half("high", 60, tied=True) == tuple(range(40, 60, 2))
    prompt = OTHER[:20]
    for layers in ("low", "high"):
        named, numbered = (
            answer(engine, engine_ask(prompt, SamplingParams(max_tokens=6, seed=2), mixture=DoLa(which)))
            for which in (layers, half(layers, 6, tied=False))
        )
        assert named == numbered


def test_no_draft_model_is_no_contrast_with_it():
    """What reads a draft model needs one; what does not needs none."""
    engine = mixing_engine(draft_pages=None, **SIX)
    with pytest.raises(ParameterError, match="none is loaded"):
        engine.prepare(ask("contrast with the draft"))
    assert answer(engine, ask("contrast with an earlier layer"))


def limit_of(engine, mixture):
    """How long a text may be under a mixture, and whose limit that is."""
    return engine.admission.context_limit(engine_ask(PROMPT, SamplingParams(), mixture=mixture))


def test_every_prompt_fits_the_context(engine):
    """The model's, whichever of the prompts is too long; and the draft model's."""
    limit = engine.model.config.context_length
    longest = tuple(i % 61 for i in range(limit - 10))
    for prompt, further in ((longest, PROMPT), (PROMPT, longest)):
        request = engine_ask(
            prompt, SamplingParams(max_tokens=10), mixture=Guidance(), further_prompts=(further,)
        )
        engine.prepare(request)
        with pytest.raises(ContextError, match=f"{limit + 1} tokens"):
            engine.prepare(replace(request, params=SamplingParams(max_tokens=11)))
    narrow = mixing_engine(draft_changes={"context_length": 64}, **SIX)
    narrow.prepare(ask("contrast with the draft", max_tokens=64 - len(PROMPT)))
    with pytest.raises(ContextError, match="draft model's context is 64"):
        narrow.prepare(ask("contrast with the draft", max_tokens=65 - len(PROMPT)))
    drafted, earlier, plain = (limit_of(narrow, mixture) for mixture in (Contrast(), Contrast(2), None))
    assert drafted == (64, "draft model")
    assert earlier == plain == (limit, "model")
    wide = mixing_engine(draft_changes={"context_length": 2 * limit}, **SIX)
    assert limit_of(wide, Contrast()) == (limit, "model")


def test_no_prompt_is_empty_or_of_unknown_tokens(engine):
    """The further ones no more than the prompt itself."""
    for further in ((), (64,), (-1,), (True,), ("a",)):
        request = engine_ask(
            PROMPT, SamplingParams(max_tokens=4), mixture=Guidance(), further_prompts=(further,)
        )
        with pytest.raises(ParameterError, match="prompt"):
            engine.prepare(request)


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("name", SOME)
def test_a_cache_is_large_enough_or_refuses(name, n):
    """With the fewest pages that are not refused, the request runs; its text is as in a large one."""
    request = ask(name, max_tokens=20, ignore_eos=True, temperature=1.0, n=n)
    wanted = [output.token_ids for output in answer(mixing_engine(**SIX), request)]
    for pages in range(1, 40):
        engine = mixing_engine(num_pages=pages, **SIX)
        try:
            engine.prepare(request)
        except CapacityError:
            continue
        assert [output.token_ids for output in answer(engine, request)] == wanted
        break
    assert 3 < pages < 39


@pytest.mark.parametrize("n", [1, 3])
def test_the_draft_model_s_cache_is_large_enough_or_refuses(n):
    """As the model's own; it may be smaller than what all samples need together."""
    request = ask("contrast with the draft", max_tokens=20, ignore_eos=True, temperature=1.0, n=n)
    wanted = [output.token_ids for output in answer(mixing_engine(**SIX), request)]
    for pages in range(1, 40):
        engine = mixing_engine(draft_pages=pages, **SIX)
        try:
            engine.prepare(request)
        except CapacityError:
            continue
        assert [output.token_ids for output in answer(engine, request)] == wanted
        break
    assert pages < 39


@pytest.mark.slow
def test_others_do_not_crowd_out_what_a_draft_model_knows():
    """Several that contrast with it at once have its cache one after the other."""
    engine = mixing_engine(draft_pages=12, **SIX)
    requests = [
        ask(
            "contrast with the draft",
            prompt=OTHER[i:],
            max_tokens=24,
            ignore_eos=True,
            n=4,
            seed=i,
            temperature=1.0,
        )
        for i in range(3)
    ]
    wanted = [[output.token_ids for output in answer(mixing_engine(**SIX), request)] for request in requests]
    ids, found = [engine.submit(request) for request in requests], {}
    while engine.busy:
        for event in engine.step():
            if isinstance(event, FinishedEvent):
                found[event.request_id] = [output.token_ids for output in event.outputs]
    assert [found[number] for number in ids] == wanted
    assert_at_rest(engine)


def test_a_damaged_draft_model_fails_its_own_requests(engine):
    """As a damaged model does; what does not read it goes on."""
    broken = mixing_engine(**SIX)
    broken.drafter.seat.model.weights.norm.weight.fill_(math.nan)
    with pytest.raises(CheckpointError, match="draft model"):
        list(run(broken, ask("contrast with the draft")))
    assert_at_rest(broken)
    assert answer(broken, ask("DoLa")) == answer(engine, ask("DoLa"))
