"""What a stream's chunks mean, and what is said of those that mean nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponder.bench.client import (
    Answer,
    error_message,
    has_tokens,
    request_body,
    seconds_to_wait,
    token_counts,
)
from ponder.bench.event_stream import StreamError
from ponder.bench.measurement import TokenCounts
from ponder.bench.settings import Settings
from ponder.errors import ParameterError


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"text": "a", "finish_reason": None}, True),
        ({"text": "a", "finish_reason": "stop"}, True),
        ({"text": "", "finish_reason": None}, True),  # part of a character, or a control token
        ({"text": "", "finish_reason": "stop"}, False),
        ({"delta": {"role": "assistant", "content": ""}, "finish_reason": None}, False),
        ({"delta": {"role": "assistant", "content": "a"}}, True),
        ({"delta": {"content": "a"}}, True),
        ({"delta": {"reasoning_content": "a"}}, True),
        ({"delta": {}, "finish_reason": "length"}, False),
    ],
)
def test_which_chunks_have_tokens(choice, expected):
    assert has_tokens(choice) is expected


def test_an_answer_adds_up():
    answer = Answer()
    for at, chunk in enumerate(
        [
            {"choices": [{"index": 1, "text": "a"}]},
            {"choices": [{"index": 0, "text": "b"}, {"index": 1, "text": "c"}]},
            {"choices": [{"index": 0, "text": "", "finish_reason": "length"}], "usage": None},
            {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 3}},
        ]
    ):
        answer.take(json.dumps(chunk), float(at))
    assert not answer.done
    answer.take("[DONE]", 4.0)
    assert answer.done
    assert [list(row) for row in answer.chunk_times()] == [[1.0], [0.0, 1.0]]
    assert answer.tokens == TokenCounts(3, 3, None)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("3", "not a chunk"),
        ('{"error": {"message": "lost"}}', "lost"),
        ('{"error": "lost"}', "lost"),
        ('{"error": null}', "not a chunk"),
        ('{"choices": [3]}', "not an object"),
        ('{"choices": [{"index": -1, "text": "a"}]}', "no index"),
        ('{"choices": [{"index": "0", "text": "a"}]}', "no index"),
    ],
)
def test_what_is_no_chunk_breaks_the_stream(data, message):
    with pytest.raises(StreamError, match=message):
        Answer().take(data, 0.0)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "usage", "delta", "index", "error", "message", "prompt_tokens", "text"]
            ),
            inner,
        )
    ),
)


@pytest.mark.slow
@given(json_values)
def test_whatever_a_server_sends_is_taken_or_refused(value):
    answer = Answer()
    try:
        answer.take(json.dumps(value), 0.0)
    except StreamError:
        return
    answer.chunk_times()


def test_usage_that_cannot_be_read_is_none():
    assert token_counts({"prompt_tokens": 1, "completion_tokens": True}) is None
    assert token_counts({"prompt_tokens": -1, "completion_tokens": 2}) is None
    assert token_counts([1]) is None
    details = {"cached_tokens": 7}
    assert token_counts(
        {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": details}
    ) == TokenCounts(9, 2, 7)


def test_error_bodies():
    assert error_message({"error": {"message": "a"}}) == "a"
    assert error_message({"message": "a"}) == "a"
    assert error_message({"error": "a"}) == "a"
    assert error_message({"detail": "a"}) is None
    assert error_message([1]) is None


def test_retry_after():
    assert seconds_to_wait("5") == 5.0
    assert [seconds_to_wait(text) for text in (None, "", "-1", "1e9", "9" * 400, "Wed, 21 Oct")] == [None] * 6


def test_only_what_is_set_is_sent():
    body = json.loads(request_body(Settings(concurrency=1), "m", [1, 2]))
    assert body == {
        "model": "m",
        "max_tokens": 64,
        "stream": True,
        "stream_options": {"include_usage": True},
        "prompt": [1, 2],
    }
    chat = Settings(rate=1.0, endpoint="chat", n=2, temperature=0.0, top_p=0.5, ignore_eos=True)
    body = json.loads(request_body(chat, "m", "hi"))
    assert body["messages"] == [{"role": "user", "content": "hi"}]
    assert (body["n"], body["temperature"], body["top_p"], body["ignore_eos"]) == (2, 0.0, 0.5, True)
    assert "prompt" not in body


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "concurrency"),
        ({"concurrency": 1, "rate": 1.0}, "concurrency"),
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": 1, "max_concurrency": 2}, "max_concurrency"),
        ({"rate": 0.0}, "rate"),
        ({"rate": float("nan")}, "rate"),
        ({"rate": float("inf")}, "rate"),
        ({"rate": 1.0, "requests": 0}, "requests"),
        ({"rate": 1.0, "prompt_tokens": 4, "shared_prefix_tokens": 5}, "shared_prefix_tokens"),
        ({"rate": 1.0, "dataset": "f", "shared_prefix_tokens": 5}, "shared_prefix_tokens"),
        ({"rate": 1.0, "timeout_s": 0.0}, "timeout_s"),
        ({"rate": 1.0, "n": 0}, "n"),
    ],
)
def test_bad_settings_are_named(fields, name):
    with pytest.raises(ParameterError) as error:
        Settings(**fields)
    assert error.value.field == name
