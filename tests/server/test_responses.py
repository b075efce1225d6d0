"""POST /v1/responses: what a response is, whole and streamed, and what is refused."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openai.types.responses import Response

from responding import ANSWER, DIGIT, PATH, TOOL, able_model, respond, same, streamed, text_of
from serving import Tiny, error, serving

MAY_BE_NULL = {
    *("completed_at", "incomplete_details", "previous_response_id", "instructions", "error", "reasoning"),
    *("usage", "max_output_tokens", "max_tool_calls", "safety_identifier", "prompt_cache_key"),
}
MEMBERS = MAY_BE_NULL | {
    *("id", "object", "created_at", "status", "model", "output", "tools", "tool_choice", "truncation"),
    *("parallel_tool_calls", "text", "top_p", "presence_penalty", "frequency_penalty", "top_logprobs"),
    *("temperature", "store", "background", "service_tier", "metadata"),
}
USER = {"role": "user", "content": "hello"}
LOGPROBS = {"include": ["message.output_text.logprobs"], "top_logprobs": 2}


@pytest.fixture(scope="module")
def able() -> Iterator[Tiny]:
    """A server whose template has tools."""
    with serving(able_model()) as tiny:
        yield tiny


def check(response: dict[str, Any]) -> None:
    """All members are there, null only where they may be, and the openai package's type fits strictly."""
    assert set(response) >= MEMBERS
    assert {name for name in MEMBERS if response[name] is None} <= MAY_BE_NULL
    Response.model_validate_json(json.dumps(response), strict=True)


@pytest.mark.slow
def test_a_text(able: Tiny) -> None:
    """It is the chat's with the same seed; cut by its length it is incomplete."""
    response = respond(able)
    check(response)
    chat = {"messages": [USER], "max_tokens": 20, "seed": 1}
    (choice,) = able.client.post("/v1/chat/completions", json=chat).json()["choices"]
    assert text_of(response) == choice["message"]["content"]
    assert (response["status"], response["incomplete_details"]) == (
        "incomplete",
        {"reason": "max_output_tokens"},
    )
    assert [item["status"] for item in response["output"]] == ["incomplete"]
    usage = response["usage"]
    assert usage["input_tokens"] + usage["output_tokens"] == usage["total_tokens"]
    assert usage["output_tokens"] == response["max_output_tokens"] == 20


def test_a_text_that_ends(able: Tiny) -> None:
    """It is completed, by a stop string, which is told as well."""
    stop = text_of(respond(able))[3]
    response = respond(able, stop=[stop])
    assert response["status"] == response["output"][0]["status"] == "completed"
    assert response["completed_at"] >= response["created_at"]
    assert response["stop_reason"] == stop


def test_what_was_asked_is_told(able: Tiny) -> None:
    """Numbers are the resolved ones."""
    asked = {"temperature": 0.5, "top_p": 0.9, "presence_penalty": 0.25, "metadata": {"a": "b"}, "user": "u"}
    asked |= {"instructions": "be brief", "safety_identifier": "s", "prompt_cache_key": "k", "store": False}
    asked |= {"reasoning": {"effort": "low"}, "max_tool_calls": 3, "service_tier": "default"}
    response = respond(able, **asked)
    check(response)
    told = {name: response[name] for name in asked if name != "user"}
    assert told == {name: value for name, value in asked.items() if name != "user"}
    plain = respond(able)
    assert (plain["temperature"], plain["top_p"], plain["frequency_penalty"]) == (1, 1, 0)


def test_a_stream(able: Tiny) -> None:
    """The events come in their order, and say the same as the whole."""
    told = streamed(able)
    kinds = [one["type"] for one in told]
    deltas = kinds.count("response.output_text.delta")
    assert deltas > 5
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * deltas,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.incomplete",
    ]
    for one in (told[0], told[1], told[-1]):
        check(one["response"])
    assert told[0]["response"]["status"] == "in_progress"
    assert same(told[-1]["response"]) == same(respond(able))
    text = text_of(told[-1]["response"])
    assert "".join(one["delta"] for one in told if "delta" in one) == text
    assert {one["text"] for one in told if one["type"] == "response.output_text.done"} == {text}
    assert told[2]["item"]["content"] == []
    (item,) = told[-1]["response"]["output"]
    assert told[-2]["item"] == item
    inner = told[3:-2]
    assert {(one["item_id"], one["output_index"], one["content_index"]) for one in inner} == {
        (item["id"], 0, 0)
    }
    assert all(one["logprobs"] == [] for one in told if "logprobs" in one)


