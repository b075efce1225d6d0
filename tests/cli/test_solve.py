"""`ponder solve` with tasks and strategies by name, and a head that `ponder train-reward` makes."""

import json
from pathlib import Path
from typing import Any

import pytest

from ponder.rewards import Head
from ponder.scaling import STRATEGY_NAMES

TASK = ("solve", "--task", "multiply_add", "--limit", "1", "-n", "4", "--seed", "1", "--json")


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("name", STRATEGY_NAMES)
def test_strategies_by_name(ponder, name: str) -> None:
    """Each answers a problem of a task, whose stop string and steps are its own."""
    ran = ponder(*TASK, "--strategy", name, "--reward", "likelihood", "--budget-generated", "80")
    assert ran.status == 0, ran.err
    result, summary = lines(ran.out)
    assert result["candidates"]
    assert summary["n"] == 1
    assert summary["ledger"]["generated_tokens"] <= 80
    assert all("\n\n" not in one["text"] for one in result["candidates"])


@pytest.mark.slow
def test_a_total_of_all_problems(ponder) -> None:
    """It holds for both together; one question has none."""
    task = ("solve", "--task", "multiply_add", "--limit", "2", "-n", "8", "--strategy", "auto", "--json")
    ran = ponder(*task, "--total-tokens", "150")
    assert ran.status == 0, ran.err
    *results, summary = lines(ran.out)
    assert len(results) == 2
    assert summary["ledger"]["generated_tokens"] <= 150
    ran = ponder("solve", "What is 2 + 2?", "--strategy", "auto", "--total-tokens", "150")
    assert ran.status == 2
    assert "total" in ran.err
    assert "used with --data or --task" in ran.err


def test_settings(ponder) -> None:
    """They reach the strategy: --set too, as numbers or text."""
    ran = ponder(
        *TASK, "--strategy", "step-beam", "--reward", "likelihood", "--keep", "1", "--expand", "2",
        "--set", "convention=its-hub", "--set", "aggregate=mean", "--max-steps", "2",
    )  # fmt: skip
    assert ran.status == 0, ran.err
    assert 1 <= len(lines(ran.out)[0]["candidates"]) <= 4


def test_a_budget_over_everything(ponder) -> None:
    """Tokens and operations as they were computed stay within it."""
    ran = ponder(*TASK, "--budget-tokens", "300", "--budget-flops", "1e11")
    assert ran.status == 0, ran.err
    ledger = lines(ran.out)[1]["ledger"]
    assert 0 < ledger["computed_tokens"] <= 300
    assert 0 < ledger["flops"] <= 1e11


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--strategy", "dvts", "--keep", "2"), "keep = 2 is not allowed: left unset with dvts"),
        (("--set", "keep"), "set = 'keep' is not allowed: NAME=VALUE"),
        (("--strategy", "step-beam"), "reward = None"),
        (("--data", "x.jsonl"), "task = 'multiply_add' is not allowed: used without --data"),
        (("--system", "x"), "system = 'x' is not allowed: used with a prompt or --data"),
        (("--public-share", "0.5"), "public_share = 0.5 is not allowed: used with --data"),
        (("--budget-flops", "-1"), "budget_flops = -1.0 is not allowed: a finite number over 0"),
        (("--budget-tokens", "0"), "budget_tokens = 0 is not allowed: a whole number, 1 or more"),
        (("--budget-tokens", "9"), "max_computed_tokens = 9 is not allowed: at least "),
        (("--budget-flops", "2e3"), "max_flops = 2000.0 is not allowed: at least "),
    ],
)
def test_refused(ponder, options: tuple[str, ...], says: str) -> None:
    """In one line, with the exit status 2."""
    ran = ponder(*TASK, *options)
    assert ran.status == 2
    assert says in ran.err + ran.out


def test_progress(ponder, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is on stderr where that is a terminal, and gone before anything is printed."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    ran = ponder(*TASK)
    assert "0 done, 1 under way, " in ran.err
    assert " tokens generated; best so far " in ran.err
    assert ran.err.endswith("\r\x1b[2K")
    assert len(lines(ran.out)) == 2


@pytest.mark.slow
def test_programs(ponder, tmp_path: Path) -> None:
    """The answer is a program; half of its tests are the search's, and it ends after its block."""
    data = tmp_path / "tasks.jsonl"
    data.write_text(json.dumps({"id": "a", "prompt": "?", "tests": ["f(1) == 1", "f(2) == 2", "f(3) == 3"]}))
    asked = ("solve", "--data", str(data), "-n", "4", "--max-tokens", "4", "--strategy", "revision")
    ran = ponder(*asked, "--set", "rounds=2", "--reward", "public-code", "--json")
    if "cannot isolate" in ran.err:
        pytest.skip(ran.err)
    assert ran.status == 0, ran.err
    result, summary = lines(ran.out)
    assert result["right"] is False
    assert summary["n"] == 1
    assert {one["score"] for one in result["candidates"]} == {0.0}
    assert [one["answer"] for one in result["candidates"]] == [one["text"] for one in result["candidates"]]
    assert result["sampling"]["stop"] == ["\n```\n"]
    ran = ponder(*asked, "--reward", "public-code", "--public-share", "1", "--stop", "x")
    assert ran.out.splitlines()[0] == "a  wrong  score 0.000"


@pytest.mark.slow
def test_a_head(ponder, tmp_path: Path) -> None:
    """It is made of a task's problems, says what it was made of, and scores what is solved."""
    file = tmp_path / "head.safetensors"
    ran = ponder("train-reward", str(file), "--problems", "12", "--json")
    assert ran.status == 0, ran.err
    (told,) = lines(ran.out)
    assert told["tasks"] == ["multiply_add"]
    assert Head.load(file).provenance == {key: value for key, value in told.items() if key != "file"}
    assert file.stat().st_size < 2**20
    ran = ponder(*TASK, "--reward", f"head:{file}")
    assert ran.status == 0, ran.err
    result, summary = lines(ran.out)
    assert all(0 < one["score"] < 1 for one in result["candidates"])
    assert summary["ledger"]["reward_tokens"] == 0
