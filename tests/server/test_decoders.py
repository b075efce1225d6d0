"""How texts are found: searches and speculation, by the settings that the command line has for them."""

from __future__ import annotations

from typing import Any

import pytest

from ponder.asks import Grow, Path, fronts
from ponder.backends.local import LocalModel
from ponder.decoders import (
    BeamSample,
    BeamSearch,
    Decoder,
    DiverseBeamSearch,
    DraftModel,
    PromptLookup,
    Sample,
    Speculative,
    StochasticBeamSearch,
)
from ponder.engine import Engine
from ponder.engine.seat import Seat
from ponder.text import Message
from serving import Tiny, error, events, samples, text_of
from tiny_models import tiny_config, tiny_local_model, tiny_tokenizer, tiny_transformer

SEARCHES: dict[str, tuple[dict[str, Any], Decoder, dict[str, Any]]] = {
    "num_beams": ({"num_beams": 4}, BeamSearch(4), {}),
    "beam_semantics": (
        {"num_beams": 4, "beam_semantics": "fairseq", "length_penalty": 0.5},
        BeamSearch(4, 0.5, semantics="fairseq"),
        {},
    ),
    "vllm": (
        {"use_beam_search": True, "best_of": 4, "beam_semantics": "vllm", "length_penalty": 1},
        BeamSearch(4, semantics="vllm"),
        {"temperature": 0},
    ),
    "never": ({"num_beams": 4, "early_stopping": "never"}, BeamSearch(4, early_stopping="never"), {}),
    "beam_sample": (
        {"num_beams": 4, "beam_sample": True, "early_stopping": True},
        BeamSample(4, early_stopping=True),
        {"temperature": 0.7, "top_k": 9, "seed": 3},
    ),
    "num_beam_groups": (
        {"num_beams": 6, "num_beam_groups": 3, "diversity_penalty": 2.5},
        DiverseBeamSearch(6, 3, 2.5),
        {},
    ),
    "vllm's spelling, in groups": (
        {"use_beam_search": True, "best_of": 4, "num_beam_groups": 2},
        DiverseBeamSearch(4, 2),
        {},
    ),
    "stochastic_beams": (
        {"stochastic_beams": 4, "beam_sample": False, "early_stopping": False},
        StochasticBeamSearch(4),
        {"temperature": 0.9, "top_p": 0.8, "seed": -5},
    ),
}

LOOP = "one two three, one two three, one two"
GUESSES: dict[str, tuple[dict[str, Any], Decoder]] = {
    "prompt_lookup": ({"prompt_lookup": 6}, Speculative()),
    "ngrams": ({"prompt_lookup": 3, "max_ngram": 4, "min_ngram": 1}, Speculative(PromptLookup(3, 4, 1))),
    "draft": ({"draft": True}, Speculative(DraftModel())),
    "draft_tokens": ({"draft": True, "draft_tokens": 7}, Speculative(DraftModel(7))),
}

REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "n over beams": ({"num_beams": 2, "n": 3}, "n", "num_beams, which is 2"),
    "n over stochastic beams": (
        {"stochastic_beams": 2, "n": 3},
        "n",
        "n = 3 is not allowed: at most stochastic_beams, which is 2",
    ),
    "another best_of": ({"num_beams": 4, "best_of": 3}, "best_of", "num_beams, which is 4"),
    "stochastic and best_of": ({"stochastic_beams": 4, "best_of": 3}, "best_of", "stochastic_beams"),
    "beams over max_n": ({"num_beams": 129}, "num_beams", "from 1 to 128"),
    "stochastic over max_n": ({"stochastic_beams": 129}, "stochastic_beams", "from 1 to 128"),
    "no beams": ({"num_beams": 0}, "num_beams", "from 1 to 128"),
    "no search": ({"use_beam_search": False, "num_beams": 2}, "num_beams", "use_beam_search is false"),
    "two searches": ({"num_beams": 2, "stochastic_beams": 2}, "num_beams", "unset with stochastic_beams"),
    "two spellings": ({"use_beam_search": True, "stochastic_beams": 2}, "use_beam_search", "unset with"),
    "length_penalty alone": ({"length_penalty": 2}, "length_penalty", "together with num_beams"),
    "early_stopping alone": ({"early_stopping": "never"}, "early_stopping", "together with num_beams"),
    "beam_sample alone": ({"beam_sample": True}, "beam_sample", "together with num_beams"),
    "beam_semantics alone": ({"beam_semantics": "hf"}, "beam_semantics", "together with num_beams"),
    "beam_semantics": (
        {"num_beams": 2, "beam_semantics": "x"},
        "beam_semantics",
        "beam_semantics = 'x' is not allowed: hf, fairseq or vllm",
    ),
    "semantics that stop": (
        {"num_beams": 2, "beam_semantics": "vllm", "early_stopping": True},
        "early_stopping",
        "vllm",
    ),
    "semantics drawn": (
        {"num_beams": 2, "beam_semantics": "vllm", "beam_sample": True},
        "beam_semantics",
        "left unset with beam_sample",
    ),
    "groups alone": ({"num_beam_groups": 2}, "num_beam_groups", "together with num_beams"),
    "groups that do not divide": (
        {"num_beams": 4, "num_beam_groups": 3},
        "num_beam_groups",
        "num_beam_groups = 3 is not allowed: a whole number that divides num_beams, which is 4",
    ),
    "groups drawn": (
        {"num_beams": 4, "num_beam_groups": 2, "beam_sample": True},
        "beam_sample",
        "unset with num_beam_groups",
    ),
    "diversity alone": (
        {"num_beams": 4, "diversity_penalty": 1},
        "diversity_penalty",
        "together with num_beam_groups",
    ),
    "diversity": (
        {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": -1},
        "diversity_penalty",
        "0 to 1000",
    ),
    "beams at a temperature": ({"num_beams": 2, "temperature": 0.5}, "temperature", "unset"),
    "beams with a seed": ({"num_beams": 2, "seed": 1}, "seed", "unset"),
    "drawn beams at zero": (
        {"num_beams": 2, "beam_sample": True, "temperature": 0},
        "temperature",
        "over 0",
    ),
    "stochastic beams at zero": ({"stochastic_beams": 2, "temperature": 0}, "temperature", "over 0"),
    "lookup": ({"prompt_lookup": 65}, "prompt_lookup", "prompt_lookup = 65 is not allowed: a whole"),
    "lookup of nothing": ({"prompt_lookup": 0}, "prompt_lookup", "from 1 to 64"),
    "lookup with beams": ({"prompt_lookup": 4, "num_beams": 2}, "prompt_lookup", "unset with num_beams"),
    "lookup with draft": ({"prompt_lookup": 4, "draft": True}, "prompt_lookup", "unset with draft"),
    "max_ngram": ({"prompt_lookup": 4, "max_ngram": 65}, "max_ngram", "from 1 to 64"),
    "max_ngram alone": ({"max_ngram": 3}, "max_ngram", "together with prompt_lookup"),
    "min_ngram": ({"prompt_lookup": 4, "min_ngram": 4}, "min_ngram", "max_ngram, which is 3"),
    "draft_tokens alone": ({"draft_tokens": 3}, "draft_tokens", "together with draft"),
    "draft_tokens": ({"draft": True, "draft_tokens": 65}, "draft_tokens", "from 1 to 64"),
    "draft with beams": ({"draft": True, "stochastic_beams": 2}, "draft", "unset with stochastic_beams"),
    "best of guesses in a stream": (
        {"prompt_lookup": 4, "best_of": 2, "stream": True},
        "best_of",
        "only its end shows the best",
    ),
    "tree of samples": (
        {"prompt_lookup": 4, "stream": True, "stream_options": {"include_tree": True}},
        "stream_options.include_tree",
        "num_beams, use_beam_search or stochastic_beams",
    ),
}


def drafting_model() -> LocalModel:
    """A tiny model that is its own draft model, each row by itself as the library's answers come alone."""
    tokenizer = tiny_tokenizer()
    model = tiny_transformer(tiny_config(vocab_size=tokenizer.vocab_size), row_invariant=True)
    engine = Engine(model, tokenizer, 512, draft=Seat(model, 64))
    return LocalModel("tiny", engine, tiny_local_model().template, {})


@pytest.fixture
def drafting(tiny_server) -> Tiny:
    """A server with a draft model."""
    return tiny_server(drafting_model())


def post(tiny: Tiny, path: str = "/v1/completions", **body: Any) -> Any:
    response = tiny.client.post(path, json=body)
    assert response.status_code == 200, response.text
    return response


@pytest.mark.parametrize(("body", "decoder", "sampling"), SEARCHES.values(), ids=SEARCHES.keys())
def test_searches(drafting: Tiny, body: dict[str, Any], decoder: Decoder, sampling: dict[str, Any]) -> None:
    """The library's texts and scores, whole and streamed, as a completion and in a chat."""
    asked = {"n": 3, "max_tokens": 7, **sampling}
    known = {**asked, "seed": sampling["seed"] % 2**64} if "seed" in sampling else asked
    expected = fronts.generate(drafting.model, Grow(Path("hello"), known, method=decoder))
    answer = post(drafting, prompt="hello", **asked, **body).json()
    assert [choice["text"] for choice in answer["choices"]] == expected.texts
    drawn = isinstance(decoder, StochasticBeamSearch)
    for choice, output in zip(answer["choices"], expected.outputs, strict=True):
        assert choice["score"] == output.score
        assert ("inclusion_probability" in choice) == ("truncated_logprob" in choice) == drawn
        if drawn:
            assert choice["inclusion_probability"] == output.inclusion > 0
            assert choice["truncated_logprob"] == output.truncated_logprob
    chunks = events(post(drafting, prompt="hello", stream=True, **asked, **body).text)
    streamed = [choice for chunk in chunks for choice in chunk["choices"]]
    assert streamed == answer["choices"]
    messages = [{"role": "user", "content": "hello"}]
    told = post(drafting, "/v1/chat/completions", messages=messages, **asked, **body).json()["choices"]
    chat = Grow(Path([Message("user", "hello")]), known, method=decoder)
    expected = fronts.generate(drafting.model, chat)
    assert [choice["message"]["content"] for choice in told] == expected.texts
    assert [choice["score"] for choice in told] == [output.score for output in expected.outputs]


