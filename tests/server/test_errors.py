"""Every error has one shape; what is wrong is refused before anything is queued."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import pytest

from ponder.backends.local import LocalModel
from ponder.engine import Engine, EngineLimits
from serving import Tiny, error, serving
from stepping import fill_queue
from tiny_models import tiny_local_model

POSTS = (
    "/v1/completions",
    "/v1/chat/completions",
    "/v1/embeddings",
    "/v1/score",
    "/tokenize",
    "/detokenize",
)

BAD_COMPLETIONS = {
    "no prompt": ({}, "prompt"),
    "empty list": ({"prompt": []}, "prompt"),
    "number": ({"prompt": 1}, "prompt"),
    "mixed": ({"prompt": ["a", 1]}, "prompt"),
    "ids and text": ({"prompt": [1, "a"]}, "prompt"),
    "id out of range": ({"prompt": [64]}, "prompt"),
    "negative id": ({"prompt": [-1]}, "prompt"),
    "true is no id": ({"prompt": [True]}, "prompt"),
    "many prompts": ({"prompt": ["a"] * 100_000}, "prompt"),
    "temperature text": ({"temperature": "1"}, "temperature"),
    "temperature": ({"temperature": -1}, "temperature"),
    "temperature huge": ({"temperature": 1e999}, "temperature"),
    "n": ({"n": 10**9}, "n"),
    "n zero": ({"n": 0}, "n"),
    "n true": ({"n": True}, "n"),
    "n real": ({"n": 1.0}, "n"),
    "n times prompts": ({"prompt": ["a"] * 100, "n": 100}, "n"),
    "best_of under n": ({"n": 3, "best_of": 2}, "best_of"),
    "best_of": ({"best_of": 10**9}, "best_of"),
    "best_of in a stream": ({"best_of": 2, "stream": True}, "best_of"),
    "num_beams": ({"use_beam_search": True, "num_beams": 10**9}, "num_beams"),
    "num_beams without": ({"use_beam_search": False, "num_beams": 2}, "num_beams"),
    "beams under n": ({"use_beam_search": True, "num_beams": 2, "n": 3}, "n"),
    "beams with temperature": ({"use_beam_search": True, "temperature": 0.5}, "temperature"),
    "length_penalty alone": ({"length_penalty": 2.0}, "length_penalty"),
    "early_stopping": ({"use_beam_search": True, "early_stopping": "maybe"}, "early_stopping"),
    "tree without beams": (
        {"stream": True, "stream_options": {"include_tree": True}},
        "stream_options.include_tree",
    ),
    "stream_options alone": ({"stream_options": {"include_usage": True}}, "stream_options"),
    "unknown stream option": ({"stream": True, "stream_options": {"x": 1}}, "stream_options.x"),
    "logprobs": ({"logprobs": 21}, "logprobs"),
    "logprobs huge": ({"logprobs": 10**30}, "logprobs"),
    "prompt_logprobs": ({"prompt_logprobs": -1}, "prompt_logprobs"),
    "max_tokens": ({"max_tokens": 257}, "max_tokens"),
    "max_tokens huge": ({"max_tokens": 2**63}, "max_tokens"),
    "max_tokens negative": ({"max_tokens": -1}, "max_tokens"),
    "min_tokens over the default": ({"min_tokens": 17}, "min_tokens"),
    "logit_bias id": ({"logit_bias": {"64": 1}}, "logit_bias"),
    "logit_bias key": ({"logit_bias": {"05": 1}}, "logit_bias"),
    "logprob_token_ids": ({"logprobs": 1, "logprob_token_ids": [64]}, "logprob_token_ids"),
    "logprob_token_ids none": ({"logprobs": 1, "logprob_token_ids": []}, "logprob_token_ids"),
    "logprob_token_ids alone": ({"logprob_token_ids": [5]}, "logprob_token_ids"),
    "logprobs of all": ({"logprobs": -1}, "logprobs"),
    "store": ({"store": 0}, "store"),
    "logit_bias value": ({"logit_bias": {"5": "x"}}, "logit_bias"),
    "stop": ({"stop": [1]}, "stop"),
    "empty stop": ({"stop": ""}, "stop"),
    "stop token": ({"stop_token_ids": [64]}, "stop_token_ids"),
    "bad_words": ({"bad_words": [""]}, "bad_words"),
    "seed": ({"seed": 2**63}, "seed"),
    "priority": ({"priority": 2**40}, "priority"),
    "deadline": ({"deadline_s": 0}, "deadline_s"),
    "cache_salt": ({"cache_salt": ""}, "cache_salt"),
    "truncation": ({"truncate_prompt_tokens": 0}, "truncate_prompt_tokens"),
    "suffix": ({"suffix": "x"}, "suffix"),
    "allowed ids": ({"allowed_token_ids": [64]}, "allowed_token_ids"),
    "unknown": ({"temprature": 1}, "temprature"),
}  # fmt: skip


@pytest.fixture(scope="module")
def shared() -> Iterator[Tiny]:
    """One tiny server for the whole table."""
    with serving(tiny_local_model()) as shared:
        yield shared


@pytest.mark.parametrize(("body", "param"), BAD_COMPLETIONS.values(), ids=BAD_COMPLETIONS.keys())
def test_bad_values(shared: Tiny, body: dict, param: str) -> None:
    """400, by the name the request used, at once, and nothing was queued."""
    full = {"prompt": "a", **body} if body else {}
    start = time.perf_counter()
    response = shared.client.post("/v1/completions", content=json.dumps(full))
    assert time.perf_counter() - start < 5
    assert error(response, 400)["param"] == param
    assert shared.running() == 0


def test_all_wrong_tokens_are_named(shared: Tiny) -> None:
    """Keys that are no ids, ids that the model does not have, and biases that are no numbers."""
    for bias, named in (
        ({"05": 1, "5": 1, "x": 1, "-1": 1}, ("'05'", "'x'", "'-1'")),
        ({"64": 1, "5": 1, "99": 1}, ("64", "99")),
        ({"7": "a", "5": 1, "9": [1]}, ("7", "'a'", "9", "[1]")),
    ):
        told = error(shared.client.post("/v1/completions", json={"prompt": "a", "logit_bias": bias}), 400)
        assert told["param"] == "logit_bias"
        assert all(one in told["message"] for one in named)
        assert "5:" not in told["message"]
        assert " 5," not in told["message"]


OVERFLOWING = {
    "prompt": ("/v1/completions", {"prompt": [5] * 300}, "prompt"),
    "text": ("/v1/completions", {"prompt": "a" * 300}, "prompt"),
    "unread": ("/v1/completions", {"prompt": "a" * 100_000}, "prompt"),
    "one of several": ("/v1/completions", {"prompt": ["a", "a" * 300]}, "prompt"),
    "exactly": ("/v1/completions", {"prompt": [5] * 256}, "prompt"),
    "a prefix": ("/v1/completions", {"prompt": [5] * 200, "prefix_token_ids": [5] * 100}, "prompt"),
    "max_tokens": ("/v1/completions", {"prompt": [5] * 200, "max_tokens": 57}, "max_tokens"),
    "beams": ("/v1/completions", {"prompt": [5] * 200, "max_tokens": 57, "num_beams": 2}, "max_tokens"),
    "messages": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "a" * 300}]}, "messages"),
    "many messages": (
        "/v1/chat/completions",
        {"messages": [{"role": "user", "content": "a"}] * 300},
        "messages",
    ),
    "unread messages": (
        "/v1/chat/completions",
        {"messages": [{"role": "user", "content": "a" * 100_000}]},
        "messages",
    ),
    "max_tokens of a chat": (
        "/v1/chat/completions",
        {"messages": [{"role": "user", "content": "a" * 100}], "max_tokens": 200},
        "max_tokens",
    ),
    "max_completion_tokens": (
        "/v1/chat/completions",
        {"messages": [{"role": "user", "content": "a" * 100}], "max_completion_tokens": 200},
        "max_completion_tokens",
    ),
    "embeddings": ("/v1/embeddings", {"input": "a" * 300}, "input"),
    "scores": ("/v1/score", {"text_1": "a", "text_2": ["a", "a" * 300]}, "text_2"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "body", "param"), OVERFLOWING.values(), ids=OVERFLOWING.keys())
def test_what_overflows_the_context_is_known_as_that(
    shared: Tiny, path: str, body: dict, param: str, stream: bool
) -> None:
    """LiteLLM and LangChain look for these words in the message: others they do not take for an overflow."""
    if stream and path in ("/v1/embeddings", "/v1/score"):
        return
    body = {**body, "stream": True} if stream else body
    told = error(shared.client.post(path, json=body), 400)
    assert "prompt is too long" in told["message"]
    assert "256" in told["message"]
    assert (told["code"], told["param"]) == ("context_length_exceeded", param)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[",
        b"[]",
        b'"a"',
        b'{"prompt": "a", "temperature": NaN}',
        b'{"prompt": "a", "temperature": Infinity}',
        b'{"prompt": "\xff"}',
        b'{"prompt": "\\ud800"}',
        b'{"prompt": "a\x00"}',
        b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"n": ' + b"9" * 100_000 + b"}",
    ],
    ids=lambda raw: raw[:40].decode("latin-1"),
)
def test_what_is_no_json(shared: Tiny, raw: bytes) -> None:
    """400 for all endpoints that read a body."""
    for path in POSTS:
        error(shared.client.post(path, content=raw), 400)


def test_routes_and_methods(shared: Tiny) -> None:
    """404 and 405 in the same shape."""
    nowhere = error(shared.client.post("/v1/audio/speech", json={}), 404)
    assert nowhere["code"] == "unknown_url"
    assert nowhere["message"].startswith("there is no POST /v1/audio/speech here: ")
    assert len(error(shared.client.get("/nowhere" * 1000), 404)["message"]) < 200
    error(shared.client.post("/v1/models"), 405)
    refused = error(shared.client.get("/v1/completions"), 405)
    assert refused["message"] == "there is no GET /v1/completions here: the method may be POST"


def test_large_bodies(tiny_server) -> None:
    """413, whether or not the length is said before."""
    tiny = tiny_server(max_body_bytes=1000)
    body = json.dumps({"prompt": "a" * 2000}).encode()
    assert error(tiny.client.post("/v1/completions", content=body), 413)["code"] == "body_too_large"

    def chunks():
        for start in range(0, len(body), 100):
            yield body[start : start + 100]

    assert error(tiny.client.post("/v1/completions", content=chunks()), 413)["code"] == "body_too_large"
    assert tiny.client.post("/v1/completions", json={"prompt": "a", "max_tokens": 1}).status_code == 200


def test_large_headers(shared: Tiny) -> None:
    """400 in the same shape, and the connection is closed."""
    host, port = shared.client.base_url.host, shared.client.base_url.port
    with socket.create_connection((host, port), timeout=10) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 70_000)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"]["code"] == "invalid_http"


@pytest.mark.timed
def test_full_queue(tiny_server) -> None:
    """429 with Retry-After while the queue is full; later the same request is answered."""
    plain = tiny_local_model()
    engine = Engine(plain.engine.model, plain.tokenizer, 512, EngineLimits(max_waiting=2, max_rows=1))
    tiny = tiny_server(LocalModel("tiny", engine, plain.template, {}))
    fill_queue(tiny.model)
    for stream in (False, True):
        refused = tiny.client.post("/v1/completions", json={"prompt": "a", "max_tokens": 5, "stream": stream})
        assert error(refused, 429)["code"] == "queue_full"
        assert int(refused.headers["Retry-After"]) > 0
    end = time.monotonic() + 10
    while tiny.running() and time.monotonic() < end:
        time.sleep(0.01)
    assert tiny.running() == 0
    assert tiny.client.post("/v1/completions", json={"prompt": "a", "max_tokens": 5}).status_code == 200


def test_failure_before_and_in_a_stream(tiny_server, monkeypatch, capfd) -> None:
    """500 that tells nothing; in a stream an event with the error, and then its end; both are logged."""
    tiny = tiny_server(quiet=True)
    streaming = {"prompt": "a", "max_tokens": 5, "stream": True}
    original = tiny.model.run

    async def failing(request):
        async for event in original(request):
            yield event
            raise RuntimeError("secret")

    monkeypatch.setattr(tiny.model, "run", failing)
    assert "secret" not in error(tiny.client.post("/v1/completions", json={"prompt": "a"}), 500)["message"]
    lines = [line for line in tiny.client.post("/v1/completions", json=streaming).text.split("\n\n") if line]
    assert json.loads(lines[-1].removeprefix("data: "))["error"]["type"] == "server_error"
    assert "RuntimeError: secret" in capfd.readouterr().err
    assert tiny.client.get("/health").status_code == 200


def test_closed_model(tiny: Tiny) -> None:
    """503 with Retry-After."""
    tiny.model.close()
    closed = tiny.client.post("/v1/completions", json={"prompt": "a"})
    assert error(closed, 503)["code"] == "closed"
    assert "Retry-After" in closed.headers
