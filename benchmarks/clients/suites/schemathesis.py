"""Schemathesis asks whatever /openapi.json allows, and what it does not allow, and checks each answer."""

import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

from outcome import Outcome, Server
from program import environment

PACKAGES = ("schemathesis==4.32.5",)
# Texts of a few tokens: it is requests and answers that are tried.
FLAGS = ("--context", "256", "--max-tokens", "4", "--max-n", "4", "--max-prompts", "8")
EXAMPLES = 50
# What a schema cannot say is which values fit together: a request it allows may be refused in a sentence.
LEFT_OUT = "positive_data_acceptance"


def run(server: Server, home: Path) -> list[Outcome]:
    """Ask each operation of the document; an outcome is an operation's."""
    report = home / "junit.xml"
    command = [str(server.python.with_name("schemathesis")), "run", f"{server.url}/openapi.json"]
    command += ["--seed", "1", "--max-examples", str(EXAMPLES), "--exclude-checks", LEFT_OUT, "--no-color"]
    command += ["--generation-database", "none", "--report-junit-path", str(report)]
    with (home / "schemathesis.log").open("w") as log:
        subprocess.run(
            command, cwd=home, stdout=log, stderr=subprocess.STDOUT, check=False, env=environment()
        )
    return [outcome(case) for case in ET.parse(report).getroot().iter("testcase")]


def outcome(case: ET.Element) -> Outcome:
    """Say what a test case of the report came to."""
    name = case.get("name", "")
    told = [found for kind in ("failure", "error") for found in case.findall(kind)]
    if told:
        return Outcome(name, "failed", (told[0].get("message") or told[0].text or "").strip()[:500])
    if (skipped := case.find("skipped")) is not None:
        return Outcome(name, "not applicable", skipped.get("message") or skipped.text or "skipped")
    return Outcome(name, "passed")
