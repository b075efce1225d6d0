"""Calls of tools are told from text, however the text is cut."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator

import pytest

from ponder.text.call_form import FORMS, HERMES, CallForm
from ponder.text.tool_calls import ToolCall, ToolCallReader

A, B = '{"name": "f", "arguments": {"x": "a b", "y": [1, null]}}', '{"name": "g", "arguments": {}}'
CALLED = ToolCall("f", '{"x": "a b", "y": [1, null]}')


def wrapped(written: str) -> str:
    return f"<tool_call>\n{written}\n</tool_call>"


CASES: dict[str, tuple[str, list[str | ToolCall]]] = {
    "text": ("Hello, you.\n", ["Hello, you.\n"]),
    "nothing": ("", []),
    "a call": (wrapped(A), [CALLED]),
    "a call after text": (f"Let me see.\n\n{wrapped(A)}\n", ["Let me see.", CALLED]),
    "two calls": (wrapped(A) + "\n" + wrapped(B), [CALLED, ToolCall("g", "{}")]),
    "text after a call": (wrapped(A) + "\nDone. ", [CALLED, "\nDone. "]),
    "no arguments": ('<tool_call>{"name": "g"}</tool_call>', [ToolCall("g", "{}")]),
    "a call that the end closes": (f"So.\n<tool_call>\n{A}\n", ["So.", CALLED]),
    "two calls, the end closes one": (f"{wrapped(B)}\n<tool_call>{A}", [ToolCall("g", "{}"), CALLED]),
    "the end of a call in a string": (
        wrapped('{"name": "f", "arguments": {"x": "</tool_call>\\n</tool_call>"}}'),
        [ToolCall("f", '{"x": "</tool_call>\\n</tool_call>"}')],
    ),
    "a call after a broken one": (
        '<tool_call>{"a</tool_call> ' + wrapped(B),
        ['<tool_call>{"a</tool_call>', ToolCall("g", "{}")],
    ),
    "letters of other scripts": (
        wrapped('{"name": "f", "arguments": {"x": "\\u0141ód\\u017a 😀"}}'),
        [ToolCall("f", '{"x": "Łódź 😀"}')],
    ),
    **{
        name: (text, [text])
        for name, text in {
            "a call that is not complete": f"a <tool_call>\n{A}\n</tool",
            "a call that is cut": f"a <tool_call>\n{A[:-1]}",
            "an unknown tool that the end closes": 'a <tool_call>{"name": "rm", "arguments": {}}',
            "the beginning of a call": "a <tool_c",
            "the end alone": f"So {A}\n</tool_call> ",
            "no JSON": wrapped("f(x=1)"),
            "an unknown tool": wrapped('{"name": "rm", "arguments": {}}'),
            "arguments that are no object": wrapped('{"name": "f", "arguments": [1]}'),
            "arguments in text": wrapped('{"name": "f", "arguments": "{}"}'),
            "more members": wrapped('{"name": "f", "arguments": {}, "id": 1}'),
            "no name": wrapped('{"arguments": {}}'),
            "a name that is none": wrapped('{"name": ["f"], "arguments": {}}'),
            "a number that JSON lacks": wrapped('{"name": "f", "arguments": {"x": NaN}}'),
            "a number too large": wrapped('{"name": "f", "arguments": {"x": 1e999}}'),
            "half a character": wrapped('{"name": "f", "arguments": {"x": "\\ud800"}}'),
            "very deep": wrapped('{"name": "f", "arguments": ' + "[" * 20_000 + "}"),
            "another way to call": wrapped("<function=f>\n<parameter=x>\n1\n</parameter>\n</function>"),
            "less than": "if a < b and t <tool: pass",
        }.items()
    },
}


def read(pieces: list[str], form: CallForm = HERMES) -> list[str | ToolCall]:
    """Return what comes out, texts that follow each other joined."""
    reader = ToolCallReader(["f", "g"], form=form)
    said: list[str | ToolCall] = []
    for one in [one for piece in pieces for one in reader.push(piece)] + reader.flush():
        assert one
        if isinstance(one, str) and said and isinstance(said[-1], str):
            said[-1] += one
        else:
            said.append(one)
    return said


def in_pieces(text: str) -> Iterator[list[str]]:
    """Yield a text whole and cut at random."""
    yield [text]
    rng = random.Random(3)
    for size in (1, 2, 5, 11):
        cuts = sorted(rng.sample(range(len(text) + 1), min(len(text), len(text) // size)))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        assert "".join(pieces) == text
        yield pieces


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES.keys())
def test_calls(text: str, expected: list[str | ToolCall]) -> None:
    """Calls and texts, the same for every cut; a call's arguments are JSON."""
    for pieces in in_pieces(text):
        assert read(pieces) == expected
    for one in expected:
        assert isinstance(one, str) or isinstance(json.loads(one.arguments), dict)


