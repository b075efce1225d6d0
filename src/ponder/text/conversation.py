"""A conversation as a chat template gets it: messages, tools, and variables of the template's own."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from ponder.errors import ParameterError, TemplateError

MAX_TOOLS = 1024
MAX_TOOLS_JSON = 2**20  # characters
MAX_CALLS = 1024
MAX_ARGS = 64
MAX_ARGS_JSON = 2**16
MAX_NAME = 256
MAX_DEPTH = 64
MAX_WHERE = 200  # characters of a name in an error

END_MARK = "\ue002"
"""Stands where a final message that is to go on ends, while the template writes it."""

_SPECIAL = ("bos", "eos", "unk", "sep", "pad", "cls", "mask", "eot", "eom", "image", "audio", "video")
RENDERERS = frozenset(
    {
        "messages",
        "tools",
        "add_generation_prompt",
        "continue_final_message",
        "additional_special_tokens",
        "raise_exception",
        "strftime_now",
        "namespace",
        "range",
        "dict",
        "lipsum",
        "cycler",
        "joiner",
        "self",
        "loop",
        "caller",
        "varargs",
        "kwargs",
        *(f"{name}_token" for name in _SPECIAL),
    }
)
"""Names in a template that the renderer gives a meaning."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    Attributes
    ----------
    role : mostly "system", "user", "assistant" or "tool".
    content : what it says; None only where the assistant calls tools and says nothing.
    name : who speaks, or which tool answers, for templates that write it.
    tool_calls : calls that the assistant made, each `{"id", "type": "function", "function": {"name",
        "arguments"}}`. Arguments in JSON text, as OpenAI has them, become the object that templates expect.
    tool_call_id : which call a tool's message answers.
    reasoning_content : what the assistant thought before its answer.
    """

    role: str
    content: str | None = None
    name: str | None = None
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    tool_call_id: str | None = None
    reasoning_content: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.role, str):
            raise ParameterError("role", self.role, "text")
        if not self.role.strip():
            raise ParameterError("role", self.role, "text that is not empty, such as user")
        for one in ("content", "name", "tool_call_id", "reasoning_content"):
            value = getattr(self, one)
            if value is not None and not isinstance(value, str):
                raise ParameterError(one, value, "text")
        calls = () if self.tool_calls is None else self.tool_calls
        if not isinstance(calls, list | tuple) or len(calls) > MAX_CALLS:
            raise ParameterError("tool_calls", calls, f"a list of at most {MAX_CALLS} calls")
        read = tuple(_call(f"tool_calls[{i}]", call) for i, call in enumerate(calls))
        object.__setattr__(self, "tool_calls", read)
        if self.content is None and not read:
            raise ParameterError("content", None, "text, which only a message with tool_calls may lack")

    def texts(self) -> int:
        """Return how many characters it has, those of tool calls as JSON."""
        calls = len(json.dumps(self.tool_calls, ensure_ascii=False)) if self.tool_calls else 0
        return len(self.content or "") + len(self.reasoning_content or "") + calls

    def variables(self) -> dict[str, Any]:
        """Return it as templates expect it: what it does not have is not there (as in transformers)."""
        told: dict[str, Any] = {"role": self.role}
        if self.reasoning_content is not None:
            told = {"thinking": self.reasoning_content, **told}  # the name in GPT-OSS's templates
        for one in ("content", "name", "tool_calls", "tool_call_id", "reasoning_content"):
            value = getattr(self, one)
            if value is not None and value != ():
                told[one] = list(value) if one == "tool_calls" else value
        return told


MESSAGE_FIELDS = tuple(one.name for one in fields(Message))


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages, and what else the chat template gets.

    Attributes
    ----------
    messages : the conversation so far.
    tools : functions that the model may call, as OpenAI and transformers describe them:
        `{"type": "function", "function": {"name", "description", "parameters"}}`.
    template_args : variables of the template's own, such as `enable_thinking`; JSON values.
    add_generation_prompt : whether the text ends with the beginning of the assistant's turn.
    continue_final_message : whether the last message, the assistant's, is to go on. The text is then written
        up to that message's content, which comes after it (as a path's `text`).

    Raises
    ------
    ParameterError : one of them is malformed or too large, or a variable has a name that the renderer uses.
    """

    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    template_args: Mapping[str, Any] = field(default_factory=dict)
    add_generation_prompt: bool = True
    continue_final_message: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "messages", read_messages(self.messages))
        object.__setattr__(self, "tools", _tools(self.tools))
        object.__setattr__(self, "template_args", _template_args(self.template_args))
        for one in ("add_generation_prompt", "continue_final_message"):
            if not isinstance(getattr(self, one), bool):
                raise ParameterError(one, getattr(self, one), "true or false")
        if self.continue_final_message:
            last = self.messages[-1] if self.messages else None
            if last is None or last.role != "assistant":
                allowed = "left out or false where the last message is not the assistant's"
                raise ParameterError("continue_final_message", True, allowed)
            if last.content is None:
                raise ParameterError("continue_final_message", True, "a last message that has content")

    @property
    def begun(self) -> str:
        """What the final message says already, if it is to go on."""
        return self.messages[-1].content or "" if self.continue_final_message else ""

    def variables(self, safe: Callable[[str], str], *, parts: bool = False) -> dict[str, Any]:
        """Return the template's variables.

        Parameters
        ----------
        safe : what is put in the place of each text of the caller's but roles.
        parts : whether content is given as a list of a text part, which some templates expect.
        """
        messages = []
        for i, message in enumerate(self.messages):
            told = {**_replaced(message.variables(), safe), "role": message.role}
            if self.continue_final_message and i == len(self.messages) - 1:
                told["content"] += END_MARK
            if parts and "content" in told:
                told["content"] = [{"type": "text", "text": told["content"]}]
            messages.append(told)
        return {
            "documents": None,
            **_replaced(dict(self.template_args), safe),
            "messages": messages,
            "tools": _replaced(list(self.tools), safe) if self.tools else None,
            "add_generation_prompt": self.add_generation_prompt and not self.continue_final_message,
        }

    def upto_begun(self, written: str, begun: str) -> str:
        """Return what a template wrote before the content of a final message that is to go on.

        Raises
        ------
        TemplateError : it does not write that message, or writes it otherwise.
        """
        before, mark, _ = written.rpartition(END_MARK)
        for content in (begun, begun.lstrip()):  # templates may trim what comes before the mark
            if mark and before.endswith(content):
                return before[: len(before) - len(content)]
        raise TemplateError(
            "chat template: it does not write the final message as it is, so that message cannot go on"
        )


