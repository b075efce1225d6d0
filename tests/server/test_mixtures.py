"""Guidance, contrastive decoding, DoLa and contrastive search by the settings of a request."""

from __future__ import annotations

from typing import Any

import pytest

from ponder.asks import Grow, Path, fronts
from ponder.decoders import BeamSearch, ContrastiveSearch, Decoder, Sample
from ponder.mixtures import Contrast, DoLa, Guidance, Mixture
from ponder.text import Message
from server.test_decoders import drafting_model, post
from serving import Tiny, error, events, text_of

AGAINST = "one two"
ASKED: dict[str, tuple[dict[str, Any], Decoder, Mixture | None]] = {
    "guidance": ({"guidance_scale": 1.5, "temperature": 0.7, "seed": 3}, Sample(), Guidance(1.5)),
    "a negative prompt": (
        {"guidance_scale": 2, "negative_prompt": AGAINST, "seed": 3},
        Sample(),
        Guidance(2, AGAINST),
    ),
    "beams": ({"guidance_scale": 2, "num_beams": 3}, BeamSearch(3), Guidance(2)),
    "contrast": ({"contrast": 1, "contrast_alpha": 0.2, "seed": 1}, Sample(), Contrast(1, 0.2)),
    "draft": (
        {"contrast": "draft", "contrast_expert": 1, "contrast_amateur": 0.9, "contrast_temperature": 0.5},
        Sample(),
        Contrast("draft", expert=1, amateur=0.9, temperature=0.5),
    ),
    "dola": ({"dola_layers": [0, 1], "dola_norm": True, "seed": 1}, Sample(), DoLa((0, 1), norm=True)),
    "dola, low": ({"dola_layers": "low", "dola_alpha": 0, "seed": 1}, Sample(), DoLa("low", 0)),
    "contrastive search": (
        {"contrastive_search": 5, "penalty_alpha": 0.4},
        ContrastiveSearch(5, 0.4),
        None,
    ),
}
REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no scale": ({"negative_prompt": "x"}, "negative_prompt", "together with guidance_scale"),
    "no negative prompt": ({"guidance_scale": 2, "negative_prompt": ""}, "negative_prompt", "not empty"),
    "a number as a prompt": ({"guidance_scale": 2, "negative_prompt": 5}, "negative_prompt", "a text"),
    "scale": ({"guidance_scale": -1}, "guidance_scale", "from 0 to 1000"),
    "text as a scale": ({"guidance_scale": "2"}, "guidance_scale", "a number"),
    "a model that is not loaded": ({"contrast": "gpt"}, "contrast", "draft, or a number of layers"),
    "a layer beyond": ({"contrast": 2}, "contrast", "from 0 to 1 layers"),
    "a negative layer": ({"contrast": -1}, "contrast", "from 0 to 1 layers"),
    "alpha alone": ({"contrast_alpha": 0.1}, "contrast_alpha", "together with contrast"),
    "alpha": ({"contrast": 1, "contrast_alpha": 2}, "contrast_alpha", "from 0 to 1"),
    "temperature": ({"contrast": 1, "contrast_temperature": 0}, "contrast_temperature", "from 0.01"),
    "layers": ({"dola_layers": [0, 7]}, "dola_layers", "from 0 to 1 layers"),
    "layers by another name": ({"dola_layers": "middle"}, "dola_layers", "low, high, or a list"),
    "no layers": ({"dola_layers": []}, "dola_layers", "numbers of layers"),
    "norm alone": ({"dola_norm": True}, "dola_norm", "together with dola_layers"),
    "two mixtures": ({"dola_layers": "low", "guidance_scale": 2}, "dola_layers", "unset with guidance_scale"),
    "tokens to try": ({"contrastive_search": 65}, "contrastive_search", "from 1 to 64"),
    "penalty": ({"contrastive_search": 4, "penalty_alpha": 1.5}, "penalty_alpha", "from 0 to 1"),
    "penalty alone": ({"penalty_alpha": 0.5}, "penalty_alpha", "together with contrastive_search"),
    "two searches": ({"contrastive_search": 4, "num_beams": 2}, "contrastive_search", "unset with num_beams"),
    "several answers": ({"contrastive_search": 4, "n": 2}, "n", "one answer"),
    "a temperature": ({"contrastive_search": 4, "temperature": 0.5}, "temperature", "unset with contrastive"),
    "a mixture in a search": (
        {"contrastive_search": 4, "guidance_scale": 2},
        "guidance_scale",
        "unset with contrastive search",
    ),
    "guesses under guidance": ({"prompt_lookup": 4, "guidance_scale": 2}, "guidance_scale", "speculation"),
    "guesses against a draft": ({"prompt_lookup": 4, "contrast": "draft"}, "contrast", "speculation"),
}


