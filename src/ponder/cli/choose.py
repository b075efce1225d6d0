"""`ponder choose`: how a model's probability divides over given answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import repeat
from pathlib import Path
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

_FIELD = re.compile(r"\{(\w+)\}")


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
    data: Annotated[
        Path | None,
        typer.Option(help="A JSONL file: a prompt for each line, with its field {text} put into the prompt."),
    ] = None,
    json: Json = False,
    device: Device = None,
    quantize: Quantize = None,
    context: Context = None,
) -> None:
    """Score whole answers in one pass and print the share of probability each has.

    The last line says how much probability the model gave all of them together. With --data there is a
    line for each prompt: the best answer, its share, that probability, and the prompt.
    """
    args = template_args(template_arg)
    text = read_prompt(prompt)
    prompts = [text] if data is None else _filled(text, data)
    lm = load_lm(model, device, quantize, context=context)
    results = lm.choose_many(
        prompts,
        choice or [],
        system=system,
        chat=chat,
        template_args=args,
        join=join,
        ends=ends,
        baseline=baseline,
    )
    if json:
        from ponder.cli.report import print_json

        for result in results:
            print_json({"model": lm.name, **result.as_json()})
        return
    console = out()
    for line in choice_lines(results[0]) if data is None else _best_lines(prompts, results):
        console.print(line)


def _filled(prompt: str, data: Path) -> list[str]:
    """Return the prompt for each line of a JSONL file, with the line's fields in place of their names."""
    from ponder.bench.workload import read_dataset
    from ponder.errors import ParameterError

    fields = {name: read_dataset(data, name) for name in _FIELD.findall(prompt)}
    if not fields:
        raise ParameterError("prompt", prompt, "text with a field of --data in braces, such as {text}")
    texts = _FIELD.split(prompt)  # text, name, text, name, ..., text
    columns = [fields[text] if i % 2 else repeat(text) for i, text in enumerate(texts)]
    return ["".join(pieces) for pieces in zip(*columns, strict=False)]


def _best_lines(prompts: Sequence[str], results: Sequence[Choice]) -> Iterator[str]:
    """Say for each prompt which choice is the best, its share, and the mass that the choices share."""
    width = max(len(printable(scored.text)) for scored in results[0].choices)
    for prompt, result in zip(prompts, results, strict=True):
        best = result.best
        yield f"{printable(best.text):<{width}}  {best.share:.4f} of {result.mass:.3g}  {printable(prompt)}"


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
