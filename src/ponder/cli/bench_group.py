"""The commands of `ponder bench`: its own, and those that other packages register."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from typer import Typer
from typer.core import TyperGroup
from typer.main import get_command

from ponder.errors import PonderError

ENTRY_POINTS = "ponder.bench"
"""The entry points that are searched: each has its command's name and loads that command's function."""

BENCHMARKS = ("decode", "prefill", "fork", "sample", "load", "profile", "quality")
"""What ponder-benchmarks registers; without that package these names say how to get it."""


class BenchGroup(TyperGroup):
    """A group whose further commands are looked up and imported when they are asked for.

    A command of the group's own comes before an entry point of that name.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the group's own commands, then of the registered ones."""
        return list(dict.fromkeys([*super().list_commands(ctx), *registered()]))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; None where nobody has that name.

        Raises
        ------
        PonderError : it is a command of ponder-benchmarks, which is not installed; or the package that
            registers it cannot be imported.
        """
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        point = registered().get(cmd_name)
        if point is not None:
            return _imported(point, self.rich_markup_mode)
        if cmd_name in BENCHMARKS:
            raise PonderError(
                f"ponder bench {cmd_name} needs the package ponder-benchmarks, which is not installed: "
                "pip install ./benchmarks in ponder's source tree"
            )
        return None


def registered() -> dict[str, EntryPoint]:
    """Return the entry points of all installed packages, by name."""
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def _imported(point: EntryPoint, markup: Any) -> Any:
    try:
        function = point.load()
    except (ImportError, AttributeError) as error:
        package = point.dist.name if point.dist is not None else point.value
        raise PonderError(f"ponder bench {point.name} of {package} cannot be imported: {error}") from None
    app = Typer(add_completion=False, rich_markup_mode=markup)
    app.command(point.name)(function)
    return get_command(app)
