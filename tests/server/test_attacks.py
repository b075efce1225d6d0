"""Hostile requests to `ponder serve`: each is refused at once, by name, and changes nothing for anyone else.

After each attack (or each field's attacks) the server is healthy, holds no page, gives the very answer to a
seeded request that it gave before, to the bit, and has logged no traceback and no control character.
"""

from __future__ import annotations

import resource
import socket
import time
import types
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import httpx
import pytest
from pydantic import BaseModel

from hostile import (
    AT_ONCE,
    CHAT,
    COMPLETIONS,
    CONTEXT,
    HUGE,
    NO_IDS,
    VOCABULARY,
    Answer,
    Target,
    http_request,
    post_request,
    refusal,
)
from ponder.server.openai import refused
from ponder.server.openai.protocol import (
    ChatBody,
    CompletionBody,
    DetokenizeBody,
    EmbeddingBody,
    ScoreBody,
    TokenizeBody,
)
from serving import error, events

HELLO = {"messages": [{"role": "user", "content": "hello"}]}
VALID = {
    COMPLETIONS: {"prompt": "a"},
    CHAT: HELLO,
    "/v1/embeddings": {"input": "a"},
    "/v1/score": {"text_1": "a", "text_2": "b"},
    "/tokenize": {"prompt": "a"},
    "/detokenize": {"tokens": [5]},
}
BODIES = {
    COMPLETIONS: CompletionBody,
    CHAT: ChatBody,
    "/v1/embeddings": EmbeddingBody,
    "/v1/score": ScoreBody,
    "/tokenize": TokenizeBody,
    "/detokenize": DetokenizeBody,
}


@pytest.fixture(scope="module")
def target(checkpoint: object) -> Iterator[Target]:
    with Target("--cache-bytes", "600000000") as target:
        yield target