BARE_CALLS: dict[str, tuple[str, list[str | ToolCall]]] = {
    "alone": (A, [CALLED]),
    "after white space": (f"\n {A}\n", [CALLED]),
    "in a fence": (f"```json\n{A}\n```", [CALLED]),
    "in a fence of no language": (f"```\n{A}\n```\n", [CALLED]),
    "in a fence that the end closes": (f"```json\n{A}\n", [CALLED]),
    "parameters": (A.replace("arguments", "parameters"), [CALLED]),
    "written wide": (
        '{\n  "name" : "f",\n  "arguments": {\n "x": [ {"a": "}\\""}, -1.5e+3, true ],\n "y": {}\n  }\n}',
        [ToolCall("f", '{"x": [{"a": "}\\""}, -1500.0, true], "y": {}}')],
    ),
    "text after it": (f"{A} is the call. ", [CALLED, " is the call. "]),
    "text after its fence": (f"```json\n{A}\n```\nSo.", [CALLED, "\nSo."]),
    "one in the form after it": (f"{A}\n{wrapped(B)}", [CALLED, ToolCall("g", "{}")]),
    "another after it": (f"{A}\n{B}", [CALLED, f"\n{B}"]),
    "one in the form, in a fence": (f"```json\n{wrapped(A)}", ["```json", CALLED]),
    **{
        name: (text, [text])
        for name, text in {
            "after text": f"So: {A}",
            "in a fence after text": f"So:\n```json\n{A}\n```",
            "another language": f"```python\n{A}\n```",
            "an open fence and text": f"```json\n{A}\nSo.",
            "a list of calls": f"[{A}]",
            "another object": '{"x": 1}',
            "an unknown tool, bare": A.replace('"f"', '"rm"'),
            "no arguments, bare": '{"name": "f"}',
            "arguments in text, bare": '{"name": "f", "arguments": "{}"}',
            "more members, bare": A[:-1] + ', "id": 1}',
            "arguments first": '{"arguments": {}, "name": "f"}',
            "cut": A[:-1],
            "cut in a fence": f"```json\n{A[:-1]}",
            "a number too large, bare": '{"name": "f", "arguments": {"x": 1e999}}',
            "half a character, bare": '{"name": "f", "arguments": {"x": "\\ud800"}}',
            "very deep, bare": '{"name": "f", "arguments": {"x": ' + "[" * 3_000 + "]" * 3_000 + "}}",
            "a number that JSON lacks, bare": '{"name": "f", "arguments": {"x": NaN}}',
        }.items()
    },
}


@pytest.mark.parametrize(("text", "expected"), BARE_CALLS.values(), ids=BARE_CALLS.keys())
def test_bare_calls(text: str, expected: list[str | ToolCall]) -> None:
    """One that begins the text is a call, the same for every cut."""
    for pieces in in_pieces(text):
        assert read(pieces) == expected


@pytest.mark.parametrize("form", [one for one in FORMS if one is not HERMES], ids=lambda form: form.opening)
def test_bare_calls_are_hermes(form: CallForm) -> None:
    """In other forms a fenced object is text."""
    text = f"```json\n{A}\n```"
    assert read([text], form) == [text]


ARGUMENTS = '{"name": "f", "arguments": {'
ENDINGS = (  # what may still become a call, and what ends that
    ("``", "x"),
    ("```js", "x"),
    ('```json\n{"na', "x"),
    ('{"name": "', "x"),
    ('{"name": "f", ', '"x'),
    (ARGUMENTS, "x"),
    (ARGUMENTS + '"x"', ","),
    (ARGUMENTS + '"x": ', "]"),
    (ARGUMENTS + '"x": "\\u00', "x"),
    (ARGUMENTS + '"x": "a', "\n"),
    (ARGUMENTS + '"x": 1.', "x"),
    (ARGUMENTS + '"x": -', "x"),
    (ARGUMENTS + '"x": 0', "1"),
    (ARGUMENTS + '"x": tr', "x"),
    (ARGUMENTS + '"x": [1, ', "]"),
    (ARGUMENTS + '"x": 1, ', "}"),
    (ARGUMENTS + "}", ","),
)


@pytest.mark.parametrize(("begun", "end"), ENDINGS)
def test_what_cannot_become_a_bare_call_is_told_at_once(begun: str, end: str) -> None:
    """At the very character, and not before it."""
    reader = ToolCallReader(["f"])
    assert [one for character in begun for one in reader.push(character)] == []
    assert "".join(map(str, reader.push(end))) == (begun + end).rstrip()


@pytest.mark.slow
@pytest.mark.timed
def test_a_long_bare_call() -> None:
    """Each character is read a bounded number of times."""
    reader = ToolCallReader(["f"])
    text = ARGUMENTS + ",".join(f'"{number}": [{number}]' for number in range(5_000)) + "}}"
    begun = time.process_time()
    said = [one for at in range(0, len(text), 4) for one in reader.push(text[at : at + 4])]
    assert [type(one) for one in said] == [ToolCall]
    assert time.process_time() - begun < 10


