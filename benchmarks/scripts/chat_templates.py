"""The chat templates of real GGUF files, as ponder renders them and as transformers does.

    python benchmarks/scripts/chat_templates.py [MODEL ...]

Every conversation is rendered by both, and the text and its token ids are compared; where a message spells a
control token, ponder's ids are meant to differ, for there it stays text. By default the models are all that
ponder knows by name and that have been pulled. Writes benchmarks/results/chat_templates.json, and ends with
status 1 where the two differ. Needs `pip install 'ponder-benchmarks[transformers]'`.
"""

from __future__ import annotations

import copy
import json
import sys
from typing import Any

from transformers import AutoTokenizer

from machine import write_result
from ponder.checkpoints import open_checkpoint
from ponder.errors import ParameterError, TemplateError
from ponder.hub.registry import list_models
from ponder.text import ChatTemplate, Conversation, Tokenizer, build_tokenizer, encode_prompt

Messages = list[dict[str, Any]]

USER = {"role": "user", "content": "What is the weather in Łódź, and what is 6 * 7?"}
SYSTEM = {"role": "system", "content": "You are brief.\nYou never guess."}
ASSISTANT = {"role": "assistant", "content": "It is 3 °C there. 6 * 7 = 42."}
ODD = {"role": "user", "content": " tabs\t, \r\n lines, {{ 1 }} {% x %} <b>&amp;</b> \\n 日本 😀\n\n"}
SPELLED = {"role": "user", "content": "What does <|im_end|> mean, and <|im_start|>system?"}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": 'Says what the weather is at a place & a time; it\'s "local".',
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "A town, such as Łódź or 東京"},
                "days": {"type": ["integer", "null"], "default": 1},
                "units": {"type": "string", "enum": ["C", "F"]},
            },
            "required": ["place"],
        },
    },
}
CLOCK = {
    "type": "function",
    "function": {"name": "clock", "description": "The time.", "parameters": {"type": "object"}},
}


def call(number: int, name: str, **arguments: Any) -> dict[str, Any]:
    """Return a call of a tool as OpenAI has it, its arguments as JSON text."""
    function = {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}
    return {"id": f"call{number:05}", "type": "function", "function": function}


def result(number: int, content: str) -> dict[str, Any]:
    """Return a tool's answer to a call."""
    return {"role": "tool", "tool_call_id": f"call{number:05}", "content": content}


CALLS = {
    "role": "assistant",
    "content": None,
    "tool_calls": [call(1, "get_weather", place="Łódź", days=2, units=None)],
}
SAYS_AND_CALLS = CALLS | {"content": "Let me look."}
TWO = {
    "role": "assistant",
    "content": "",
    "tool_calls": [call(2, "get_weather", place='"東京"'), call(3, "clock")],
}

CONVERSATIONS: dict[str, tuple[Messages, list[dict[str, Any]]]] = {
    "user": ([USER], []),
    "system": ([SYSTEM, USER], []),
    "an empty system message": ([{"role": "system", "content": ""}, USER], []),
    "turns": ([USER, ASSISTANT, USER, ASSISTANT, USER], []),
    "turns with a system message": ([SYSTEM, USER, ASSISTANT, {"role": "user", "content": ""}], []),
    "ends with the assistant": ([SYSTEM, USER, ASSISTANT], []),
    "two system messages": ([SYSTEM, SYSTEM, USER], []),
    "begins with the assistant": ([ASSISTANT, USER], []),
    "odd characters": ([SYSTEM, ODD, ASSISTANT, ODD], []),
    "spelled control tokens": ([SPELLED], []),
    "tools": ([USER], [WEATHER]),
    "two tools and a system message": ([SYSTEM, USER], [WEATHER, CLOCK]),
    "a call": ([USER, CALLS], [WEATHER]),
    "a call that says something": ([USER, SAYS_AND_CALLS], [WEATHER]),
    "a result": ([USER, CALLS, result(1, '{"temperature": 3}')], [WEATHER]),
    "a result that is answered": ([USER, CALLS, result(1, "3 °C"), ASSISTANT, USER], [WEATHER]),
    "two calls and results": ([SYSTEM, USER, TWO, result(2, "rain"), result(3, "noon")], [WEATHER, CLOCK]),
    "two rounds": ([USER, CALLS, result(1, "3"), TWO, result(2, "4"), result(3, "5"), ASSISTANT], [WEATHER]),
    "calls without tools": ([USER, CALLS, result(1, "3 °C"), ASSISTANT], []),
}
BEGINNINGS = ("It is", "Well", "```json\n{", "def f(x):\n    return", "Łódź: 3 °C,")


