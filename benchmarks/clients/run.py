"""Other people's test suites and clients against a real `ponder serve`.

    python benchmarks/clients/run.py [SUITE ...] [--home DIR] [--model MODEL]

Each suite gets a server of its own (the flags are the suite's) and an environment of its own, with the
packages that it pins. They are kept under --home and used again; by default that is a folder of the user's
cache. benchmarks/results/clients.json gets what came of each test, and the table is printed: passed, refused
by name, not applicable, failed. Suites that were not asked for keep what the file says of them. Exit status
1: a test failed. Needs `pip install 'ponder[server]'`, the package registries, and npm for some suites.
"""

import argparse
import contextlib
import importlib
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, cast

HERE = Path(__file__).parent
sys.path += [str(HERE), str(HERE.parent / "scripts")]

import platformdirs

from machine import commit, write_result
from outcome import VERDICTS, Outcome, Server
from ponder.hub.registry import DEFAULT_MODEL
from program import environment

RESULT = HERE.parent / "results" / "clients.json"
LOADED_S = 180


class Suite(Protocol):
    """A module of `suites/`. PACKAGES are what pip installs, NPM what npm does; either may be missing.

    VERSION is of what is run, where that is not the first package.
    """

    FLAGS: tuple[str, ...]

    def run(self, server: Server, home: Path) -> list[Outcome]:
        """Run all tests; `home` is a folder to keep things in, npm's node_modules among them."""


def main(names: list[str], home: Path, model: str) -> int:
    """Run suites, write the result, print the table; return the exit status."""
    known = sorted(path.stem for path in (HERE / "suites").glob("*.py") if path.stem != "__init__")
    if unknown := [name for name in names if name not in known]:
        sys.exit(f"suite = {', '.join(unknown)} is not allowed: {', '.join(known)}")
    told: dict[str, Any] = json.loads(RESULT.read_text())["suites"] if RESULT.exists() else {}
    failed = 0
    for name in names or known:
        suite = cast(Suite, importlib.import_module(f"suites.{name}"))
        place = home / name
        python = installed(suite, place)
        with serving(suite.FLAGS, model, place / "serve.log") as url:
            outcomes = suite.run(Server(url, served_name(url), python), place)
        told[name] = summary(suite, outcomes) | {
            "model": model,
            "commit": commit(),
        }
        failed += told[name]["counts"]["failed"]
        write_result("clients", ("ponder", "torch"), {"suites": dict(sorted(told.items()))}, show=False)
    print(table(told))
    return 1 if failed else 0


def installed(suite: Suite, place: Path) -> Path:
    """Make a suite's environment, unless it is there; return its interpreter."""
    packages, npm = wanted(suite)
    place.mkdir(parents=True, exist_ok=True)
    python, done = place / "venv" / "bin" / "python", place / "installed.json"
    want = json.dumps({"packages": packages, "npm": npm})
    if done.exists() and done.read_text() == want:
        return python
    venv.create(place / "venv", clear=True, with_pip=True)
    if packages:
        command: list[str | Path] = [python, "-m", "pip", "install", "--quiet", *packages]
        subprocess.run(command, check=True, env=environment())
    if npm:
        (place / "package.json").write_text('{"type": "module"}')
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", *npm], cwd=place, check=True)
    done.write_text(want)
    return python


def wanted(suite: Suite) -> tuple[list[str], list[str]]:
    """Return the packages that pip and npm install for a suite."""
    return list(getattr(suite, "PACKAGES", ())), list(getattr(suite, "NPM", ()))


@contextlib.contextmanager
def serving(flags: tuple[str, ...], model: str, log: Path) -> Iterator[str]:
    """Run `ponder serve` on a free port until the block ends; give its URL once the model is loaded."""
    command = [sys.executable, "-m", "ponder", "serve", "--port", "0", "--model", model, *flags]
    with log.open("w") as errors, subprocess.Popen(command, stderr=errors) as process:
        try:
            yield listening(process, log)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def listening(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Return a server's URL when its /health says that all is well."""
    end = time.monotonic() + LOADED_S
    while process.poll() is None and time.monotonic() < end:
        if found := re.search(r"^ponder: listening on (\S+)$", log.read_text(), re.MULTILINE):
            with contextlib.suppress(urllib.error.URLError, TimeoutError):
                urllib.request.urlopen(found[1] + "/health", timeout=LOADED_S)
                return found[1]
        time.sleep(0.1)
    sys.exit(f"ponder serve did not start: {log.read_text()[-2000:]}")


def served_name(url: str) -> str:
    """Return the first name of the served model."""
    with urllib.request.urlopen(url + "/v1/models") as response:
        return str(json.load(response)["data"][0]["id"])


def summary(suite: Suite, outcomes: list[Outcome]) -> dict[str, Any]:
    """Return what the result says of a suite: counts, and for each reason the tests that it stopped."""
    counts = Counter(outcome.verdict for outcome in outcomes)
    packages, npm = wanted(suite)
    reasons: dict[str, dict[str, list[str]]] = {}
    for outcome in outcomes:
        if outcome.verdict != "passed":
            reasons.setdefault(outcome.verdict, {}).setdefault(outcome.reason, []).append(outcome.name)
    version = getattr(suite, "VERSION", re.split("==|@", [*packages, *npm, ""][0])[-1])
    return {
        "version": version,
        "packages": packages + npm,
        "flags": list(suite.FLAGS),
        "counts": {verdict: counts[verdict] for verdict in VERDICTS},
        **reasons,
    }


def table(told: Mapping[str, Any]) -> str:
    """Return the counts of all suites as a Markdown table."""
    lines = [["suite", "tests", *("refused by name" if v == "refused" else v for v in VERDICTS)]]
    lines.append(["---"] + ["--:"] * (len(VERDICTS) + 1))
    for name, one in sorted(told.items()):
        counts = [one["counts"][verdict] for verdict in VERDICTS]
        lines.append([f"{name} {one['version']}", *map(str, (sum(counts), *counts))])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Other people's suites and clients against ponder serve.")
    parser.add_argument("suite", nargs="*", help="names of suites; none: all")
    parser.add_argument("--home", type=Path, default=platformdirs.user_cache_path("ponder-clients"))
    parser.add_argument("--model", default=DEFAULT_MODEL, help="what is served")
    arguments = parser.parse_args()
    sys.exit(main(arguments.suite, arguments.home.absolute(), arguments.model))
