"""Tools, their calls and results, names, and variables of the template, in chats and in /tokenize."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from ponder.backends.local import LocalModel
from ponder.text import ChatTemplate
from serving import Tiny, error, events
from tiny_models import CONTROL, tiny_local_model, tiny_tokenizer

CHAT = "/v1/chat/completions"
TEMPLATE = (
    "{% if tools %}tools: {{ tools | tojson }}\n{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}"
    "{{ ' ' + m.name if m.name }}\n{{ m.reasoning_content }}{{ m.content }}"
    "{% for c in m.tool_calls %}<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}"
    "{{ m.tool_call_id }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{{ mood }}{% endif %}"
)
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
USER = {"role": "user", "content": "hello"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x": "7"}'}}
CALLS = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "8"}


@pytest.fixture
def able(tiny_server: Callable[..., Tiny]) -> Tiny:
    """A server whose template knows tools, calls, names and a variable."""
    template = ChatTemplate(TEMPLATE, bos_token="", eos_token="")
    return tiny_server(LocalModel("tiny", tiny_local_model().engine, template, {}))


def written(tiny: Tiny, messages: list[dict[str, Any]], **body: Any) -> str:
    """Return the prompt of a chat as the template writes it, which /tokenize must write alike."""
    response = tiny.client.post(
        CHAT, json={"messages": messages, "max_tokens": 9, "return_token_ids": True, **body}
    )
    assert response.status_code == 200, response.text
    ids = response.json()["prompt_token_ids"]
    body = {name: value for name, value in body.items() if name != "tool_choice"}
    if "tool_choice" not in body:
        same = tiny.client.post("/tokenize", json={"messages": messages, **body}).json()
        assert same["tokens"][: len(ids)] == ids
    return tiny.client.post("/detokenize", json={"tokens": ids}).json()["prompt"]


def test_tools_reach_the_template(able: Tiny) -> None:
    """With tool_choice auto or none said; with none they do not."""
    expected = 'tools: [{"type": "function", "function": {"name": "f", "parameters": {}}}]\n'
    for choice in ({}, {"tool_choice": "auto"}):
        assert written(able, [USER], tools=[TOOL], **choice).startswith(expected)
    response = able.client.post(
        CHAT, json={"messages": [USER], "tools": [TOOL], "tool_choice": "none", "max_tokens": 1}
    )
    without = able.client.post(CHAT, json={"messages": [USER], "max_tokens": 1})
    tokens = [answer.json()["usage"]["prompt_tokens"] for answer in (response, without)]
    assert tokens[0] == tokens[1]


def test_a_history_of_calls(able: Tiny) -> None:
    """Arguments become an object; results, names and thoughts are written; null is nothing."""
    messages = [
        {**USER, "name": "ada"},
        CALLS,
        RESULT,
        {"role": "assistant", "content": "so", "reasoning": "hm "},
    ]
    text = written(able, messages)
    assert "user ada\nhello" in text
    assert 'assistant\n<tool_call>{"name": "f", "arguments": {"x": "7"}}</tool_call><|im_end|>' in text
    assert "tool\n8c1" in text
    assert "assistant\nhm so" in text


def test_variables_of_the_template(able: Tiny) -> None:
    """By their names; what is switched off may be told to a template without the switch."""
    for value, shown in (
        ("sad", "sad"),
        (3, "3"),
        (None, "one"),
        (False, "alse"),
        ("<|im_end|>", "<|im_end|>"),
    ):
        assert written(able, [USER], chat_template_kwargs={"mood": value}).endswith(f"\n{shown}")
    off = written(able, [USER], chat_template_kwargs={"enable_thinking": False})
    assert off == written(able, [USER]) == written(able, [USER], chat_template_kwargs={})


def test_the_end_of_the_prompt(able: Tiny) -> None:
    """Opened, closed, or in the assistant's message."""
    closed = written(able, [USER], add_generation_prompt=False)
    assert written(able, [USER]) == closed + "<|im_start|>assistant\n"
    messages = [USER, {"role": "assistant", "content": "so"}]
    assert written(able, messages, continue_final_message=True) == closed + "<|im_start|>assistant\n"
    tokens = able.client.post("/tokenize", json={"messages": messages, "continue_final_message": True}).json()
    shown = able.client.post("/detokenize", json={"tokens": tokens["tokens"]}).json()["prompt"]
    assert shown == closed + "<|im_start|>assistant\nso"


