"""Whether a change made ponder slower: an older and a newer tree, each in a process of its own, in turn.

    python benchmarks/scripts/old_and_new.py OLD NEW [ROUNDS]

OLD and NEW are checkouts whose native kernels are built. The two processes take turns call by call, so that
both meet the same noise; the order turns from round to round. What counts is the processor time of one
thread, which other programs change little. A ratio is old over new of one round, above 1 where the new tree
is faster. Loading is a new process each time.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from machine import write_result

T = TypeVar("T")

CASES: dict[str, dict[str, Any]] = {
    "decode, 1 branch": {"prompt": 512, "n": 1, "max_tokens": 33},
    "decode, 16 branches": {"prompt": 512, "n": 16, "max_tokens": 9},
    "decode, 32 branches": {"prompt": 512, "n": 32, "max_tokens": 9},
    "fork, 16 branches after 64 tokens": {"prompt": 64, "n": 16, "max_tokens": 5},
    "fork, 16 branches after 2,048 tokens": {"prompt": 2048, "n": 16, "max_tokens": 5},
}
CASES |= {
    "sample, 32 rows of top-p": {
        "prompt": 64,
        "n": 32,
        "max_tokens": 9,
        "temperature": 0.8,
        "top_p": 0.9,
        "seed": 1,
    },
    "prefill of 512": {"prompt": 512, "n": 1, "max_tokens": 1, "fresh": True},
}


def work() -> None:
    """Measure the processor seconds of loading, and of a call for each line of JSON."""
    import torch

    import ponder
    from ponder.text import TokenIds

    torch.set_num_threads(1)
    lm, rng = ponder.load("smollm2-135m", device="cpu"), random.Random(0)
    print(time.process_time(), flush=True)
    for line in sys.stdin:
        options = {"temperature": 0.0, "ignore_eos": True} | json.loads(line)
        seed = rng.random() if options.pop("fresh", False) else 0
        chosen = random.Random(seed).choices(range(1000, 40000), k=options.pop("prompt"))
        start = time.process_time()
        lm(TokenIds(tuple(chosen)), **options)
        print(time.process_time() - start, flush=True)


class Worker:
    """A process of one tree."""

    def __init__(self, tree: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "work"],
            env={**os.environ, "PYTHONPATH": str(tree / "src"), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.loading_s = self.answer()

    def answer(self) -> float:
        assert self.process.stdout is not None
        return float(self.process.stdout.readline())

    def seconds(self, options: dict[str, Any]) -> float:
        assert self.process.stdin is not None
        print(json.dumps(options), file=self.process.stdin, flush=True)
        return self.answer()

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def loading(tree: Path) -> float:
    """Return the processor seconds until a new process of a tree has its model."""
    worker = Worker(tree)
    worker.close()
    return worker.loading_s


def in_turn(number: int, measure: Callable[[T], float], old: T, new: T) -> tuple[float, float]:
    """Measure the old one and the new one, in odd rounds the new one first; return old, new."""
    if number % 2:
        after = measure(new)
        return measure(old), after
    return measure(old), measure(new)


def main(old: Path, new: Path, rounds: int) -> None:
    """Run the rounds and write the ratios."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in (*CASES, "load")}
    workers = [Worker(old), Worker(new)]
    for options in CASES.values():
        for worker in workers:
            worker.seconds(options)  # the prompt is in the cache, and all is warm
    for number in range(rounds):
        for name, options in CASES.items():
            before, after = in_turn(number, partial(Worker.seconds, options=options), *workers)
            found[name].append((before, after))
            print(f"{name}: {before:.3f} s, {after:.3f} s, {before / after:.3f}", file=sys.stderr)
    for worker in workers:
        worker.close()
    for number in range(max(3, rounds // 5)):
        found["load"].append(in_turn(number, loading, old, new))
    cases = {}
    for name, pairs in found.items():
        ratios = [before / after for before, after in pairs]
        quarters = statistics.quantiles(ratios, n=4)
        cases[name] = {
            "old_over_new": statistics.median(ratios),
            "quartiles": [quarters[0], quarters[2]],
            "old_s": statistics.median(before for before, _ in pairs),
            "new_s": statistics.median(after for _, after in pairs),
            "pairs": len(pairs),
        }
    commits = {"old": commit(old), "new": commit(new)}
    write_result("old_and_new", ("torch",), {"commits": commits, "cases": cases})


def commit(tree: Path) -> str:
    """Return the commit that a tree is at."""
    command = ["git", "-C", str(tree), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    if sys.argv[1:] == ["work"]:
        work()
    else:
        main(
            Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), int(sys.argv[3]) if sys.argv[3:] else 30
        )
