"""From a body's bytes to a checked request: JSON, types, names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError
from starlette.requests import Request

from ponder.errors import ParameterError
from ponder.server.front.body import read_bytes
from ponder.server.front.errors import ApiError
from ponder.server.openai import refused
from ponder.server.openai.protocol import (
    TYPE_NAMES,
    UNION_NAMES,
    Body,
    ChatBody,
    ChatMessage,
    CompletionBody,
    EmbeddingBody,
    GenerationBody,
    PromptBody,
    ResponsesBody,
    ScoreBody,
    TextOptions,
    TokenizeBody,
    TraceOptions,
)

B = TypeVar("B", bound=Body)
_INSIDE = {*ChatMessage.model_fields, *TextOptions.model_fields, "type", "text"}
MOST_NAMED = 20  # members in one warning

# What is known of each endpoint and not implemented.
NEUTRAL: Mapping[type[Body], refused.Neutral] = {
    CompletionBody: refused.COMPLETION,
    ChatBody: refused.CHAT,
    ResponsesBody: refused.RESPONSES,
    TokenizeBody: refused.TEMPLATE,
    EmbeddingBody: refused.EMBEDDING,
    ScoreBody: refused.SCORE,
}


async def read_body(request: Request, kind: type[B], max_bytes: int) -> B:
    """Read a request's body as a `kind`.

    Raises
    ------
    ApiError : it is too large (413), too slow (408), no JSON, of a wrong type or has unknown members (400).
    ClientGone : the client went away before all of it was there.
    """
    raw = await read_bytes(request, max_bytes)
    try:
        body = kind.model_validate_json(raw)
    except ValidationError as error:
        raise _as_api_error(error) from None
    _check_members(body)
    request.scope["ponder.record"].warning = warning_of(_unknown_in_messages(body))
    return body


def _as_api_error(error: ValidationError) -> ApiError:
    first = error.errors(include_url=False)[0]
    kind, value = first["type"], first["input"]
    if kind == "json_invalid":
        return ApiError(400, f"the body is no JSON: {first['ctx']['error']}", code="invalid_json")
    name = _name(first["loc"])
    if kind == "missing":
        return ApiError(400, f"{name} is missing", param=name, code="missing_parameter")
    if not name:
        return ApiError(400, "the body is no JSON object", code="invalid_json")
    field = name.rpartition(".")[2]
    allowed = UNION_NAMES.get(field) or TYPE_NAMES.get(kind) or first["msg"].removeprefix("Input should be ")
    message = str(ParameterError(name, value, allowed))
    return ApiError(400, message, param=name.split("[")[0], code="invalid_type")


def _name(loc: tuple[int | str, ...]) -> str:
    """Write where a value is, such as messages[0].content, without the branches of a union."""
    name = ""
    for part in loc:
        if isinstance(part, int):
            name += f"[{part}]"
        elif not name:
            name = part
        elif part in _INSIDE:
            name += f".{part}"
    return name[:200]


def _check_members(body: Body) -> None:
    _check(body, NEUTRAL.get(type(body), {}), "")
    if isinstance(body, GenerationBody):
        _check_trace(body.include_trace, "include_trace.")
        if body.stream_options is not None:
            _check(body.stream_options, refused.STREAM_OPTIONS, "stream_options.")
            _check_trace(body.stream_options.include_trace, "stream_options.include_trace.")
    if isinstance(body, ResponsesBody) and body.text is not None:
        _check(body.text, {}, "text.")
    if isinstance(body, ChatBody | PromptBody):
        _check_messages(body.messages or (), "messages")
    if isinstance(body, ChatBody) and isinstance(body.negative_prompt, list):
        _check_messages(body.negative_prompt, "negative_prompt")


def _check_messages(messages: Sequence[ChatMessage], field: str) -> None:
    """Refuse what is known and not implemented; what is not known is told by `_unknown_in_messages`."""
    for i, message in enumerate(messages):
        if message.__pydantic_extra__:
            refused.check_neutral(message.__pydantic_extra__, refused.MESSAGE, f"{field}[{i}].")


def _unknown_in_messages(body: Body) -> list[str]:
    """Return the names of members of messages and of their parts that nobody knows, each once.

    Clients put marks of their own there, as for caches or times.
    """
    messages: list[ChatMessage] = []
    if isinstance(body, ChatBody | PromptBody):
        messages += body.messages or ()
    if isinstance(body, ChatBody) and isinstance(body.negative_prompt, list):
        messages += body.negative_prompt
    found: dict[str, None] = {}
    for message in messages:
        found |= dict.fromkeys(refused.unknown_of(message.__pydantic_extra__ or {}, refused.MESSAGE))
        for part in message.content if isinstance(message.content, list) else ():
            if part.__pydantic_extra__:  # there may be many thousands, and hardly any has one
                found |= dict.fromkeys(refused.unknown_of(part.__pydantic_extra__, ()))
    return list(found)


def warning_of(unknown: Sequence[str]) -> str | None:
    """Return the sentence of a header that names what was not used; printable ASCII."""
    if not unknown:
        return None
    names = [refused.shortened(_printable(name)) for name in unknown[:MOST_NAMED]]
    more = f" and {len(unknown) - MOST_NAMED} more" if len(unknown) > MOST_NAMED else ""
    return f"unknown members of messages were not used: {', '.join(names)}{more}"


def _printable(name: str) -> str:
    """Return a name in printable ASCII, in quotes if it is empty or ends in blanks, as no header may."""
    quoted = ascii(name)
    return quoted[1:-1] if name.strip(" ") == name != "" else quoted


def _check_trace(given: bool | TraceOptions | None, where: str) -> None:
    if isinstance(given, TraceOptions):
        _check(given, {}, where)


def _check(body: Body, neutral: refused.Neutral, where: str) -> None:
    extra: dict[str, Any] | None = body.__pydantic_extra__
    if extra:
        refused.check_members(extra, type(body).model_fields, neutral, where)