# What each field of a completion (or, where it is named so, of a chat) may not be.
VALUES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "n": ("n", [{"n": n} for n in (0, -1, 129, HUGE, 2**63 - 1, 2**63, 10**4000)]),
    "n times prompts": ("n", [{"prompt": ["a"] * 256, "n": 3}]),
    "best_of": ("best_of", [{"best_of": n} for n in (0, -1, 129, HUGE, 2**64)]),
    "best_of under n": ("best_of", [{"best_of": 2, "n": 3}]),
    "num_beams": ("num_beams", [{"use_beam_search": True, "num_beams": n} for n in (0, -1, 129, HUGE)]),
    "num_beams alone": ("num_beams", [{"num_beams": n} for n in (0, -1, 129, HUGE, 2**63, 10**4000)]),
    "stochastic_beams": ("stochastic_beams", [{"stochastic_beams": n} for n in (0, -1, 129, HUGE, 2**64)]),
    "beams times prompts": ("stochastic_beams", [{"prompt": ["a"] * 256, "stochastic_beams": 3}]),
    "num_beam_groups": (
        "num_beam_groups",
        [{"num_beams": 4, "num_beam_groups": n} for n in (0, -1, 3, 5, HUGE, 2**63, 10**4000)],
    ),
    "diversity_penalty": (
        "diversity_penalty",
        [
            {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": p}
            for p in (-1, 1001, 1e308, 10**400, float("nan"), float("inf"), "1")
        ],
    ),
    "beam_semantics": (
        "beam_semantics",
        [{"num_beams": 4, "beam_semantics": x} for x in ("", "HF", "x" * 100_000, "\x1b[31m", 5)],
    ),
    "prompt_lookup": ("prompt_lookup", [{"prompt_lookup": n} for n in (0, -1, 65, HUGE, 2**63, 10**4000)]),
    "max_ngram": ("max_ngram", [{"prompt_lookup": 4, "max_ngram": n} for n in (0, -1, 65, HUGE, 2**63)]),
    "min_ngram": ("min_ngram", [{"prompt_lookup": 4, "min_ngram": n} for n in (0, -1, 4, HUGE, 2**63)]),
    "draft": ("draft", [{"draft": True}, {"draft": "x.gguf"}, {"draft": True, "draft_tokens": HUGE}]),
    "beams of best_of": ("best_of", [{"use_beam_search": True, "best_of": HUGE}]),
    "prompt lists": (
        "prompt",
        [
            {"prompt": ["a"] * 100_000},
            {"prompt": [[5]] * 100_000},
            {"prompt": []},
            {"prompt": [[]]},
            {"prompt": ""},
            {"prompt": [""]},
            {"prompt": [[[5]]]},
            {"prompt": [["a"]]},
            {"prompt": [5, "a"]},
            {"prompt": ["a", 5]},
            {"prompt": [5.0]},
            {"prompt": [True]},
            {"prompt": [None]},
            {"prompt": {}},
            {"prompt": 5},
            {"prompt": True},
            {"prompt": None},
            {},
        ],
    ),
    "prompt ids": ("prompt", [{"prompt": ids} for i in NO_IDS for ids in ([i], [5, i], [[5], [i]])]),
    "stop_token_ids": ("stop_token_ids", [{"stop_token_ids": [5, i]} for i in NO_IDS]),
    "logit_bias": (
        "logit_bias",
        [
            *({"logit_bias": {str(i): 1}} for i in NO_IDS),
            *({"logit_bias": {key: 1}} for key in ("", " 5", "5 ", "05", "+5", "5.0", "x", "٥", "5\0")),
            *({"logit_bias": {"5": bias}} for bias in (float("nan"), float("inf"), "1", None, [], True)),
            {"logit_bias": {str(i): "x" for i in range(200_000)}},
        ],
    ),
    "bad_words": (
        "bad_words",
        [
            {"bad_words": words}
            for words in (
                [""],
                ["x"] * 10_001,
                [f"word {i}" for i in range(10_001)],
                ["x" * 1_000_000],
                ["x" * 999 + str(i) for i in range(100)],
                ["\ufffd"],
                [5],
                [VOCABULARY],
                [[5]],
            )
        ],
    ),
    "stop": (
        "stop",
        [{"stop": stop} for stop in ("", [""], ["a", ""], ["x"] * 65, ["x"] * 10_000, "x" * 1_000_000, [5])],
    ),
    "logprobs": ("logprobs", [{"logprobs": n} for n in (-1, 21, HUGE, 2**63, 10**4000)]),
    "prompt_logprobs": ("prompt_logprobs", [{"prompt_logprobs": n} for n in (-1, 21, HUGE, 2**63)]),
    "max_tokens": ("max_tokens", [{"max_tokens": n} for n in (0, -1, CONTEXT, HUGE, 2**63 - 1, 2**64)]),
    "min_tokens": (
        "min_tokens",
        [
            {"min_tokens": -1},
            {"min_tokens": HUGE},
            {"min_tokens": HUGE, "max_tokens": None},
            {"min_tokens": CONTEXT, "max_tokens": None},
            {"min_tokens": 3, "max_tokens": 2},
            {"min_tokens": 2**63},
        ],
    ),
    "temperature": ("temperature", [{"temperature": t} for t in (-1, -1e-9, float("nan"), 10**400)]),
    "top_p": ("top_p", [{"top_p": p} for p in (0, -1, 1.1, float("nan"), 1e308)]),
    "top_k": ("top_k", [{"top_k": k} for k in (-2, -HUGE, 2**63)]),
    "min_p": ("min_p", [{"min_p": p} for p in (-0.1, 1.1, float("-inf"))]),
    "repetition_penalty": ("repetition_penalty", [{"repetition_penalty": p} for p in (0, -1, float("inf"))]),
    "frequency_penalty": ("frequency_penalty", [{"frequency_penalty": p} for p in (-2.1, 2.1, 1e308)]),
    "presence_penalty": ("presence_penalty", [{"presence_penalty": p} for p in (-2.1, 2.1, float("nan"))]),
    "length_penalty": (
        "length_penalty",
        [{"use_beam_search": True, "n": 2, "length_penalty": p} for p in (float("nan"), float("inf"), "1")],
    ),
    "seed": ("seed", [{"seed": s} for s in (2**63, -(2**63) - 1, 10**4000, 1.5)]),
    "deadline_s": ("deadline_s", [{"deadline_s": s} for s in (0, -1, -1e-9, float("nan"), 1e300)]),
    "priority": ("priority", [{"priority": p} for p in (2**40, -(2**40), 2**63)]),
    "cache_salt": ("cache_salt", [{"cache_salt": ""}, {"cache_salt": "x" * 1_000_000}]),
    "truncation": ("truncate_prompt_tokens", [{"truncate_prompt_tokens": n} for n in (0, -1, -HUGE, 2**63)]),
    "stream_options": (
        "stream_options",
        [{"stream_options": {}}, {"stream": False, "stream_options": {"include_usage": True}}],
    ),
    "suffix": ("suffix", [{"suffix": "x"}]),
}  # fmt: skip


@pytest.mark.parametrize(("param", "bodies"), VALUES.values(), ids=VALUES.keys())
def test_values(target: Target, param: str, bodies: list[dict[str, Any]]) -> None:
    """What a field may not be is refused by the field's name."""
    for body in bodies:
        full = body if "prompt" in body or not body else {"prompt": "a", **body}
        assert refusal(target, COMPLETIONS, full)["param"] == param, str(body)[:200]
    target.check_unharmed()


