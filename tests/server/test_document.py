"""GET /openapi.json."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ponder.server.document import document
from ponder.server.openai.protocol import ChatBody, CompletionBody, ResponsesBody
from serving import Tiny, error

POSTS = {
    "/v1/completions": {"prompt": "a", "max_tokens": 1},
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "a"}], "max_tokens": 1},
    "/v1/responses": {"input": "a", "max_output_tokens": 16},
    "/v1/embeddings": {"input": "a"},
    "/v1/score": {"text_1": "a", "text_2": ["b"]},
    "/tokenize": {"prompt": "a"},
    "/detokenize": {"tokens": [5]},
    "/ponder/v1/distribution": {"prompt": "a"},
    "/ponder/v1/score": {"prompt": "a", "texts": ["b"]},
    "/ponder/v1/expand": {"prompt": "a", "min_probability": 0.5},
    "/ponder/v1/solve": {"problem": "a", "budget": {"n": 1}, "sampling": {"max_tokens": 1}},
}


def fits(path: str, body: Any) -> bool:
    """Whether a body is what the document says of an endpoint."""
    whole = document()
    schema = whole["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return bool(Draft202012Validator({**schema, "components": whole["components"]}).is_valid(body))


@pytest.mark.slow
def test_every_endpoint_is_there(tiny: Tiny) -> None:
    """The document is OpenAPI 3.1, and each of its paths answers with what it says."""
    answer = tiny.client.get("/openapi.json")
    assert answer.status_code == 200
    told = answer.json()
    assert told["openapi"].startswith("3.1")
    Draft202012Validator.check_schema({"$defs": told["components"]["schemas"]})
    for path, methods in told["paths"].items():
        stored = tiny.client.post("/v1/responses", json=POSTS["/v1/responses"]).json()["id"]
        where = path.replace("{name}", "tiny").replace("{id_}", stored)
        for method, operation in methods.items():
            body = POSTS.get(path)
            response = tiny.client.request(method, where, json=body)
            assert response.status_code == 200, (path, response.text)
            kinds = operation["responses"]["200"]["content"]
            assert response.headers["content-type"].partition(";")[0] in kinds
            assert (body is not None) == ("requestBody" in operation)
    for path in ("/docs", "/redoc"):
        error(tiny.client.get(path), 404)


@pytest.mark.slow
def test_the_document_has_every_route(tiny: Tiny) -> None:
    """What the application serves and what the document tells are the same paths."""
    routes = {route.path.replace("{name:path}", "{name}") for route in tiny.server._guard.inner.routes}
    assert routes == set(document()["paths"])


def test_the_document_has_every_field() -> None:
    """Of the models that requests are checked with."""
    schemas = document()["components"]["schemas"]
    for kind in (CompletionBody, ChatBody, ResponsesBody):
        assert set(kind.model_fields) <= set(schemas[kind.__name__]["properties"])


@pytest.mark.slow
@pytest.mark.parametrize("path", POSTS)
def test_the_document_tells_the_truth(tiny: Tiny, path: str) -> None:
    """What it allows is answered and what it does not allow is refused, types and names alike."""
    good: list[dict[str, Any]] = [{}, {"model": "tiny"}, {"model": None}, {"nobody_knows": None}]
    bad: list[dict[str, Any]] = [{"nobody_knows": 1}, {"model": 5}, {"model": []}]
    if "completions" in path:
        good += [{"temperature": 0}, {"stop": ["a"]}, {"stop": "a"}, {"logit_bias": {"5": 1.5}}, {"seed": 2}]
        good += [{"response_format": {"type": "text"}}, {"allowed_token_ids": [5]}, {"store": True}]
        bad += [{"temperature": "0"}, {"stop": [1]}, {"n": True}, {"n": 1.5}, {"stream": 1}, {"seed": 2**63}]
        bad += [{"response_format": {"type": "xml"}}, {"allowed_token_ids": ["a"]}, {"stop": {}}]
        bad += [{"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, {"constraint": 5}]
    if path == "/v1/chat/completions":
        message = {"role": "user", "content": [{"type": "text", "text": "a", "mark": 1}], "mark": 2}
        good += [{"messages": [message]}, {"reasoning": {"enabled": False}}, {"reasoning_effort": "low"}]
        bad += [{"messages": "a"}, {"messages": [{"content": "a"}]}, {"reasoning": {"enabled": True}}]
        bad += [{"reasoning_effort": "utmost"}]
    if path == "/v1/completions":
        good += [{"prompt": [5, 6]}, {"prompt": ["a", "b"]}, {"prompt": [[5], [6]]}]
        bad += [{"prompt": 5}, {"prompt": [1.5]}, {"prompt": {}}]
    if path == "/v1/responses":
        good += [{"input": [{"role": "user", "content": "a"}]}, {"text": {"format": {"type": "text"}}}]
        good += [{"truncation": "disabled"}, {"reasoning": {"effort": "low"}}, {"metadata": {"a": "b"}}]
        bad += [{"input": 5}, {"input": []}, {"text": {"format": {"type": "xml"}}}, {"truncation": "auto"}]
        bad += [{"text": {"other": 1}}, {"background": True}, {"include": "a"}, {"response_format": {}}]
    if path == "/v1/embeddings":
        good += [{"input": [5, 6]}, {"encoding_format": "base64"}, {"pooling": "last"}]
        bad += [{"dimensions": 8}, {"encoding_format": "hex"}, {"input": 5}]
    if path.startswith("/ponder"):
        bad += [{"prompt_token_ids": ["a"]}, {"sampling": []}, {"semantics": "hf"}, {"depth": 1.5}]
        bad += [{"texts": "a"}, {"baseline": 5}, {"settings": []}, {"chat": 1}]
    for body in good:
        whole = {**POSTS[path], **body}
        assert fits(path, whole), body
        assert tiny.client.post(path, json=whole).status_code == 200, body
    for body in bad:
        whole = {**POSTS[path], **body}
        assert not fits(path, whole), body
        assert tiny.client.post(path, json=whole).status_code == 400, body
