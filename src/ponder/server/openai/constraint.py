"""What a request says that the text may be: as OpenAI, vLLM and we call it, joined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ponder.constraints import Ban, Constraint, OnlyTokens, Thinking, constraint_of
from ponder.constraints.plain import all_of
from ponder.constraints.structure import either
from ponder.errors import ParameterError, renaming
from ponder.server.openai.calls import calls_of, form_of_calls, is_call_certain
from ponder.server.openai.protocol import ChatBody, GenerationBody
from ponder.server.openai.refused import STRUCTURED, check_members
from ponder.server.served import Served

_GUIDED = {
    "guided_json": "json_schema",
    "guided_regex": "regex",
    "guided_choice": "choice",
    "guided_grammar": "grammar",
}
_KINDS = {"json": "json_schema", "regex": "regex", "choice": "choice", "grammar": "grammar"}
# What the constraints themselves call fields of plain data.
_IN_ERRORS = {
    "json_schema": "schema",
    "regex": "pattern",
    "ban_regex": "pattern",
    "choice": "texts",
    "mentions": "strings",
    "contains": "part",
    "grammar": "grammar",
}


_BUDGETS = ("thinking_token_budget", "thinking_budget_tokens", "reasoning_budget_tokens")
_MESSAGE = "reasoning_budget_message"


def read_constraint(body: GenerationBody, model: Served) -> Constraint | None:
    """Return all that a request says of its texts; the text must keep to all of it. None: it says nothing.

    With `constraint.thinking` or a budget of thoughts, formats, structures, calls of tools and what else
    `constraint` says are about what comes after the thoughts; `bad_words` and `allowed_token_ids` are about
    all of the text.

    Raises
    ------
    ParameterError, ApiError : a value is not allowed; by the request's name of it.
    """
    parts = _structures(body)
    whole = [*parts, *_with_calls(body, model, _format(body))]
    own, budget = body.constraint or {}, _thinking(body)
    with _within("constraint"):
        made = constraint_of(own, () if budget else whole)
    if budget:
        answer = all_of([*([] if made is None else [made]), *whole])
        with renaming({"message": _MESSAGE}):
            made = Thinking(**budget, opened="auto", answer=answer)
    joined = [] if made is None else [made]
    if body.bad_words:
        joined.append(Ban(tuple(body.bad_words)))
    if body.allowed_token_ids is not None:
        ends = {*model.tokenizer.vocabulary.end_ids, *(body.stop_token_ids or ())}
        may_end = made is not None or bool(body.stop) or not ends.isdisjoint(body.allowed_token_ids)
        with renaming({"tokens": "allowed_token_ids"}):
            joined.append(OnlyTokens(body.allowed_token_ids, may_end=may_end))
    return all_of(joined)


def constraint_names(body: GenerationBody) -> dict[str, str]:
    """Return what the request calls what errors name while a constraint is compiled."""
    own, structured = body.constraint or {}, body.structured_outputs or {}
    sources: list[tuple[str, str]] = []  # the request's name, and the field in an error that means it
    if (body.response_format or {}).get("type") in ("json_object", "json_schema"):
        sources.append(("response_format", "schema"))
    for kind in (*_KINDS, "json_object"):
        if structured.get(kind) is not None:
            sources.append((f"structured_outputs.{kind}", _IN_ERRORS[_KINDS.get(kind, "json_schema")]))
    sources += [
        (name, _IN_ERRORS[field]) for name, field in _GUIDED.items() if getattr(body, name) is not None
    ]
    if isinstance(body, ChatBody) and body.tools:
        sources += [("tools", "schema"), ("tools", "remotes")]
    if body.bad_words:
        sources.append(("bad_words", "ban"))
    if body.allowed_token_ids is not None:
        sources.append(("allowed_token_ids", "tokens"))
    sources += [(f"constraint.{name}", _IN_ERRORS.get(name, name)) for name in own]
    names: dict[str, str] = {}
    if own.get("thinking") is not None:
        sources += [(f"constraint.thinking.{name}", name) for name in own["thinking"]]
    if (budget := _budget(body)) is not None:
        sources += [(budget[0], "maximum"), (_MESSAGE, "message"), (budget[0], "open"), (budget[0], "close")]
    for name, field in sources:
        names.setdefault(field, name)
    if sources:
        said = [name for name, _ in sources] + (["min_tokens"] if getattr(body, "min_tokens", None) else [])
        names["constraint"] = " and ".join(dict.fromkeys(said))
    return names


def _budget(body: GenerationBody) -> tuple[str, int] | None:
    """Return the most tokens that a text may think, and the name it has; None: as many as it likes."""
    given = [(name, value) for name in _BUDGETS if (value := getattr(body, name)) is not None]
    for name, value in given:
        if value < -1:
            raise ParameterError(name, value, "a whole number of tokens, or -1 for no limit")
        if value != given[0][1]:
            raise ParameterError(name, value, f"as {given[0][0]}, which is {given[0][1]}")
    return given[0] if given and given[0][1] >= 0 else None


def _thinking(body: GenerationBody) -> dict[str, Any]:
    """Return what a budget of thoughts says of them; nothing where there is none."""
    budget, message = _budget(body), getattr(body, _MESSAGE)
    if budget is None:
        if message is not None:
            raise ParameterError(_MESSAGE, message, f"left out without one of {', '.join(_BUDGETS)}")
        return {}
    name, value = budget
    if (body.constraint or {}).get("thinking") is not None:
        raise ParameterError(name, value, "left out with constraint.thinking, which has a maximum of its own")
    return {"maximum": value} | ({} if message is None else {"message": message})


def _format(body: GenerationBody) -> Constraint | None:
    """Return what `response_format` says."""
    form = body.response_format
    if form is None:
        return None
    kind, where = form.get("type"), "response_format"
    known = {"text": ("type",), "json_object": ("type", "schema"), "json_schema": ("type", "json_schema")}
    if not isinstance(kind, str) or kind not in known:
        raise ParameterError(f"{where}.type", kind, "text, json_object or json_schema")
    rest = {name: value for name, value in form.items() if name not in known[kind]}
    check_members(rest, known[kind], {}, f"{where}.")
    if kind == "text":
        return None
    schema, where = form.get("schema"), f"{where}.schema"
    if kind == "json_schema":
        described, where = form.get("json_schema"), "response_format.json_schema"
        if not isinstance(described, dict):
            raise ParameterError(where, described, "an object with a name and a schema")
        members = ("name", "description", "schema", "strict")
        rest = {name: value for name, value in described.items() if name not in members}
        check_members(rest, members, {}, f"{where}.")
        if not isinstance(described.get("strict"), bool | None):
            raise ParameterError(f"{where}.strict", described["strict"], "true or false")
        for name in ("name", "description"):
            if not isinstance(described.get(name), str | None):
                raise ParameterError(f"{where}.{name}", described[name], "text")
        schema, where = described.get("schema"), f"{where}.schema"
        if not isinstance(schema, dict | str):
            raise ParameterError(where, schema, "a JSON schema")
    return _of("json_schema", True if schema is None else schema, where)


def _structures(body: GenerationBody) -> list[Constraint]:
    """Return what vLLM's `structured_outputs` and its older fields say."""
    parts = [
        _of(field, value, name)
        for name, field in _GUIDED.items()
        if (value := getattr(body, name)) is not None
    ]
    structured = body.structured_outputs
    if structured is None:
        return parts
    where, known = "structured_outputs", (*_KINDS, "json_object", "disable_any_whitespace")
    rest = {name: value for name, value in structured.items() if name not in known}
    check_members(rest, known, STRUCTURED, f"{where}.")
    given = [name for name in (*_KINDS, "json_object") if structured.get(name) not in (None, False)]
    if len(given) != 1:
        allowed = "an object with exactly one of json, regex, choice, grammar and json_object"
        raise ParameterError(where, structured, allowed)
    (kind,) = given
    value = structured[kind]
    if kind == "json_object" and value is not True:
        raise ParameterError(f"{where}.json_object", value, "true")
    compact = structured.get("disable_any_whitespace")
    if not isinstance(compact, bool | None):
        raise ParameterError(f"{where}.disable_any_whitespace", compact, "true or false")
    if compact and kind not in ("json", "json_object"):
        allowed = "left out or false without json or json_object"
        raise ParameterError(f"{where}.disable_any_whitespace", compact, allowed)
    options = {"compact": True} if compact else {}
    return [*parts, _of(_KINDS.get(kind, "json_schema"), value, f"{where}.{kind}", options)]