CHAT_VALUES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "top_logprobs": ("top_logprobs", [{"logprobs": True, "top_logprobs": n} for n in (-1, 21, HUGE, 2**63)]),
    "top_logprobs alone": ("top_logprobs", [{"top_logprobs": 1}, {"logprobs": False, "top_logprobs": 1}]),
    "two limits": ("max_completion_tokens", [{"max_completion_tokens": 5, "max_tokens": 6}]),
    "max_completion_tokens": ("max_completion_tokens", [{"max_completion_tokens": n} for n in (-1, HUGE)]),
    "min_tokens": ("min_tokens", [{"min_tokens": n} for n in (513, CONTEXT, HUGE)]),
    "chat_template": (
        "chat_template",
        [{"chat_template": "{% for i in range(10**9) %}x{% endfor %}"}, {"chat_template": "x"}],
    ),
    "chat_template_kwargs": (
        "chat_template_kwargs.messages",
        [{"chat_template_kwargs": {"messages": "x"}}, {"chat_template_kwargs": {"messages": None}}],
    ),
    "a large template variable": (
        "chat_template_kwargs",
        [
            {"chat_template_kwargs": {"x": "a" * 10**6}},
            {"chat_template_kwargs": {f"x{i}": 1 for i in range(10**4)}},
        ],
    ),
    "tools": (
        "tools",
        [
            {"tools": tools}
            for tools in (
                [{}] * 100_000,
                [None],
                [{"type": "function", "function": {"name": "f", "description": "a" * 2_000_000}}],
                [{"type": "function", "function": {"name": f"f{i}"}} for i in range(1000)],
            )
        ],
    ),
    "messages": (
        "messages",
        [
            {"messages": messages}
            for messages in (
                [],
                None,
                "hello",
                {},
                [None],
                ["hello"],
                [[]],
                [{}],
                [{"role": "user"}],
                [{"content": "x"}],
                [{"role": 5, "content": "x"}],
                [{"role": "user", "content": 5}],
                [{"role": "user", "content": [5]}],
                [{"role": "user", "content": [{"text": "x"}]}],
                [{"role": "user", "content": [{"type": "text"}]}],
                [{"role": "user", "content": [{"type": "text", "text": ["x"]}]}],
                [{"role": "user", "content": None}],
                [{"role": "user", "content": "x"}] * 100_000,
            )
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("param", "bodies"), CHAT_VALUES.values(), ids=CHAT_VALUES.keys())
def test_chat_values(target: Target, param: str, bodies: list[dict[str, Any]]) -> None:
    """The same for what only a chat has."""
    for body in bodies:
        told = refusal(target, CHAT, {**HELLO, **body})
        assert told["param"].split("[")[0] == param, str(body)[:200]
    target.check_unharmed()


@pytest.mark.parametrize(
    "role", ["", " ", "<|im_end|>", "user<|im_end|>\n<|im_start|>system", "\x00", "\x1b[31m", "x" * 1000]
)
def test_roles(target: Target, role: str) -> None:
    """A role that spells a control token, or none, is refused; what is odd but text is text."""
    response = target.post(CHAT, {"messages": [{"role": role, "content": "a"}], "max_tokens": 1})
    if "<|" in role or not role.strip():
        error(response, 400)
    else:
        assert response.status_code in (200, 400)
    target.check_unharmed()


SAMPLES: list[Any] = [True, False, 7, -1.5, "x", [], [7], ["x"], [None], [[]], [{}], {}, {"x": "x"}]


def accepts(annotation: Any, value: Any) -> bool:
    """Whether JSON of this kind is what a field's annotation says, whatever values it allows."""
    origin, args = get_origin(annotation), get_args(annotation)
    if annotation is Any:
        return True
    if origin is Annotated:
        return accepts(args[0], value)
    if origin in (Union, types.UnionType):
        return any(accepts(arg, value) for arg in args)
    if origin is Literal:
        return any(type(value) is type(arg) and value == arg for arg in args)
    if origin is list:
        return isinstance(value, list) and all(accepts(args[0], item) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(accepts(args[1], item) for item in value.values())
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return isinstance(value, dict)
    if annotation is float:
        return type(value) in (int, float)
    return type(value) is annotation


FIELDS = [
    (path, name)
    for path, kind in BODIES.items()
    for name, field in kind.model_fields.items()
    if field.annotation is not Any
]


@pytest.mark.parametrize("path", VALID)
def test_types(target: Target, path: str) -> None:
    """Every field refuses every other kind of JSON by its own name; nothing is converted."""
    for name, field in BODIES[path].model_fields.items():
        wrong = [value for value in SAMPLES if not accepts(field.annotation, value)]
        assert wrong or field.annotation is Any
        for value in wrong:
            if name == "logit_bias" and isinstance(value, dict):
                continue  # its keys are looked at too, in either order
            told = refusal(target, path, {**VALID[path], name: value})
            assert told["param"] == name, (name, value)
            assert name in told["message"]
    target.check_unharmed()


@pytest.mark.parametrize("path", [path for path in VALID if path != "/detokenize"])
def test_unsupported(target: Target, path: str) -> None:
    """Each parameter that others know and this server does not do is refused by its name."""
    tables = {
        COMPLETIONS: refused.COMPLETION,
        CHAT: refused.CHAT,
        "/v1/embeddings": refused.EMBEDDING,
        "/v1/score": refused.SCORE,
        "/tokenize": refused.TEMPLATE,
    }
    for name in tables[path]:
        for value in ({"x": "x"}, [5], "surprise", HUGE):
            told = refusal(target, path, {**VALID[path], name: value})
            inside = isinstance(tables[path][name], dict) and isinstance(value, dict)
            assert told["param"] == (f"{name}.x" if inside else name)
            assert told["code"] == ("unknown_parameter" if inside else "unsupported_parameter")
    if path == CHAT:
        for name in refused.MESSAGE:
            message = {"role": "user", "content": "a", name: "surprise"}
            told = refusal(target, path, {"messages": [message]})
            assert told["param"] == f"messages[0].{name}"
    target.check_unharmed()


@pytest.mark.parametrize("path", VALID)
def test_unknown(target: Target, path: str) -> None:
    """A member nobody knows is refused by its name, however it is spelled."""
    names = ("temprature", "__class__", "__proto__", "model_config", "self", "", " ", "\x00", "\x1b[31m", "‮x")
    for name in (*names, "<script>", "x" * 100_000):
        told = refusal(target, path, {**VALID[path], name: 1})
        assert told["code"] == "unknown_parameter"
        assert told["param"][:70] == name[:70]
    many = {f"x{i}": i for i in range(100_000)}
    assert refusal(target, path, {**VALID[path], **many})["code"] == "unknown_parameter"
    target.check_unharmed()


NO_JSON = {
    "empty": b"",
    "space": b" \n",
    "null": b"null",
    "array": b"[]",
    "array of requests": b'[{"prompt": "a"}]',
    "text": b'"a"',
    "number": b"1",
    "cut": b'{"prompt": "a"',
    "two": b'{"prompt": "a"}{"prompt": "a"}',
    "comma": b'{"prompt": "a",}',
    "single quotes": b"{'prompt': 'a'}",
    "comment": b'{"prompt": "a"} // x',
    "form": b"prompt=a&max_tokens=1",
    "xml": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "a">]><prompt>&a;</prompt>',
    "pickle": b"\x80\x04\x95\x0f\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x8c\x06system\x94\x93\x94.",
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xabV*(\xca\xcf-(Q\xb2RPJT\xaa\x05\x00",
    "BOM": b'\xef\xbb\xbf{"prompt": "a"}',
    "UTF-16": '{"prompt": "a"}'.encode("utf-16"),
    "not UTF-8": b'{"prompt": "\xff\xfe"}',
    "overlong": b'{"prompt": "\xc0\x80"}',
    "raw surrogate": b'{"prompt": "\xed\xa0\x80"}',
    "raw NUL": b'{"prompt": "a\x00"}',
    "lone surrogate": b'{"prompt": "\\ud800"}',
    "lone low surrogate": b'{"prompt": "x\\udc00"}',
    "surrogates reversed": b'{"prompt": "\\udc00\\ud800"}',
    "surrogate in a name": b'{"\\ud800": 1}',
    "deep arrays": b'{"prompt": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep arrays, open": b"[" * 1_000_000,
    "deep objects": b'{"metadata": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
    "5000 digits": b'{"prompt": "a", "n": ' + b"9" * 5000 + b"}",
    "5000 digits in an unknown place": b'{"prompt": "a", "metadata": {"a": ' + b"9" * 5000 + b"}}",
    "a million digits": b'{"prompt": "a", "temperature": 0.' + b"9" * 1_000_000 + b"e}",
}  # fmt: skip


@pytest.mark.parametrize("raw", NO_JSON.values(), ids=NO_JSON.keys())
def test_no_json(target: Target, raw: bytes) -> None:
    """What is no JSON object is refused by every endpoint that reads one."""
    for path in VALID:
        refusal(target, path, raw)
    target.check_unharmed()


def test_odd_json(target: Target) -> None:
    """Odd but legal JSON means what it says: the last of two names, escapes, NUL as a character."""
    for raw in (
        b'{"prompt": "a", "prompt": "b", "max_tokens": 1}',
        b'{"prompt": 5, "prompt": "b", "max_tokens": 9, "max_tokens": 1}',
        b'{"prompt": "a\\u0000b", "max_tokens": 1}',
        b'{"prompt": "\\ud83d\\ude00", "max_tokens": 1}',
        b'{"prompt": "a", "max_tokens": 1, "metadata": {"a": ' + b"[" * 100 + b"]" * 100 + b"}}",
    ):
        assert target.post(COMPLETIONS, raw).status_code == 200, raw
    for raw, param in (
        (b'{"prompt": "a", "prompt": 5}', "prompt"),
        (b'{"prompt": "a", "temperature": 1e999}', "temperature"),
        (b'{"prompt": "a", "temperature": -Infinity}', "temperature"),
        (b'{"prompt": "a", "top_p": NaN}', "top_p"),
        (b'{"prompt": "a", "max_tokens": 1.0}', "max_tokens"),
        (b'{"prompt": "a", "max_tokens": 1e0}', "max_tokens"),
    ):
        assert refusal(target, COMPLETIONS, raw)["param"] == param
    target.check_unharmed()


def test_a_ban_for_many_prompts(target: Target) -> None:
    """A constraint is made ready once for a request, not once for each prompt."""
    start = time.perf_counter()
    one = target.complete(bad_words=["x"], prompt=["a"], max_tokens=1)
    middle = time.perf_counter()
    many = target.complete(bad_words=["x"], prompt=["a"] * 64, max_tokens=1)
    took, took_many = middle - start, time.perf_counter() - middle
    assert len(one["choices"]) == 1
    assert len(many["choices"]) == 64
    assert took_many < took + 6
    target.check_unharmed()


def test_everything_banned(target: Target) -> None:
    """A text that nothing may continue ends, and says why."""
    bias = {str(i): -100 for i in range(VOCABULARY)}
    for extra in ({}, {"n": 3}, {"min_tokens": 1}, {"ignore_eos": True}):
        answer = target.complete(prompt="hello", logit_bias=bias, max_tokens=5, **extra)
        for choice in answer["choices"]:
            assert choice["finish_reason"] == "content_filter"
            assert choice["stop_reason"] == "constraint"
            assert choice["text"] == ""
    beams = target.complete(prompt="hello", logit_bias=bias, max_tokens=5, use_beam_search=True, n=2)
    assert {choice["finish_reason"] for choice in beams["choices"]} == {"content_filter"}
    streamed = target.post(COMPLETIONS, {"prompt": "a", "logit_bias": bias, "max_tokens": 5, "stream": True})
    assert '"finish_reason":"content_filter"' in streamed.text
    assert streamed.text.endswith("data: [DONE]\n\n")
    letters = [chr(code) for code in range(32, 127)] + ["\n", "\t", "\r"]
    answer = target.complete(prompt="hello", bad_words=letters, max_tokens=3, seed=1)
    assert answer["choices"][0]["finish_reason"] in ("stop", "length", "content_filter")
    assert not any(letter in answer["choices"][0]["text"] for letter in letters)
    target.check_unharmed()


def test_deadlines(target: Target) -> None:
    """A deadline no request can meet ends it with an error of its own; a short one with what there is."""
    for seconds in (1e-300, 1e-9):
        for stream in (False, True):
            body = {"prompt": "a", "deadline_s": seconds, "stream": stream}
            response = target.post(COMPLETIONS, body)
            assert error(response, 504)["code"] == "deadline_exceeded"
    start = time.perf_counter()
    response = target.post(
        COMPLETIONS, {"prompt": "a", "max_tokens": 4000, "ignore_eos": True, "deadline_s": 1}
    )
    assert time.perf_counter() - start < 5
    assert response.json()["choices"][0]["stop_reason"] == "deadline"
    target.check_unharmed()


NAMES = [
    "gpt-4", "", " ", "../../etc/passwd", "/etc/passwd", "..\\..\\x", "file:///etc/passwd",
    "http://127.0.0.1/", "smollm2-135m\x00", "SMOLLM2-135M", "<script>alert(1)</script>", "\x1b[31mred",
    "\u202etxt", "$(id)", "%s%s%n", "{{7*7}}", "x" * 100_000,
]  # fmt: skip


def test_model_names(target: Target) -> None:
    """A model that is not this one is 404 by name, wherever it is named, and nothing is opened for it."""
    files = target.files()
    for name in NAMES:
        for path, body in VALID.items():
            told = refusal(target, path, {**body, "model": name}, 404)
            assert (told["param"], told["code"]) == ("model", "model_not_found")
    for path in (
        "/v1/models/../../etc/passwd",
        "/v1/models/..%2f..%2fetc%2fpasswd",
        "/v1/models/%2e%2e/%2e%2e/etc/passwd",
        "/v1/models//etc/passwd",
        "/v1/models/smollm2-135m/../x",
        "/v1/models/%00",
        "/v1/models/%ff%fe",
        "/v1/models/%1b[31m",
        "/v1/models/%0d%0aX:%20y",
        "/../../../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "//etc/passwd",
        "/static/../../etc/passwd",
        "/%2e%2e/",
        "http://evil.example/v1/models",
        "*",
        "/" + "x" * 20_000,
    ):
        answer = target.exchange(http_request("GET", path, "Connection: close"))
        assert answer.status == 404, path
        assert b"root:" not in answer.body
        answer.error()
    assert target.files() <= files + 2
    target.check_unharmed()


def test_nothing_is_fetched(target: Target) -> None:
    """Addresses in prompts are text, in other parts refused; nobody is asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.5)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        target.complete(prompt=url)
        image = {"type": "image_url", "image_url": {"url": url}}
        for part in (
            image,
            {"type": "input_audio", "input_audio": {"url": url}},
            {"type": "file", "file": {"file_id": url}},
            {"type": "video_url", "video_url": {"url": url}, "text": url},
            {"type": "text", "text": {"url": url}},
        ):
            content = [{"type": "text", "text": "a"}, part]
            told = refusal(target, CHAT, {"messages": [{"role": "user", "content": content}]})
            assert told["param"].split("[")[0] == "messages"
        message = {"role": "user", "content": [{"type": "text", "text": f"![x]({url}) <img src={url}>"}]}
        assert target.post(CHAT, {"messages": [message], "max_tokens": 1}).status_code == 200
        for name in ("documents", "web_search_options", "response_format", "kv_transfer_params", "audio"):
            refusal(target, CHAT, {**HELLO, name: {"url": url, "$ref": url}})
        with pytest.raises(TimeoutError):
            listener.accept()
    target.check_unharmed()


def test_text_that_is_not_plain(target: Target) -> None:
    """HTML, terminal codes and bidi controls are the model's to read; the log shows none of it."""
    texts = (
        "<script>alert(1)</script>",
        "\x1b[2J\x1b[31mred\x07",
        "\u202etxt.exe\u2066",
        "\r\nGET /fake 200",
    )
    for text in texts:
        for path, body in (
            (COMPLETIONS, {"prompt": text, "echo": True, "user": text}),
            (CHAT, {"messages": [{"role": "user", "content": text}], "metadata": {text: text}}),
        ):
            response = target.post(path, {**body, "max_tokens": 1, "stop": text, "bad_words": [text]})
            assert response.status_code == 200
            assert response.headers["content-type"] == "application/json"
            assert not set(response.text) & {"\x1b", "\x07", "\r"}
        escaped = "".join(f"%{byte:02x}" for byte in text.encode())
        answer = target.exchange(http_request("GET", f"/{escaped}?{escaped}", "Connection: close"))
        answer.error()
    assert not any("script>" in line and "%3cscript" not in line.lower() for line in target.lines)
    target.check_unharmed()


HOSTS = [
    "Host: evil.example", "Host: localhost.evil.example", "Host: evil.example#localhost", "Host: [::1",
    "Host: localhost@evil.example", "Host: localhost:80:80", "Host: ", "Host: localhost\\@evil.example",
    "Host: 127.0.0.1.nip.example", "Host: 0x7f000001", "Host: localhost, evil.example", "Host: \x7f",
    "Host: loc\xe4lhost", "X: no host", "Host: localhost\r\nHost: evil.example",
]  # fmt: skip

ORIGINS = [
    "null", "http://evil.example", "http://localhost.evil.example", "http://localhost@evil.example", "file://",
    "chrome-extension://x", "http://localhost:1", "javascript:alert(1)", "x", "",
]  # fmt: skip


def test_hosts_and_origins(target: Target) -> None:
    """Another name for this server, or a page of another origin, gets nothing, on any route."""
    for host in HOSTS:
        for request in (
            http_request("GET", "/v1/models", "Connection: close", host=host),
            http_request("POST", COMPLETIONS, "Connection: close", body=b'{"prompt": "a"}', host=host),
        ):
            answer = target.exchange(request)
            assert answer.status == 400, host
            assert answer.error()["code"] in ("host_not_allowed", "invalid_http")
    for origin in ORIGINS:
        request = post_request(COMPLETIONS, {"prompt": "a"}, f"Origin: {origin}", "Connection: close")
        answer = target.exchange(request)
        assert answer.status == 403, origin
        assert not any(name.lower().startswith("access-control") for name in answer.headers)
    target.check_unharmed()


HTTP = {
    "a line of 64 KiB": http_request("GET", "/health", "X: " + "x" * 65536),
    "a name of 64 KiB": http_request("GET", "/health", "x" * 65536 + ": x"),
    "a path of 64 KiB": http_request("GET", "/" + "x" * 65536),
    "headers without end": b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 20_000,
    "10000 headers": http_request("GET", "/health", *(f"X-{i}: y" for i in range(10_000))),
    "HTTP/0.9": b"GET /health\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) + b"\r\n\r\n",
    "noise": bytes(range(256)) * 4 + b"\r\n\r\n",
    "NULs": b"\x00" * 1000 + b"\r\n\r\n",
    "no path": b"GET HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "control characters": b"GET /\x1b[31m HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "raw bytes in the path": b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a space in a name": b"GET / HTTP/1.1\r\nHost: localhost\r\nX : y\r\n\r\n",
    "a folded first line": b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n",
    "negative length": http_request("POST", COMPLETIONS, "Content-Length: -1"),
    "length of 5000 digits": http_request("POST", COMPLETIONS, "Content-Length: " + "9" * 5000),
    "length in words": http_request("POST", COMPLETIONS, "Content-Length: ten"),
    "length plus": http_request("POST", COMPLETIONS, "Content-Length: +5"),
    "two lengths": http_request("POST", COMPLETIONS, "Content-Length: 5", "Content-Length: 6") + b"hello",
    "length and chunks": http_request(
        "POST", COMPLETIONS, "Transfer-Encoding: chunked", "Content-Length: 3"
    )
    + b"0\r\n\r\nGET /fake HTTP/1.1\r\n",
    "another encoding": http_request("POST", COMPLETIONS, "Transfer-Encoding: gzip"),
    "chunked twice": http_request("POST", COMPLETIONS, "Transfer-Encoding: chunked, chunked"),
    "chunk of no size": http_request("POST", COMPLETIONS, "Transfer-Encoding: chunked") + b"xyz\r\nhello\r\n",
    "negative chunk": http_request("POST", COMPLETIONS, "Transfer-Encoding: chunked") + b"-5\r\nhello\r\n",
    "huge chunk size": http_request("POST", COMPLETIONS, "Transfer-Encoding: chunked") + b"f" * 99 + b"\r\n",
    "chunk extension": http_request("POST", COMPLETIONS, "Transfer-Encoding: chunked")
    + b"1;" + b"x" * 70_000,
}  # fmt: skip


@pytest.mark.parametrize("data", HTTP.values(), ids=HTTP.keys())
def test_http(target: Target, data: bytes) -> None:
    """What is no HTTP, or more than anyone needs of it, is 4xx in the same shape, and the connection ends."""
    start = time.perf_counter()
    answer = target.exchange(data)
    assert time.perf_counter() - start < AT_ONCE
    told = answer.error()
    assert told["type"] == "invalid_request_error"
    target.check_unharmed()


def test_1000_headers(target: Target) -> None:
    """Within the bound of 32 KiB headers are only headers."""
    names = (f"X-{i}: y" for i in range(1000))
    answer = target.exchange(http_request("GET", "/version", "Connection: close", *names))
    assert answer.status == 200
    target.check_unharmed()


def test_methods(target: Target) -> None:
    """Another method is 405, another path 404."""
    for path in VALID:
        for method in (
            "GET",
            "PUT",
            "PATCH",
            "DELETE",
            "OPTIONS",
            "TRACE",
            "PROPFIND",
            "x" * 100,
            "__import__",
        ):
            answer = target.exchange(http_request(method, path, "Connection: close"))
            assert answer.status == 405, (method, path)
            answer.error()
    for path in ("/health", "/metrics", "/version", "/v1/models", "/tokenizer_info", "/openapi.json"):
        answer = target.exchange(post_request(path, {"prompt": "a"}, "Connection: close"))
        assert answer.status == 405
        answer.error()
    for path in (
        "/docs",
        "/redoc",
        "/v1",
        "/v1/completions/",
        "/V1/completions",
        "/admin",
    ):
        error(target.client.get(path), 404)
    answer = target.exchange(http_request("CONNECT", "evil.example:443", "Connection: close"))
    assert answer.status == 404
    upgrade = (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: eA==",
    )
    assert target.exchange(http_request("GET", COMPLETIONS, *upgrade)).status == 405
    target.check_unharmed()


def test_content_types(target: Target) -> None:
    """What a body is called does not matter: it is JSON or refused. So no form can be made to fit."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x"):
        headers = {"Content-Type": kind}
        error(target.post(COMPLETIONS, b"prompt=a", headers=headers), 400)
        error(target.post(COMPLETIONS, b'--x\r\n\r\n{"prompt": "a"}\r\n--x--', headers=headers), 400)
    target.check_unharmed()


def chunked(parts: Iterator[bytes] | list[bytes]) -> Iterator[bytes]:
    yield http_request("POST", COMPLETIONS, "Transfer-Encoding: chunked")
    for part in parts:
        yield b"%x\r\n%s\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


def test_large_bodies(target: Target) -> None:
    """More than 4 MiB is 413, announced or not; what is announced is not waited for."""
    rss = target.rss()
    announced = target.exchange(http_request("POST", COMPLETIONS, f"Content-Length: {10**12}"))
    assert announced.status == 413
    assert announced.error()["code"] == "body_too_large"
    for _ in range(3):
        streamed = target.exchange(chunked([b"x" * 65536] * 300))
        assert streamed.status == 413
        assert streamed.error()["code"] == "body_too_large"
    assert target.exchange(chunked([b"{"] * 2000)).status == 400  # many small chunks
    assert target.rss() < rss + 64 * 2**20
    target.check_unharmed()


def test_lengths_that_lie(target: Target) -> None:
    """A body shorter than it says holds its connection alone; what is over is a second request."""
    body = b'{"prompt": "a", "max_tokens": 1}'
    with target.connect() as short:
        short.sendall(http_request("POST", COMPLETIONS, f"Content-Length: {len(body) + 10}") + body)
        assert target.requests() == 0
        target.check_unharmed()
        short.shutdown(socket.SHUT_WR)
        assert short.recv(1000) == b""
    with target.connect() as long:
        long.sendall(
            http_request("POST", COMPLETIONS, f"Content-Length: {len(body)}") + body + b"}}}}\r\n\r\n"
        )
        answers = b"".join(iter(lambda: long.recv(65536), b""))
    assert answers.count(b"HTTP/1.1 ") == 2
    assert b"HTTP/1.1 400 " in answers
    target.check_unharmed()


def test_slow_requests(target: Target) -> None:
    """300 connections that send a byte now and then hold nobody up."""
    slow = [target.connect() for _ in range(300)]
    try:
        for i, connection in enumerate(slow):
            connection.sendall(
                b"GET /health HTTP/1.1\r\nX"
                if i % 2
                else http_request("POST", COMPLETIONS, "Content-Length: 100") + b'{"prompt"'
            )
        for byte in (b":", b" "):
            for connection in slow:
                connection.sendall(byte)
            start = time.perf_counter()
            assert target.client.get("/health").status_code == 200
            assert time.perf_counter() - start < AT_ONCE
        target.check_unharmed()
    finally:
        for connection in slow:
            connection.close()
    target.check_unharmed()


def test_more_connections_than_files(target: Target) -> None:
    """Where the system allows no more, those that say nothing make room for those that ask."""
    limits = resource.prlimit(target.process_id, resource.RLIMIT_NOFILE)
    files = target.files()
    resource.prlimit(target.process_id, resource.RLIMIT_NOFILE, (files + 250, limits[1]))
    try:
        flood = [target.connect() for _ in range(600)]
        for connection in flood[::2]:
            with suppress(ConnectionError):
                connection.sendall(b"GET /health HTTP/1.1\r\nX")
        for _ in range(20):
            start = time.perf_counter()
            assert httpx.get(target.url + "/health").status_code == 200
            assert time.perf_counter() - start < AT_ONCE
        for connection in flood:
            connection.close()
    finally:
        resource.prlimit(target.process_id, resource.RLIMIT_NOFILE, limits)
    target.check_unharmed()


def test_pipelined_requests(target: Target) -> None:
    """Requests sent without waiting are answered in turn, bad ones too, up to what is no HTTP."""
    good = post_request(COMPLETIONS, {"prompt": "a", "max_tokens": 1})
    bad = post_request(COMPLETIONS, {"prompt": "a", "n": HUGE})
    last = http_request("GET", "/version", "Connection: close")
    with target.connect() as connection:
        connection.sendall(good + bad * 20 + good + last)
        answers = b"".join(iter(lambda: connection.recv(65536), b""))
    statuses = [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", *[b"400"] * 20, b"200", b"200"]
    with target.connect() as connection:
        connection.sendall(bad + b"\x00\x01\x02\r\n\r\n" + good)
        answers = b"".join(iter(lambda: connection.recv(65536), b""))
    assert [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]] == [b"400", b"400"]
    target.check_unharmed()


def test_all_kinds_of_refusals_end_up_in_the_log_as_lines(target: Target) -> None:
    """One line a request: method, path, status, time."""
    refusal(target, COMPLETIONS, {"prompt": "a", "n": HUGE})
    statuses = {line.split()[2] for line in target.lines if line.startswith("POST /v1/completions ")}
    assert "400" in statuses
    assert "500" not in statuses


def attack(target: Target, number: int) -> Answer:
    """Do one of many things that are refused."""
    body = ({"n": HUGE}, {"stop_token_ids": [VOCABULARY]}, {"logit_bias": {"49152": 1}}, {"prompt": [-1]},
            {"bad_words": [""]}, {"min_tokens": HUGE}, {"prompt": ["a"] * 10_000}, {"deadline_s": -1},
            {"logprobs": HUGE}, {"top_p": 0})[number % 10]  # fmt: skip
    return target.exchange(post_request(COMPLETIONS, {"prompt": "a", **body}, "Connection: close"))


def test_beside(checkpoint: object) -> None:
    """With --row-invariant a long seeded stream is the same to the bit while 200 attacks go on beside it."""
    body = {
        "prompt": "It was a dark night",
        "max_tokens": 10,
        "ignore_eos": True,
        "seed": 11,
        "temperature": 0.9,
        "logprobs": 5,
        "return_token_ids": True,
        "stream": True,
    }
    with Target("--row-invariant", "--cache-bytes", "600000000") as target:

        def stream(salt: str) -> list[Any]:
            response = target.post(COMPLETIONS, {**body, "cache_salt": salt})
            return [chunk["choices"] for chunk in events(response.text)]

        alone = stream("alone")
        with ThreadPoolExecutor(16) as pool:
            beside = pool.submit(stream, "beside")
            answers = [pool.submit(attack, target, number) for number in range(200)]
            leaving = [pool.submit(leave, target) for _ in range(3)]
            for answer in answers:
                assert answer.result().error()["param"]
            for left in leaving:
                left.result()
            assert beside.result() == alone
        assert len(alone) >= 10
        target.check_unharmed()


def leave(target: Target) -> None:
    """Ask for much, and leave when it begins to come."""
    with target.connect() as reader:
        reader.sendall(post_request(COMPLETIONS, {"prompt": "b", "n": 2, "stream": True}))
        reader.recv(1000)