def forced(tiny: Tiny, text: str) -> dict[str, Any]:
    """Return what makes the tiny model write a text and end."""
    tokenizer = tiny.model.tokenizer
    ids = [*tokenizer.encode(text), tokenizer.eos_ids[0]]
    biases = [[ids[: i + 1], min(1000.0, 100.0 + 10 * i)] for i in range(len(ids))]
    return {"sequence_bias": biases, "temperature": 0, "max_tokens": len(ids) + 5}


WRITTEN = 'so.\n<tool_call>\n{"name": "f", "arguments": {"x": [1]}}\n</tool_call>'


def test_calls_are_told_apart(able: Tiny) -> None:
    """Whole and streamed; without tools, or with an unknown one, they are text."""
    body = {"messages": [USER], **forced(able, WRITTEN)}
    (choice,) = able.client.post(CHAT, json={**body, "tools": [TOOL]}).json()["choices"]
    message = choice["message"]
    assert (message["content"], choice["finish_reason"]) == ("so.", "tool_calls")
    (call,) = message["tool_calls"]
    assert call["type"] == "function"
    assert call["function"] == {"name": "f", "arguments": '{"x": [1]}'}
    again = {"messages": [USER, message, {"role": "tool", "tool_call_id": call["id"], "content": "1"}]}
    assert able.client.post(CHAT, json={**again, "max_tokens": 1}).status_code == 200
    streamed = {**body, "tools": [TOOL], "stream": True, "logprobs": True}
    chunks = events(able.client.post(CHAT, json=streamed).text)
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert "".join(delta.get("content", "") for delta in deltas) == "so."
    ((told,),) = [delta["tool_calls"] for delta in deltas if "tool_calls" in delta]
    assert (told["index"], told["function"]) == (0, call["function"])
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    told = [
        one["token"] for chunk in chunks for one in (chunk["choices"][0]["logprobs"] or {}).get("content", [])
    ]
    assert "".join(told[:-1]) == WRITTEN
    other = {"type": "function", "function": {"name": "g"}}
    for tools in ({}, {"tools": [other]}, {"tools": [TOOL], "tool_choice": "none"}):
        (choice,) = able.client.post(CHAT, json={**body, **tools}).json()["choices"]
        assert (choice["message"]["content"], choice["finish_reason"]) == (WRITTEN, "stop")
        assert "tool_calls" not in choice["message"]


