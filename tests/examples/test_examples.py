"""Every example runs to its end."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_example_runs(example: Path, local_model: object, capfd: pytest.CaptureFixture[str]) -> None:
    """In this process, which has imported torch. `local_model` only makes sure that there is a model."""
    capfd.readouterr()
    runpy.run_path(str(example), run_name="__main__")
    printed = capfd.readouterr()
    assert printed.out.strip()
    assert printed.err == ""


def test_one_runs_as_a_user_would_run_it(local_model: object) -> None:
    """In a process of its own, which ends."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / "hello.py"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert done.stderr == ""