def test_the_last_of_all_stochastic_beams_is_the_threshold(drafting: Tiny) -> None:
    """As many texts as beams: the last has no inclusion probability."""
    body = {"prompt": "hello", "stochastic_beams": 3, "n": 3, "max_tokens": 5, "seed": 1}
    *drawn, last = post(drafting, **body).json()["choices"]
    assert all(0 < choice["inclusion_probability"] <= 1 for choice in drawn)
    assert last["inclusion_probability"] is None


def test_samples_have_no_score(drafting: Tiny) -> None:
    """They are not ranked."""
    (choice,) = post(drafting, prompt="hello").json()["choices"]
    assert "score" not in choice


@pytest.mark.slow
@pytest.mark.parametrize("sampling", [{"temperature": 0}, {"temperature": 0.8, "seed": 4}], ids=str)
@pytest.mark.parametrize(("body", "decoder"), GUESSES.values(), ids=GUESSES.keys())
def test_speculation(
    drafting: Tiny, body: dict[str, Any], decoder: Decoder, sampling: dict[str, Any]
) -> None:
    """Texts as without it; what was guessed is in the usage, the metrics and the library's own usage."""
    asked = {"n": 2, "max_tokens": 30, "ignore_eos": True, **sampling}
    plain = post(drafting, prompt=LOOP, **asked).json()
    none = {"accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}
    assert plain["usage"]["completion_tokens_details"] == none
    before = samples(drafting)
    answer = post(drafting, prompt=LOOP, **asked, **body).json()
    after = samples(drafting)
    assert answer["choices"] == plain["choices"]
    assert answer["usage"]["completion_tokens"] == plain["usage"]["completion_tokens"]
    chunks = events(post(drafting, prompt=LOOP, stream=True, **asked, **body).text)
    assert [text_of(chunks, i) for i in range(2)] == [choice["text"] for choice in plain["choices"]]
    usage = fronts.generate(drafting.model, Grow(Path(LOOP), asked, method=decoder)).usage
    assert usage.proposed_tokens > 0
    assert answer["usage"]["completion_tokens_details"] == {
        "accepted_prediction_tokens": usage.accepted_tokens,
        "rejected_prediction_tokens": usage.proposed_tokens - usage.accepted_tokens,
    }
    for name, counted in (("draft", usage.proposed_tokens), ("accepted", usage.accepted_tokens)):
        key = (f"ponder:spec_decode_num_{name}_tokens_total", "tiny")
        assert after[key] - before[key] == counted
    if "draft" in body:
        assert usage.accepted_tokens == usage.proposed_tokens  # its own draft model


def test_best_of_guesses(drafting: Tiny) -> None:
    """Speculation samples: best_of chooses among as many texts as without it."""
    asked = {"prompt": LOOP, "n": 2, "best_of": 5, "seed": 3, "max_tokens": 12}
    plain, guessed = post(drafting, **asked).json(), post(drafting, prompt_lookup=4, **asked).json()
    assert guessed["choices"] == plain["choices"]


@pytest.mark.slow
def test_refused(drafting: Tiny) -> None:
    """By the name the request used, in a sentence that says what is allowed."""
    for name, (body, param, part) in REFUSED.items():
        told = error(drafting.client.post("/v1/completions", json={"prompt": "a", **body}), 400)
        assert (told["param"], part in told["message"]) == (param, True), (name, told)
    assert drafting.running() == 0


def test_no_draft_model(tiny: Tiny) -> None:
    """Refused where none is loaded; false asks for none."""
    told = error(tiny.client.post("/v1/completions", json={"prompt": "a", "draft": True}), 400)
    assert told["message"] == "draft = True is not allowed: left out or false: no draft model is loaded"
    post(tiny, prompt="a", draft=False)


def test_neutral_settings(drafting: Tiny) -> None:
    """What clients of vLLM send without a search, and what is switched off, is plain sampling."""
    body = {"use_beam_search": False, "length_penalty": 1.0, "early_stopping": False, "beam_sample": False}
    request = Grow(Path("hello"), {"seed": 1, "max_tokens": 9}, method=Sample())
    answer = post(drafting, prompt="hello", seed=1, max_tokens=9, **body).json()
    assert [choice["text"] for choice in answer["choices"]] == fronts.generate(drafting.model, request).texts
