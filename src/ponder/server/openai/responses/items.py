"""Items of a conversation, as the Responses API has them: read, and as a chat's messages."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ponder.errors import ParameterError
from ponder.server.front.errors import ApiError
from ponder.server.openai.protocol import ChatMessage
from ponder.server.openai.responses.store import Item
from ponder.text import Message

_ROLES = ("user", "system", "developer", "assistant")
_TEXTS = ("input_text", "output_text", "text")
_NOT_READ = ("input_image", "input_file", "input_audio", "input_video")
_KNOWN: Mapping[str, frozenset[str]] = {
    "message": frozenset({"type", "id", "status", "role", "content"}),
    "function_call": frozenset({"type", "id", "status", "call_id", "name", "arguments"}),
    "function_call_output": frozenset({"type", "id", "status", "call_id", "output"}),
    "reasoning": frozenset({"type", "id", "status", "summary", "content", "encrypted_content"}),
    "item_reference": frozenset({"type", "id"}),
}
_PREFIXES = {"message": "msg", "function_call": "fc", "function_call_output": "fco", "reasoning": "rs"}


def new_id(prefix: str) -> str:
    """Return an id that nothing else has."""
    return f"{prefix}_{secrets.token_hex(16)}"


def read_items(value: Any, before: Sequence[Item], find: Callable[[], Mapping[str, Item]]) -> list[Item]:
    """Return what `input` says: a text, or items.

    Parameters
    ----------
    before : the items that it follows.
    find : returns the stored items, of which an `item_reference` names one.

    Raises
    ------
    ParameterError, ApiError : it is malformed, has what is not text, or names what is not there.
    """
    if isinstance(value, str):
        value = [{"role": "user", "content": value}]
    if not isinstance(value, list) or not value:
        raise ParameterError("input", value, "a text or a list of items, not empty")
    known = find() if any(isinstance(one, dict) and _type(one) == "item_reference" for one in value) else {}
    calls = {item["call_id"] for item in before if item["type"] == "function_call"}
    items = []
    for i, one in enumerate(value):
        item = _item(f"input[{i}]", one, known)
        if item["type"] == "function_call":
            calls.add(item["call_id"])
        elif item["type"] == "function_call_output" and item["call_id"] not in calls:
            raise ParameterError(
                f"input[{i}].call_id", item["call_id"], "the call_id of a function_call before it"
            )
        items.append(item)
    return items


def unknown_members(value: Any) -> list[str]:
    """Return the names of members of items that nobody knows, each once: they change nothing."""
    items = [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
    found: dict[str, None] = {}
    for item in items:
        known = _KNOWN.get(str(_type(item)), frozenset())
        found |= {name: None for name, one in item.items() if one is not None and name not in known}
    return list(found)


def messages_of(items: Iterable[Item]) -> list[ChatMessage]:
    """Return a conversation as a chat has it.

    Calls join the assistant's message before them, and thoughts its message after them.
    """
    messages: list[dict[str, Any]] = []
    thoughts: str | None = None
    for item in items:
        kind = item["type"]
        if kind == "reasoning":
            thoughts = _thoughts(item)
        elif kind == "function_call_output":
            output = text_of(item["output"])
            messages.append({"role": "tool", "tool_call_id": item["call_id"], "content": output})
        elif kind == "function_call":
            if thoughts is not None or not messages or messages[-1]["role"] != "assistant":
                messages.append({"role": "assistant", "reasoning_content": thoughts})
            messages[-1].setdefault("tool_calls", []).append(_call(item))
            thoughts = None
        else:
            # Templates know no developer: some would leave the message out.
            role = "system" if item["role"] == "developer" else item["role"]
            message = {"role": role, "content": text_of(item["content"])}
            if role == "assistant":
                message["reasoning_content"], thoughts = thoughts, None
            messages.append(message)
    return [ChatMessage(**message) for message in messages]


def text_of(content: Any) -> str:
    """Return the text of an item's parts."""
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _item(where: str, item: Any, known: Mapping[str, Item]) -> Item:
    """Return an item with an id, checked."""
    if not isinstance(item, dict):
        raise ParameterError(where, item, "an item, such as a message with role and content")
    kind = _type(item)
    if not isinstance(kind, str) or kind not in _KNOWN:
        raise ParameterError(f"{where}.type", kind, ", ".join(_KNOWN))
    if kind == "item_reference":
        id_ = _text(where, item, "id")
        if id_ not in known:
            raise ApiError(404, f"{where}.id: there is no item {id_[:80]!r} here", param="input")
        return known[id_]
    id_ = new_id(_PREFIXES[kind]) if item.get("id") is None else _text(where, item, "id")
    head = {"type": kind, "id": id_, "status": "completed"}
    if kind == "message":
        return head | _message(where, item)
    if kind == "reasoning":
        return head | {"summary": item.get("summary") or [], "content": _reasoning(where, item)}
    call_id = _text(where, item, "call_id")
    if kind == "function_call_output":
        return head | {"call_id": call_id, "output": _content(f"{where}.output", item.get("output"))}
    call = head | {name: _text(where, item, name) for name in ("call_id", "name", "arguments")}
    try:
        Message("assistant", tool_calls=(_call(call),))
    except ParameterError as error:
        name = error.field.rpartition(".")[2]
        raise ParameterError(f"{where}.{name}", error.value, error.allowed) from None
    return call


