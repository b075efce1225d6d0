"""Run the command line in this process, as `ponder ARGS` would."""

import functools
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer.main

from ponder.backends.local import load
from ponder.checkpoints import Checkpoint
from ponder.cli.main import main


class Ran(NamedTuple):
    """What a command did."""

    status: int
    out: str
    err: str


@pytest.fixture(scope="session", autouse=True)
def _read_once() -> Iterator[None]:
    """What each command would make anew is made once: the options' parsers, and of a model with a name its
    checkpoint, tokenizer and weights, which never change. Engines and their caches are a command's own."""
    opened: dict[str, Checkpoint] = {}
    made: dict[Any, Any] = {}
    open_checkpoint = load.open_checkpoint

    def opening(model: str) -> Checkpoint:
        if Path(model).exists():
            return open_checkpoint(model)
        return opened[model] if model in opened else opened.setdefault(model, open_checkpoint(model))

    def once(name: str) -> Callable[..., Any]:
        make = getattr(load, name)

        def from_kept(source: Any, *rest: Any, **options: Any) -> Any:
            if not any(source is one or source is one.vocabulary for one in opened.values()):
                return make(source, *rest, **options)
            key = (name, id(source), repr(options))
            return made[key] if key in made else made.setdefault(key, make(source, *rest, **options))

        return from_kept

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", functools.cache(typer.main.get_command))
        for name in ("build_tokenizer", "load_transformer"):
            patch.setattr(load, name, once(name))
        patch.setattr(load, "open_checkpoint", opening)
        yield


@pytest.fixture
def ponder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], local_model: object
) -> Callable[..., Ran]:
    """Return a function that runs a command; `local_model` makes sure that there is a model."""

    def run(*args: str, stdin: bytes | None = None) -> Ran:
        monkeypatch.setattr(sys, "argv", ["ponder", *args])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin or b""), encoding="utf-8"))
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        captured = capsys.readouterr()
        return Ran(int(exit_.value.code or 0), captured.out, captured.err)

    return run