def _with_calls(body: GenerationBody, model: Served, form: Constraint | None) -> list[Constraint]:
    """Return what a format and calls of tools say: where both may come, the text is one or the other."""
    given = [] if form is None else [form]
    if not isinstance(body, ChatBody) or not body.tools:
        return given
    calls = calls_of(body, model)
    if form is None:
        return [] if calls is None else [calls]
    if body.tool_choice == "none":
        return given
    if is_call_certain(body):
        allowed = "left out where tool_choice makes the answer a call"
        raise ParameterError("response_format", body.response_format, allowed)
    form_of_calls(model, "response_format", body.response_format)
    certain = calls_of(body.model_copy(update={"tool_choice": "required"}), model)
    return given if certain is None else [either(form, certain)]


def _of(field: str, value: Any, name: str, options: Mapping[str, Any] | None = None) -> Constraint:
    """Return the constraint that one field of plain data describes, which the request calls `name`."""
    with renaming({field: name}):
        made = constraint_of({field: value, **(options or {})})
    assert made is not None
    return made


@contextmanager
def _within(where: str) -> Iterator[None]:
    """Let errors say which member of an object is wrong."""
    try:
        yield
    except ParameterError as error:
        raise ParameterError(f"{where}.{error.field}", error.value, error.allowed) from None
