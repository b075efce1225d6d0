"""Templates in the styles of public model families render as in transformers.

`templates/` holds them, written from what the families document, with the features of jinja2 that they use.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import transformers
from tokenizers.models import BPE

from ponder.errors import ParameterError, TemplateError
from ponder.text import ChatTemplate, Conversation

FOLDER = Path(__file__).with_name("templates")
FAMILIES = sorted(path.stem for path in FOLDER.glob("*.jinja"))
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": 'Says what the weather is, at a place & a time; it\'s "local".',
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "A town, such as Łódź or 東京"},
                "days": {"type": ["integer", "null"], "default": 1},
                "units": {"type": "string", "enum": ["C", "F"]},
                "at": {"type": "array", "items": {"type": "number"}},
            },
            "required": ["place"],
        },
    },
}
CLOCK = {
    "type": "function",
    "function": {
        "name": "clock",
        "description": "The time.",
        "parameters": {"type": "object", "properties": {}},
    },
}


def call(number: int, name: str, **arguments: Any) -> dict[str, Any]:
    return {
        "id": f"call{number:05}",
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)},
    }


USER = {"role": "user", "content": "Is it <b>cold</b> & 'wet' in Łódź? \n"}
SYSTEM = {"role": "system", "content": " Be brief. "}
ASSISTANT = {"role": "assistant", "content": " It is 3 °C.\n"}
THOUGHT = {"role": "assistant", "content": "<think>\nIt is winter.\n</think>\n\nYes, it is cold."}
CALLS = {
    "role": "assistant",
    "content": None,
    "tool_calls": [call(1, "get_weather", place='Łódź "PL"', at=[1.5, -2])],
}
TWO = {
    "role": "assistant",
    "content": "Let me look.",
    "tool_calls": [call(2, "get_weather", place="<Paris>"), call(3, "clock")],
}


def result(number: int, content: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": f"call{number:05}", "name": "get_weather", "content": content}


CONVERSATIONS: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any]]] = {
    "user": ([USER], [], {}),
    "system": ([SYSTEM, USER], [], {}),
    "turns": ([USER, ASSISTANT, USER, ASSISTANT, USER], [], {}),
    "turns with a system message": ([SYSTEM, USER, ASSISTANT, {"role": "user", "content": ""}], [], {}),
    "ends with the assistant": ([SYSTEM, USER, ASSISTANT], [], {}),
    "two system messages": ([SYSTEM, SYSTEM, USER], [], {}),
    "two users": ([USER, USER], [], {}),
    "begins with the assistant": ([ASSISTANT, USER], [], {}),
    "thoughts in the text": ([USER, THOUGHT, USER, THOUGHT], [], {}),
    "thoughts apart": ([USER, ASSISTANT | {"reasoning_content": "Winter.\n"}], [], {}),
    "names": ([USER | {"name": "ada"}, ASSISTANT | {"name": "bot"}, USER | {"name": "bob"}], [], {}),
    "a system message that says how": ([{"role": "system", "content": "/no_think Hi"}, USER], [], {}),
    "an unknown role": ([USER, {"role": "narrator", "content": "Night falls."}], [], {}),
    "a developer": ([{"role": "developer", "content": "Obey."}, USER], [], {}),
    "odd characters": (
        [{"role": "user", "content": "a\0b\r\n\u2028 {{ 1 }} {% x %} {# y #} \\n 😀"}],
        [],
        {},
    ),
    "tools": ([USER], [WEATHER], {}),
    "two tools and a system message": ([SYSTEM, USER], [WEATHER, CLOCK], {}),
    "a call": ([USER, CALLS], [WEATHER], {}),
    "a result": ([USER, CALLS, result(1, '{"temperature": 3}')], [WEATHER], {}),
    "a result that is answered": ([USER, CALLS, result(1, "3 °C"), ASSISTANT, USER], [WEATHER], {}),
    "two calls": ([SYSTEM, USER, TWO, result(2, "rain"), result(3, "noon")], [WEATHER, CLOCK], {}),
    "calls without tools": ([USER, CALLS, result(1, "3 °C"), ASSISTANT], [], {}),
    "no thinking": ([USER], [], {"enable_thinking": False}),
    "thinking": ([SYSTEM, USER], [], {"enable_thinking": True}),
    "no thinking with tools": ([USER, CALLS, result(1, "x")], [WEATHER], {"enable_thinking": False}),
    "another date": ([USER], [WEATHER], {"date_string": "1 May 2030"}),
    "tools by the system": ([USER], [WEATHER], {"tools_in_user_message": False}),
    "built-in tools": ([USER], [], {"builtin_tools": ["search", "code_interpreter"]}),
    "documents": (
        [USER],
        [],
        {"documents": [{"title": "T", "text": "One."}, {"title": "U", "text": "Two."}]},
    ),
    "controls": ([USER], [], {"controls": {"length": "short", "originality": None}}),
    "identity": ([USER], [], {"model_identity": "You are a <tree>.", "reasoning_effort": "high"}),
}


class Bare:
    """A tokenizer of transformers that has a template and nothing else."""

    def __init__(self, source: str) -> None:
        inner = tokenizers.Tokenizer(BPE())
        self.tokenizer = transformers.PreTrainedTokenizerFast(
            tokenizer_object=inner, chat_template=source, **TOKENS
        )

    def render(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]], **more: Any) -> str | None:
        """Return what it writes, or None if it writes nothing but an error."""
        given = copy.deepcopy(messages)
        for message in given:
            for one in message.get("tool_calls", ()):
                one["function"]["arguments"] = json.loads(one["function"]["arguments"])
        try:
            return self.tokenizer.apply_chat_template(given, tools=tools or None, tokenize=False, **more)
        except Exception:
            return None


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> Iterator[tuple[str, ChatTemplate, Bare]]:
    """A family's template, ours and theirs."""
    source = (FOLDER / f"{request.param}.jinja").read_text()
    template = ChatTemplate(source, **TOKENS)
    yield source, template, Bare(source)
    template.close()


