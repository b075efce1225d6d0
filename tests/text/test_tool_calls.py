"""Calls of tools are told from text, however the text is cut."""

from __future__ import annotations

import json
import random

import pytest

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
            "the end alone": f"{A}\n</tool_call> ",
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


def read(pieces: list[str]) -> list[str | ToolCall]:
    """Return what comes out, texts that follow each other joined."""
    reader = ToolCallReader(["f", "g"])
    said: list[str | ToolCall] = []
    for one in [one for piece in pieces for one in reader.push(piece)] + reader.flush():
        assert one
        if isinstance(one, str) and said and isinstance(said[-1], str):
            said[-1] += one
        else:
            said.append(one)
    return said


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES.keys())
def test_calls(text: str, expected: list[str | ToolCall]) -> None:
    """Calls and texts, the same for every cut; a call's arguments are JSON."""
    assert read([text]) == expected
    rng = random.Random(3)
    for size in (1, 2, 5, 11):
        cuts = sorted(rng.sample(range(len(text) + 1), min(len(text), len(text) // size)))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        assert "".join(pieces) == text
        assert read(pieces) == expected
    for one in expected:
        assert isinstance(one, str) or isinstance(json.loads(one.arguments), dict)


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES.keys())
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
