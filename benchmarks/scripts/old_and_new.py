"""Whether a change made ponder slower: `ponder bench` of an older tree and of a newer one, in turn.

    python benchmarks/scripts/old_and_new.py OLD NEW [ROUNDS]

OLD and NEW are checkouts whose native kernels are built (an editable installation builds them, or copy the
module). Each round runs every figure in both trees, each in a process of its own, the order turned from round
to round; a ratio is new against old in one round, above 1 where the new tree is faster or smaller.
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from machine import write_result

FIGURES = {
    "decode": ("decode", "--branches", "1,16,32", "--repeats", "3"),
    "prefill": ("prefill", "--repeats", "3"),
    "fork": ("fork", "--repeats", "3"),
    "sample": ("sample", "--repeats", "3"),
    "load": ("load", "--repeats", "3"),
}


def measured(tree: Path, arguments: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Return the cases of a figure, by name, as `tree` measures them."""
    paths = os.pathsep.join(str(tree / folder) for folder in ("src", "benchmarks/src"))
    printed = subprocess.run(
        [sys.executable, "-m", "ponder", "bench", *arguments, "--json"],
        env={**os.environ, "PYTHONPATH": paths},
        cwd=tree,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    return {case["case"]: case for case in json.loads(printed)["cases"]}


def main(old: Path, new: Path, rounds: int) -> None:
    """Run the rounds and write the ratios."""
    ratios: dict[str, list[float]] = {}
    medians: dict[str, dict[str, list[float]]] = {}
    for number in range(rounds):
        for name, arguments in FIGURES.items():
            trees = {"old": old, "new": new} if number % 2 == 0 else {"new": new, "old": old}
            found = {which: measured(tree, arguments) for which, tree in trees.items()}
            for case in found["new"]:
                key = f"{name}: {case} ({found['new'][case]['unit']})"
                both = {which: found[which][case]["systems"]["ponder"]["median"] for which in ("old", "new")}
                for which, median in both.items():
                    medians.setdefault(key, {"old": [], "new": []})[which].append(median)
                better = both["new"] / both["old"]
                ratios.setdefault(key, []).append(
                    better if found["new"][case]["higher_is_better"] else 1 / better
                )
                print(f"{number + 1}/{rounds} {key}: {ratios[key][-1]:.3f}", file=sys.stderr)
    commits = {which: commit(tree) for which, tree in (("old", old), ("new", new))}
    summary = {
        key: {"ratio": statistics.median(found), "ratios": found, **medians[key]}
        for key, found in ratios.items()
    }
    write_result("old_and_new", ("torch",), {"commits": commits, "rounds": rounds, "cases": summary})


def commit(tree: Path) -> str:
    """Return the commit that a tree is at."""
    command = ["git", "-C", str(tree), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), int(sys.argv[3]) if sys.argv[3:] else 5)
