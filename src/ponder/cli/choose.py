"""`ponder choose`: how a model's probability divides over given answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from ponder.cli.options import (
    Chat,
    Context,
    Device,
    Json,
    Model,
    Quantize,
    System,
    TemplateArg,
    template_args,
)
from ponder.cli.terminal import load_lm, out, read_prompt
from ponder.hub.registry import DEFAULT_MODEL
from ponder.traces.colours import printable

if TYPE_CHECKING:
    from ponder.scoring.choice import Choice


def choose(
    prompt: Annotated[
        str | None, typer.Argument(help="The prompt; standard input where it is left out.")
    ] = None,
    choice: Annotated[
        list[str] | None, typer.Option("--choice", "-c", help="A whole answer; repeatable.")
    ] = None,
    model: Model = DEFAULT_MODEL,
    chat: Chat = None,
    system: System = None,
    template_arg: TemplateArg = None,
    join: Annotated[
        str | None,
        typer.Option(help="Put between prompt and choice; by default a space where neither has white space."),
    ] = None,
    ends: Annotated[
        bool | None,
        typer.Option(
            "--ends/--no-ends", help="Count the end token after a choice; by default in a chat only."
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            help="A prompt that says nothing of the case: shares are also given relative to those after it."
        ),
    ] = None,
    json: Json = False,
    device: Device = None,
    quantize: Quantize = None,
    context: Context = None,
) -> None:
    """Score whole answers in one pass and print the share of probability each has.

    The last line says how much probability the model gave all of them together.
    """
    args = template_args(template_arg)
    text = read_prompt(prompt)
    lm = load_lm(model, device, quantize, context=context)
    result = lm.choose(
        text,
        choice or [],
        system=system,
        chat=chat,
        template_args=args,
        join=join,
        ends=ends,
        baseline=baseline,
    )
    if json:
        from ponder.cli.report import choice_json, print_json

        print_json(choice_json(lm.model, result))
        return
    console = out()
    for line in choice_lines(result):
        console.print(line)


def choice_lines(result: Choice) -> Iterator[str]:
    """Draw the choices' shares as bars, the largest first, and the mass they share."""
    width = max(len(printable(scored.text)) for scored in result.choices)
    calibrated = any(scored.calibrated is not None for scored in result.choices)
    for scored in sorted(result.choices, key=lambda scored: -scored.share):
        share = f"{scored.probability:.4f}"
        if scored.calibrated is not None:
            share = f"{scored.calibrated:.4f} calibrated, {share} as it is"
        bar = "█" * round(scored.share * 40)
        yield f"{printable(scored.text):<{width}}  {share}  logprob {scored.logprob:8.3f}  {bar}"
    what = "the probability of them all" + (" before calibration" if calibrated else "")
    yield f"{'':<{width}}  of {result.mass:.3g}, {what}"