def test_log_probabilities(able: Tiny) -> None:
    """Of each token, in deltas as in the whole."""
    whole, told = respond(able, **LOGPROBS), streamed(able, **LOGPROBS)
    check(whole)
    logprobs = whole["output"][0]["content"][0]["logprobs"]
    assert len(logprobs) == 20
    assert all(len(one["top_logprobs"]) == 2 and one["logprob"] <= 0 for one in logprobs)
    deltas = [one for event in told if event["type"].endswith(".delta") for one in event["logprobs"]]
    assert deltas == logprobs[: len(deltas)]
    assert same(told[-1]["response"]) == same(whole)
    assert whole["top_logprobs"] == 2


@pytest.mark.parametrize(
    "form",
    [
        {"type": "json_schema", "name": "x", "schema": DIGIT, "strict": True},
        {"type": "json_object"},
    ],
    ids=lambda form: form["type"],
)
def test_formats(able: Tiny, form: dict[str, Any]) -> None:
    """The text keeps to the format."""
    response = respond(able, text={"format": form}, max_output_tokens=200)
    check(response)
    assert isinstance(json.loads(text_of(response)), dict)
    assert response["text"] == {"format": form}
    assert response["constrained"]


@pytest.mark.slow
@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "f"}], ids=str)
def test_calls(able: Tiny, choice: Any) -> None:
    """A call that is certain is an item of its own, with arguments of the tool's schema."""
    asked = {"tools": [TOOL], "tool_choice": choice, "max_output_tokens": 200, "parallel_tool_calls": False}
    whole, told = respond(able, **asked), streamed(able, **asked)
    check(whole)
    (item,) = whole["output"]
    assert (item["type"], item["name"], item["status"]) == ("function_call", "f", "completed")
    assert json.loads(item["arguments"])["x"] in (1, 2)
    assert (item["id"][:3], item["call_id"][:5]) == ("fc_", "call_")
    assert whole["status"] == "completed"
    assert (whole["tool_choice"], whole["parallel_tool_calls"]) == (choice, False)
    assert whole["tools"] == [{"description": None, "strict": False, **TOOL}]
    assert [one["type"].removeprefix("response.") for one in told] == [
        "created",
        "in_progress",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    assert told[2]["item"]["arguments"] == ""
    assert told[3]["delta"] == told[4]["arguments"] == item["arguments"]
    assert same(told[-1]["response"]) == same(whole)


@pytest.mark.slow
def test_a_text_before_a_call(able: Tiny) -> None:
    """Two items, with log-probabilities of the text's tokens only, whole and streamed alike."""
    said = r'see <tool_call>\{"name": "f", "arguments": \{"x": 1\}\}</tool_call>'
    asked = {"tools": [TOOL], "constraint": {"regex": said}, "max_output_tokens": 200, **LOGPROBS}
    whole, told = respond(able, **asked), streamed(able, **asked)
    assert [item["type"] for item in whole["output"]] == ["message", "function_call"]
    assert text_of(whole) == "see"
    assert same(told[-1]["response"]) == same(whole)
    (part,) = whole["output"][0]["content"]
    assert "".join(one["token"] for one in part["logprobs"]) == "see"


def test_every_parameter_of_ours(able: Tiny) -> None:
    """Beams, token ids to go on with, and the prompt's log-probabilities reach the response."""
    response = respond(able, seed=None, num_beams=3, return_token_ids=True)
    assert response["score"] < 0
    whole = respond(able, return_token_ids=True, prompt_logprobs=1)
    assert len(whole["token_ids"]) == 20
    assert len(whole["prompt_logprobs"]) == len(whole["prompt_token_ids"]) == whole["usage"]["input_tokens"]
    told = streamed(able, return_token_ids=True)[-1]["response"]
    assert told["token_ids"] == whole["token_ids"]
    rest = respond(able, prefix_token_ids=whole["token_ids"][:7], return_token_ids=True)
    assert rest["token_ids"] == whole["token_ids"][7:]
    text = text_of(whole)
    assert text_of(respond(able, bad_words=[text[1]])).count(text[1]) == 0


@pytest.mark.slow
def test_traces(able: Tiny) -> None:
    """Events of ours grow the trace that the whole response has."""
    options = {"include_trace": True, "include_progress": True}
    told = streamed(able, stream_options=options)
    kinds = [one["type"] for one in told]
    assert "ponder:progress" in kinds
    traces = [one["trace"] for one in told if one["type"] == "ponder:trace"]
    (whole,) = respond(able, include_trace=True)["traces"]
    tokens = [token for part in traces for token in part.get("tokens", ())]
    assert tokens == [token | {"index": 0} for token in whole["tokens"]]
    assert traces[0]["seed"] == whole["seed"] == 1


def test_the_conversation(able: Tiny) -> None:
    """Items become messages as a chat would have them, instructions and developers the system's."""
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"x": 1}'}
    items = [
        {"type": "message", "role": "developer", "content": "d"},
        {
            "role": "user",
            "content": [{"type": "input_text", "text": "h"}, {"type": "input_text", "text": "i"}],
        },
        {
            "type": "reasoning",
            "id": "rs",
            "summary": [],
            "content": [{"type": "reasoning_text", "text": "hm"}],
        },
        {"role": "assistant", "content": [{"type": "output_text", "text": "so", "annotations": []}]},
        call,
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "8"}]},
    ]
    ids = respond(able, items, instructions="i", return_token_ids=True)["prompt_token_ids"]
    prompt = able.client.post("/detokenize", json={"tokens": ids}).json()["prompt"]
    assert prompt == (
        "<|im_start|>system\ni<|im_end|>\n<|im_start|>system\nd<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n"
        '<|im_start|>assistant\nhmso<tool_call>{"name": "f", "arguments": {"x": 1}}</tool_call><|im_end|>\n'
        "<|im_start|>tool\n8c<|im_end|>\n<|im_start|>assistant\n"
    )


