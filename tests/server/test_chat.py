"""POST /v1/chat/completions."""

from __future__ import annotations

import httpx
import pytest

from ponder.asks import Grow, Path, fronts
from ponder.text import Message
from serving import Tiny, error, events, text_of

HELLO = [{"role": "user", "content": "hello"}]


def chat(client: httpx.Client, messages: list[dict] | None = None, **body: object) -> dict:
    response = client.post("/v1/chat/completions", json={"messages": messages or HELLO, **body})
    assert response.status_code == 200, response.text
    return response.json()


def test_shape(client: httpx.Client) -> None:
    """The members OpenAI documents."""
    answer = chat(client, [{"role": "user", "content": "What is 2 + 2?"}], max_tokens=12, temperature=0)
    assert answer["id"].startswith("chatcmpl-")
    assert answer["object"] == "chat.completion"
    (choice,) = answer["choices"]
    assert choice["index"] == 0
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["refusal"] is None
    assert "4" in choice["message"]["content"]
    assert choice["logprobs"] is None
    assert choice["finish_reason"] in ("stop", "length")
    assert answer["usage"]["total_tokens"] == sum(
        answer["usage"][key] for key in ("prompt_tokens", "completion_tokens")
    )


@pytest.mark.slow
def test_same_as_the_model_itself(tiny: Tiny) -> None:
    """The conversation goes through the model's template; both names of the limit mean it."""
    sampling = {"seed": 7, "max_tokens": 20, "n": 2}
    messages = [Message("system", "be brief"), Message("user", "hello")]
    expected = fronts.generate(tiny.model, Grow(Path(messages), sampling))
    wire = [{"role": m.role, "content": m.content} for m in messages]
    for limit in ("max_tokens", "max_completion_tokens"):
        answer = chat(tiny.client, wire, seed=7, n=2, **{limit: 20})
        assert [choice["message"]["content"] for choice in answer["choices"]] == expected.texts


def test_text_parts_are_joined(tiny: Tiny) -> None:
    """A list of text parts is one text; any other part is refused by its name."""
    parts = [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}]
    settings = {"seed": 1, "max_tokens": 8}
    joined = chat(tiny.client, [{"role": "user", "content": parts}], **settings)
    assert joined["choices"] == chat(tiny.client, **settings)["choices"]
    image = [{"type": "image_url", "image_url": {"url": "http://127.0.0.1:1/x.png"}}]
    messages = [{"role": "user", "content": image}]
    refused = error(tiny.client.post("/v1/chat/completions", json={"messages": messages}), 400)
    assert "image_url" in refused["message"]


def test_a_role_that_is_none_is_told_with_its_place(tiny: Tiny) -> None:
    """Which message it is."""
    for role in ("", " \n"):
        messages = [*HELLO, {"role": role, "content": "x"}]
        told = error(tiny.client.post("/v1/chat/completions", json={"messages": messages}), 400)
        assert told["param"] == "messages"
        assert told["message"].startswith("messages[1].role = ")


@pytest.mark.slow
def test_default_length_is_the_models(tiny: Tiny) -> None:
    """Without a limit a text ends by itself or where the context does."""
    answer = chat(tiny.client, ignore_eos=True)
    assert answer["usage"]["total_tokens"] == 256


def test_logprobs(tiny: Tiny) -> None:
    """Tokens, bytes and as many alternatives as asked for; the bytes joined are the text."""
    answer = chat(tiny.client, logprobs=True, top_logprobs=3, max_tokens=8, seed=1, ignore_eos=True)
    (choice,) = answer["choices"]
    content = choice["logprobs"]["content"]
    assert len(content) == 8
    for entry in content:
        assert len(entry["top_logprobs"]) == 3
        assert entry["logprob"] <= entry["top_logprobs"][0]["logprob"] + 1e-6
        assert bytes(entry["bytes"]).decode() == entry["token"]
    spelled = "".join(entry["token"] for entry in content if not entry["token"].startswith("<|"))
    assert spelled == choice["message"]["content"]
    refused = tiny.client.post("/v1/chat/completions", json={"messages": HELLO, "top_logprobs": 2})
    assert error(refused, 400)["param"] == "top_logprobs"


@pytest.mark.parametrize("n", [1, 2])
def test_stream_is_the_whole_in_pieces(tiny: Tiny, n: int) -> None:
    """The role first, then the text, the reason, the usage, [DONE]."""
    body = {"messages": HELLO, "seed": 5, "n": n, "max_tokens": 9, "logprobs": True}
    whole = tiny.client.post("/v1/chat/completions", json=body).json()
    streamed = {**body, "stream": True, "stream_options": {"include_usage": True}}
    response = tiny.client.post("/v1/chat/completions", json=streamed)
    assert response.headers["content-type"].startswith("text/event-stream")
    *chunks, last = events(response.text)
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    for index in range(n):
        own = [c for chunk in chunks for c in chunk["choices"] if c["index"] == index]
        assert own[0]["delta"] == {"role": "assistant", "content": ""}
        assert all("role" not in c["delta"] for c in own[1:])
        assert text_of(chunks, index) == whole["choices"][index]["message"]["content"]
        assert own[-1]["finish_reason"] == whole["choices"][index]["finish_reason"]
        told = [entry["token"] for c in own if c["logprobs"] for entry in c["logprobs"]["content"]]
        assert told == [entry["token"] for entry in whole["choices"][index]["logprobs"]["content"]]
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"]


def test_openai_defaults_of_what_is_not_there(tiny: Tiny) -> None:
    """What means nothing is accepted at the value that means nothing, and refused by name at any other."""
    neutral = {
        "response_format": {"type": "text"}, "tools": [], "tool_choice": "auto", "store": False,
        "service_tier": "auto", "modalities": ["text"], "parallel_tool_calls": True, "top_k": -1,
        "chat_template": None, "skip_special_tokens": True, "user": "me", "metadata": {"a": "b"},
    }  # fmt: skip
    chat(tiny.client, max_tokens=1, **neutral)
    for name, value in {
        "guided_decoding_backend": "xgrammar",
        "tools": [{"type": "function"}],
        "store": 0,
        "chat_template": "{{ x }}",
        "reasoning_effort": "utmost",
        "audio": {},
        "structured_outputs": {},
        "skip_special_tokens": 1,
    }.items():
        refused = error(tiny.client.post("/v1/chat/completions", json={"messages": HELLO, name: value}), 400)
        assert refused["param"] == name
        assert name in refused["message"]


def test_template_errors_are_the_callers(tiny: Tiny) -> None:
    """No messages, and roles that spell control tokens."""
    for messages in ([], [{"role": "<|im_end|>", "content": "x"}], [{"role": "user", "content": None}]):
        error(tiny.client.post("/v1/chat/completions", json={"messages": messages}), 400)
