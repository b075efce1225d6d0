"""What asks for nothing is accepted; what nobody knows of a message is named in a header."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ponder.server.openai import refused
from serving import Tiny, error, serving
from tiny_models import tiny_local_model

HELLO = [{"role": "user", "content": "hello"}]
COMPLETIONS, CHAT = "/v1/completions", "/v1/chat/completions"

NEUTRAL: list[tuple[str, Any]] = [
    *[("reasoning_effort", effort) for effort in ("none", "minimal", "low", "medium", "high", "xhigh")],
    *[("include_reasoning", value) for value in (True, False)],
    *[("reasoning", value) for value in ({}, {"enabled": False}, {"effort": "none"}, {"exclude": True})],
    ("reasoning", {"enabled": False, "effort": None, "nothing": None}),
    *[("verbosity", value) for value in ("low", "medium", "high")],
    ("thinking", {"type": "disabled"}),
    ("enable_thinking", False),
    *[("store", value) for value in (True, False)],
    *[("service_tier", tier) for tier in ("auto", "default", "flex", "priority", "scale")],
    ("metadata", {"run": "7"}),
    *[(name, None) for name in ("moderation", "prompt_cache_options", "session_id", "watermarking")],
    *[(name, None) for name in ("nobody_knows_this", "logprob_token_ids", "reasoning", "thinking")],
    ("top_logprobs", 0),
    ("stream_interval", 1),
    ("return_token_offsets", False),
    *[(name, -1) for name in ("thinking_token_budget", "thinking_budget_tokens", "reasoning_budget_tokens")],
]

ASKS: list[tuple[str, Any, str]] = [
    ("reasoning_effort", "utmost", "reasoning_effort"),
    ("reasoning_effort", 0, "reasoning_effort"),
    ("include_reasoning", 0, "include_reasoning"),
    ("reasoning", {"enabled": True}, "reasoning.enabled"),
    ("reasoning", {"enabled": 0}, "reasoning.enabled"),
    ("reasoning", {"nothing": 1}, "reasoning.nothing"),
    ("reasoning", True, "reasoning"),
    ("verbosity", "loud", "verbosity"),
    ("thinking", {"type": "enabled", "budget_tokens": 5}, "thinking.budget_tokens"),
    ("thinking", {"type": "enabled"}, "thinking.type"),
    ("enable_thinking", True, "enable_thinking"),
    *[("store", value, "store") for value in (0, 1, 0.0, "false", {})],
    ("service_tier", 1, "service_tier"),
    ("metadata", "run", "metadata"),
    *[
        (name, True, name)
        for name in ("return_token_offsets", "return_prompt_text", "return_weight_versions")
    ],
    *[(name, {"a": 1}, name) for name in ("moderation", "prompt_cache_options", "ec_transfer_params")],
    ("watermarking", True, "watermarking"),
    ("session_id", "a", "session_id"),
    ("stream_interval", 2, "stream_interval"),
    ("stream_interval", 1.0, "stream_interval"),
    ("routed_experts_prompt_start", 3, "routed_experts_prompt_start"),
    ("nobody_knows_this", 0, "nobody_knows_this"),
]


@pytest.fixture(scope="module")
def shared() -> Iterator[Tiny]:
    """One tiny server for all tests."""
    with serving(tiny_local_model()) as shared:
        yield shared


@pytest.mark.parametrize(("name", "value"), NEUTRAL, ids=str)
def test_what_asks_for_nothing_changes_nothing(shared: Tiny, name: str, value: Any) -> None:
    """The answer is the same as without it, and no warning is given."""
    body = {"messages": HELLO, "max_tokens": 3, "seed": 1}
    plain = shared.client.post(CHAT, json=body).json()
    answer = shared.client.post(CHAT, json={**body, name: value})
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"] == plain["choices"]
    assert "x-ponder-warning" not in answer.headers


@pytest.mark.parametrize(("name", "value", "param"), ASKS, ids=str)
def test_what_asks_for_something_is_refused(shared: Tiny, name: str, value: Any, param: str) -> None:
    """By its name, for values that are only nearly neutral too."""
    told = error(shared.client.post(CHAT, json={"messages": HELLO, name: value}), 400)
    assert told["param"] == param
    assert param in told["message"]


def test_vllms_fields_are_known_by_name(shared: Tiny) -> None:
    """What vLLM has and this server does not is called not supported, and no other name is proposed."""
    for name in (
        *("session_id", "stream_interval", "return_token_offsets", "return_prompt_text"),
        *("return_weight_versions", "watermarking", "routed_experts_prompt_start", "ec_transfer_params"),
        *("return_mm_kwargs", "moderation", "prompt_cache_options"),
    ):
        for path, body in ((COMPLETIONS, {"prompt": "a"}), (CHAT, {"messages": HELLO})):
            told = error(shared.client.post(path, json={**body, name: "surprise"}), 400)
            assert (told["param"], told["code"]) == (name, "unsupported_parameter")


def test_unknown_members_of_messages_are_named_once(shared: Tiny) -> None:
    """They change nothing, and a header says which they were, in a stream too."""
    marks = {"cache_control": {"type": "ephemeral"}, "timestamp": 5}
    marked = [
        {"role": "system", "content": "be brief", "timestamp": 1, "nothing": None},
        {"role": "user", "content": [{"type": "text", "text": "hello", **marks}], "id": "m1"},
    ]
    plain = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}]
    settings = {"max_tokens": 4, "seed": 1}
    without = shared.client.post(CHAT, json={"messages": plain, **settings})
    assert "x-ponder-warning" not in without.headers
    for body in ({}, {"stream": True}):
        answer = shared.client.post(CHAT, json={"messages": marked, **settings, **body})
        assert answer.status_code == 200, answer.text
        warning = answer.headers["x-ponder-warning"]
        assert warning.endswith(": timestamp, id, cache_control")
        if not body:
            assert answer.json()["choices"] == without.json()["choices"]
    counted = shared.client.post("/tokenize", json={"messages": marked})
    assert counted.json() == shared.client.post("/tokenize", json={"messages": plain}).json()
    assert "timestamp" in counted.headers["x-ponder-warning"]


@pytest.mark.slow
def test_a_warning_is_short_and_printable(shared: Tiny) -> None:
    """Whatever a client calls its members."""
    names = ["a\r\nSet-Cookie: b", "ä" * 500, "\x1b[31m", "", *(f"x{i}" for i in range(5000))]
    message = {"role": "user", "content": "hello", **dict.fromkeys(names, 1)}
    answer = shared.client.post(CHAT, json={"messages": [message], "max_tokens": 1})
    assert answer.status_code == 200
    warning = answer.headers["x-ponder-warning"]
    assert warning.isascii()
    assert warning.isprintable()
    assert len(warning) < 2500
    assert warning.endswith(f"and {len(names) - 20} more")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("name", ["", " ", "a ", " a", "\t", "\x7f", "ä\x85", "'"])
def test_a_warning_ends_with_any_name(shared: Tiny, name: str) -> None:
    """A header that ends with a blank, or holds a control character, would break the connection."""
    message = {"role": "user", "content": "hello", name: 1}
    for body in ({"messages": [message]}, {"messages": [{"role": "", name: 1}]}):
        answer = shared.client.post(CHAT, content=json.dumps({**body, "max_tokens": 1}))
        assert answer.status_code == (200 if message in body["messages"] else 400)
        assert answer.headers["x-ponder-warning"].isprintable()


def test_known_members_of_messages_are_refused_still(shared: Tiny) -> None:
    """What would change the answer, and is not implemented, is no mark."""
    for name in refused.MESSAGE:
        messages = [{"role": "user", "content": "a", name: "surprise"}]
        told = error(shared.client.post(CHAT, json={"messages": messages}), 400)
        assert told["param"] == f"messages[0].{name}"


def test_a_part_that_is_no_text_is_refused_by_its_type(shared: Tiny) -> None:
    """Its members are not what is wrong with it."""
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    told = error(shared.client.post(CHAT, json={"messages": [{"role": "user", "content": [part]}]}), 400)
    assert "text" in told["message"]
    assert "unknown parameter" not in told["message"]
