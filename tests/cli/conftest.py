"""Run the command line in this process, as `ponder ARGS` would."""

import io
import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from ponder.cli.main import main


class Ran(NamedTuple):
    """What a command did."""

    status: int
    out: str
    err: str


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
