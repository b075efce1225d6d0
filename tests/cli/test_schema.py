"""`ponder schema`: how keywords are kept, and the shortest text."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ponder.constraints import JsonSchema

SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "A person",
    "properties": {"name": {"type": "string", "minLength": 2}, "ages": {"uniqueItems": True, "minItems": 2}},
    "required": ["name", "ages"],
    "coluor": "red",
}


def test_what_is_told(ponder, tmp_path: Path, tokenizer) -> None:
    """Each keyword, and a valid text that is as short as said; the same of a file and of standard input."""
    file = tmp_path / "person.json"
    file.write_text(json.dumps(SCHEMA))
    ran = ponder("schema", "--json", str(file))
    assert ran.status == 0
    told = json.loads(ran.out)
    report = {(one.path, one.keyword): one.how for one in JsonSchema(SCHEMA).report()}
    assert {(one["path"], one["keyword"]): one["how"] for one in told["keywords"]} == report
    Draft202012Validator(SCHEMA).validate(json.loads(told["example"]))
    automaton = JsonSchema(SCHEMA).compile(tokenizer.vocabulary)
    least = told["least_tokens"]
    assert automaton.plan(automaton.start, least) is not None
    assert automaton.plan(automaton.start, least - 1) is None
    assert ponder("schema", "--json", "-", stdin=file.read_bytes()).out == ran.out
    lines = ponder("schema", str(file)).out.splitlines()
    for (path, keyword), how in report.items():
        heading = max(
            lines.index(line) for line in lines[: lines.index(f"  {path}: {keyword}")] if line[0] != " "
        )
        words = {"mask": "by masks", "close": "when", "annotation": "annotation", "unknown": "unknown"}
        assert lines[heading].startswith(words[how])
    assert lines[-1].endswith(told["example"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"{", "JSON text"),
        (b"\xff", "UTF-8"),
        (b"[1]", "schema"),
        (b'{"$ref": "http://a.b/c"}', "within the schema"),
        (b'{"type": "object", "required": ["a"], "properties": {"a": false}}', "finite"),
        (b"[" * 100_000, "schema"),
    ],
)
def test_refused(ponder, tmp_path: Path, text: bytes, says: str) -> None:
    """In one line, with the exit status 2."""
    file = tmp_path / "x.json"
    file.write_bytes(text)
    for ran in (ponder("schema", str(file)), ponder("schema", "-", stdin=text)):
        assert (ran.status, ran.out) == (2, "")
        assert ran.err.startswith("ponder: schema")
        assert says in ran.err
        assert ran.err.count("\n") == 1


def test_no_file(ponder) -> None:
    """And a model that nobody knows."""
    assert "a file that can be read" in ponder("schema", "/no/such.json").err
    assert ponder("schema", "-", "--model", "no-such-model", stdin=b"{}").status == 2