def test_unknown_members_of_items(able: Tiny) -> None:
    """They change nothing and are named."""
    answer = able.client.post(PATH, json={**ANSWER, "input": [{**USER, "phase": "x"}]})
    assert answer.status_code == 200
    assert "phase" in answer.headers["x-ponder-warning"]


CALLED = {"type": "function_call", "call_id": "c", "name": "f"}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown name": ({"temprature": 1}, "temprature: did you mean temperature"),
    "max_tokens": ({"max_tokens": 20}, "max_output_tokens"),
    "response_format": ({"response_format": {"type": "text"}}, "text.format"),
    "two texts": ({"n": 2}, "n = 2"),
    "few tokens": ({"max_output_tokens": 15}, "16 or more"),
    "many tokens": ({"max_output_tokens": 5000}, "max_output_tokens = 5000"),
    "a number": ({"temperature": -1}, "temperature = -1"),
    "no items": ({"input": []}, "input = []"),
    "a number as input": ({"input": 5}, "input = 5"),
    "an item": ({"input": [5]}, "input[0] = 5"),
    "a kind of item": ({"input": [{"type": "web_search_call"}]}, "input[0].type"),
    "a role": ({"input": [{"role": "tool", "content": "a"}]}, "input[0].role"),
    "content": ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
    "a part": ({"input": [{"role": "user", "content": ["a"]}]}, "input[0].content[0].type"),
    "an image": (
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:,"}]}]},
        "this model reads text",
    ),
    "a file": ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "this model reads text"),
    "arguments": ({"input": [{**CALLED, "arguments": "[1]"}]}, "input[0].arguments"),
    "deep arguments": ({"input": [{**CALLED, "arguments": '{"a":' * 9999}]}, "input[0].arguments"),
    "a call's name": ({"input": [{**CALLED, "name": 5, "arguments": "{}"}]}, "input[0].name"),
    "an output of no call": (
        {"input": [{"type": "function_call_output", "call_id": "c", "output": "8"}]},
        "input[0].call_id",
    ),
    "thoughts": ({"input": [{"type": "reasoning", "content": [5]}]}, "input[0].content[0]"),
    "a tool": ({"tools": [5]}, "tools[0] = 5"),
    "a tool of another type": ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
    "a tool's name": ({"tools": [{**TOOL, "name": ""}]}, "tools[0].name"),
    "a chat's tool": ({"tools": [{"type": "function", "function": TOOL}]}, "tools[0].function"),
    "a tool's schema": ({"tools": [{**TOOL, "strict": True, "parameters": {"type": "array"}}]}, "tools = "),
    "a choice": ({"tools": [TOOL], "tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
    "a tool that is not there": (
        {"tools": [TOOL], "tool_choice": {"type": "function", "name": "g"}},
        "tool_choice.name = 'g'",
    ),
    "a format": ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
    "a schema": ({"text": {"format": {"type": "json_schema", "schema": 5}}}, "text.format.schema"),
    "a schema that is none": (
        {"text": {"format": {"type": "json_schema", "schema": {"type": "x"}}}},
        "text.format",
    ),
    "a format and a call": (
        {"tools": [TOOL], "tool_choice": "required", "text": {"format": {"type": "json_object"}}},
        "text.format",
    ),
    "verbosity": ({"text": {"verbosity": "loud"}}, "text.verbosity"),
    "truncation": ({"truncation": "auto"}, "truncation"),
    "the background": ({"background": True}, "background"),
    "a conversation": ({"conversation": "c"}, "conversation"),
    "a saved prompt": ({"prompt": {"id": "p"}}, "prompt"),
    "a tier": ({"service_tier": "flex"}, "service_tier"),
    "what to include": ({"include": ["web_search_call.results"]}, "include"),
    "alternatives": ({"top_logprobs": 2}, "top_logprobs"),
    "many alternatives": ({**LOGPROBS, "top_logprobs": 21}, "top_logprobs = 21"),
    "much metadata": ({"metadata": {str(i): "a" for i in range(17)}}, "metadata"),
    "long metadata": ({"metadata": {"a": "b" * 513}}, "metadata.a"),
    "metadata that is no text": ({"metadata": {"a": 5}}, "metadata.a"),
    "obfuscation": ({"stream": True, "stream_options": {"include_obfuscation": True}}, "include_obfuscation"),
    "options without a stream": ({"stream_options": {"include_trace": True}}, "stream_options"),
    "calls of tools": ({"max_tool_calls": 0}, "max_tool_calls"),
}


@pytest.mark.parametrize(("body", "part"), REFUSED.values(), ids=REFUSED)
def test_refused(able: Tiny, body: dict[str, Any], part: str) -> None:
    """By name, before anything runs."""
    told = error(able.client.post(PATH, json={"input": "hello", **ANSWER, **body}), 400)
    assert part in told["message"]
    assert told["param"]
    if "reads text" in part:
        assert told["code"] == "unsupported_content"


@pytest.mark.timed
def test_hostile_bodies(able: Tiny) -> None:
    """Text that is none, nesting, and very many items are refused, and soon."""
    for raw in (b'{"input": "\\ud800"}', b'{"input": ' + b"[" * 100_000, b'{"input": "\xff"}'):
        error(able.client.post(PATH, content=raw), 400)
    many = [{"role": "user", "content": ""}] * 20_000
    begun = time.process_time()
    told = error(able.client.post(PATH, json={"input": many}), 400)
    assert told["param"] == "input"
    assert "messages" not in told["param"]
    assert time.process_time() - begun < 10


def test_a_template_without_tools(tiny: Tiny) -> None:
    """400 by name."""
    told = error(tiny.client.post(PATH, json={"input": "hello", "tools": [TOOL]}), 400)
    assert told["param"] == "tools"


def test_a_stream_that_fails(able: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last events say why, in both shapes, and it is not stored."""
    run = able.model.run

    async def failing(ask: Any, *, stream: bool = True) -> Any:
        async for event in run(ask):
            yield event
            if getattr(event, "text", "") and len(seen) > 3:
                raise RuntimeError("broken")
            seen.append(event)

    seen: list[Any] = []
    monkeypatch.setattr(able.model, "run", failing)
    told = streamed(able)
    assert [one["type"] for one in told[-2:]] == ["error", "response.failed"]
    assert told[-2]["message"] == told[-2]["error"]["message"] != ""
    assert told[-2]["code"] == "internal_error"
    failed = told[-1]["response"]
    assert (failed["status"], failed["error"]["code"]) == ("failed", "internal_error")
    error(able.client.get(f"{PATH}/{failed['id']}"), 404)


def test_a_client_that_goes_away(able: Tiny) -> None:
    """What it asked for is cancelled, and not stored."""
    body = {"input": "hello", "stream": True, "max_output_tokens": 900, "ignore_eos": True}
    with (
        httpx.Client(base_url=able.client.base_url) as client,
        client.stream("POST", PATH, json=body) as answer,
    ):
        lines = answer.iter_lines()
        assert next(lines) == "event: response.created"
        id_ = json.loads(next(lines).removeprefix("data: "))["response"]["id"]
    end = time.monotonic() + 10
    while able.running() and time.monotonic() < end:
        time.sleep(0.01)
    assert able.running() == 0
    error(able.client.get(f"{PATH}/{id_}"), 404)
