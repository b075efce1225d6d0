"""`ponder train-reward`: a reward head for a model, from problems with known answers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ponder.cli.options import Context, Device, Json, Model, Quantize
from ponder.cli.terminal import err, load_lm, out
from ponder.hub.registry import DEFAULT_MODEL
from ponder.traces.colours import printable

if TYPE_CHECKING:
    from ponder.lm import LM
    from ponder.scaling import LabelledSteps, LabelTree
    from ponder.tasks import Task


def train_reward(
    output: Annotated[Path, typer.Argument(help="The file to write, such as head.safetensors.")],
    task: Annotated[
        list[str] | None,
        typer.Option(help="A family of problems to learn from, as in ponder solve (repeatable)."),
    ] = None,
    problems: Annotated[int, typer.Option(help="How many problems of each task.", min=8)] = 400,
    seed: Annotated[int, typer.Option(help="Of the problems and of the texts.", min=0)] = 1,
    temperature: Annotated[float, typer.Option(help="At which the texts are drawn.")] = 0.8,
    concurrency: Annotated[int, typer.Option(help="Problems worked on at a time.", min=1)] = 4,
    model: Model = DEFAULT_MODEL,
    json: Json = False,
    device: Device = None,
    quantize: Quantize = None,
    context: Context = None,
) -> None:
    """Grow a tree of texts for each problem, label its steps, fit a head to what the model knew at each end.

    A quarter of the problems is held out; what is printed of the head was measured on those. The same seed
    and model give the same file. Use it with ponder solve --reward head:FILE.
    """
    from ponder.scaling import train, tree_for
    from ponder.tasks import task_named

    families = [task_named(name) for name in task or ("multiply_add",)]
    lm = load_lm(model, device, quantize, context=context)
    steps: list[LabelledSteps] = []
    for family in families:
        tree = tree_for(family, seed, temperature)
        steps += asyncio.run(_labelled(lm, family, tree, problems, seed, concurrency))
    told = {
        "model": lm.name,
        "tasks": [family.name for family in families],
        "seed": seed,
        "temperature": temperature,
    }
    head = train(steps, told)
    head.save(output)
    if json:
        from ponder.cli.report import print_json

        print_json({"file": str(output), **head.provenance})
        return
    for name, value in head.provenance["held_out"].items():
        out().print(printable(f"{name.replace('_', ' ')}: {value}"))
    out().print(printable(f"wrote {output}: {output.stat().st_size} bytes"))


async def _labelled(
    lm: LM, family: Task, tree: LabelTree, problems: int, seed: int, concurrency: int
) -> list[LabelledSteps]:
    """Return the labelled steps of a task's problems, and say how far they are."""
    from rich.progress import Progress

    from ponder.scaling import label

    found: list[LabelledSteps] = []
    made: list[Any] = family.problems(problems, seed)
    with Progress(console=err(), transient=True) as progress:
        bar = progress.add_task(f"{family.name}: 0 tokens", total=problems)
        async for one in label(made, lm.model, tree, concurrency=concurrency):
            if one.steps is not None:
                found.append(one.steps)
            elif one.error is not None:
                err().print(printable(f"ponder: {one.error}"))
            progress.update(
                bar, advance=1, description=f"{family.name}: {one.ledger.generated_tokens} tokens"
            )
    return found
