"""Models are held to calls of tools as their templates write them, and those are read as calls."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ponder.constraints import Constraint, bits, follow
from ponder.server.openai.calls import certain_calls, possible_calls
from ponder.text import ChatTemplate, Vocabulary
from ponder.text.call_form import FORMS, CallForm
from ponder.text.tool_calls import ToolCall, ToolCallReader

TEMPLATES = Path(__file__).parents[1] / "text" / "templates"
WRITES = {  # the index in FORMS; None: in no form that is known
    "hermes_tools": 0,
    "qwen25_tools": 0,
    "qwen3_thinking": 0,
    "smollm3": 0,  # which writes no calls
    "chatml": 0,  # which has no place for any
    "nemotron": 1,
    "llama31_tools": 2,
    "mistral_v3_tools": 3,
    "phi4_mini_tools": 4,
    "granite3": 5,
    "command_r_tool_use": 6,
    "deepseek_v3_tools": 8,
    "gpt_oss": None,
    "minicpm3_tools": None,
    "falcon3": None,
}
PLACE = {
    "type": "object",
    "properties": {"at": {"type": "string", "maxLength": 40}, "days": {"enum": [1, 2, 30]}},
    "required": ["at"],
    "additionalProperties": False,
}
TOOLS: list[tuple[str, dict[str, Any]]] = [
    ("weather", PLACE),
    ("weather_now", {"type": "object", "maxProperties": 0}),
    ("anything", {"type": "object"}),
]
SCHEMAS = dict(TOOLS)
MARKS = sorted(
    {mark for form in FORMS for one in (form.opening, form.end, form.optional) for mark in one.split()}
)


@cache
def vocabulary_of(control: tuple[str, ...] = ()) -> Vocabulary:
    """All printable letters, some others, words of calls, marks as text, and control tokens."""
    words = [chr(code) for code in range(32, 127)]
    words += [
        "\n",
        "\\u",
        "é",
        "｜",
        "▁",
        '{"',
        '": ',
        '", "',
        '"}',
        "}}",
        "weather",
        "name",
        "```json",
        *MARKS,
    ]
    spelled = [word.encode() for word in words] + [bytes([byte]) for byte in range(128, 256)]
    ids = {name: len(spelled) + number for number, name in enumerate(control)}
    return Vocabulary((*spelled, *(b"" for _ in control), b"</s>"), (len(spelled) + len(control),), ids)


def written(constraint: Constraint, vocabulary: Vocabulary, rng: random.Random, steps: int) -> str:
    """Return a text that a constraint allows: random tokens, often marks, then the shortest way to an end."""
    marks = {vocabulary.tokens.index(mark.encode()) for mark in MARKS}
    names = {number: name.encode() for name, number in vocabulary.control.items()}
    automaton = constraint.compile(vocabulary)
    state, tokens = automaton.start, []
    for _ in range(steps):
        mask = automaton.mask(state)
        assert mask is not None
        free = rng.sample(members := bits.members(mask), len(members))
        if rng.random() < 0.3:
            free.sort(key=lambda token: token not in marks)
        after = next(((one, on) for one in free if (on := automaton.step(state, one)) is not None), None)
        if after is None:
            break
        tokens.append(after[0])
        state = after[1]
    plan = automaton.plan(state, 10_000)
    assert plan is not None
    assert automaton.may_end(follow(automaton, state, plan))
    spelled = b"".join(names.get(token) or vocabulary.tokens[token] for token in (*tokens, *plan))
    return spelled.decode("utf-8", "replace")


def read(form: CallForm, text: str, rng: random.Random) -> list[str | ToolCall]:
    """Return what a reader tells of a text that is cut at random."""
    reader, said = ToolCallReader(SCHEMAS, form=form), []
    while text:
        size = rng.randint(1, 30)
        said += reader.push(text[:size])
        text = text[size:]
    return said + reader.flush()


def check(call: ToolCall) -> None:
    Draft202012Validator(SCHEMAS[call.name]).validate(json.loads(call.arguments))


@pytest.mark.slow
@pytest.mark.parametrize("family", WRITES)
def test_the_form_is_that_of_the_template(family: str) -> None:
    """It writes calls so."""
    source = (TEMPLATES / f"{family}.jinja").read_text()
    template = ChatTemplate(source, bos_token="<s>", eos_token="</s>")
    try:
        form = template.call_form()
        expected = WRITES[family]
        assert form == (None if expected is None else FORMS[expected])
    finally:
        template.close()


CASES = [(number, spelled) for number in range(len(FORMS) - 1) for spelled in (False, True)]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "control"), CASES)
def test_what_is_certain_is_read_as_calls(number: int, control: bool) -> None:
    """And as nothing else, with arguments of the schemas, whether marks are control tokens or text."""
    form = FORMS[number]
    vocabulary = vocabulary_of(tuple(MARKS) if control else ())
    for one in (False, True):
        constraint = certain_calls(form, TOOLS, vocabulary, one=one)
        for steps in (0, 100):
            rng = random.Random(steps)
            text = written(constraint, vocabulary, rng, steps)
            said = read(form, text, rng)
            calls = [call for call in said if isinstance(call, ToolCall)]
            assert calls
            assert calls == said
            assert len(calls) == 1 or not one
            for call in calls:
                check(call)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "control"), CASES)
def test_what_may_be_calls_has_no_others(number: int, control: bool) -> None:
    """Text beside calls has none, and each call keeps to its schema; with one call at most there is one."""
    form = FORMS[number]
    vocabulary = vocabulary_of(tuple(MARKS) if control else ())
    for one in (False, True):
        rng = random.Random(one)
        constraint = possible_calls(form, TOOLS, vocabulary, one=one)
        text = written(constraint, vocabulary, rng, 100)
        calls = [call for call in read(form, text, rng) if isinstance(call, ToolCall)]
        assert len(calls) <= 1 or not one
        for call in calls:
            check(call)


@pytest.mark.parametrize("number", range(len(FORMS)))
def test_what_may_be_calls_has_any_call_after_text(number: int) -> None:
    """A call is allowed as it is written, and text before it where the form has a place for some."""
    form = FORMS[number]
    vocabulary = vocabulary_of()
    automaton = possible_calls(form, TOOLS, vocabulary, one=True).compile(vocabulary)
    call = certain_calls(form, [TOOLS[1]], vocabulary, one=True).compile(vocabulary)
    plan = call.plan(call.start, 10_000)
    assert plan is not None
    said = tuple(vocabulary.tokens.index(bytes([letter])) for letter in b"So. ")
    for before in ((), said) if form.opening else ((),):
        state = follow(automaton, automaton.start, (*before, *plan))
        assert state is not None
        assert automaton.may_end(state)
