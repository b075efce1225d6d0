r"""By how much a limit on seconds is exceeded.

    python benchmarks/scripts/seconds_budget.py [--model smollm2-135m] [--repeats 5] [--write]

Each strategy has texts of up to 2,000 tokens to grow, far more than fits, and is stopped by the clock. The
seconds of the answer's ledger beyond the limit are shown beside the longest step of the engine in that run.
"""

import argparse
import asyncio
import operator
import os
import time
from typing import Any

from machine import write_result
from ponder import load
from ponder.asks import Boundary
from ponder.rewards import Problem, callable_verifier
from ponder.scaling import DVTS, BestOfN, Budget, BudgetForcing, ShortM, StepBeam, Strategy, solve

LONG = {"max_tokens": 2000, "ignore_eos": True}
STEP = Boundary(("\n",), 20)
WHOLE: dict[str, Any] = {"sampling": LONG, "equal": operator.eq}
STRATEGIES: tuple[Strategy, ...] = (
    BestOfN("majority", LONG, operator.eq),
    ShortM(8, 8, **WHOLE),
    StepBeam(4, 4, STEP, **WHOLE),
    DVTS(4, STEP, **WHOLE),
    BudgetForcing(2, end="+", most=1000, **WHOLE),
)
PROBLEM = Problem("Tell a long story.")
LENGTH = callable_verifier(lambda problem, text: len(text))


def overshoot(model: Any, strategy: Strategy, seconds: float) -> tuple[float, float, str]:
    """Return the seconds beyond the limit, those of the longest step, and what the run was stopped by."""
    longest, step = 0.0, model.engine.step

    def timed() -> Any:
        nonlocal longest
        begin = time.perf_counter()
        events = step()
        longest = max(longest, time.perf_counter() - begin)
        return events

    model.engine.step = timed
    try:
        answer = asyncio.run(solve(strategy, PROBLEM, model, LENGTH, Budget(8, seconds=seconds)))
    finally:
        model.engine.step = step
    return answer.ledger.seconds - seconds, longest, answer.stopped


def main() -> None:
    """Run all, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/seconds_budget.json")
    options = parser.parse_args()
    model: Any = load(options.model).model
    runs: list[dict[str, Any]] = []
    for repeat in range(options.repeats):
        for strategy in STRATEGIES:
            seconds = 0.5 + 0.1 * repeat
            over, longest, stopped = overshoot(model, strategy, seconds)
            runs.append(
                {"strategy": strategy.name, "limit": seconds, "over": over, "step": longest, "by": stopped}
            )
    model.close()
    late = [run["over"] - run["step"] for run in runs]
    shown: dict[str, Any] = {
        "load before": os.getloadavg()[0],
        "model": options.model,
        "most seconds over": max(run["over"] for run in runs),
        "most seconds over but for a step": max(late),
        "runs more than a step and 50 ms over": sum(one > 0.05 for one in late),
        "runs": runs,
    }
    print(shown)
    if options.write:
        write_result("seconds_budget", (), shown, show=False)


if __name__ == "__main__":
    main()
