"""What benchmarks/clients makes of other people's tests: verdicts, and the table."""

import importlib
import json
import sys
from pathlib import Path

import pytest

CLIENTS = Path(__file__).parents[2] / "benchmarks" / "clients"


@pytest.fixture
def clients(monkeypatch):
    """Its modules, by name, as its own script imports them."""
    for folder in (CLIENTS.parent / "scripts", CLIENTS):
        monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(CLIENTS.parent) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def answer(status, message="", code=None):
    """An answer as `recording.py` writes it."""
    body = json.dumps({"error": {"message": message, "code": code}}) if message else ""
    return {"method": "POST", "path": "/v1/completions", "status": status, "body": body}


OK = answer(200)
REFUSAL = answer(400, "suffix is not supported here", "unsupported_parameter")
WRONG = answer(400, "n = 0 is not allowed: 1 or more", "invalid_value")
FEATURE = answer(400, "tools = 'f' is not allowed: this model has no place for tools", "invalid_value")


@pytest.mark.parametrize(
    ("outcome", "why", "asked", "verdict", "reason"),
    [
        ("passed", "", [OK], "passed", ""),
        ("passed", "", [WRONG], "passed", ""),
        ("passed", "", [OK, REFUSAL], "passed", ""),
        ("passed", "", [REFUSAL], "refused", "suffix is not supported here"),
        ("failed", "BadRequestError", [OK, REFUSAL], "refused", "suffix is not supported here"),
        ("failed", "assert 404 == 200", [answer(404, "there is no POST /x", "unknown_url")], "refused", None),
        ("failed", "assert 1", [FEATURE], "refused", None),
        ("passed", "", [FEATURE], "passed", ""),
        ("failed", "assert 400 == 200\nwhere", [WRONG], "failed", "assert 400 == 200"),
        ("failed", "assert 1 == 2", [answer(500, "the server failed", "internal_error")], "failed", None),
        ("failed", "assert 1 == 2", [answer(404)], "failed", None),
        ("failed", "expected 'Paris'", [OK], "not applicable", "hangs on another model"),
        ("failed", "expected 'Paris'", [REFUSAL], "refused", None),
        ("failed", "assert 1", [], "not applicable", None),
        ("passed", "", [], "not applicable", None),
        ("skipped", "Skipped: needs two GPUs", [], "not applicable", "needs two GPUs"),
    ],
)
def test_verdicts(clients, outcome, why, asked, verdict, reason):
    """From what the server answered: a test that asked nothing says nothing, a wrong refusal fails."""
    judging = clients("judging")
    rules = (judging.Rule("", "hangs on another model", "Paris"), judging.Rule("lora", "needs an adapter"))
    line = {"name": "a.py::b", "phase": "call", "outcome": outcome, "why": why, "asked": asked}
    told = judging.judge(line, rules, "no place for tools")
    assert told.verdict == verdict
    if reason is not None:
        assert told.reason == reason
    assert judging.judge({**line, "name": "a.py::b[lora]"}, rules, "").reason == "needs an adapter"


def test_table(clients):
    """A row a suite: its version, how many tests, and what they came to."""
    run, outcome = clients("run"), clients("outcome")

    class Suite:
        PACKAGES = ("thing==1.2",)
        FLAGS = ()

    outcomes = [
        outcome.Outcome("a", "passed"),
        outcome.Outcome("b", "refused", "x"),
        outcome.Outcome("c", "refused", "x"),
    ]
    told = run.summary(Suite, outcomes)
    assert told["refused"] == {"x": ["b", "c"]}
    assert run.table({"thing": told}).splitlines()[2] == "| thing 1.2 | 3 | 1 | 2 | 0 | 0 |"


def test_unknown_suites_are_refused(clients, tmp_path):
    """With the names there are."""
    with pytest.raises(SystemExit, match=r"suite = nothing is not allowed: .*schemathesis"):
        clients("run").main(["nothing"], tmp_path, "smollm2-135m")


PROGRAM = """
import os, sys
sys.argv = ["", "http://127.0.0.1:9", "tiny"]
sys.path.insert(0, {programs!r})
from checks import NotApplicable, caught, check, equal, main, refusal

def refuse():
    raise ValueError("tools are not allowed")

@check("right")
def right(): equal(1, 1)

@check("right, async")
async def later(): equal(caught(ValueError, refuse, "tools").args[0], "tools are not allowed")

@check("wrong")
def wrong(): equal(1, 2)

@check("refused")
def refused(): refusal(ValueError, refuse, "tools")

@check("refused, and not by name")
def unnamed(): refusal(ValueError, refuse, "suffix")

@check("not refused")
def answered(): refusal(ValueError, lambda: "an answer", "tools")

@check("beyond the model")
def beyond(): raise NotApplicable("it is small")

@check("its own packages")
def packages(): assert "PYTHONPATH" not in os.environ

print("what a library writes")
main()
sys.exit({status})
"""


@pytest.mark.slow
def test_programs(clients, monkeypatch):
    """Each check has its verdict; a program that ends badly, or tells nothing, is a failure too."""
    monkeypatch.setenv("PYTHONPATH", str(CLIENTS))
    of_command = clients("program").of_command
    programs = str(CLIENTS / "suites" / "programs")
    command = [sys.executable, "-c", PROGRAM.format(programs=programs, status=0)]
    outcomes = of_command(command, limit_s=60)
    assert {outcome.name: outcome.verdict for outcome in outcomes} == {
        "right": "passed",
        "right, async": "passed",
        "wrong": "failed",
        "refused": "refused",
        "refused, and not by name": "failed",
        "not refused": "failed",
        "beyond the model": "not applicable",
        "its own packages": "passed",
    }
    assert outcomes[2].reason.startswith("AssertionError: 1 is not 2")
    assert outcomes[3].reason == "ValueError: tools are not allowed"
    command[-1] = PROGRAM.format(programs=programs, status=3)
    last = of_command(command, limit_s=60)[-1]
    assert (last.name, last.verdict, last.reason) == ("the program", "failed", "exit status 3: ")
    (nothing,) = of_command([sys.executable, "-c", "pass"], limit_s=60)
    assert nothing.verdict == "failed"
    (slow,) = of_command([sys.executable, "-c", "import time; time.sleep(60)"], limit_s=0.5)
    assert "none after 0.5 s" in slow.reason
