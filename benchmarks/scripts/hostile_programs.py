"""Programs on trial: how many a second, and how soon hostile ones end.

    python benchmarks/scripts/hostile_programs.py [--repeats 3] [--write]

The hostile programs are those of tests/rewards/hostile_programs.py. Each has one test and `SECONDS` to pass
it; none may pass, and each is to end within the limit and half a second. The others are the tasks' solutions,
run on all their tests by one trial and, as the reward does, by several at a time; warm, which means that the
processes run.
"""

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path
from textwrap import dedent
from typing import Any

from machine import write_result
from ponder.rewards import CodeTests, Problem, TrialLimits
from ponder.rewards.code import Trials
from ponder.rewards.trial import Trial
from ponder.scaling import ProblemReader

ROOT = Path(__file__).parents[2]
SECONDS, LATE = 0.4, 0.5


def hostile(repeats: int) -> dict[str, Any]:
    """Return who passed, and the slowest end of each program."""
    sys.path.append(str(ROOT / "tests"))
    from rewards.hostile_programs import FORGED, HARMFUL, TEST

    trial = Trial(TrialLimits(seconds=SECONDS))
    tests = CodeTests((TEST,))
    ends: dict[str, float] = {}
    passed = []
    for _ in range(repeats):
        for name, code in {**FORGED, **HARMFUL}.items():
            trial("def f(x): return x", ("f(1) == 1",), tests)  # so that its processes run
            begin = time.perf_counter()
            (result,) = trial(dedent(code), (TEST,), tests)
            ends[name] = max(ends.get(name, 0.0), time.perf_counter() - begin)
            passed += [name] if result.passed else []
    trial.close()
    return {
        "programs": len(ends),
        "passed": passed,
        "limit in seconds": SECONDS,
        "later than the limit and half a second": [
            name for name, end in ends.items() if end > SECONDS + LATE
        ],
        "slowest end in seconds": max(ends.values()),
        "ends in seconds": ends,
    }


async def rate(workers: int, repeats: int) -> float:
    """Return how many solutions a second are tried."""
    solutions = (ROOT / "tests" / "rewards" / "code_solutions.py").read_text()
    tasks = ROOT / "benchmarks" / "data" / "code_tasks.jsonl"
    problems = [p for p in ProblemReader().read(tasks) if isinstance(p, Problem)]
    trials = Trials(TrialLimits(), workers)
    try:
        asked = [trials.results(solutions, p.tests, "all") for p in problems if p.tests]
        assert all(result.passed for results in await asyncio.gather(*asked) for result in results)
        begin = time.perf_counter()
        await asyncio.gather(
            *(trials.results(solutions, p.tests, "all") for p in problems * repeats if p.tests)
        )
        return len(problems) * repeats / (time.perf_counter() - begin)
    finally:
        trials.close()


def main() -> None:
    """Try all, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/hostile_programs.json")
    options = parser.parse_args()
    several = min(4, os.cpu_count() or 1)
    shown: dict[str, Any] = {
        "load before": os.getloadavg()[0],
        "hostile": hostile(options.repeats),
        "solutions a second": {
            workers: asyncio.run(rate(workers, options.repeats)) for workers in sorted({1, several})
        },
    }
    print(shown)
    if options.write:
        write_result("hostile_programs", (), shown, show=False)


if __name__ == "__main__":
    main()
