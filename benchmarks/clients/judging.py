"""Runs other people's pytest tests with our stand-ins, and says what each came to."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcome import Outcome

STANDINS = Path(__file__).parent / "suites" / "standins"
NOTHING = "(?!)"  # an expression that is found nowhere
UNSUPPORTED = ("unsupported_parameter", "unknown_parameter", "unknown_url")


@dataclass(frozen=True, slots=True)
class Rule:
    """Tests that cannot apply, and why.

    Attributes
    ----------
    tests : an expression that is searched for in the tests' names.
    why : the reason.
    error : where it is given, the rule is only for tests that failed with an exception in which it is found,
        and were not refused.
    """

    tests: str
    why: str
    error: str = ""


def recorded(
    python: Path,
    plugin: str,
    root: Path,
    files: Sequence[Path],
    home: Path,
    env: Mapping[str, str],
    *,
    timeout: int,
) -> list[dict[str, Any]]:
    """Run pytest over files with a plugin of `suites/standins`; return what `recording.py` wrote of them.

    A test may take `timeout` seconds. pytest's own output is in `home`/pytest.log. A run that was interrupted
    is gone on with, where $GO_ON is set, from the file of tests at which it was.
    """
    record = home / "record.jsonl"
    lines = read(record) if os.environ.get("GO_ON") and record.exists() else []
    begun = list(dict.fromkeys(file_of(line) for line in lines))
    kept = [line for line in lines if file_of(line) in begun[:-1]]
    record.write_text("".join(json.dumps(line) + "\n" for line in kept))
    files = [path for path in files if str(path.relative_to(root)) not in begun[:-1]]
    arguments = ["-p", "recording", "-p", plugin, "-p", "no:cacheprovider", "-q", f"--timeout={timeout}"]
    arguments.append("--continue-on-collection-errors")
    whole = {
        **os.environ,
        "PYTHONPATH": f"{STANDINS}:{root}",
        "RECORD": str(record),
        "PONDER_LOG": str(home / "serve-tests.log"),
        "PONDER_SERVE": json.dumps(serve_command()),
        **env,
    }
    with (home / "pytest.log").open("w") as log:
        command = [str(python), "-m", "pytest", *arguments, "--rootdir", str(root), *map(str, files)]
        done = subprocess.run(command, cwd=root, env=whole, stdout=log, stderr=subprocess.STDOUT, check=False)
    if done.returncode not in (0, 1):  # 1: some tests failed
        raise RuntimeError(f"pytest ended with {done.returncode}: see {home / 'pytest.log'}")
    return read(record)


def read(record: Path) -> list[dict[str, Any]]:
    """Return the lines of a record."""
    return [json.loads(line) for line in record.read_text().splitlines()]


def file_of(line: Mapping[str, Any]) -> str:
    """Return the file that a recorded test is in."""
    return str(line["name"]).partition("::")[0]


def serve_command() -> list[str]:
    """Return how stand-ins start a server: this interpreter and this process's path to ponder."""
    path = os.environ.get("PYTHONPATH", "")
    return ["env", f"PYTHONPATH={path}", sys.executable, "-m", "ponder", "serve"]


def judge(line: Mapping[str, Any], rules: Sequence[Rule], values: str) -> Outcome:
    """Say what a recorded test came to.

    Not applicable: a rule says so, or the test skipped itself, or it asked the server nothing. Refused: the
    server answered that a parameter, a value or a path is not supported; also where the test passed because
    it expected an error, and a parameter or a path was refused each time. Else it passed or failed. `values`
    is an expression that is searched for in errors about a value: those that it finds refuse a feature.
    """
    name = line["name"]
    for rule in rules:
        if not rule.error and re.search(rule.tests, name):
            return Outcome(name, "not applicable", rule.why)
    if line["outcome"] == "skipped":
        return Outcome(name, "not applicable", re.sub(r"^Skipped: ", "", line["why"]))
    if line["phase"] == "collect":
        return Outcome(name, "not applicable", f"its file cannot be imported: {first_line(line['why'])}")
    if not line["asked"]:
        return Outcome(name, "not applicable", "it asks no server: it tests classes of its own package")
    refusals = [message for answer in line["asked"] if (message := refusal(answer, values))]
    if line["outcome"] == "passed":
        if all(refusal(answer) for answer in line["asked"]):
            return Outcome(name, "refused", refusals[-1])
        return Outcome(name, "passed")
    if refusals:
        return Outcome(name, "refused", refusals[-1])
    for rule in rules:
        if rule.error and re.search(rule.tests, name) and re.search(rule.error, line["why"]):
            return Outcome(name, "not applicable", rule.why)
    return Outcome(name, "failed", first_line(line["why"]))


def refusal(answer: Mapping[str, Any], values: str = NOTHING) -> str | None:
    """Return the server's words if an answer refuses a parameter or a path by name, else None."""
    if answer["status"] < 400:
        return None
    try:
        error = json.loads(answer["body"])["error"]
        message, code = str(error["message"]), error["code"]
    except (ValueError, KeyError, TypeError):
        return None
    return message if code in UNSUPPORTED or re.search(values, message) else None


def first_line(text: str) -> str:
    """Return an error's first line, at most 300 characters."""
    return text.strip().partition("\n")[0][:300]
