"""`ponder lab`: experiments that measure what is claimed of decoding and test-time scaling."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ponder.cli.options import Device, Json, Model, Quantize
from ponder.cli.terminal import err, load_lm, out, progress
from ponder.errors import ParameterError
from ponder.hub.registry import DEFAULT_MODEL
from ponder.traces.colours import printable

if TYPE_CHECKING:
    import rich.table

    from ponder.lab.report import Report, Table
    from ponder.lab.study import Study

HELP = "Measure what is claimed of test-time scaling, on your model and machine."

app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)


@app.callback(help=HELP)
def lab() -> None:
    """Take no options of its own."""


@app.command()
def scaling(
    parts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PART]...",
            help="coverage, votes, stopping, difficulty (from pools); rewards, over-optimisation (from pools "
            "and a trained head); search, sequential, waits, sentiment. All by default.",
        ),
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option(help="A family of problems, as in ponder solve (repeatable).")
    ] = None,
    problems: Annotated[int | None, typer.Option(help="Of each task's pool; 200 by default.", min=2)] = None,
    samples: Annotated[int | None, typer.Option(help="Of each problem; 64 by default.", min=2)] = None,
    trained: Annotated[
        int | None, typer.Option(help="Problems that a head is trained on; 150 by default.", min=8)
    ] = None,
    compared: Annotated[
        int | None, typer.Option(help="Problems on which strategies are compared; 100 by default.", min=2)
    ] = None,
    n: Annotated[
        int | None, typer.Option("-n", help="Samples that a strategy has; 16 by default.", min=2)
    ] = None,
    reward: Annotated[
        str, typer.Option(help="Of search: head, which is trained, or a reward as in ponder solve.")
    ] = "head",
    seed: Annotated[int, typer.Option(help="Of problems and samples.", min=0)] = 7,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="So few of all that it takes less than a minute and shows nothing."),
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--out", help="A folder for pools, heads, results and figures; what it has is not made again."
        ),
    ] = None,
    model: Model = DEFAULT_MODEL,
    json: Json = False,
    device: Device = None,
    quantize: Quantize = None,
) -> None:
    """Measure where more samples, votes, rewards and searches help, and where they do not.

    Samples are drawn once, into pools; curves are computed from these. Each part is a table, and with --out a
    JSON file and a figure.
    """
    from ponder.lab.scaling import PARTS, QUICK_TASKS, TASKS
    from ponder.lab.scaling import quick as quickly
    from ponder.lab.study import Study
    from ponder.rewards.catalogue import REWARD_NAMES
    from ponder.tasks import task_named

    wanted = parts or list(PARTS)
    rewards = dict.fromkeys(("head", *REWARD_NAMES))
    if reward not in rewards:
        raise ParameterError("reward", reward, ", ".join(rewards))
    for part in wanted:
        if part not in PARTS:
            raise ParameterError("part", part, "one of " + ", ".join(PARTS))
    tasks = tuple(task_named(name).name for name in task or (QUICK_TASKS if quick else TASKS))
    given = {
        "problems": problems, "samples": samples, "trained": trained, "compared": compared, "n": n,
    }  # fmt: skip
    changed: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if quick and changed:
        name, value = next(iter(changed.items()))
        raise ParameterError(name, value, "left unset with --quick")
    lm = load_lm(model, device, quantize)
    with TemporaryDirectory() as temporary, progress() as say:
        study = Study(
            lm.model, folder or Path(temporary), tasks, reward=reward, seed=seed, say=say, **changed
        )
        asyncio.run(_run(quickly(study) if quick else study, wanted, folder, json=json))


async def _run(study: Study, parts: list[str], folder: Path | None, *, json: bool) -> None:
    """Run the parts; print each, and write its files, as soon as it is done."""
    from ponder.bench.machine import taken_with
    from ponder.cli.report import print_json
    from ponder.lab.scaling import PARTS

    for part in parts:
        study.say(part)
        report = await PARTS[part](study)
        told = {
            "part": part,
            "model": study.model.name,
            **study.as_json(),
            **taken_with(("ponder", "reasoning_gym", "numpy")),
            "found": report.as_json(),
        }
        if json:
            print_json(told)
        else:
            for table in report.tables():
                out().print(_shown(table))
        if folder is not None:
            _write(folder / f"lab_scaling_{part.replace('-', '_')}_{study.model.name}", told, report)


def _write(path: Path, told: dict[str, Any], report: Report) -> None:
    """Write a part's JSON and, where matplotlib is there, its figure."""
    from json import dumps

    from ponder.lab.figure import draw_charts

    path.parent.mkdir(parents=True, exist_ok=True)
    Path(f"{path}.json").write_text(dumps(told, allow_nan=False) + "\n")
    charts = report.charts()
    if charts and find_spec("matplotlib") is None:
        err().print(f'no figure {path.name}.png: pip install "ponder[bench]" adds matplotlib')
    elif charts:
        draw_charts(charts, Path(f"{path}.png"))


def _shown(table: Table) -> rich.table.Table:
    from rich import box
    from rich.table import Table as Drawn

    drawn = Drawn(title=printable(table.title), box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left")
    for column in table.columns:
        drawn.add_column(column)
    for row in table.rows:
        drawn.add_row(*map(printable, row))
    return drawn
