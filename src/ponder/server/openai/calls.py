"""Calls of tools that the model is held to."""

from __future__ import annotations

import re
from typing import Any

from ponder.constraints import (
    Ban,
    Constraint,
    Contains,
    JsonSchema,
    Length,
    Regex,
    StartsWith,
    Token,
    either,
    optional,
    repeated,
    then,
)
from ponder.errors import ParameterError
from ponder.server.openai.prompts import tools_of
from ponder.server.openai.protocol import ChatBody
from ponder.server.served import Served
from ponder.text.call_form import CallForm
from ponder.text.vocabulary import Vocabulary

Tools = list[tuple[str, dict[str, Any]]]
"""Tools to call: the name of each, and the schema of its arguments."""


def is_call_certain(body: ChatBody) -> bool:
    """Return whether the answer is to be calls and nothing else."""
    return body.tool_choice not in (None, "none", "auto")


def form_of_calls(model: Served, field: str, value: Any) -> CallForm:
    """Return how a model writes calls. Raises ParameterError for a field that needs it where nobody knows."""
    form = model.call_form()
    if form is None:
        why = f"the chat template of {model.name} writes calls of tools in a form that nothing can be held to"
        raise ParameterError(field, value, f"left out: {why}")
    return form


def calls_of(body: ChatBody, model: Served) -> Constraint | None:
    """Return what holds the model to calls of tools; None: nothing is to.

    Where a call is certain, the text is calls, with arguments of the tools' schemas. Otherwise it is any text
    with calls in it: nothing holds it, unless a tool is strict or there may be one call at most.

    Raises
    ------
    ParameterError : a schema is none that a tool's arguments can have, or nobody knows how calls are written.
    """
    tools = [tool["function"] for tool in tools_of(body)]
    if not tools:
        return None
    one = body.parallel_tool_calls is False
    vocabulary = model.tokenizer.vocabulary
    if is_call_certain(body):
        form = form_of_calls(model, "tool_choice", body.tool_choice)
        if isinstance(body.tool_choice, dict):
            named = body.tool_choice["function"]["name"]
            tools, one = [tool for tool in tools if tool["name"] == named], True
        return certain_calls(form, [(tool["name"], _arguments(tool)) for tool in tools], vocabulary, one=one)
    strict = _strict_names(body)
    if not one and not strict:
        return None
    field, value = (
        ("tools", f"strict {', '.join(sorted(strict))}") if strict else ("parallel_tool_calls", False)
    )
    any_object = {"type": "object"}
    held = [(tool["name"], _arguments(tool) if tool["name"] in strict else any_object) for tool in tools]
    return possible_calls(form_of_calls(model, field, value), held, vocabulary, one=one)


def certain_calls(form: CallForm, tools: Tools, vocabulary: Vocabulary, *, one: bool) -> Constraint:
    """Return the texts that are calls of some tools, one call or more."""
    calls = _calls(form, tools, vocabulary, one=one)
    if one or form.again is None:
        return calls
    return then(calls, repeated(then(*_spelled(form.again, vocabulary), calls)))


def possible_calls(form: CallForm, tools: Tools, vocabulary: Vocabulary, *, one: bool) -> Constraint:
    """Return the texts whose calls, if there are any, are of some tools; at most one call or any number.

    What calls begin with is nowhere else.
    """
    calls = _calls(form, tools, vocabulary, one=one)
    marks = form.opening.split()
    if not marks:
        begun = Regex(rf"\s*(\{{|{re.escape(form.optional)})" if form.optional else r"\s*\{")
        return either(Length() & ~StartsWith(begun), calls)
    opening = Regex(r"\s*".join(map(re.escape, marks)))
    text = Length() & (Ban(marks[0]) if len(marks) == 1 else ~Contains(opening))
    if form.again is None:
        return then(text, optional(calls))
    return then(text, repeated(then(calls, text), 0, 1 if one else None))


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


def _calls(form: CallForm, tools: Tools, vocabulary: Vocabulary, *, one: bool) -> Constraint:
    """Return the texts of calls, from what they begin with to what they end with."""
    call = _call(form, tools, vocabulary)
    between = None if one else form.between
    tag = form.optional in vocabulary.control
    return then(
        *([optional(Token(form.optional))] if tag else []),
        *_spelled(form.opening, vocabulary),
        call if between is None else then(call, repeated(then(*_spelled(between, vocabulary), call))),
        *_spelled(form.end, vocabulary),
    )


def _call(form: CallForm, tools: Tools, vocabulary: Vocabulary) -> Constraint:
    """Return the texts that call one of some tools.

    Each schema is a document of its own, so that what it refers to is looked for in it.
    """
    if form.keys is None:
        head, middle, tail = (_spelled(one, vocabulary) for one in (form.head, form.middle, form.tail))
        return either(*(then(*head, name, *middle, JsonSchema(schema), *tail) for name, schema in tools))
    name_key, arguments_key = form.keys
    uris = [f"urn:ponder:tool:{number}" for number in range(len(tools))]
    calls = [
        {
            "type": "object",
            "properties": {name_key: {"const": name}, arguments_key: {"$ref": uri}},
            "required": [name_key, arguments_key],
            "additionalProperties": False,
        }
        for (name, _), uri in zip(tools, uris, strict=True)
    ]
    remotes = {uri: schema for (_, schema), uri in zip(tools, uris, strict=True)}
    return JsonSchema(calls[0] if len(calls) == 1 else {"anyOf": calls}, remotes)


def _spelled(string: str, vocabulary: Vocabulary) -> list[Constraint | str]:
    """Return the parts of a string: the control tokens that it names, and what is between them."""
    names = sorted((name for name in vocabulary.control if name and name in string), key=len, reverse=True)
    if not names:
        return [string] if string else []
    parts = re.split(f"({'|'.join(map(re.escape, names))})", string)
    return [Token(part) if part in names else part for part in parts if part]
