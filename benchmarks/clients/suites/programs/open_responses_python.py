"""What Open Responses' compliance suite asks: text, a stream, a system message, calls, an image, turns.

Written from its documented behaviour (openresponses/openresponses, schema of 2026-04-24). An answer
must have all members of a response, null only where the schema says so, and fit the openai package's types.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from checks import BASE, MODEL, NotApplicable, Refused, check, main
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

NULLABLE = {
    *("completed_at", "incomplete_details", "previous_response_id", "instructions", "error", "reasoning"),
    *("usage", "max_output_tokens", "max_tool_calls", "safety_identifier", "prompt_cache_key"),
}
REQUIRED = NULLABLE | {
    *("id", "object", "created_at", "status", "model", "output", "tools", "tool_choice", "truncation"),
    *("parallel_tool_calls", "text", "top_p", "presence_penalty", "frequency_penalty", "top_logprobs"),
    *("temperature", "store", "background", "service_tier", "metadata"),
}
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Tell the weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CALLING = {"input": [{"type": "message", "role": "user", "content": "How is the weather in Rome?"}]}
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAA"
    "AfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def asked(**body: Any) -> str:
    """Return what the server answers to a request."""
    drawn = {"seed": 1}  # at random, but always the same
    data = json.dumps({"model": MODEL, "stream": False, **drawn, **body}).encode()
    request = urllib.request.Request(f"{BASE}/responses", data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        told = json.load(error)["error"]
        if told["param"] == "tools" and "template" in told["message"]:
            raise NotApplicable(told["message"]) from None
        raise Refused(told["message"]) from None


def checked(response: dict[str, Any], status: str | None = "completed") -> dict[str, Any]:
    """Return a response whose members are all there, and that has output."""
    assert response.keys() >= REQUIRED, REQUIRED - response.keys()
    nulls = {name for name in REQUIRED if response[name] is None} - NULLABLE
    assert not nulls, nulls
    Response.model_validate_json(json.dumps(response), strict=True)
    assert response["output"]
    assert status in (None, response["status"]), response["status"]
    return response


def answered(**body: Any) -> dict[str, Any]:
    return checked(json.loads(asked(**body)))


def streamed(**body: Any) -> list[dict[str, Any]]:
    """Return the events of a stream, each checked."""
    *parts, last = [part for part in asked(**body, stream=True).split("\n\n") if part]
    assert last == "data: [DONE]", last
    events = []
    for number, part in enumerate(parts):
        name, data = part.split("\n", 1)
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}", name
        assert event["sequence_number"] == number, event
        EVENT.validate_json(data.removeprefix("data: "), strict=True)
        events.append(event)
    return events


@check("basic-response")
def basic() -> None:
    answered(input=[{"type": "message", "role": "user", "content": "Greet me in three words."}])


@check("streaming-response")
def streaming() -> None:
    events = streamed(input=[{"type": "message", "role": "user", "content": "Count to five."}])
    checked(events[-1]["response"])


@check("system-prompt")
def system_prompt() -> None:
    system = {"type": "message", "role": "system", "content": "Answer as a pirate."}
    answered(input=[system, {"type": "message", "role": "user", "content": "Say hello."}])


@check("tool-calling")
def tool_calling() -> None:
    response = answered(**CALLING, tools=[WEATHER])
    assert any(item["type"] == "function_call" for item in response["output"]), response["output"]


@check("tool-calling-streaming")
def tool_calling_streaming() -> None:
    events = streamed(**CALLING, tools=[WEATHER])
    checked(events[-1]["response"], None)
    of_calls = {event["type"] for event in events if event.get("item", {}).get("type") == "function_call"}
    assert of_calls == {"response.output_item.added", "response.output_item.done"}, of_calls
    arguments = {event["type"] for event in events if "arguments" in event["type"]}
    assert len(arguments) == 2, arguments


@check("image-input")
def image() -> None:
    parts = [{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": PIXEL}]
    answered(input=[{"type": "message", "role": "user", "content": parts}])


@check("multi-turn")
def turns() -> None:
    said = [("user", "My name is Ada."), ("assistant", "Hello Ada."), ("user", "What is my name?")]
    answered(input=[{"type": "message", "role": role, "content": content} for role, content in said])


if __name__ == "__main__":
    main()
