"""`ponder schema`: how each keyword of a JSON schema is kept, and the shortest text of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ponder.cli.options import MAX_FILE, Json, Model
from ponder.cli.terminal import out, working
from ponder.errors import ParameterError
from ponder.hub.registry import DEFAULT_MODEL
from ponder.traces.colours import printable

if TYPE_CHECKING:
    from ponder.constraints.json_schema import Kept

_HOW = {
    "mask": "by masks: no token that breaks it is allowed",
    "close": "when a value closes",
    "annotation": "annotation only: it restricts nothing",
    "unknown": "unknown: JSON Schema has no such keyword",
}


def schema(
    file: Annotated[str, typer.Argument(help="A file with a JSON schema; - reads standard input.")],
    model: Model = DEFAULT_MODEL,
    json: Json = False,
) -> None:
    """Say how each keyword of a JSON schema is kept, and the fewest tokens that a text of it needs.

    Only the tokenizer of the model is used.
    """
    text = _read(file)
    from ponder.checkpoints import open_checkpoint
    from ponder.constraints import JsonSchema
    from ponder.constraints.constraint import UNBOUNDED
    from ponder.text import build_tokenizer

    with working("reading the schema"):
        constraint = JsonSchema(text)
        kept = constraint.report()
        checkpoint = open_checkpoint(model)
        tokenizer = build_tokenizer(checkpoint.vocabulary, checkpoint.special)
        automaton = constraint.compile(tokenizer.vocabulary)
        plan = automaton.plan(automaton.start, UNBOUNDED)
    least, example = (None, None) if plan is None else (len(plan), tokenizer.decode(plan))
    if json:
        from ponder.cli.report import print_json

        told = {"model": checkpoint.name, "least_tokens": least, "example": example}
        print_json({"keywords": [asdict(one) for one in kept], **told})
        return
    for line in lines(kept):
        out().print(line)
    if example is not None:
        out().print(f"at least {least} tokens of {checkpoint.name}: {printable(example)}")


def lines(kept: tuple[Kept, ...]) -> Iterator[str]:
    """Say how the keywords are kept: one heading for each way, and below it where they stand."""
    for how, heading in _HOW.items():
        those = [one for one in kept if one.how == how]
        if those:
            yield f"{heading}:"
        for one in those:
            note = f" ({one.note})" if one.note else ""
            yield printable(f"  {one.path}: {one.keyword}{note}")


def _read(file: str) -> str:
    """Return the text of a file or of standard input."""
    if file != "-":
        from ponder.constraints.text_file import read_text_file

        return read_text_file("schema", file, MAX_FILE)
    read = sys.stdin.buffer.read(MAX_FILE + 1)
    if len(read) > MAX_FILE:
        raise ParameterError("schema", "-", f"at most {MAX_FILE} bytes of standard input")
    try:
        return read.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        allowed = f"UTF-8 text, which byte {error.start} of standard input is not"
        raise ParameterError("schema", "-", allowed) from None
