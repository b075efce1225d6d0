"""Constraints that work against one another: each is kept, or refused by name before the first token."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from asking import engine_ask
from ponder.constraints import (
    Ban,
    Constraint,
    Contains,
    EndsWith,
    JsonSchema,
    Length,
    Mentions,
    OneOf,
    Oracle,
    Regex,
    Sentences,
    StartsWith,
    TokenCount,
    Words,
    optional,
    repeated,
    then,
)
from ponder.engine import Engine
from ponder.errors import ParameterError
from ponder.sampling import SamplingParams
from stepping import assert_at_rest, run
from tiny_models import tiny_engine

OBJECT = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "n": {"type": "integer"}},
    "required": ["name"],
    "additionalProperties": False,
}


def has(pattern: str) -> Callable[[str], bool]:
    """Whether a text has a match of a pattern."""
    return lambda text: re.search(pattern, text) is not None


def is_json(text: str) -> bool:
    """Whether a text is JSON."""
    json.loads(text)
    return True


# A constraint, and what a text of it must be: nothing where there is none, and the request is refused.
TRAPS: list[tuple[Constraint, Callable[[str], bool] | None]] = [
    (JsonSchema(OBJECT) & Ban("name"), None),
    (JsonSchema(OBJECT) & Ban('"n"'), lambda text: is_json(text) and '"n"' not in text),
    (JsonSchema(OBJECT) & Ban(["e", "f"]), None),
    (JsonSchema({"enum": ["ab", "ac", "bc"]}) & Ban(["a"]), lambda text: text == '"bc"'),
    (JsonSchema({"enum": ["ab", "ac"]}) & Ban(["b", "c"]), None),
    (JsonSchema({"type": "array", "items": {"type": "boolean"}}) & Words(5, 7), is_json),
    (JsonSchema({"type": "array", "maxItems": 2, "items": {"type": "boolean"}}) & Words(5), None),
    (JsonSchema({"type": "integer"}) & Mentions(["7"]), lambda text: "7" in str(int(text))),
    (JsonSchema({"type": "integer"}) & Mentions(["a"]), None),
    (
        JsonSchema({"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": True, "minItems": 3}),
        lambda text: sorted(json.loads(text)) == [1, 2, 3],
    ),
    (JsonSchema({"type": "integer", "not": {"multipleOf": 2}}), lambda text: int(text) % 2 == 1),
    (Ban("cat", whole_word=True) & OneOf(("cat", "cats")), lambda text: text == "cats"),
    (Ban("cat", whole_word=True) & OneOf(("cat", "cat.")), None),
    (Words(3, 3) & Mentions(["ab cd ef gh"]), None),
    (Words(2, 3) & EndsWith("xy") & StartsWith("q"), lambda text: text[0] == "q" and text.endswith("xy")),
    (Sentences(2, 2) & Ban("."), lambda text: len(re.findall(r"[!?]", text)) >= 2),
    (Length(0, 3) & Mentions(["abcd"]), None),
    (TokenCount(5, 5) & OneOf(("abcde", "abc")), lambda text: text == "abcde"),
    (TokenCount(7) & OneOf(("abcde", "abc")), None),
    (Regex(r"[ab]{4}") & ~Contains("aa") & ~Contains("bb"), lambda text: text in ("abab", "baba")),
    (Regex(r"[ab]{4}") & Ban(["ab", "ba", "aaa", "bbb"]), None),
    (then("x", repeated(JsonSchema({"type": "boolean"}), 2, 2)) & Ban("tt"), has("^x(true|false)+$")),
    (then(optional(Words(1, 1)), "!") & Ban("!"), None),
    (Oracle(lambda text: "e" not in text) & Words(2, 4), lambda text: "e" not in text),
    (Oracle(lambda text: len(text) % 4 != 3 or text[-1] == "a", bool) & Length(9, 9), has("(?s)^..a...a..$")),
]


@pytest.fixture(scope="module")
def engine(one_thread: None) -> Engine:
    return tiny_engine(seed=4)


@pytest.mark.parametrize(("constraint", "holds"), TRAPS)
def test_a_trap(engine: Engine, constraint: Any, holds: Callable[[str], bool] | None) -> None:
    """A text is of the constraint, and ends; or the request is refused by a sentence, and at once."""
    request = engine_ask((1, 2, 3), SamplingParams(n=4, max_tokens=48, temperature=1.0, seed=7), constraint)
    if holds is None:
        with pytest.raises(ParameterError, match=r"^(constraint|ban|schema|texts) = "):
            engine.prepare(request)
        return
    *_, last = run(engine, request)
    assert_at_rest(engine)
    for output in last.outputs:
        assert output.finish_reason in ("stop", "length")
        assert holds(output.text), output
