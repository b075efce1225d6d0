"""`ponder models`: what there is, what is here, and fetching it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ponder.cli.options import Json
from ponder.cli.terminal import err, out
from ponder.hub.registry import DEFAULT_MODEL

app = typer.Typer(help="List, fetch and describe models.", no_args_is_help=True)
Name = Annotated[
    str, typer.Argument(help="A name from `ponder models list`, a path, or a hub id such as org/name.")
]


@app.command("list")
def list_models(json: Json = False) -> None:
    """List the models that can be had by name."""
    from ponder.hub.registry import list_models

    entries = list_models()
    if json:
        from ponder.cli.report import print_json

        print_json([{**asdict(entry), "path": str(entry.path) if entry.path else None} for entry in entries])
        return
    width = max(len(entry.name) for entry in entries)
    for entry in entries:
        where = str(entry.path) if entry.path else f"not here: ponder models pull {entry.name}"
        size = f"{entry.size_bytes / 2**20:.0f} MiB"
        out().print(f"{entry.name:<{width}}  {size:>8}  {entry.licence:<12}  {where}")
        out().print(f"{'':<{width}}  {entry.description}: {entry.good_for}")


@app.command()
def pull(name: Name = DEFAULT_MODEL, json: Json = False) -> None:
    """Fetch a model into the cache, unless it is there."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    from ponder.hub.download import pull

    columns = ("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err(), disable=not err().is_terminal) as bar:
        task = bar.add_task(name, total=None)
        path = pull(name, lambda done, total: bar.update(task, completed=done, total=total or None))
    _print_path(name, str(path), json)


@app.command()
def path(name: Name = DEFAULT_MODEL, json: Json = False) -> None:
    """Print where a model is."""
    from ponder.hub.registry import resolve

    _print_path(name, str(resolve(name)), json)


def _print_path(name: str, where: str, json: bool) -> None:
    if json:
        from ponder.cli.report import print_json

        print_json({"name": name, "path": where})
    else:
        out().print(where)


@app.command()
def show(name: Name = DEFAULT_MODEL, json: Json = False) -> None:
    """Describe a model: its shape, its vocabulary, its recommended sampling."""
    from ponder.checkpoints import open_checkpoint
    from ponder.text import build_tokenizer

    checkpoint = open_checkpoint(name)
    tokenizer = build_tokenizer(checkpoint.vocabulary, checkpoint.special, checkpoint.config.vocab_size)
    config = asdict(checkpoint.config)
    about = {
        "name": checkpoint.name,
        "path": str(checkpoint.path),
        **config,
        "rope_layers": sum(config["rope_layers"]),
        "sliding_windows": sorted({window for window in config["sliding_windows"] if window}),
        "eos_ids": list(tokenizer.eos_ids),
        "bos_id": tokenizer.bos_id,
        "chat_template": checkpoint.chat_template is not None,
        "generation_defaults": dict(checkpoint.generation_defaults),
    }
    if json:
        from ponder.cli.report import print_json

        print_json(about)
        return
    for key, value in about.items():
        out().print(f"{key:<20} {value}")
