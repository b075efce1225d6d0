"""What clients of vLLM ask for and expect to find in an answer."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from openai.types.chat import ChatCompletion

from ponder.asks import Logits, Path, Read, fronts
from ponder.text import TokenIds
from serving import Tiny, error, events, serving, text_of
from tiny_models import tiny_local_model, tiny_tokenizer

COMPLETIONS, CHAT = "/v1/completions", "/v1/chat/completions"
HELLO = [{"role": "user", "content": "hello"}]


def post(client: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    response = client.post(path, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def test_offsets_after_a_broken_character(client: httpx.Client) -> None:
    """A token comes after the replacement of the bytes before it that are no character."""
    answer = post(client, COMPLETIONS, prompt=[173, 244, 34397, 10485], echo=True, max_tokens=0, logprobs=0)
    (choice,) = answer["choices"]
    assert choice["text"] == "\ufffdcontaminationsur"
    assert choice["logprobs"]["text_offset"] == [0, 0, 1, 14]


@pytest.fixture(scope="module")
def of_bytes() -> Iterator[Tiny]:
    """A server over a model whose every token is one byte, or a control token."""
    with serving(tiny_local_model(tiny_tokenizer(None))) as tiny:
        yield tiny


def places(spelled: list[bytes]) -> list[int]:
    """Where tokens begin in the text of their bytes: after each character that ended before them.

    A character ends where the text of the bytes up to there, and one more, does not change it.
    """
    text = b"".join(spelled).decode("utf-8", "replace")
    found, begun = [], b""
    for place, token in enumerate(spelled):
        rest = b"".join(spelled[place:])
        before = begun.decode("utf-8", "replace")
        # The character that the token is in the middle of is not whole before it.
        split = before + rest.decode("utf-8", "replace") != text
        found.append(len(before) - split)
        begun += token
    return found


@pytest.mark.parametrize("seed", range(30))
def test_offsets_of_any_bytes(of_bytes: Tiny, seed: int) -> None:
    """A token begins after all characters that are complete, or broken, before it."""
    rng = random.Random(seed)
    pool = [*"aé日😀".encode(), 0xFF, 0xC0, 0xE2, 0xF0, 0x9F, 0x82, 0x41]
    table = of_bytes.model.tokenizer.bytes_table
    ids = [table.index(bytes([rng.choice(pool)])) for _ in range(rng.randrange(2, 12))]
    asked = {"logprobs": 0, "return_token_ids": True, "seed": seed, "temperature": 2.0}
    body = {"prompt": ids, "echo": True, "max_tokens": 0, **asked}
    (choice,) = post(of_bytes.client, COMPLETIONS, **body)["choices"]
    assert choice["logprobs"]["text_offset"] == places([table[token] for token in ids]), ids
    grown = {"prompt": ids, "max_tokens": 12, "logit_bias": {str(token): 20 for token in ids}, **asked}
    (choice,) = post(of_bytes.client, COMPLETIONS, **grown)["choices"]
    expected = places([table[token] for token in choice["token_ids"]])
    assert choice["logprobs"]["text_offset"] == expected
    chunks = events(of_bytes.client.post(COMPLETIONS, json={**grown, "stream": True}).text)
    assert [o for c in chunks for o in c["choices"][0]["logprobs"]["text_offset"]] == expected


def test_members_are_there_when_nobody_asked(tiny: Tiny) -> None:
    """vLLM writes them always, so that clients read them without looking."""
    answer = post(tiny.client, COMPLETIONS, prompt="a", max_tokens=2)
    assert answer["service_tier"] is None
    assert answer["kv_transfer_params"] is None
    (choice,) = answer["choices"]
    for name in ("prompt_logprobs", "prompt_token_ids", "token_ids", "stop_reason", "logprobs"):
        assert choice[name] is None
    answer = post(tiny.client, CHAT, messages=HELLO, max_tokens=2)
    for name in ("prompt_logprobs", "prompt_token_ids", "service_tier", "kv_transfer_params"):
        assert answer[name] is None
    assert answer["choices"][0]["token_ids"] is None
    assert ChatCompletion.model_validate(answer).prompt_logprobs is None  # type: ignore[attr-defined]
    for path, body in ((COMPLETIONS, {"prompt": "a"}), (CHAT, {"messages": HELLO})):
        chunks = events(tiny.client.post(path, json={**body, "max_tokens": 3, "stream": True}).text)
        assert all(chunk["choices"][0]["token_ids"] is None for chunk in chunks)
        if path == COMPLETIONS:
            assert all(chunk["choices"][0]["prompt_token_ids"] is None for chunk in chunks)
        else:  # vLLM's tests refuse it in later chunks
            assert chunks[0]["prompt_token_ids"] is None
            assert not any("prompt_token_ids" in chunk for chunk in chunks[1:])


def test_the_chosen_token_is_the_first_alternative(tiny: Tiny) -> None:
    """As in vLLM, whose tests read it there; the likeliest follow."""
    body = {"prompt": "hello", "echo": True, "logprobs": 2, "seed": 3, "max_tokens": 8}
    body |= {"return_tokens_as_token_ids": True}
    (choice,) = post(tiny.client, COMPLETIONS, **body)["choices"]
    told = choice["logprobs"]
    for name, logprob, top in list(
        zip(told["tokens"], told["token_logprobs"], told["top_logprobs"], strict=True)
    )[1:]:
        first, *others = top.items()
        assert first == (name, logprob)
        assert [one for _, one in others] == sorted((one for _, one in others), reverse=True)


@pytest.mark.parametrize(
    ("path", "prompt"), [(COMPLETIONS, {"prompt": "hello"}), (CHAT, {"messages": HELLO})]
)
@pytest.mark.parametrize("n", [1, 2])
def test_usage_in_every_chunk(tiny: Tiny, path: str, prompt: dict[str, Any], n: int) -> None:
    """Counted as the text grows; the last chunk's is the whole answer's."""
    body = {**prompt, "n": n, "seed": 3, "max_tokens": 7, "ignore_eos": True}
    whole = post(tiny.client, path, **body)["usage"]
    options = {"include_usage": True, "continuous_usage_stats": True}
    told = events(tiny.client.post(path, json={**body, "stream": True, "stream_options": options}).text)
    *chunks, last = told
    assert last["choices"] == []
    counts = ("prompt_tokens", "completion_tokens", "total_tokens")
    assert [last["usage"][name] for name in counts] == [whole[name] for name in counts]
    before = 0
    for chunk in chunks:
        usage = chunk["usage"]
        assert usage["prompt_tokens"] == whole["prompt_tokens"]
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
        opening = path == CHAT and "role" in chunk["choices"][0]["delta"]
        if opening:
            assert usage["completion_tokens"] == 0
        else:  # a chunk has the text of several tokens where some have none
            assert usage["completion_tokens"] >= before + (n == 1)
        before = usage["completion_tokens"]
    assert 7 * n - 6 <= before <= 7 * n


def test_usage_in_chunks_needs_usage(tiny: Tiny) -> None:
    """As in vLLM, usage in every chunk is a manner of `include_usage` and means nothing without it."""
    for options in (
        {"continuous_usage_stats": True},
        {"include_usage": False, "continuous_usage_stats": True},
    ):
        body = {"prompt": "a", "max_tokens": 3, "stream": True, "stream_options": options}
        assert all("usage" not in chunk for chunk in events(tiny.client.post(COMPLETIONS, json=body).text))
    body = {"prompt": "a", "stream": True, "stream_options": {"continuous_usage_stats": 1}}
    assert error(tiny.client.post(COMPLETIONS, json=body), 400)["param"].startswith("stream_options")


def test_tokens_called_by_their_ids(tiny: Tiny) -> None:
    """token_id:N wherever log-probabilities call a token; nothing else changes."""
    body = {"seed": 1, "max_tokens": 6, "return_token_ids": True}
    asked = {**body, "return_tokens_as_token_ids": True}
    (choice,) = post(tiny.client, COMPLETIONS, prompt="hi", logprobs=2, **asked)["choices"]
    plain = post(tiny.client, COMPLETIONS, prompt="hi", logprobs=2, **body)["choices"][0]
    assert choice["logprobs"]["tokens"] == [f"token_id:{token}" for token in choice["token_ids"]]
    assert all(name.startswith("token_id:") for top in choice["logprobs"]["top_logprobs"] for name in top)
    for name in ("token_logprobs", "text_offset"):
        assert choice["logprobs"][name] == plain["logprobs"][name]
    assert choice["text"] == plain["text"]
    settings = {"logprobs": True, "top_logprobs": 2}
    (choice,) = post(tiny.client, CHAT, messages=HELLO, **settings, **asked)["choices"]
    plain = post(tiny.client, CHAT, messages=HELLO, **settings, **body)["choices"][0]
    for entry, other, token in zip(
        choice["logprobs"]["content"], plain["logprobs"]["content"], choice["token_ids"], strict=True
    ):
        assert entry["token"] == f"token_id:{token}"
        assert entry["bytes"] == other["bytes"]
        assert all(one["token"].startswith("token_id:") for one in entry["top_logprobs"])
    assert post(tiny.client, CHAT, messages=HELLO, **asked)["choices"][0]["logprobs"] is None


def forced(tiny: Tiny, tokens: list[int], **body: Any) -> dict[str, Any]:
    """Have a model say just these different tokens, by biases that grow less."""
    bias = {str(token): 100.0 - 10 * place for place, token in enumerate(tokens)}
    rules = {"logit_bias": bias, "no_repeat_ngram_size": 1, "temperature": 0, "ignore_eos": True}
    return post(tiny.client, COMPLETIONS, prompt=[50], max_tokens=len(tokens), **rules, **body)


def test_control_tokens_in_the_text(tiny: Tiny) -> None:
    """Left out, or by their names where asked for; the whole and the stream agree, offsets fit."""
    start = tiny.model.tokenizer.id_of("<|im_start|>")
    a, b = (tiny.model.tokenizer.encode(letter)[0] for letter in "ab")
    tokens = [a, start, b]
    settings = {"logprobs": 0, "return_token_ids": True}
    (plain,) = forced(tiny, tokens, **settings)["choices"]
    assert (plain["token_ids"], plain["text"]) == (tokens, "ab")
    (named,) = forced(tiny, tokens, skip_special_tokens=False, **settings)["choices"]
    assert (named["token_ids"], named["text"]) == (tokens, "a<|im_start|>b")
    assert named["logprobs"]["text_offset"] == [0, 1, 13]
    assert plain["logprobs"]["text_offset"] == [0, 1, 1]
    bias = {str(token): 100.0 - 10 * place for place, token in enumerate(tokens)}
    body = {"prompt": [50], "max_tokens": 3, "logit_bias": bias, "no_repeat_ngram_size": 1, "temperature": 0}
    body |= {"ignore_eos": True, "skip_special_tokens": False, "stream": True, "logprobs": 0}
    chunks = events(tiny.client.post(COMPLETIONS, json=body).text)
    assert text_of(chunks) == "a<|im_start|>b"
    assert [o for c in chunks for o in c["choices"][0]["logprobs"]["text_offset"]] == [0, 1, 13]
    (stopped,) = forced(tiny, tokens, skip_special_tokens=False, stop="<|im_start|>")["choices"]
    assert (stopped["text"], stopped["stop_reason"]) == ("a", "<|im_start|>")
    beams = {"skip_special_tokens": False, "num_beams": 2}
    assert forced(tiny, tokens, **beams)["choices"][0]["text"] == "a<|im_start|>b"


def test_the_token_that_ends_a_text_is_not_written(tiny: Tiny) -> None:
    """As in vLLM, its name is no part of the text."""
    end = tiny.model.tokenizer.id_of("<|im_end|>")
    body = {"prompt": "a", "logit_bias": {str(end): 100}, "temperature": 0, "max_tokens": 5}
    (choice,) = post(tiny.client, COMPLETIONS, skip_special_tokens=False, **body)["choices"]
    assert (choice["text"], choice["finish_reason"]) == ("", "stop")


def rows(tiny: Tiny, token_ids: list[int]) -> Any:
    """The model's logits after each of some tokens, [T, V]."""
    return fronts.read(tiny.model, Read(Path(TokenIds(tuple(token_ids))), of=Logits())).rows