@pytest.fixture
def drafting(tiny_server) -> Tiny:
    """A server with a draft model."""
    return tiny_server(drafting_model())


@pytest.mark.parametrize(("body", "decoder", "mixture"), ASKED.values(), ids=ASKED.keys())
def test_the_library_s_texts(
    drafting: Tiny, body: dict[str, Any], decoder: Decoder, mixture: Mixture | None
) -> None:
    """Whole and streamed, as a completion and in a chat, where a negative prompt is a user's message."""
    sampling = {name: body[name] for name in ("temperature", "seed") if name in body}
    if not sampling and isinstance(decoder, Sample):
        body = {**body, "temperature": 0}
        sampling = {"temperature": 0}
    known = {"max_tokens": 9, "ignore_eos": True, **sampling}
    asked = {"max_tokens": 9, "ignore_eos": True, **body}
    request = Grow(Path("hello"), known, method=decoder, mixture=mixture)
    expected = fronts.generate(drafting.model, request)
    (choice,) = post(drafting, prompt="hello", **asked).json()["choices"]
    assert choice["text"] == expected.text
    chunks = events(post(drafting, prompt="hello", stream=True, **asked).text)
    assert text_of(chunks, 0) == expected.text
    messages = [{"role": "user", "content": "hello"}]
    (choice,) = post(drafting, "/v1/chat/completions", messages=messages, **asked).json()["choices"]
    if isinstance(mixture, Guidance) and mixture.against is not None:
        mixture = Guidance(mixture.scale, [Message("user", AGAINST)])
    chat = Grow(Path([Message("user", "hello")]), known, method=decoder, mixture=mixture)
    assert choice["message"]["content"] == fronts.generate(drafting.model, chat).text


def test_a_conversation_as_negative_prompt(drafting: Tiny) -> None:
    """A list of messages, checked as messages are."""
    against = [
        {"role": "user", "content": [{"type": "text", "text": "one"}]},
        {"role": "assistant", "content": "b"},
    ]
    body = {"messages": [{"role": "user", "content": "hello"}], "guidance_scale": 3, "temperature": 0}
    path = "/v1/chat/completions"
    told = post(drafting, path, negative_prompt=against, max_tokens=8, **body).json()["choices"][0]["message"]
    mixture = Guidance(3, [Message("user", "one"), Message("assistant", "b")])
    request = Grow(Path([Message("user", "hello")]), {"max_tokens": 8, "temperature": 0}, mixture=mixture)
    assert told["content"] == fronts.generate(drafting.model, request).text
    for wrong, param in (
        ([{"role": "user"}], "negative_prompt[0].content"),
        ([{"role": "user", "content": "a", "tool_calls": [1]}], "negative_prompt[0].tool_calls"),
        ([], "negative_prompt"),
    ):
        response = drafting.client.post(path, json={**body, "negative_prompt": wrong})
        assert param.split("[")[0] in error(response, 400)["param"], response.text


def test_refused(drafting: Tiny) -> None:
    """By the name the request used, in a sentence that says what is allowed."""
    for name, (body, param, part) in REFUSED.items():
        told = error(drafting.client.post("/v1/completions", json={"prompt": "a", **body}), 400)
        assert (told["param"], part in told["message"]) == (param, True), (name, told)
    assert drafting.running() == 0


def test_a_negative_prompt_longer_than_the_context(drafting: Tiny) -> None:
    """Refused before anything runs."""
    body = {"prompt": "a", "guidance_scale": 2, "negative_prompt": "one two " * 5000}
    assert "context" in error(drafting.client.post("/v1/completions", json=body), 400)["message"]


def test_no_draft_model(tiny: Tiny) -> None:
    """Refused where none is loaded."""
    told = error(tiny.client.post("/v1/completions", json={"prompt": "a", "contrast": "draft"}), 400)
    assert (
        told["message"] == "contrast = 'draft' is not allowed: a number of layers: no draft model is loaded"
    )
