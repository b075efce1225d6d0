"""GET /openapi.json: what the endpoints take and give, from the models that requests are checked with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic.json_schema import models_json_schema

from ponder import __version__
from ponder.server.openai.body import NEUTRAL
from ponder.server.openai.protocol import (
    Body,
    ChatBody,
    ChatMessage,
    CompletionBody,
    DetokenizeBody,
    EmbeddingBody,
    ResponsesBody,
    ScoreBody,
    StreamOptions,
    TextOptions,
    TokenizeBody,
)
from ponder.server.openai.refused import MESSAGE, STREAM_OPTIONS, Neutral
from ponder.server.playground.protocol import (
    DistributionBody,
    ExpandBody,
    ScoreTextsBody,
    SolveBody,
)

Schema = dict[str, Any]

_JSON = "application/json"
_NULL: Schema = {"type": "null"}
_ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """One method of one path: what it does, the body it reads, and the kinds of its answer."""

    method: str
    path: str
    what: str
    body: type[Body] | None = None
    answers: tuple[str, ...] = (_JSON,)
    parameters: tuple[str, ...] = ()


_STREAM = ("text/event-stream",)
_STREAMED = (_JSON, *_STREAM)
_ENDPOINTS = (
    _Endpoint("get", "/health", "Whether the decode loop answers."),
    _Endpoint("get", "/version", "The version of ponder."),
    _Endpoint("get", "/metrics", "Figures for Prometheus.", answers=("text/plain",)),
    _Endpoint("get", "/openapi.json", "This document."),
    _Endpoint("get", "/v1/models", "The names of the model that is served."),
    _Endpoint("get", "/v1/models/{name}", "The model by one of its names.", parameters=("name",)),
    _Endpoint("post", "/v1/completions", "Raw text goes on.", CompletionBody, _STREAMED),
    _Endpoint("post", "/v1/chat/completions", "A conversation goes on.", ChatBody, _STREAMED),
    _Endpoint("post", "/v1/responses", "A conversation goes on, and is kept.", ResponsesBody, _STREAMED),
    _Endpoint("get", "/v1/responses/{id_}", "A response that is kept.", parameters=("id_",)),
    _Endpoint("delete", "/v1/responses/{id_}", "A response is forgotten.", parameters=("id_",)),
    _Endpoint("get", "/v1/responses/{id_}/input_items", "What a response answers.", parameters=("id_",)),
    _Endpoint("post", "/v1/embeddings", "Texts as vectors.", EmbeddingBody),
    _Endpoint("post", "/v1/score", "How near texts are to each other.", ScoreBody),
    _Endpoint("post", "/tokenize", "The token ids of a text, or of messages.", TokenizeBody),
    _Endpoint("post", "/detokenize", "The text of token ids.", DetokenizeBody),
    _Endpoint("get", "/tokenizer_info", "What clients without a tokenizer ask for."),
    _Endpoint("get", "/ponder/v1/info", "The model, the parameters, the limits, and what can be done here."),
    _Endpoint("post", "/ponder/v1/distribution", "What there is to choose from next.", DistributionBody),
    _Endpoint("post", "/ponder/v1/score", "How probability divides over whole texts.", ScoreTextsBody),
    _Endpoint("post", "/ponder/v1/expand", "All likely ways to go on.", ExpandBody, _STREAM),
    _Endpoint("post", "/ponder/v1/solve", "Spend a budget on a better answer.", SolveBody, _STREAM),
)


@cache
def document() -> Schema:
    """Return the server's interface as OpenAPI 3.1 writes it. It is shared: nobody may change it."""
    kinds = [one.body for one in _ENDPOINTS if one.body is not None]
    _, defined = models_json_schema(
        [(kind, "validation") for kind in kinds], ref_template="#/components/schemas/{model}"
    )
    schemas: dict[str, Schema] = {**defined["$defs"], "Error": _ERROR}
    for kind in kinds:
        _close(schemas[kind.__name__], NEUTRAL.get(kind, {}))
    _close(schemas[StreamOptions.__name__], STREAM_OPTIONS)
    _close(schemas[TextOptions.__name__], {})
    _add(schemas[ChatMessage.__name__], MESSAGE)  # and, as in parts, any others
    paths: dict[str, Schema] = {}
    for endpoint in _ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "ponder", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
            },
        },
        "security": [{}, {"bearer": []}, {"key": []}],
    }


def _close(schema: Schema, neutral: Neutral) -> None:
    """Let a body have what is known and not implemented at its neutral values, and others at null."""
    _add(schema, neutral)
    schema["additionalProperties"] = _NULL


def _add(schema: Schema, neutral: Neutral) -> None:
    schema["properties"] = _members(neutral) | schema["properties"]


def _members(neutral: Neutral) -> dict[str, Schema]:
    members: dict[str, Schema] = {}
    for name, allowed in neutral.items():
        if isinstance(allowed, Mapping):
            inside = {"type": "object", "properties": _members(allowed), "additionalProperties": _NULL}
            members[name] = {"anyOf": [inside, _NULL]}
        else:
            members[name] = {"enum": [None, *allowed]}
    return members


def _operation(endpoint: _Endpoint) -> Schema:
    operation: Schema = {"summary": endpoint.what, "responses": _responses(endpoint)}
    if endpoint.body is not None:
        where = {"$ref": f"#/components/schemas/{endpoint.body.__name__}"}
        operation["requestBody"] = {"required": True, "content": {_JSON: {"schema": where}}}
    if endpoint.parameters:
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in endpoint.parameters
        ]
    return operation


def _responses(endpoint: _Endpoint) -> Schema:
    answers = {
        kind: {"schema": {"type": "object" if kind == _JSON else "string"}} for kind in endpoint.answers
    }
    error = {_JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        "200": {"description": "The answer.", "content": answers},
        "default": {"description": "What is wrong, in one sentence.", "content": error},
    }
