"""`ponder replay`: the runs of a journal, told again without a model."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text
from rich.tree import Tree

from ponder.cli.options import Json
from ponder.cli.solve import ledger_line
from ponder.cli.terminal import out, working
from ponder.errors import DataError
from ponder.traces.colours import printable

if TYPE_CHECKING:
    from ponder.scaling import Journal, Node, Replayed


def replay(
    file: Annotated[Path, typer.Argument(help="What `ponder solve --journal` wrote.")],
    run: Annotated[
        str | None, typer.Option(help="Only this run: a problem's number, from 0.", show_default=False)
    ] = None,
    tree: Annotated[bool, typer.Option("--tree", help="Draw each run's texts, and how they grew.")] = False,
    json: Json = False,
) -> int:
    """Tell runs again from their journal, and check that what was generated and scored leads to all of it.

    The exit status is 1 if a line is not what it must be, and 2 if a run is not finished, failed, or has a
    strategy that is not ponder's.
    """
    from ponder.scaling import Journal, replayed

    with working(f"reading {printable(str(file))}"):
        journal = Journal.read(file)
    status = 0
    for name in _runs(journal, run):
        with working(f"replaying {printable(name)}"):
            told = asyncio.run(replayed(journal, name))
        if json:
            from ponder.cli.report import print_json

            print_json(told.as_json(tree=tree))
        else:
            out().print(printable(_line(told, file)), style="" if told.status == "verified" else "bold")
            if tree:
                out().print(_drawn(told))
        if told.status != "verified" and status != 1:
            status = 1 if told.status == "different" else 2
    return status


def _runs(journal: Journal, run: str | None) -> tuple[str, ...]:
    """Return the names of the runs that are asked for."""
    if not journal.runs:
        raise DataError(f"{journal.name} holds no run")
    if run is not None and run not in journal.runs:
        raise DataError(f"{journal.name} has no run {run!r}, but {', '.join(map(repr, journal.runs[:20]))}")
    return journal.runs if run is None else (run,)


def _line(told: Replayed, file: Path) -> str:
    """Return what is said of a run."""
    parts = [f"{told.effects} effects", f"{len(told.nodes)} nodes"]
    if told.begun:
        parts.insert(0, str(told.begun["strategy"]["name"]))
    if told.answer is not None:
        parts.append(f"answer {told.answer.answer}")
    if told.effects:
        parts.append(ledger_line(told.ledger))
    if told.status == "unfinished":
        parts.append(f"{told.why}; `ponder solve --journal {file}` goes on")
    else:
        parts.append("verified" if told.status == "verified" else f"{told.status}: {told.why}")
    return f"run {told.run}: {', '.join(parts)}"


def _drawn(told: Replayed) -> Tree:
    """Return a run's tree, with a line for each node."""
    begun = told.begun
    named = [f"{name} {begun[name]}" for name in ("model", "reward", "constraint") if begun.get(name)]
    root = Tree(Text(printable(f"prompt  {', '.join(named)}"), style="dim"), guide_style="dim")
    drawn = {-1: root}
    for node in told.nodes:
        drawn[node.node] = drawn[node.parent].add(_node(node, chosen=node.node == told.chosen))
    return root


def _node(node: Node, *, chosen: bool) -> Text:
    """Return its number, tokens, why it ended, its last score, and what there is room for of its text."""
    score = f" {node.scores[-1]:.3f}" if node.scores else ""
    line = Text(
        "* " if chosen else "", style="bold green" if chosen else "", no_wrap=True, overflow="ellipsis"
    )
    line.append(f"[{node.node}] {node.tokens} tokens {printable(node.finish_reason)}{score}  ", style="dim")
    return line.append(printable(node.text).replace("\n", "⏎"))