def read_messages(values: Any, field: str = "messages") -> tuple[Message, ...]:
    """Return messages, which may have been mappings; `field` is what the caller calls them.

    Raises
    ------
    ParameterError : one of them is malformed; the error says which.
    """
    if not isinstance(values, list | tuple):
        raise ParameterError(field, values, "a list of messages")
    read = []
    for i, value in enumerate(values):
        if isinstance(value, Message):
            read.append(value)
            continue
        if not isinstance(value, Mapping):
            raise ParameterError(f"{field}[{i}]", value, "a Message, or a mapping of its fields")
        for name in value:
            if name not in MESSAGE_FIELDS:
                raise ParameterError(f"{field}[{i}]", name, f"of a message's fields: {_list(MESSAGE_FIELDS)}")
        try:
            read.append(Message(**{"role": None, **value, "content": _content(value.get("content"))}))
        except ParameterError as error:
            raise ParameterError(f"{field}[{i}].{error.field}", error.value, error.allowed) from None
    return tuple(read)


def _content(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        return value
    parts = [part if isinstance(part, Mapping) else {"type": part} for part in value]
    return joined("content", ((part.get("type"), part.get("text")) for part in parts))


def joined(where: str, parts: Iterable[tuple[Any, Any]]) -> str:
    """Return the text of parts, each a type and a text. Raises ParameterError for any but text."""
    texts = []
    for i, (kind, text) in enumerate(parts):
        if kind != "text":
            raise ParameterError(f"{where}[{i}].type", kind, "text: this model reads text only")
        if not isinstance(text, str):
            raise ParameterError(f"{where}[{i}].text", text, "text")
        texts.append(text)
    return "".join(texts)


def _call(where: str, call: Any) -> dict[str, Any]:
    """Return a tool call with its arguments as an object."""
    read = json_value(where, call)
    if not isinstance(read, dict):
        raise ParameterError(where, call, "an object with a function")
    if read.get("type", "function") != "function":
        raise ParameterError(f"{where}.type", read["type"], "function")
    function = read.get("function")
    if not isinstance(function, dict):
        raise ParameterError(f"{where}.function", function, "an object with a name and arguments")
    _check_name(f"{where}.function.name", function.get("name"))
    return {**read, "function": {**function, "arguments": _arguments(where, function.get("arguments"))}}


def _arguments(where: str, value: Any) -> dict[str, Any]:
    where, allowed = f"{where}.function.arguments", "an object, or one as JSON text"
    if value is None or value == "":
        return {}
    read = value
    if isinstance(value, str):
        try:
            read = json_value(where, json.loads(value))
        except (ValueError, RecursionError):
            raise ParameterError(where, value, allowed) from None
    if not isinstance(read, dict):
        raise ParameterError(where, value, allowed)
    return read


def _tools(tools: Any) -> tuple[dict[str, Any], ...]:
    """Return tools, checked: what they describe is a function each, and no name comes twice."""
    if tools is None:
        return ()
    if not isinstance(tools, list | tuple) or len(tools) > MAX_TOOLS:
        raise ParameterError("tools", tools, f"a list of at most {MAX_TOOLS} tools")
    read = [_tool(f"tools[{i}]", tool) for i, tool in enumerate(tools)]
    names = [tool["function"]["name"] for tool in read]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise ParameterError(f"tools[{i}].function.name", name, "a name that no other tool has")
    _check_size("tools", read, MAX_TOOLS_JSON)
    return tuple(read)


def _tool(where: str, tool: Any) -> dict[str, Any]:
    read = json_value(where, tool)
    if not isinstance(read, dict):
        raise ParameterError(where, tool, "an object with type function and a function")
    if read.get("type") != "function":
        raise ParameterError(f"{where}.type", read.get("type"), "function: there are no other tools here")
    function = read.get("function")
    if not isinstance(function, dict):
        raise ParameterError(f"{where}.function", function, "an object with a name, and mostly parameters")
    _check_name(f"{where}.function.name", function.get("name"))
    if not isinstance(function.get("description"), str | None):
        raise ParameterError(f"{where}.function.description", function["description"], "text")
    if not isinstance(function.get("parameters"), dict | None):
        raise ParameterError(f"{where}.function.parameters", function["parameters"], "a JSON schema's object")
    if function.get("strict") not in (None, False):
        allowed = "left out or false: what the model writes is not held to a tool's schema"
        raise ParameterError(f"{where}.function.strict", function["strict"], allowed)
    return read


def _check_name(where: str, name: Any) -> None:
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME:
        raise ParameterError(where, name, f"text of 1 to {MAX_NAME} characters")


def _template_args(args: Any) -> dict[str, Any]:
    where = "template_args"
    if args is None:
        return {}
    if not isinstance(args, Mapping) or len(args) > MAX_ARGS:
        raise ParameterError(where, args, f"a mapping of at most {MAX_ARGS} names and values")
    for name in args:
        if not isinstance(name, str) or not name.isidentifier() or len(name) > MAX_NAME:
            raise ParameterError(where, name, "names such as enable_thinking")
        if name in RENDERERS:
            raise ParameterError(f"{where}.{name}", args[name], "left out: the renderer itself sets it")
    read: dict[str, Any] = json_value(where, args)
    _check_size(where, read, MAX_ARGS_JSON)
    return read


def json_value(where: str, value: Any, depth: int = MAX_DEPTH) -> Any:
    """Return a copy of a JSON value. Raises ParameterError for what is none, or nested too deeply."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int) and -(2**63) <= value < 2**64:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if depth == 0:
        raise ParameterError(where, "...", f"values nested in at most {MAX_DEPTH} lists and objects")
    if isinstance(value, list | tuple):
        return [json_value(where, item, depth - 1) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: json_value(f"{where}.{key}"[:MAX_WHERE], item, depth - 1) for key, item in value.items()}
    raise ParameterError(where, value, "a JSON value: text, a number, true, false, null, a list or an object")


def _check_size(where: str, value: Any, most: int) -> None:
    size = len(json.dumps(value, ensure_ascii=False))
    if size > most:
        raise ParameterError(where, f"{size} characters of JSON", f"at most {most}")


def _replaced(value: Any, safe: Callable[[str], str]) -> Any:
    """Return a JSON value with each text, keys included, as `safe` has it."""
    if isinstance(value, str):
        return safe(value)
    if isinstance(value, Mapping):
        return {safe(key): _replaced(item, safe) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(item, safe) for item in value]
    return value


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)
