"""`ponder bench` without its benchmarks, and with packages that register commands."""

import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import Annotated

import pytest
import typer
from typer.main import get_command

from ponder.cli import bench_group, main
from ponder.cli.bench_group import BENCHMARKS, ENTRY_POINTS


def count(number: Annotated[int, typer.Option(help="How far.")] = 3) -> None:
    """Count to a number."""
    print(*range(number))


def point(name, value):
    return EntryPoint(name, value, ENTRY_POINTS)


COUNT = f"{__name__}:count"


@pytest.fixture
def ponder(monkeypatch, capsys):
    """Return a function that runs `ponder ARGS` where these entry points are installed."""

    def run(*args, installed=()):
        monkeypatch.setattr(sys, "argv", ["ponder", *args])
        monkeypatch.setattr(
            bench_group, "entry_points", lambda group: EntryPoints(installed).select(group=group)
        )
        with pytest.raises(SystemExit) as ended:
            main.main()
        return ended.value.code, *capsys.readouterr()

    return run


@pytest.mark.parametrize("name", BENCHMARKS)
def test_without_the_benchmarks_one_sentence_says_how_to_get_them(ponder, name):
    status, out, said = ponder("bench", name, "--json")
    assert (status, out) == (2, "")
    assert said == (
        f"ponder: ponder bench {name} needs the package ponder-benchmarks, which is not installed: "
        "pip install ./benchmarks in ponder's source tree\n"
    )


def test_help_shows_what_is_there(ponder):
    status, shown, _ = ponder("bench", "--help")
    assert status == 0
    assert "serve" in shown
    assert "decode" not in shown
    _, shown, _ = ponder("bench", "--help", installed=[point("count", COUNT)])
    assert "Count to a number." in shown


def test_a_registered_function_is_a_command_with_its_options(ponder):
    installed = [point("count", COUNT), EntryPoint("other", COUNT, "another.group")]
    assert ponder("bench", "count", "--number", "4", installed=installed) == (0, "0 1 2 3\n", "")
    assert ponder("bench", "count", "--number", "x", installed=installed)[0] == 2
    assert ponder("bench", "other", installed=installed)[::2] == (2, "ponder: No such command 'other'.\n")


def test_a_command_of_ponders_own_is_not_replaced(ponder):
    _, shown, _ = ponder("bench", "serve", "--help", installed=[point("serve", COUNT)])
    assert "OpenAI-compatible server" in shown
    _, shown, _ = ponder("bench", "--help", installed=[point("serve", COUNT)])
    assert shown.count("\n  serve ") == 1


@pytest.mark.parametrize("value", ["no_such_package:f", "json:no_such_function"])
def test_a_package_that_cannot_be_imported_is_one_sentence(ponder, value):
    status, out, said = ponder("bench", "broken", installed=[point("broken", value)])
    assert (status, out) == (2, "")
    assert said.startswith(f"ponder: ponder bench broken of {value} cannot be imported: ")
    assert "no_such" in said
    assert said.count("\n") == 1


def test_other_commands_look_for_no_packages(monkeypatch):
    """A start of the command line does not pay for what `ponder bench` alone needs."""
    monkeypatch.setattr(bench_group, "entry_points", lambda group: pytest.fail("looked"))
    group = get_command(main.app)
    assert group.get_command(None, "run").name == "run"
    assert group.get_command(None, "bench").name == "bench"


@pytest.mark.slow
def test_the_command_line_imports_no_benchmarks():
    """Neither at its start nor for `ponder bench serve`; the finding alone does not import."""
    program = (
        "import sys; from ponder.cli.bench_group import registered; from ponder.cli.main import app; "
        "found = registered(); app(['bench', 'serve', '--help'], standalone_mode=False); "
        "print('imported:', *(name for name in sys.modules if name.startswith('ponder_benchmarks')))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines()[-1] == "imported:"


def test_the_benchmarks_register_what_ponder_says_they_do():
    found = entry_points(group=ENTRY_POINTS)
    assert set(BENCHMARKS) <= found.names
    assert all(found[name].value.startswith("ponder_benchmarks.commands.") for name in BENCHMARKS)