@pytest.mark.parametrize("method", [{}, {"num_beams": 2}, {"contrastive_search": 3}, {"stochastic_beams": 2}])
def test_named_tokens(tiny: Tiny, method: dict[str, Any]) -> None:
    """The chosen token, then those that were named, in their order, with what the model gives them."""
    named = [9, 3, 41]
    body = {
        "max_tokens": 4,
        "return_token_ids": True,
        "logprob_token_ids": named,
        "ignore_eos": True,
        **method,
    }
    answer = post(tiny.client, CHAT, messages=HELLO, logprobs=True, top_logprobs=2, **body)
    prompt, (choice,) = answer["prompt_token_ids"], answer["choices"]
    logits = rows(tiny, [*prompt, *choice["token_ids"]]).astype(np.float64)
    expected = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    for place, entry in enumerate(choice["logprobs"]["content"]):
        chosen, row = choice["token_ids"][place], expected[len(prompt) - 1 + place]
        order = [chosen, *(token for token in named if token != chosen)]
        told = [one["logprob"] for one in entry["top_logprobs"]]
        assert told == pytest.approx([row[token] for token in order], abs=1e-4)
        assert [bytes(one["bytes"]) for one in entry["top_logprobs"]] == [
            tiny.model.tokenizer.token_bytes(token, skip_special=False) for token in order
        ]
    if not method:
        asked = {"logprobs": 0, "echo": True, "return_tokens_as_token_ids": True, **body}
        (choice,) = post(tiny.client, COMPLETIONS, prompt=prompt, **asked)["choices"]
        tops = choice["logprobs"]["top_logprobs"]
        assert [len(top) for top in tops[1 : len(prompt)]] == [1] * (len(prompt) - 1)
        for top in tops[len(prompt) :]:
            assert {f"token_id:{token}" for token in named} <= set(top)


