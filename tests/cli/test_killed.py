"""`ponder solve` is killed at any moment, and the same command goes on to the same answer.

PONDER_KILLS=25 does it more often, and on more strategies.
"""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ponder.scaling import Journal

KILLS = int(os.environ.get("PONDER_KILLS", "1"))
STRATEGIES = (
    ("step-beam", "--keep", "2", "--expand", "2"),
    ("best-of-n",),
    ("power-sampling", "--set", "block=12", "--set", "moves=3"),
    ("particles",),
    ("revision", "--set", "rounds=2"),
)
SOLVE = (
    "solve",
    "--task",
    "multiply_add",
    "--limit",
    "2",
    "-n",
    "4",
    "--seed",
    "1",
    "--reward",
    "likelihood",
)
AGAIN = frozenset(  # what is asked again is counted again
    {
        *("seconds", "requests", "prompt_tokens", "hit_tokens", "cached_tokens", "computed_tokens"),
        *("attended_tokens", "logit_rows", "flops", "published_flops"),
    }
)


def kill(arguments, journal, lines, delay):
    """Kill `ponder` some time after it has written so many lines; return how many there are then."""
    done = 0
    with subprocess.Popen([sys.executable, "-m", "ponder", *arguments], stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and done < lines:
            time.sleep(0.002)
            done = journal.read_bytes().count(b"\n") if journal.exists() else 0
        time.sleep(delay)
        process.kill()
    assert process.returncode == -9, "it was done before it was killed"
    return journal.read_bytes().count(b"\n")


def without(answer):
    """Return an answer without what is counted again."""
    ledger = {name: value for name, value in answer["ledger"].items() if name not in AGAIN}
    return {**answer, "ledger": ledger}


@pytest.fixture(scope="module")
def known():
    """What a strategy answers if nobody kills it, and how many lines its journal has then."""
    return {}


@pytest.mark.slow
@pytest.mark.parametrize("number", range(KILLS))
def test_a_run_that_was_killed_goes_on(ponder, known, tmp_path: Path, number: int) -> None:
    strategy, numbers = STRATEGIES[number % len(STRATEGIES)], random.Random(number)
    arguments = (*SOLVE, "--json", "--strategy", *strategy, "--journal")
    if strategy not in known:
        whole = ponder(*arguments, str(tmp_path / "whole.jsonl"))
        assert whole.status == 0, whole.err
        known[strategy] = whole.out, len(Journal.read(tmp_path / "whole.jsonl").lines)
    out, total = known[strategy]
    file = tmp_path / "killed.jsonl"
    written = kill((*arguments, str(file)), file, numbers.randrange(1, total - 3), numbers.random() / 10)
    resumed = ponder(*arguments, str(file))
    assert resumed.status == 0, resumed.err
    for line, other in zip(resumed.out.splitlines(), out.splitlines(), strict=True):
        answer, expected = json.loads(line), json.loads(other)
        assert without(answer) == without(expected)
        assert answer["ledger"]["computed_tokens"] >= expected["ledger"]["computed_tokens"]
    told = ponder("replay", str(file), "--json")
    assert told.status == 0, told.out
    spent = [answer["ledger"]["computed_tokens"] - expected["ledger"]["computed_tokens"]]
    print(f"{strategy[0]}: killed after {written} of {total} lines, {spent[0]} tokens computed again")