_, TOOLCALL, LLAMA, MISTRAL, PHI, GRANITE, COMMAND_R, DEEPSEEK, _ = FORMS
F, G = '{"name": "f", "%s": {"x": 1}}', '{"name": "g", "%s": {}}'
FA, GA, FP = F % "arguments", G % "arguments", F % "parameters"
CALL_F, CALL_G = ToolCall("f", '{"x": 1}'), ToolCall("g", "{}")
ONE = "<｜tool▁call▁begin｜>function<｜tool▁sep｜>%s\n```json\n%s\n```<｜tool▁call▁end｜>"
BEGIN, END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
OTHERS: dict[str, tuple[CallForm, str, list[str | ToolCall]]] = {
    "Nemotron": (TOOLCALL, f"<toolcall> {FA} </toolcall>\n<toolcall>{GA}</toolcall>", [CALL_F, CALL_G]),
    "Llama": (LLAMA, FP, [CALL_F]),
    "Llama with its tag": (LLAMA, f"<|python_tag|>{FP}\n", [CALL_F]),
    "Llama says something": (LLAMA, f"I call {FP}", [f"I call {FP}"]),
    "Llama answers in JSON": (LLAMA, '{"x": 1}', ['{"x": 1}']),
    "Llama and another key": (LLAMA, FA, [FA]),
    "Llama calls and talks": (LLAMA, f"{FP} So.", [f"{FP} So."]),
    "Mistral": (MISTRAL, f"[TOOL_CALLS] [{FA}, {GA}]", [CALL_F, CALL_G]),
    "Mistral without white space": (MISTRAL, f"So.[TOOL_CALLS][{FA},{GA}]\n", ["So.", CALL_F, CALL_G]),
    "Mistral with an id": (MISTRAL, f'[TOOL_CALLS][{GA[:-1]}, "id": "abcdefghi"}}]', [CALL_G]),
    "Mistral, cut": (MISTRAL, f"[TOOL_CALLS] [{FA}, {GA}", [f"[TOOL_CALLS] [{FA}, {GA}"]),
    "Mistral talks of calls": (MISTRAL, "[TOOL_CALLS] are: [x]", ["[TOOL_CALLS] are: [x]"]),
    "Mistral, another list": (MISTRAL, "[TOOL_CALLS] [1]", ["[TOOL_CALLS] [1]"]),
    "Phi": (PHI, f"<|tool_call|>[{FA}]<|/tool_call|>", [CALL_F]),
    "Granite": (GRANITE, f"<|tool_call|>[{FA}, {GA}]", [CALL_F, CALL_G]),
    "Command R": (
        COMMAND_R,
        f"Let me look.\nAction:\n```json\n[\n    {FP.replace('name', 'tool_name')}\n]```",
        ["Let me look.", CALL_F],
    ),
    "Command R acts": (COMMAND_R, "Action: none", ["Action: none"]),
    "DeepSeek": (
        DEEPSEEK,
        BEGIN + ONE % ("f", '{"x": 1}') + "\n" + ONE % ("g", "{}") + END,
        [CALL_F, CALL_G],
    ),
    "DeepSeek and an unknown tool": (DEEPSEEK, BEGIN + ONE % ("h", "{}"), [BEGIN + ONE % ("h", "{}")]),
}


@pytest.mark.parametrize(("form", "text", "expected"), OTHERS.values(), ids=OTHERS.keys())
def test_other_forms(form: CallForm, text: str, expected: list[str | ToolCall]) -> None:
    """Of other families, the same for every cut."""
    for pieces in in_pieces(text):
        assert read(pieces, form) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [*CASES.values(), *BARE_CALLS.values()], ids=[*CASES, *BARE_CALLS]
)
def test_a_text_that_has_begun(text: str, expected: list[str | ToolCall]) -> None:
    """Calls that end in what is new are told whole; of what was there before, no text is told again."""
    for cut in range(0, len(text) + 1, 1 + len(text) // 50):
        reader = ToolCallReader(["f", "g"], text[:cut])
        said = reader.push(text[cut:]) + reader.flush()
        calls = [one for one in said if isinstance(one, ToolCall)]
        every = [one for one in expected if isinstance(one, ToolCall)]
        assert calls == every[len(every) - len(calls) :]
        told = "".join(one for one in said if isinstance(one, str))
        assert text[cut:].endswith(told) or every
        if not every:
            assert told.strip() == text[cut:].strip()


def test_what_is_certain_is_told_at_once() -> None:
    """Text is held back only as long as it may begin a call."""
    reader = ToolCallReader(["f"])
    assert reader.push("Hello ") == ["Hello"]
    assert reader.push("<b>") == [" <b>"]
    assert reader.push("<tool_") == []
    assert reader.push("box>") == ["<tool_box>"]
    assert reader.push(" " + wrapped(A)[:-1]) == []
    assert reader.push(">") == [CALLED]