def test_the_whole_vocabulary(tiny_server: Any) -> None:
    """-1 asks for all tokens, where the server allows it, and their probabilities add up to 1."""
    tiny: Tiny = tiny_server(max_logprobs=-1)
    size = tiny.model.tokenizer.vocab_size
    ids = {"return_tokens_as_token_ids": True, "max_tokens": 2, "ignore_eos": True}
    body = {"prompt": [5, 6, 7], "logprobs": -1, "prompt_logprobs": -1, **ids}
    (choice,) = post(tiny.client, COMPLETIONS, **body)["choices"]
    tops = choice["logprobs"]["top_logprobs"]
    assert [len(top) for top in tops] == [size] * 2
    assert [len(top) for top in choice["prompt_logprobs"][1:]] == [size] * 2
    for top in tops:
        assert sum(map(math.exp, top.values())) == pytest.approx(1, abs=1e-5)
    settings = {"logprobs": True, "top_logprobs": -1, **ids}
    content = post(tiny.client, CHAT, messages=HELLO, **settings)["choices"][0]["logprobs"]["content"]
    assert [len(entry["top_logprobs"]) for entry in content] == [size] * 2
    told = error(tiny.client.post(COMPLETIONS, json={"prompt": "a", "logprobs": -2}), 400)
    assert told["param"] == "logprobs"


def test_the_whole_vocabulary_is_too_much(tiny: Tiny) -> None:
    """With the usual bound -1 is refused, with the bound and the size of the vocabulary."""
    for path, body, param in (
        (COMPLETIONS, {"prompt": "a", "logprobs": -1}, "logprobs"),
        (COMPLETIONS, {"prompt": "a", "prompt_logprobs": -1}, "prompt_logprobs"),
        (CHAT, {"messages": HELLO, "logprobs": True, "top_logprobs": -1}, "top_logprobs"),
    ):
        told = error(tiny.client.post(path, json=body), 400)
        assert told["param"] == param
        assert "64" in told["message"]
        assert "20" in told["message"]


def test_all_of_many_tokens(tiny_server: Any) -> None:
    """One answer is bounded, whatever the server allows of a token."""
    tiny: Tiny = tiny_server(max_logprobs=-1)
    body = {"prompt": "a", "logprobs": -1, "n": 41, "max_tokens": 100}
    told = error(tiny.client.post(COMPLETIONS, json=body), 400)
    assert told["param"] == "logprobs"
    assert "262400" in told["message"]
    assert "262144" in told["message"]
