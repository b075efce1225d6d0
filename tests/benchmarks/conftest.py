"""What tests of several commands share."""

import json

import pytest

from ponder.cli.bench import app


@pytest.fixture
def figure(capsys, checkpoint):
    """Return a function that runs `ponder bench ARGS --json` and returns what it printed."""

    def run(*args):
        capsys.readouterr()
        app([*map(str, args), "--repeats", "1", "--warmup", "0", "--json"], standalone_mode=False)
        return json.loads(capsys.readouterr().out)

    return run
