"""Programs by their tests: pass@k, what best-of-n by the public half gains, and revision against it.

    python benchmarks/scripts/code_tasks.py [--model MODEL] [-n 16] [--tasks 30] [--journal DIR] [--write]

The tasks are benchmarks/data/code_tasks.jsonl; half of each one's tests are public. "one sample" is the mean
over all samples; "best of n" keeps the sample that passes most public tests, the first among equals; "oracle"
is whether any passes the hidden half. Revision writes n attempts in chains of 4 and sees which public tests
the attempt before failed; its first attempts are the first samples of best-of-n. A chain ends when all public
tests pass, which changes no choice. "at its tokens" is what the best of so many samples is expected to reach
as cost what revision cost for the same task. Intervals are 95 % over tasks. With --journal a run that was
interrupted goes on.
"""

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ponder
from machine import write_result
from ponder.lm import LM
from ponder.rewards import Problem, UnitTests, code_verifier
from ponder.rewards.order_statistics import expected_of_best
from ponder.scaling import (
    BestOfN,
    Budget,
    Journal,
    ProblemReader,
    Result,
    Revision,
    Strategy,
    paired_bootstrap,
    pass_at_k,
    solve_all,
    wilson_interval,
)

TASKS = Path(__file__).parents[1] / "data" / "code_tasks.jsonl"
SYSTEM = "Answer with one Python code block and nothing else: no comments, no example."
SAMPLING = {"temperature": 0.8, "max_tokens": 220}
STRATEGIES: dict[str, Strategy] = {
    "best-of-n": BestOfN("plain", SAMPLING),
    "revision": Revision(attempts=1, enough=1.0, selection="plain", sampling=SAMPLING),
}


async def solved(
    lm: LM, name: str, problems: Sequence[Problem], public: UnitTests, options: argparse.Namespace
) -> list[Result]:
    """Solve all tasks with a strategy."""
    journal = Journal.open(options.journal / f"{name}.jsonl") if options.journal else None
    results = []
    async for result in solve_all(
        problems, STRATEGIES[name], lm.model, public, Budget(options.n), concurrency=2, journal=journal
    ):
        if isinstance(result, Result):
            if result.problem is None or result.answer is None:
                raise SystemExit(f"a task has no answer: {result.error}")
            results.append(result)
            print(name, result.problem.id, "right" if result.right else "wrong", flush=True)
    return results


def share(right: Sequence[bool | float]) -> dict[str, Any]:
    """Return how often the answers to tasks are right, with its interval."""
    count = sum(map(bool, right))
    return {"share": count / len(right), "interval": wilson_interval(count, len(right))}


def gap(first: Sequence[float], second: Sequence[float]) -> dict[str, Any]:
    """Return by how much the first is above the second, with its interval."""
    found = paired_bootstrap(first, second)
    return {"points": found.mean, "interval": (found.low, found.high), "p": found.p}


def sampled(results: Sequence[Result], n: int) -> dict[str, Any]:
    """Return what n samples a task tell."""
    answers = [(result.answer, result.candidates_right) for result in results]
    hidden = [[float(passed) for passed in passes or ()] for _, passes in answers]
    right = [
        sum(score == 1 and passed == 1 for score, passed in zip(answer.scores or (), passes, strict=True))
        for (answer, _), passes in zip(answers, hidden, strict=True)
        if answer is not None
    ]
    one = [sum(passes) / n for passes in hidden]
    best = [float(bool(result.right)) for result in results]
    return {
        "pass@k, all tests": {
            k: sum(pass_at_k(n, count, k) for count in right) / len(right)
            for k in (1, 2, 4, 8, 16, 32)
            if k <= n
        },
        "hidden half": {
            "one sample": sum(one) / len(one),
            "best of n": share(best),
            "best of n above one sample": gap(best, one),
            "oracle": share([max(passes) for passes in hidden]),
        },
        "tokens": sum(result.answer.ledger.generated_tokens for result in results if result.answer),
    }


def revised(results: Sequence[Result], samples: Sequence[Result], n: int) -> dict[str, Any]:
    """Return what revision reaches, against the samples of the same tasks."""
    best, at_its_tokens, paid = [], [], []
    for own, other in zip(results, samples, strict=True):
        assert own.answer is not None
        assert other.answer is not None
        tokens = own.answer.ledger.generated_tokens
        paid.append(min(n, max(1, round(n * tokens / other.answer.ledger.generated_tokens))))
        best.append(float(bool(own.right)))
        passes = [float(passed) for passed in other.candidates_right or ()]
        scores = [score or 0.0 for score in other.answer.scores or ()]
        at_its_tokens.append(expected_of_best(scores, passes, paid[-1]))
    return {
        "hidden half": {
            "revision": share(best),
            "best of n": share([bool(other.right) for other in samples]),
            "best of n at its tokens": sum(at_its_tokens) / len(at_its_tokens),
            "revision above best of n": gap(best, [float(bool(other.right)) for other in samples]),
            "revision above best of n at its tokens": gap(best, at_its_tokens),
        },
        "tokens": sum(result.answer.ledger.generated_tokens for result in results if result.answer),
        "samples for its tokens": sum(paid) / len(paid),
    }


def main() -> None:
    """Sample, revise, judge, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("-n", type=int, default=16)
    parser.add_argument("--tasks", type=int, default=30)
    parser.add_argument("--only", choices=["best-of-n"], help="leave revision out")
    parser.add_argument("--journal", type=Path, help="a folder to write each step to")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/code_tasks.json")
    options = parser.parse_args()
    lm = ponder.load(options.model, device="cpu")
    reader = ProblemReader(public_share=0.5, system=SYSTEM)
    problems = [p for p in reader.read(TASKS) if isinstance(p, Problem)][: options.tasks]
    public = code_verifier("public")
    samples = asyncio.run(solved(lm, "best-of-n", problems, public, options))
    shown = {"model": options.model, "tasks": len(problems), "n": options.n}
    shown |= {"best-of-n": sampled(samples, options.n)}
    if not options.only:
        revisions = asyncio.run(solved(lm, "revision", problems, public, options))
        shown |= {"revision": revised(revisions, samples, options.n)}
    print(shown)
    if options.write:
        write_result("code_tasks", ("torch",), shown, show=False)


if __name__ == "__main__":
    main()
