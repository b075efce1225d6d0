"""Calls of tools that the model is held to."""

from __future__ import annotations

from typing import Any

from ponder.constraints import Ban, Constraint, JsonSchema, Length, Token, repeated, then
from ponder.errors import ParameterError
from ponder.server.openai.prompts import tools_of
from ponder.server.openai.protocol import ChatBody
from ponder.text.tool_calls import CLOSE, OPEN
from ponder.text.vocabulary import Vocabulary


def is_call_certain(body: ChatBody) -> bool:
    """Return whether the answer is to be calls and nothing else."""
    return body.tool_choice not in (None, "none", "auto")


def calls_of(body: ChatBody, vocabulary: Vocabulary) -> Constraint | None:
    """Return what holds the model to calls of tools; None: nothing is to.

    Where a call is certain, the text is calls, with arguments of the tools' schemas. Otherwise it is any text
    with calls in it: nothing holds it, unless a tool is strict or there may be one call at most.

    Raises
    ------
    ParameterError : a schema is none that a tool's arguments can have.
    """
    tools = [tool["function"] for tool in tools_of(body)]
    if not tools:
        return None
    one = body.parallel_tool_calls is False
    if is_call_certain(body):
        if isinstance(body.tool_choice, dict):
            named = body.tool_choice["function"]["name"]
            tools, one = [tool for tool in tools if tool["name"] == named], True
        call = _call([(tool["name"], _arguments(tool)) for tool in tools], vocabulary)
        return call if one else then(call, repeated(then("\n", call)))
    strict = _strict_names(body)
    if not one and not strict:
        return None
    any_object = {"type": "object"}
    call = _call(
        [(tool["name"], _arguments(tool) if tool["name"] in strict else any_object) for tool in tools],
        vocabulary,
    )
    text = Ban(OPEN) & Length()
    return then(text, repeated(then(call, text), 0, 1 if one else None))


def _strict_names(body: ChatBody) -> set[str]:
    """Return the names of the tools whose calls are to be held to their schemas."""
    functions = [tool["function"] for tool in body.tools or []]
    return {function["name"] for function in functions if function.get("strict")}


def _arguments(tool: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a tool's arguments, which are an object; without a schema it has no members."""
    schema = tool.get("parameters")
    if schema is None:
        return {"type": "object", "additionalProperties": False}
    kind = schema.get("type", "object")
    if kind != "object" and not (isinstance(kind, list) and "object" in kind):
        allowed = f"a schema of objects, as the arguments of {tool['name']} are one"
        raise ParameterError("tools", kind, allowed)
    return {**schema, "type": "object"}


def _call(tools: list[tuple[str, dict[str, Any]]], vocabulary: Vocabulary) -> Constraint:
    """Return the texts that call one of some tools, each a name and the schema of its arguments.

    Each schema is a document of its own, so that what it refers to is looked for in it.
    """
    uris = [f"urn:ponder:tool:{number}" for number in range(len(tools))]
    calls = [
        {
            "type": "object",
            "properties": {"name": {"const": name}, "arguments": {"$ref": uri}},
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for (name, _), uri in zip(tools, uris, strict=True)
    ]
    remotes = {uri: schema for (_, schema), uri in zip(tools, uris, strict=True)}
    schema = calls[0] if len(calls) == 1 else {"anyOf": calls}
    opened, closed = (Token(mark) if mark in vocabulary.control else mark for mark in (OPEN, CLOSE))
    return then(opened, "\n", JsonSchema(schema, remotes), "\n", closed)
