"""Run `ponder bench` in this process."""

import json
from typing import NamedTuple

import pytest

from ponder.cli.bench import app


class Ran(NamedTuple):
    """What a command did."""

    status: int
    out: str

    @property
    def json(self):
        """What it printed."""
        return json.loads(self.out)


@pytest.fixture
def bench(capsys, monkeypatch):
    """Return a function that runs `ponder bench serve ARGS`; errors are raised."""
    monkeypatch.delenv("PONDER_API_KEY", raising=False)

    def run(*args):
        capsys.readouterr()
        status = app(["serve", *map(str, args)], standalone_mode=False)
        return Ran(status, capsys.readouterr().out)

    return run
