"""`suffix`: what is missing between a prompt and it."""

from __future__ import annotations

from typing import Any

import pytest

from ponder.checkpoints import GgufVocabulary, SpecialTokens
from ponder.text import build_tokenizer
from serving import Tiny, error
from tiny_models import tiny_local_model

COMPLETIONS = "/v1/completions"
NAMES = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")


@pytest.fixture
def coder(tiny_server: Any) -> Tiny:
    """A server over a tiny model whose tokenizer has Qwen's tokens for this."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,:;"
    control = (*NAMES, "<|fim_pad|>", "<|endoftext|>", "<|im_start|>", "<|im_end|>")
    tokens = (*letters, *(f"x{i}" for i in range(64 - len(letters) - len(control))), *control)
    types = (*(1,) * (64 - len(control)), *(3,) * len(control))
    tokenizer = build_tokenizer(
        GgufVocabulary("gpt2", "smollm", tokens, types, ()), SpecialTokens(None, (63,))
    )
    return tiny_server(tiny_local_model(tokenizer))


def complete(tiny: Tiny, **body: Any) -> dict[str, Any]:
    response = tiny.client.post(COMPLETIONS, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def test_the_prompt_is_laid_out_as_the_model_knows_it(coder: Tiny) -> None:
    """Before, after, middle; the same as with the tokens written by hand, for each prompt."""
    settings = {"max_tokens": 6, "seed": 1, "return_token_ids": True}
    by_hand = [f"<|fim_prefix|>{prompt}<|fim_suffix|>xyz<|fim_middle|>" for prompt in ("abc", "d")]
    expected = complete(coder, prompt=by_hand, **settings)["choices"]
    filled = complete(coder, prompt=["abc", "d"], suffix="xyz", **settings)["choices"]
    assert [one["prompt_token_ids"] for one in filled] == [one["prompt_token_ids"] for one in expected]
    ids = list(coder.model.tokenizer.encode("abc"))
    (alone,) = complete(coder, prompt=[ids], suffix="xyz", **settings)["choices"]
    assert alone == filled[0] | {"prompt_token_ids": alone["prompt_token_ids"]}
    (empty,) = complete(coder, prompt="", suffix="xyz", **settings)["choices"]
    assert len(empty["prompt_token_ids"]) == 6
    (without,) = complete(coder, prompt="abc", suffix="", **settings)["choices"]
    assert without["prompt_token_ids"] == ids


def test_it_ends_where_the_file_does(coder: Tiny) -> None:
    """The tokens that end a file end it, as the model's own end does, unless that is ignored."""
    for name in ("<|endoftext|>", "<|fim_pad|>"):
        bias = {str(coder.model.tokenizer.id_of(name)): 100}
        body = {"prompt": "abc", "logit_bias": bias, "temperature": 0, "max_tokens": 4}
        (ended,) = complete(coder, suffix="x", **body)["choices"]
        assert (ended["text"], ended["finish_reason"], ended["stop_reason"]) == ("", "stop", None)
        for other in ({}, {"suffix": "x", "ignore_eos": True}):
            assert complete(coder, **body, **other)["choices"][0]["finish_reason"] == "length"


def test_what_does_not_go_together(coder: Tiny, tiny: Tiny) -> None:
    """Refused by name; and so is a suffix where the model has no such tokens."""
    for body, param in (
        ({"echo": True}, "echo"),
        ({"truncate_prompt_tokens": 3}, "truncate_prompt_tokens"),
        ({"suffix": 5}, "suffix"),
        ({"suffix": "a" * 300}, "prompt"),
    ):
        refused = coder.client.post(COMPLETIONS, json={"prompt": "a", "suffix": "x", **body})
        assert error(refused, 400)["param"] == param
    told = error(tiny.client.post(COMPLETIONS, json={"prompt": "a", "suffix": "x"}), 400)
    assert told["param"] == "suffix"
    assert "fim_prefix" in told["message"]
    messages = [{"role": "user", "content": "a"}]
    error(coder.client.post("/v1/chat/completions", json={"messages": messages, "suffix": "x"}), 400)
