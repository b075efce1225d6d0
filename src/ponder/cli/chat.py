"""`ponder chat`: a conversation."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ponder.checkpoints.registry import DEFAULT_MODEL
from ponder.cli.options import (
    CONSTRAINT,
    SAMPLING,
    SEARCH,
    Device,
    Json,
    Model,
    System,
    generation_options,
    takes,
)
from ponder.cli.run import Color, show, summary
from ponder.cli.terminal import err, load_lm, out
from ponder.errors import ParameterError, PonderError

if TYPE_CHECKING:
    from ponder.lm import LM
    from ponder.text import Message

HELP = "/reset forgets the conversation, /exit or end of input leaves; an interrupt stops an answer."


@takes(sampling=SAMPLING, search=SEARCH, constraint=CONSTRAINT)
def chat(
    model: Model = DEFAULT_MODEL,
    system: System = None,
    color: Annotated[Color, typer.Option(help="Colour tokens by entropy or probability.")] = Color.none,
    json: Json = False,
    device: Device = None,
    *,
    sampling: dict[str, Any],
    search: dict[str, Any],
    constraint: dict[str, Any],
) -> None:
    """Talk with a model: each line of standard input is a message, with --json each answer a line of JSON."""
    options = generation_options(sampling, search, constraint)
    if options.get("n", 1) != 1:
        raise ParameterError("n", options["n"], "1 in a conversation")
    lm = load_lm(model, device)
    from ponder.text import Message

    start = [Message("system", system)] if system is not None else []
    history = list(start)
    err().print(f"{lm.name}. {HELP}", style="dim")
    while (line := _read()) is not None:
        if line == "/exit":
            return
        if line == "/reset":
            history = list(start)
        elif line:
            asked = [*history, Message("user", line)]
            try:
                answer = _answer(lm, asked, options, color, json)
            except PonderError as error:
                if json or not sys.stdin.isatty():
                    raise
                err().print(f"ponder: {error}", style="red")
                continue
            history = [*asked, Message("assistant", answer)]


def _read() -> str | None:
    try:
        return input("> " if sys.stdin.isatty() else "").strip()
    except EOFError:
        return None
    except UnicodeDecodeError as error:
        raise ParameterError("message", f"byte {error.start}", "UTF-8 text") from None


def _answer(lm: LM, asked: list[Message], options: dict[str, Any], color: Color, json: bool) -> str:
    """Print the answer and return its text; an interrupt keeps what was said so far."""
    request = lm.request(asked, **options)
    if json:
        from ponder.cli.report import completion_json, print_json

        completion = lm.model.generate_sync(request)
        print_json(completion_json(completion, lm.model.tokenizer))
        return completion.text
    said: list[str] = []

    def events() -> Any:
        for event in lm.model.stream_sync(request):
            said.append(getattr(event, "text", "") if not hasattr(event, "outputs") else "")
            yield event

    console = out()
    try:
        completion = show(console, events(), color, live=True)
    except KeyboardInterrupt:
        console.print()
        return "".join(said)
    err().print(summary(completion), style="dim")
    return completion.text
