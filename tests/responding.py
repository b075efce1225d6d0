"""What tests of the Responses API share: a server whose template has tools, and the events of a stream."""

from __future__ import annotations

from typing import Any

from ponder.backends.local import LocalModel
from ponder.text import ChatTemplate
from serving import Tiny, events
from tiny_models import tiny_local_model

PATH = "/v1/responses"
TEMPLATE = (
    "{% if tools %}{{ tools | tojson }}\n{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{{ m.reasoning_content }}{{ m.content }}"
    "{% for c in m.tool_calls %}<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}"
    "{{ m.tool_call_id }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
ANSWER = {"max_output_tokens": 20, "seed": 1}
DIGIT = {"type": "object", "properties": {"x": {"enum": [1, 2]}}, "required": ["x"]}
TOOL = {"type": "function", "name": "f", "parameters": {**DIGIT, "additionalProperties": False}}


def able_model() -> LocalModel:
    """A tiny model whose template has tools, calls and thoughts."""
    template = ChatTemplate(TEMPLATE, bos_token="", eos_token="")
    return LocalModel("tiny", tiny_local_model(context_length=1024).engine, template, {})


def respond(tiny: Tiny, input_: Any = "hello", **body: Any) -> dict[str, Any]:
    """Return the response to an input."""
    answer = tiny.client.post(PATH, json={"input": input_, **ANSWER, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


def streamed(tiny: Tiny, input_: Any = "hello", **body: Any) -> list[dict[str, Any]]:
    """Return the events of the response to an input, which are numbered without a gap."""
    answer = tiny.client.post(PATH, json={"input": input_, "stream": True, **ANSWER, **body})
    assert answer.status_code == 200, answer.text
    told = events(answer.text)
    assert [one["sequence_number"] for one in told] == list(range(len(told)))
    return told


def same(response: dict[str, Any]) -> dict[str, Any]:
    """Return a response without what is another each time."""
    output = [{k: v for k, v in item.items() if k not in ("id", "call_id")} for item in response["output"]]
    names = ("id", "created_at", "completed_at", "usage")
    return {k: v for k, v in response.items() if k not in names} | {"output": output}


def text_of(response: dict[str, Any]) -> str:
    """Return the text of a response's messages."""
    return "".join(p["text"] for i in response["output"] if i["type"] == "message" for p in i["content"])