def _type(item: Mapping[str, Any]) -> Any:
    """Return an item's type, which a message need not say."""
    return "message" if item.get("type") is None and "role" in item else item.get("type")


def _message(where: str, item: Mapping[str, Any]) -> dict[str, Any]:
    role = item.get("role")
    if role not in _ROLES:
        raise ParameterError(f"{where}.role", role, ", ".join(_ROLES))
    content = _content(f"{where}.content", item.get("content"))
    if isinstance(content, str):
        content = [{"text": content}]
    if role == "assistant":
        parts = [output_text(part["text"]) for part in content]
    else:
        parts = [{"type": "input_text", "text": part["text"]} for part in content]
    return {"role": role, "content": parts}


def output_text(text: str, logprobs: Sequence[Any] = ()) -> dict[str, Any]:
    """Return a part of the assistant's message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": list(logprobs)}


def _content(where: str, content: Any) -> str | list[dict[str, Any]]:
    """Return a text, or parts that are text. Raises ParameterError, ApiError (unsupported_content)."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise ParameterError(where, content, "text, or a list of text parts")
    return [_part(f"{where}[{i}]", part) for i, part in enumerate(content)]


def _part(where: str, part: Any) -> dict[str, Any]:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind in _NOT_READ:
        message = f"{where}.type = {kind!r} is not supported: this model reads text"
        raise ApiError(400, message, param="input", code="unsupported_content")
    if kind not in _TEXTS:
        raise ParameterError(f"{where}.type", kind, "input_text or output_text")
    return {"type": kind, "text": _text(where, part, "text")}


def _reasoning(where: str, item: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = item.get("content") or []
    if not isinstance(content, list):
        raise ParameterError(f"{where}.content", content, "a list of parts")
    for i, part in enumerate(content):
        if not isinstance(part, dict) or part.get("type") not in ("reasoning_text", "text"):
            raise ParameterError(f"{where}.content[{i}]", part, "a part of type reasoning_text")
        _text(f"{where}.content[{i}]", part, "text")
    return content


def _thoughts(item: Item) -> str | None:
    return text_of(item["content"]) or None


def _text(where: str, item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    if not isinstance(value, str):
        raise ParameterError(f"{where}.{name}", value, "text")
    return value


def _call(item: Item) -> dict[str, Any]:
    """Return a call as a chat has it."""
    function = {"name": item["name"], "arguments": item["arguments"]}
    return {"id": item["call_id"], "type": "function", "function": function}
