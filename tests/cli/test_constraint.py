"""The options of a constraint, as typer reads them, and the constraint that they make."""

import json
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ponder.cli.options import CONSTRAINT, generation_options, takes
from ponder.constraints import (
    Ban,
    Contains,
    EndsWith,
    Grammar,
    JsonSchema,
    Length,
    Mentions,
    OneOf,
    Regex,
    Sentences,
    StartsWith,
    Thinking,
    Words,
)
from ponder.errors import ParameterError

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


def read(*args: str) -> Any:
    """Return the constraint of a command line."""
    app, found = typer.Typer(), []

    @app.command()
    @takes(constraint=CONSTRAINT)
    def command(*, constraint: dict[str, Any]) -> None:
        found.append(generation_options({}, {}, constraint).get("constraint"))

    result = CliRunner().invoke(app, list(args), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return found[0]


OPTIONS = {
    "none": ([], None),
    "choice": (["--choice", "a", "--choice", "b"], OneOf(("a", "b"))),
    "regex": (["--regex", r"\d+"], Regex(r"\d+")),
    "schema": (["--json-schema", json.dumps(SCHEMA)], JsonSchema(SCHEMA)),
    "any order": (["--json-schema", json.dumps(SCHEMA), "--any-order"], JsonSchema(SCHEMA, any_order=True)),
    "any json": (["--json-schema", "true"], JsonSchema({"type": "object"})),
    "grammar": (["--grammar", 'start: "a"'], Grammar('start: "a"')),
    "ban": (["--ban", "x", "--ban", "y"], Ban(("x", "y"))),
    "ban in detail": (
        ["--ban", "x", "--ban-ignore-case", "--ban-whole-word", "--ban-variants", "zero_width,normal_forms"],
        Ban(("x",), True, True, ("zero_width", "normal_forms")),
    ),
    "ban in values": (["--ban", "x", "--ban-within", "/a/*"], Ban(("x",), within="/a/*")),
    "ban_regex": (["--ban-regex", r"#\w"], ~Contains(Regex(r"#\w"))),
    "contains": (["--contains", "a"], Contains("a")),
    "starts": (["--starts-with", "a"], StartsWith("a")),
    "ends": (["--ends-with", "a"], EndsWith("a")),
    "mentions": (["--mention", "a", "--mention", "b"], Mentions(("a", "b"))),
    "words": (["--min-words", "2", "--max-words", "5"], Words(2, 5)),
    "sentences": (["--min-sentences", "1", "--max-sentences", "2"], Sentences(1, 2)),
    "chars": (["--min-chars", "0", "--max-chars", "9"], Length(0, 9)),
    "thinking": (
        ["--think-min", "2", "--think-max", "9", "--choice", "a"],
        Thinking(2, 9, answer=OneOf(("a",))),
    ),
    "a budget": (
        [
            *("--think-max", "0", "--think-grace", "3", "--think-rank", "2", "--think-reserve", "9"),
            *("--think-message", "Now.", "--think-per", "block", "--think-opened", "auto"),
        ],
        Thinking(0, 0, opened="auto", grace=3, rank=2, message="Now.", reserve=9, per="block"),
    ),
    "an opening": (["--think-max", "4", "--think-opened", "false"], Thinking(0, 4, opened=False)),
    "together": (["--min-words", "2", "--ban", "x"], Ban(("x",)) & Words(2)),
}


@pytest.mark.parametrize(("args", "constraint"), OPTIONS.values(), ids=OPTIONS.keys())
def test_options(args, constraint):
    """Each makes the value that it is about."""
    assert read(*args) == constraint


def test_files(tmp_path):
    """A schema, a grammar and bans may be in files."""
    for name, text in (("schema", json.dumps(SCHEMA)), ("grammar", 'start: "a"'), ("bans", "x\n\ny\n")):
        (tmp_path / name).write_text(text)
    assert read("--json-schema", str(tmp_path / "schema")) == JsonSchema(SCHEMA)
    assert read("--grammar", str(tmp_path / "grammar")) == Grammar('start: "a"')
    assert read("--ban", "z", "--ban-file", str(tmp_path / "bans")) == Ban(("z", "x", "y"))


BAD = {
    "schema": (["--json-schema", "nowhere.json"], "json_schema", "JSON text"),
    "long text": (["--json-schema", "x" * 5000], "json_schema", "JSON text"),
    "regex": (["--regex", "("], "regex", "unterminated"),
    "ban file": (["--ban-file", "nowhere.txt"], "ban_file", "can be read"),
    "variants": (["--ban", "x", "--ban-variants", "y"], "ban_variants", "confusables"),
    "variants alone": (["--ban-variants", "confusables"], "ban_variants", "together with ban"),
    "place": (["--ban", "x", "--ban-within", "a"], "ban_within", "JSON pointer"),
    "place alone": (["--ban-within", "values"], "ban_within", "together with ban"),
    "words alone": (["--ban-whole-word"], "ban_whole_word", "together with ban"),
    "order alone": (["--any-order"], "any_order", "together with json_schema"),
    "mention": (["--mention", ""], "mention", "strings of 1 to"),
    "words": (["--min-words", "5", "--max-words", "4"], "max_words", "at least the minimum"),
    "thinking": (["--think-min", "-1"], "think_min", "0 to"),
    "opened": (["--think-opened", "maybe"], "think_opened", "true, false or auto"),
}


@pytest.mark.parametrize(("args", "name", "part"), BAD.values(), ids=BAD.keys())
def test_bad_values(args, name, part):
    """One sentence that names the option."""
    with pytest.raises(ParameterError) as caught:
        read(*args)
    assert caught.value.field == name
    assert part in str(caught.value)


@pytest.mark.parametrize("option", ["--json-schema", "--grammar"])
def test_files_that_are_none(tmp_path, option):
    """Too large, or no text."""
    file = tmp_path / "file"
    for content, part in ((b"\xff\xfe", "UTF-8"), (b" " * (2**22 + 1), "at most 4194304 bytes")):
        file.write_bytes(content)
        with pytest.raises(ParameterError, match=part):
            read(option, str(file))
