"""A request of the Responses API as the chat request that it means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ponder.errors import ParameterError
from ponder.server.openai.protocol import (
    ChatBody,
    ChatMessage,
    ConversationBody,
    GenerationBody,
    ResponsesBody,
    StreamOptions,
)
from ponder.server.openai.refused import check_members
from ponder.server.openai.responses.items import messages_of
from ponder.server.openai.responses.store import Item
from ponder.server.openai.translate import names_of

LOGPROBS = "message.output_text.logprobs"
LEAST_TOKENS = 16
MAX_METADATA, MAX_METADATA_KEY, MAX_METADATA_VALUE = 16, 64, 512
_INSTEAD = {"max_tokens": "max_output_tokens", "response_format": "text.format"}
_TOOL = ("type", "name", "description", "parameters", "strict")


def chat_of(body: ResponsesBody, items: Sequence[Item]) -> ChatBody:
    """Return the chat request that a request means, whose conversation is `items`.

    Raises
    ------
    ParameterError, ApiError : a value is not allowed here; what a chat refuses as well is not looked for.
    """
    _check(body)
    values = {
        name: getattr(body, name) for name in (*GenerationBody.model_fields, *ConversationBody.model_fields)
    }
    messages = messages_of(items)
    if body.instructions is not None:
        messages = [ChatMessage(role="system", content=body.instructions), *messages]
    logprobs = LOGPROBS in (body.include or ())
    values |= {
        "messages": messages,
        "tools": None if body.tools is None else [_tool(i, tool) for i, tool in enumerate(body.tools)],
        "tool_choice": _tool_choice(body.tool_choice),
        "parallel_tool_calls": body.parallel_tool_calls,
        "max_completion_tokens": body.max_output_tokens,
        "response_format": _format(body),
        "logprobs": logprobs,
        "top_logprobs": body.top_logprobs if logprobs else None,
    }
    if body.stream:  # usage is in a stream's last event
        options = body.stream_options or StreamOptions()
        values["stream_options"] = options.model_copy(update={"include_usage": True})
    return ChatBody.model_construct(**values)


def names_of_chat(body: ResponsesBody, chat: ChatBody) -> dict[str, str]:
    """Return what the request calls parameters that have another name in the chat, or inside."""
    called = {
        "messages": "input",
        "max_completion_tokens": "max_output_tokens",
        "tool_choice.function.name": "tool_choice.name",
        **{
            f"response_format{of}": f"text.format{to}"
            for of, to in (("", ""), (".type", ".type"), (".schema", ".schema"), (".json_schema", ""))
        },
        **{
            f"response_format.json_schema.{name}": f"text.format.{name}"
            for name in ("name", "description", "schema", "strict")
        },
        **{
            f"tools[{i}].function.{name}": f"tools[{i}].{name}"
            for i in range(len(body.tools or ()))
            for name in _TOOL
        },
    }
    inside = {
        name: called.get(of, of.replace("response_format", "text.format"))
        for name, of in names_of(chat).items()
    }
    return called | inside


def tools_told(body: ResponsesBody) -> list[dict[str, Any]]:
    """Return the tools as the response tells them, all members there."""
    return [{"description": None, "parameters": None, "strict": False, **tool} for tool in body.tools or ()]


def _check(body: ResponsesBody) -> None:
    for name, other in _INSTEAD.items():
        if getattr(body, name) is not None:
            raise ParameterError(name, getattr(body, name), f"left out: it is called {other} here")
    if body.n not in (None, 1):
        raise ParameterError("n", body.n, "1: a response is one text")
    tokens = body.max_output_tokens
    if tokens is not None and tokens < LEAST_TOKENS:
        raise ParameterError("max_output_tokens", tokens, f"a whole number, {LEAST_TOKENS} or more")
    if body.max_tool_calls is not None and body.max_tool_calls < 1:
        raise ParameterError("max_tool_calls", body.max_tool_calls, "a whole number, 1 or more")
    if body.service_tier not in (None, "auto", "default"):
        raise ParameterError("service_tier", body.service_tier, "auto or default")
    for name in body.include or ():
        if name != LOGPROBS:
            raise ParameterError("include", name, LOGPROBS)
    if body.top_logprobs and LOGPROBS not in (body.include or ()):
        allowed = f'set only together with include: ["{LOGPROBS}"]'
        raise ParameterError("top_logprobs", body.top_logprobs, allowed)
    if body.stream_options is not None and body.stream_options.continuous_usage_stats:
        allowed = "left out or false: usage is in the last event"
        raise ParameterError("stream_options.continuous_usage_stats", True, allowed)
    _check_metadata(body.metadata or {})


def _check_metadata(metadata: dict[str, Any]) -> None:
    if len(metadata) > MAX_METADATA:
        raise ParameterError("metadata", f"{len(metadata)} members", f"at most {MAX_METADATA}")
    for name, value in metadata.items():
        if len(name) > MAX_METADATA_KEY:
            raise ParameterError("metadata", name, f"names of at most {MAX_METADATA_KEY} characters")
        if not isinstance(value, str) or len(value) > MAX_METADATA_VALUE:
            allowed = f"text of at most {MAX_METADATA_VALUE} characters"
            raise ParameterError(f"metadata.{name}", value, allowed)


def _tool(i: int, tool: Any) -> dict[str, Any]:
    """Return a tool as a chat has it."""
    if not isinstance(tool, dict):
        raise ParameterError(f"tools[{i}]", tool, "an object with type function and a name")
    if tool.get("type") == "function":  # else the chat says which types there are
        check_members(
            {name: one for name, one in tool.items() if name not in _TOOL}, _TOOL, {}, f"tools[{i}]."
        )
    function = {name: tool[name] for name in _TOOL[1:] if tool.get(name) is not None}
    return {"type": tool.get("type"), "function": function}


def _tool_choice(choice: Any) -> Any:
    if choice in (None, "none", "auto", "required"):
        return choice
    named = isinstance(choice, dict) and choice.keys() == {"type", "name"} and choice["type"] == "function"
    if not named:
        allowed = 'none, auto, required, or {"type": "function", "name": ...}'
        raise ParameterError("tool_choice", choice, allowed)
    return {"type": "function", "function": {"name": choice["name"]}}


def _format(body: ResponsesBody) -> dict[str, Any] | None:
    """Return `text.format` as a chat's `response_format`."""
    form = body.text.format if body.text else None
    if form is None or form.get("type") != "json_schema":
        return form
    described = {name: value for name, value in form.items() if name != "type"}
    return {"type": "json_schema", "json_schema": described}
