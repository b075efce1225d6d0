"""The official openai package's responses: create, stream, parse, retrieve, delete."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import openai
import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from responding import ANSWER, TOOL, able_model, streamed
from serving import Tiny, serving


class Choice(BaseModel):
    x: Literal["a", "b"]


@pytest.fixture(scope="module")
def able() -> Iterator[Tiny]:
    """A server whose template has tools."""
    with serving(able_model()) as tiny:
        yield tiny


@pytest.fixture
def client(able: Tiny) -> Iterator[openai.OpenAI]:
    """A client of it."""
    with openai.OpenAI(base_url=f"{able.server.url}/v1", api_key="unused", max_retries=0) as client:
        yield client


SEEDED: Any = {"max_output_tokens": 20, "extra_body": {"seed": 1}}


@pytest.mark.slow
def test_create(client: openai.OpenAI) -> None:
    """And going on, looking up, listing what it answers, deleting."""
    first = client.responses.create(model="tiny", input="hello", **SEEDED)
    assert first.output_text
    second = client.responses.create(
        model="tiny", input="more", previous_response_id=first.id, instructions="be brief", **SEEDED
    )
    assert client.responses.retrieve(second.id).output_text == second.output_text
    assert [item.type for item in client.responses.input_items.list(second.id)] == ["message"] * 3
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)


def test_create_streamed(client: openai.OpenAI) -> None:
    """The events say what the whole does."""
    whole = client.responses.create(model="tiny", input="hello", **SEEDED)
    events = list(client.responses.create(model="tiny", input="hello", stream=True, **SEEDED))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == whole.output_text
    assert events[-1].type == "response.incomplete"
    assert events[-1].response.output_text == text


@pytest.mark.slow
def test_stream(client: openai.OpenAI) -> None:
    """Its helper puts the events together, ours among them."""
    body = {"seed": 1, "stream_options": {"include_trace": True}}
    asked: Any = {"max_output_tokens": 40, "extra_body": body}
    with client.responses.stream(model="tiny", input="hello", **asked) as stream:
        kinds = {event.type for event in stream}
    assert {"ponder:trace", "response.output_text.delta", "response.output_text.done"} <= kinds


@pytest.mark.slow
def test_stream_of_a_call(client: openai.OpenAI) -> None:
    """The arguments are put together."""
    tools: Any = [TOOL]
    with client.responses.stream(
        model="tiny",
        input="hello",
        tools=tools,
        tool_choice="required",
        parallel_tool_calls=False,
        extra_body={"seed": 1},
    ) as stream:
        (item,) = stream.get_final_response().output
    assert item.type == "function_call"
    assert item.arguments.startswith('{"x"')


def test_parse(client: openai.OpenAI) -> None:
    """A class's schema holds the text."""
    answer = client.responses.parse(
        model="tiny", input="hello", text_format=Choice, extra_body={"seed": 1}, max_output_tokens=100
    )
    assert answer.output_parsed is not None
    assert answer.output_parsed.x in ("a", "b")


def test_errors(client: openai.OpenAI) -> None:
    """They are the package's own, with the names of fields."""
    image: Any = {"type": "input_image", "image_url": "data:,"}
    with pytest.raises(openai.BadRequestError, match="this model reads text") as caught:
        client.responses.create(model="tiny", input=[{"role": "user", "content": [image]}])
    assert (caught.value.code, caught.value.param) == ("unsupported_content", "input")


@pytest.mark.slow
def test_events_have_the_packages_types(able: Tiny) -> None:
    """Strictly, which the client itself does not check."""
    adapter: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    logprobs = {"include": ["message.output_text.logprobs"], "top_logprobs": 1}
    calling = {"tools": [TOOL], "tool_choice": "required", "max_output_tokens": 200}
    for body in ({}, logprobs, calling):
        for event in streamed(able, **(ANSWER | body)):
            adapter.validate_python(event, strict=True)