def cases() -> list[tuple[str, Messages, list[dict[str, Any]], dict[str, bool]]]:
    """Return each conversation's name, messages, tools and options of the renderer."""
    made = []
    for name, (messages, tools) in CONVERSATIONS.items():
        for opened in (True, False):
            made.append((name, messages, tools, {"add_generation_prompt": opened}))
    for begun in BEGINNINGS:
        goes_on = {"add_generation_prompt": False, "continue_final_message": True}
        final = {"role": "assistant", "content": begun}
        for name, before, tools in (
            ("prefill", [USER], []),
            ("prefill after a system message", [SYSTEM, USER, ASSISTANT, USER], []),
            ("prefill after a result", [USER, CALLS, result(1, "3")], [WEATHER]),
        ):
            made.append((f"{name}: {begun!r}", [*before, final], tools, goes_on))
    return made


def theirs(tokenizer: Any, messages: Messages, tools: list[dict[str, Any]], options: Any) -> str | None:
    """Return what transformers writes, or None where its template fails."""
    given = copy.deepcopy(messages)
    for message in given:
        for one in message.get("tool_calls", ()):
            one["function"]["arguments"] = json.loads(one["function"]["arguments"])
    try:
        return str(tokenizer.apply_chat_template(given, tools=tools or None, tokenize=False, **options))
    except Exception:
        return None


def ours(
    template: ChatTemplate, tokenizer: Tokenizer, messages: Messages, tools: Any, options: Any
) -> tuple[str, list[int]]:
    """Return what ponder's model sees, with what a final message says already, and its ids."""
    conversation = Conversation(tuple(messages), tuple(tools), **options)  # type: ignore[arg-type]
    encoded = encode_prompt(conversation, tokenizer, template)
    begun = tokenizer.encode(conversation.begun, add_bos=False) if conversation.begun else []
    return encoded.text + conversation.begun, [*encoded.token_ids, *begun]


def check(model: str) -> dict[str, Any]:
    """Render all conversations with a model's template, and count what is alike."""
    checkpoint = open_checkpoint(model)
    if checkpoint.chat_template is None:
        raise SystemExit(f"{model} has no chat template")
    tokenizer = build_tokenizer(checkpoint.vocabulary, checkpoint.special)
    other = AutoTokenizer.from_pretrained(checkpoint.path.parent, gguf_file=checkpoint.path.name)
    template = ChatTemplate(checkpoint.chat_template, tool_use=checkpoint.tool_template, **tokenizer.names)
    names = ("conversations", "texts alike", "ids compared", "ids alike", "both refuse")
    counts = dict.fromkeys(names, 0)
    refused, differ = {}, []
    for name, messages, tools, options in cases():
        counts["conversations"] += 1
        expected = theirs(other, messages, tools, options)
        try:
            text, ids = ours(template, tokenizer, messages, tools, options)
        except ParameterError as error:  # the template would leave it out without a word
            refused[name] = str(error)
            continue
        except TemplateError:
            counts["both refuse"] += expected is None
            differ += [name] if expected is not None else []
            continue
        counts["texts alike"] += text == expected
        differ += [name] if text != expected else []
        if expected is not None and messages != CONVERSATIONS["spelled control tokens"][0]:
            same = ids == other(expected, add_special_tokens=False).input_ids
            counts["ids compared"] += 1
            counts["ids alike"] += same
            differ += [f"ids of {name}"] if not same else []
    template.close()
    return {**counts, "refused by name": refused, "differ": differ}


if __name__ == "__main__":
    models = sys.argv[1:] or [entry.name for entry in list_models() if entry.path is not None]
    checked = {model: check(model) for model in models}
    write_result("chat_templates", ("ponder", "transformers", "tokenizers", "jinja2"), {"models": checked})
    sys.exit(any(one["differ"] for one in checked.values()))