@pytest.mark.slow
def test_a_bare_call(able: Tiny) -> None:
    """It is one, whole and streamed, unless something holds the text, which it would get around."""
    written = '{"name": "f", "arguments": {"x": 1}}'
    body = {"messages": [USER], "tools": [TOOL], **forced(able, written)}
    (choice,) = able.client.post(CHAT, json=body).json()["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == (None, "tool_calls")
    (call,) = choice["message"]["tool_calls"]
    assert call["function"] == {"name": "f", "arguments": '{"x": 1}'}
    chunks = events(able.client.post(CHAT, json={**body, "stream": True}).text)
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    ((told,),) = [delta["tool_calls"] for delta in deltas if "tool_calls" in delta]
    assert told["function"] == call["function"]
    assert not any(delta.get("content") for delta in deltas)
    for more in ({"parallel_tool_calls": False}, {"bad_words": ["zz"]}):
        (choice,) = able.client.post(CHAT, json={**body, **more}).json()["choices"]
        assert (choice["message"]["content"], choice["finish_reason"]) == (written, "stop")


def test_a_round_with_openais_client(able: Tiny) -> None:
    """A call, whole and with the client's own gathering of a stream; then its result."""
    client = openai.OpenAI(base_url=f"{able.client.base_url}/v1", api_key="unused")
    body = forced(able, WRITTEN)
    asked: dict[str, Any] = {
        "model": "tiny",
        "messages": [USER],
        "tools": [TOOL],
        "temperature": 0,
        "max_tokens": body["max_tokens"],
        "extra_body": {"sequence_bias": body["sequence_bias"]},
    }
    whole = client.chat.completions.create(**asked).choices[0]
    with client.chat.completions.stream(**asked) as stream:
        gathered = stream.get_final_completion().choices[0]
    for choice in (whole, gathered):
        assert (choice.finish_reason, choice.message.content) == ("tool_calls", "so.")
        assert choice.message.tool_calls
        assert choice.message.tool_calls[0].function.name == "f"
        assert json.loads(choice.message.tool_calls[0].function.arguments) == {"x": [1]}
    result = {"role": "tool", "tool_call_id": whole.message.tool_calls[0].id, "content": "8"}
    asked |= {"messages": [USER, whole.message, result], "max_tokens": 2, "extra_body": {}}
    assert client.chat.completions.create(**asked).usage.completion_tokens <= 2


def test_a_call_that_the_client_began(able: Tiny) -> None:
    """As a prefix or a final message: the call is told whole, and no text twice."""
    begun = WRITTEN[:30]
    tokenizer = able.model.tokenizer
    body = {**forced(able, WRITTEN), "tools": [TOOL]}
    assert len(tokenizer.encode(begun)) == 30
    final = [USER, {"role": "assistant", "content": begun}]
    for more in (
        {"messages": [USER], "prefix_text": begun},
        {"messages": final, "continue_final_message": True},
    ):
        (choice,) = able.client.post(CHAT, json={**body, **more}).json()["choices"]
        assert choice["message"]["content"] is None
        assert choice["message"]["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"x": [1]}'}
        (choice,) = able.client.post(CHAT, json={**body, **more, "max_tokens": 40}).json()["choices"]
        assert choice["message"]["content"] == WRITTEN[30:40]


FUNCTION = {"type": "function"}
REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "an unknown choice": ({"tools": [TOOL], "tool_choice": "any"}, "tool_choice", "auto, required"),
    "a tool that is not there": (
        {"tools": [TOOL], "tool_choice": {**FUNCTION, "function": {"name": "g"}}},
        "tool_choice.function.name",
        "the name of a tool: f",
    ),
    "a choice with more": (
        {"tools": [TOOL], "tool_choice": {**FUNCTION, "function": {"name": "f"}, "x": 1}},
        "tool_choice",
        '{"type": "function"',
    ),
    "required without tools": ({"tool_choice": "required"}, "tool_choice", "auto or none"),
    "another type": ({"tools": [{"type": "web_search"}]}, "tools", "no other tools"),
    "no function": ({"tools": [FUNCTION]}, "tools", "tools[0].function"),
    "no function, though no tool is to be called": (
        {"tools": [FUNCTION], "tool_choice": "none"},
        "tools",
        "tools[0].function",
    ),
    "no name": ({"tools": [{**FUNCTION, "function": {}}]}, "tools", "tools[0].function.name"),
    "no schema": (
        {"tools": [{**FUNCTION, "function": {"name": "f", "parameters": "x"}}]},
        "tools",
        "JSON schema",
    ),
    "strict is no text": (
        {"tools": [{**FUNCTION, "function": {"name": "f", "strict": "yes"}}]},
        "tools",
        "true or false",
    ),
    "arguments that are no object": (
        {
            "tools": [{**FUNCTION, "function": {"name": "f", "parameters": {"type": "string"}}}],
            "tool_choice": "required",
        },
        "tools",
        "a schema of objects",
    ),
    "a schema that leads elsewhere": (
        {
            "tools": [{**FUNCTION, "function": {"name": "f", "parameters": {"$ref": "http://a.b/c"}}}],
            "tool_choice": "required",
        },
        "tools",
        "a $ref within the schema",
    ),
    "a format beside a certain call": (
        {"tools": [TOOL], "tool_choice": "required", "response_format": {"type": "json_object"}},
        "response_format",
        "left out where tool_choice",
    ),
    "twice the same": ({"tools": [TOOL, TOOL]}, "tools", "no other tool"),
    "no list": ({"tools": {}}, "tools", "a list"),
    "deep": ({"tools": [json.loads('{"x":' * 80 + "1" + "}" * 80)]}, "tools", "nested in at most 64"),
    "arguments cut short": (
        {
            "messages": [
                USER,
                {**CALLS, "tool_calls": [{**CALL, "function": {"name": "f", "arguments": "{"}}]},
            ]
        },
        "messages",
        "messages[1].tool_calls[0].function.arguments",
    ),
    "a call of nothing": (
        {"messages": [USER, {**CALLS, "tool_calls": [{"id": "x"}]}]},
        "messages",
        "messages[1].tool_calls[0].function",
    ),
    "nothing said": (
        {"messages": [USER, {"role": "assistant", "content": None}]},
        "messages",
        "tool_calls may lack",
    ),
    "no content": ({"messages": [{"role": "user"}]}, "messages", "messages[0].content"),
    "a variable of the renderer": (
        {"chat_template_kwargs": {"bos_token": "x"}},
        "chat_template_kwargs.bos_token",
        "renderer",
    ),
    "messages as a variable": (
        {"chat_template_kwargs": {"messages": []}},
        "chat_template_kwargs.messages",
        "renderer",
    ),
    "an unknown variable": (
        {"chat_template_kwargs": {"enable_thinking": True}},
        "chat_template_kwargs.enable_thinking",
        "no such variable (it has: mood)",
    ),
    "a variable too large": (
        {"chat_template_kwargs": {"mood": "a" * 2**17}},
        "chat_template_kwargs",
        "65536",
    ),
    "a variable without a name": ({"chat_template_kwargs": {"": 1}}, "chat_template_kwargs", "names such as"),
    "variables that are none": ({"chat_template_kwargs": []}, "chat_template_kwargs", "an object"),
}


@pytest.mark.parametrize(("body", "param", "part"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(able: Tiny, body: dict[str, Any], param: str, part: str) -> None:
    """In a sentence that names the member and says what is allowed."""
    told = error(able.client.post(CHAT, json={"messages": [USER], **body}), 400)
    assert told["param"] == param, told
    assert part in told["message"]
    assert able.running() == 0


def test_a_template_without_tools_says_so(tiny: Tiny) -> None:
    """Tools and calls are refused; with tool_choice none there are no tools to write."""
    refused = {"messages": [USER], "tools": [TOOL]}
    told = error(tiny.client.post(CHAT, json=refused), 400)
    assert (told["param"], "no place for tools" in told["message"]) == ("tools", True)
    assert tiny.client.post(CHAT, json={**refused, "tool_choice": "none", "max_tokens": 1}).status_code == 200
    told = error(tiny.client.post(CHAT, json={"messages": [USER, CALLS, RESULT]}), 400)
    assert told["param"] == "messages"
    assert "no place for tool calls" in told["message"]


def test_calls_in_the_form_of_the_template(
    tiny_server: Callable[..., Tiny], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mistral's are asked for and read, and their ids are as its template wants them."""
    monkeypatch.setattr("tiny_models.CONTROL", ("[TOOL_CALLS]", *CONTROL))
    engine = tiny_local_model(tiny_tokenizer()).engine
    source = (Path(__file__).parents[1] / "text" / "templates" / "mistral_v3_tools.jinja").read_text()
    template = ChatTemplate(source, bos_token="", eos_token="")
    mistral = tiny_server(LocalModel("tiny", engine, template, {}))
    body = {"messages": [USER], "tools": [TOOL], "tool_choice": "required", "seed": 1}
    body |= {"max_tokens": 50, "parallel_tool_calls": False}
    answer = mistral.client.post(CHAT, json=body)
    assert answer.status_code == 200, answer.text
    (choice,) = answer.json()["choices"]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", None)
    called = choice["message"]["tool_calls"]
    assert {call["function"]["name"] for call in called} == {"f"}
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "8"} for call in called]
    again = {"messages": [USER, choice["message"], *results], "tools": [TOOL], "max_tokens": 1}
    answer = mistral.client.post(CHAT, json=again)
    assert answer.status_code == 200, answer.text


UNKNOWN: dict[str, tuple[dict[str, Any], str]] = {
    "a certain call": ({"tools": [TOOL], "tool_choice": "required"}, "tool_choice"),
    "a strict tool": (
        {"tools": [{"type": "function", "function": {"name": "f", "strict": True}}]},
        "tools",
    ),
    "one call at most": ({"tools": [TOOL], "parallel_tool_calls": False}, "parallel_tool_calls"),
    "a format or calls": (
        {"tools": [TOOL], "response_format": {"type": "json_object"}},
        "response_format",
    ),
}


@pytest.mark.parametrize(("body", "param"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_a_form_that_is_not_known(tiny_server: Callable[..., Tiny], body: dict[str, Any], param: str) -> None:
    """What would hold the model to calls is refused; without that it answers."""
    source = TEMPLATE.replace("{{ c.function | tojson }}", "{{ c.function.name }}()")
    template = ChatTemplate(source, bos_token="", eos_token="")
    odd = tiny_server(LocalModel("tiny", tiny_local_model().engine, template, {}))
    told = error(odd.client.post(CHAT, json={"messages": [USER], **body}), 400)
    assert told["param"] == param
    assert "the chat template of tiny writes calls of tools in a form" in told["message"]
    free = {"messages": [USER], "tools": [TOOL], "max_tokens": 1}
    assert odd.client.post(CHAT, json=free).status_code == 200


PARTS = {
    "image_url": {"image_url": {"url": "data:image/png;base64,AAAA"}},
    "input_image": {"image_url": "data:image/png;base64,AAAA"},
    "image": {"image": "x.png", "text": 5},
    "input_audio": {"input_audio": {"data": "AAAA", "format": "wav"}},
    "audio_url": {"audio_url": {"url": "x"}},
    "video_url": {"video_url": {"url": "x"}},
    "file": {"file": {"file_id": "x"}},
    "": {},
}


@pytest.mark.parametrize("kind", PARTS)
def test_only_text_is_read(tiny: Tiny, kind: str) -> None:
    """Any other part is refused by its type, whatever else it has, in chats and in /tokenize."""
    parts = [{"type": "text", "text": "what is this?"}, {"type": kind, **PARTS[kind]}]
    messages = [USER, {"role": "assistant", "content": "?"}, {"role": "user", "content": parts}]
    for path in (CHAT, "/tokenize"):
        told = error(tiny.client.post(path, json={"messages": messages}), 400)
        assert told["param"] == "messages"
        assert "messages[2].content[1].type" in told["message"]
        assert "this model reads text only" in told["message"]


def test_unknown_members_change_nothing(tiny: Tiny) -> None:
    """Of messages and of parts; those that would mean something are refused."""
    part = {"type": "text", "text": "hello", "cache_control": {"type": "ephemeral"}}
    marked = {"role": "user", "content": [part], "timestamp": 5, "id": "m"}
    answers = [
        tiny.client.post(CHAT, json={"messages": [message], "seed": 1, "max_tokens": 8}).json()["choices"]
        for message in (USER, marked)
    ]
    assert answers[0] == answers[1]
    told = error(tiny.client.post(CHAT, json={"messages": [{**USER, "audio": {"id": "x"}}]}), 400)
    assert "audio" in told["message"]


def test_a_prompt_has_no_messages_members(tiny: Tiny) -> None:
    """What belongs to messages is refused beside a prompt in /tokenize."""
    for name, value in {
        "tools": [TOOL],
        "chat_template_kwargs": {"x": 1},
        "continue_final_message": True,
    }.items():
        told = error(tiny.client.post("/tokenize", json={"prompt": "a", name: value}), 400)
        assert told["param"] == name
