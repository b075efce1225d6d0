"""`ponder chat`: a conversation."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ponder.asks import fronts
from ponder.asks.settling import settled
from ponder.cli.options import (
    CONSTRAINT,
    SAMPLING,
    SEARCH,
    Context,
    Device,
    Json,
    Model,
    Quantize,
    System,
    TemplateArg,
    generation_options,
    takes,
    template_args,
)
from ponder.cli.run import Color, show, summary
from ponder.cli.terminal import err, load_lm, out
from ponder.errors import ParameterError, PonderError
from ponder.hub.registry import DEFAULT_MODEL
from ponder.traces.colours import printable

if TYPE_CHECKING:
    from ponder.lm import LM
    from ponder.text import Message

HELP = "/reset forgets the conversation, /exit or end of input leaves; an interrupt stops an answer."


@takes(sampling=SAMPLING, search=SEARCH, constraint=CONSTRAINT)
def chat(
    model: Model = DEFAULT_MODEL,
    system: System = None,
    template_arg: TemplateArg = None,
    color: Annotated[Color, typer.Option(help="Colour tokens by entropy or probability.")] = Color.none,
    json: Json = False,
    device: Device = None,
    quantize: Quantize = None,
    context: Context = None,
    *,
    sampling: dict[str, Any],
    search: dict[str, Any],
    constraint: dict[str, Any],
) -> int:
    """Talk with a model: each line of standard input is a message, with --json each answer a line of JSON."""
    options = generation_options(sampling, search, constraint)
    if options.get("n", 1) != 1:
        raise ParameterError("n", options["n"], "1 in a conversation")
    options["template_args"] = template_args(template_arg)
    lm = load_lm(model, device, quantize, context=context)
    from ponder.text import Message

    start = [Message("system", system)] if system is not None else []
    history = list(start)
    err().print(f"{lm.name}. {HELP}", style="dim")
    status = 0
    for line in _lines():
        if line == "/exit":
            break
        if line == "/reset":
            history = list(start)
            err().print("forgotten", style="dim")
        elif line.startswith("/"):
            err().print(HELP, style="dim")
        elif line:
            try:
                asked = [*history, Message("user", line)]
                history = [*asked, Message("assistant", _answer(lm, asked, options, color, json))]
            except PonderError as error:  # the conversation goes on without this turn
                err().print(f"ponder: {printable(str(error))}", style="red")
                status = 0 if sys.stdin.isatty() else 2
    return status


def _lines() -> Iterator[str]:
    """The user's lines: with editing on a terminal, checked to be UTF-8 otherwise."""
    if not sys.stdin.isatty():
        for number, line in enumerate(sys.stdin.buffer, start=1):
            try:
                yield line.decode().strip()
            except UnicodeDecodeError as error:
                raise ParameterError(
                    "message", f"byte {error.start} of line {number}", "UTF-8 text"
                ) from None
        return
    with suppress(ImportError):  # not on every system
        import readline  # noqa: F401
    while True:
        try:
            yield input("> ").strip()
        except EOFError:
            return


def _answer(lm: LM, asked: list[Message], options: dict[str, Any], color: Color, json: bool) -> str:
    """Print the answer and return its text; an interrupt keeps what was said so far."""
    request = lm.request(asked, **options)
    if json:
        from ponder.cli.report import completion_json, print_json

        completion = fronts.generate(lm.model, request)
        print_json(completion_json(completion, lm.tokenizer))
        return completion.text
    from ponder.asks import TokenEvent

    said: list[str] = []

    def events() -> Any:
        for event in settled(fronts.stream(lm.model, request)):
            if isinstance(event, TokenEvent):
                said.append(event.text)
            yield event

    console = out()
    try:
        completion = show(console, events(), color, live=True)
    except KeyboardInterrupt:
        console.print()
        return "".join(said)
    err().print(summary(completion), style="dim")
    return completion.text
