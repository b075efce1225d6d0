"""The `ponder` command: which subcommands there are, and what happens when one fails."""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import suppress
from io import TextIOWrapper
from typing import TextIO

import typer

from ponder.cli import (
    bench,
    chat,
    choose,
    doctor,
    explain,
    lab,
    models,
    playground,
    replay,
    run,
    schema,
    serve,
    solve,
    tour,
    trace,
    train_reward,
)
from ponder.errors import PonderError, PonderWarning
from ponder.traces.colours import printable

app = typer.Typer(
    name="ponder",
    help="Everything between a language model's logits and its answer.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(run.run)
app.command()(chat.chat)
app.command()(choose.choose)
app.command()(explain.explain)
app.command()(solve.solve)
app.command()(replay.replay)
app.command()(schema.schema)
app.command()(train_reward.train_reward)
app.command()(tour.tour)
app.command()(serve.serve)
app.command()(playground.playground)
app.add_typer(bench.app, name="bench")
app.add_typer(lab.app, name="lab")
app.add_typer(trace.app, name="trace")
app.add_typer(models.app, name="models")
app.command()(doctor.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        from ponder import __version__

        typer.echo(f"ponder {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Everything between a language model's logits and its answer."""


def main() -> None:
    """Run the command line; exit 0 ok, 1 failure, 2 for what the user can mend, 130 interrupted."""
    # GNU OpenMP's threads spin far longer than they need to: short spins are as fast on idle cores and
    # up to 1.6 times faster where others use the cores too (docs/log.md). Read once, when torch is imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    warnings.showwarning = _warn
    try:
        status = app(standalone_mode=False, prog_name="ponder")
        sys.stdout.flush()
    except PonderError as error:
        _fail(str(error), 2)
    except BrokenPipeError:
        with suppress(OSError):
            sys.stdout.close()
        sys.exit(141)
    except OSError as error:
        _fail(f"{error.strerror or error}: {error.filename or 'output'}", 1)
    except typer.TyperException as error:
        if error.format_message().startswith("Usage:"):  # a command without its subcommand: that is the help
            print(error.format_message())
            sys.exit(2)
        _fail(error.format_message() or "no command given: see ponder --help", 2)
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted", 130)
    sys.exit(status if isinstance(status, int) else 0)


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    where = "" if issubclass(category, PonderWarning) else f"{filename}: "
    print(f"ponder: {printable(where + ' '.join(str(message).split()))}", file=sys.stderr)


def _fail(message: str, status: int) -> None:
    print(f"ponder: {printable(' '.join(message.split()))}", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