def test_as_transformers(family: tuple[str, ChatTemplate, Bare]) -> None:
    """The same text, or an error where theirs is one; what is refused is what their text leaves out."""
    source, template, theirs = family
    same = 0
    for name, (messages, tools, args) in CONVERSATIONS.items():
        for opened in (True, False):
            expected = theirs.render(messages, tools, add_generation_prompt=opened, **args)
            conversation = Conversation(tuple(messages), tuple(tools), args, add_generation_prompt=opened)
            try:
                written = template.render(conversation)
            except TemplateError:
                assert expected is None or needs_parts(template), name
            except ParameterError as error:
                assert_left_out(error, source, theirs, messages, tools, args, opened)
            else:
                assert written == expected or needs_parts(template), name
                same += 1
    assert same >= 8


def needs_parts(template: ChatTemplate) -> bool:
    return template._source == (FOLDER / "parts_only.jinja").read_text()


def assert_left_out(
    error: ParameterError,
    source: str,
    theirs: Bare,
    messages: list[dict[str, Any]],
    tools: list[dict[str, Any]],
    args: dict[str, Any],
    opened: bool,
) -> None:
    """What was refused changes nothing in what transformers writes."""
    field = error.field.partition(".")[0]
    with_it = theirs.render(messages, tools, add_generation_prompt=opened, **args)
    if field == "tools":
        assert theirs.render(messages, [], add_generation_prompt=opened, **args) == with_it
    elif field == "template_args":
        assert theirs.render(messages, tools, add_generation_prompt=opened) == with_it
    else:
        assert error.field.endswith(".tool_calls")
        assert "tool_calls" not in source


BEGINNINGS = [
    "It is",
    "",
    "Well",
    "<think>\nIt is winter.",
    "<think>\nIt is winter.\n</think>\n\nYes",
    "a </s> b {{ 1 }}",
]


BEFORE = ([USER], [SYSTEM, USER], [USER, ASSISTANT, USER])


def test_prefill_as_transformers(family: tuple[str, ChatTemplate, Bare]) -> None:
    """A final message that goes on: what comes before it, and then what it says."""
    _, template, theirs = family
    for before, begun in product(BEFORE, BEGINNINGS):
        messages = [*before, {"role": "assistant", "content": begun}]
        expected = theirs.render(messages, [], continue_final_message=True)
        conversation = Conversation(tuple(messages), continue_final_message=True)
        try:
            written = template.render(conversation) + begun
        except TemplateError:
            assert expected is None or needs_parts(template), begun
            continue
        if not begun and expected is not None and expected == expected.rstrip():
            written = written.rstrip()  # theirs then trims what comes before the message too
        assert written == expected or needs_parts(template), begun


def test_prefill_keeps_its_white_space(family: tuple[str, ChatTemplate, Bare]) -> None:
    """What the caller wrote goes on as it is, where a template would trim it; all else is as there."""
    _, template, theirs = family
    for begun in (" It is", "It is ", "\n It is \n"):
        messages = [USER, {"role": "assistant", "content": begun}]
        expected = theirs.render(messages, [], continue_final_message=True)
        if expected is not None and not needs_parts(template):
            before = template.render(Conversation(tuple(messages), continue_final_message=True))
            assert expected.startswith(before)
            assert expected.removeprefix(before).strip() == begun.strip()


def test_there_are_thirty() -> None:
    """Families, or more."""
    assert len(FAMILIES) >= 30


def test_content_as_parts() -> None:
    """A template that writes lists of parts and no text gets lists of parts."""
    source = (FOLDER / "parts_only.jinja").read_text()
    template, theirs = ChatTemplate(source, **TOKENS), Bare(source)
    messages = [SYSTEM, USER, ASSISTANT, USER]
    parts = [{**one, "content": [{"type": "text", "text": one["content"]}]} for one in messages]
    assert template.render(Conversation(tuple(messages))) == theirs.render(
        parts, [], add_generation_prompt=True
    )
    goes_on = (*messages[:2], {"role": "assistant", "content": "It is"})
    parts = [{**one, "content": [{"type": "text", "text": one["content"]}]} for one in goes_on]
    written = template.render(Conversation(goes_on, continue_final_message=True))
    assert written + "It is" == theirs.render(parts, [], continue_final_message=True)
    template.close()
