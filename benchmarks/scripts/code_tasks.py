"""Programs by their tests: pass@k, and what best-of-n by the public half gains on the hidden half.

    python benchmarks/scripts/code_tasks.py [--model MODEL] [-n 16] [--tasks 30] [--write]

The tasks are benchmarks/data/code_tasks.jsonl. "one sample" is the mean over all samples; "best of n" keeps
the sample that passes most public tests, the first among equals; "oracle" is whether any passes the hidden
half.
"""

import argparse
import asyncio
import time
from pathlib import Path
from typing import Any

import ponder
from machine import write_result
from ponder.rewards import Candidate, Problem, UnitTests, code_verifier
from ponder.scaling import ProblemReader, pass_at_k

TASKS = Path(__file__).parents[1] / "data" / "code_tasks.jsonl"
AFTER_CODE = ["\n```\n"]


async def judged(problem: Problem, texts: list[str], public: UnitTests) -> dict[str, Any]:
    """Return each sample's share of public tests, and whether it passes the hidden ones, and all."""
    candidates = [Candidate(text) for text in texts]
    hidden = UnitTests("hidden", True, public.trials)
    scores = [await reward.judge(problem, candidates) for reward in (public, hidden)]
    shares, passes = (judgement.outcomes() for judgement in scores)
    right = [share == 1 and passed == 1 for share, passed in zip(shares, passes)]
    return {"public": shares, "hidden": passes, "right": right}


def main() -> None:
    """Sample, judge, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("-n", type=int, default=16)
    parser.add_argument("--tasks", type=int, default=30)
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/code_tasks.json")
    options = parser.parse_args()
    lm = ponder.load(options.model, device="cpu")
    problems = [p for p in ProblemReader(public_share=0.5).read(TASKS) if isinstance(p, Problem)][
        : options.tasks
    ]
    public = code_verifier("public")
    generating = judging = tokens = 0.0
    results = []
    for seed, problem in enumerate(problems):
        begin = time.perf_counter()
        sampled = lm(problem.prompt, n=options.n, temperature=0.8, max_tokens=220, stop=AFTER_CODE, seed=seed)
        texts = [output.text for output in sampled.outputs]
        tokens += sum(len(output.token_ids) for output in sampled.outputs)
        middle = time.perf_counter()
        results.append(asyncio.run(judged(problem, texts, public)))
        generating, judging = generating + middle - begin, judging + time.perf_counter() - middle
        print(problem.id, f"{sum(results[-1]['right'])} of {options.n} right", flush=True)
    count, n = len(results), options.n
    best = [result["hidden"][max(range(n), key=lambda i: (result["public"][i], -i))] for result in results]
    shown = {
        "model": options.model,
        "tasks": count,
        "n": n,
        "pass_at_k": {
            k: sum(pass_at_k(n, sum(result["right"]), k) for result in results) / count
            for k in (1, 2, 4, 8, 16, 32)
            if k <= n
        },
        "hidden half": {
            "one sample": sum(sum(result["hidden"]) / n for result in results) / count,
            "best of n by the public half": sum(best) / count,
            "oracle": sum(max(result["hidden"]) for result in results) / count,
        },
        "tokens a sample": tokens / count / n,
        "seconds": {"generating": generating, "judging": judging},
    }
    print(shown)
    if options.write:
        write_result("code_tasks", ("torch",), shown, show=False)


if __name__ == "__main__":
    main()
