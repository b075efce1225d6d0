"""What a head on the policy's own states adds to votes, on problems that it has not seen.

    python benchmarks/scripts/reward_head.py [--model M] [--tasks NAME ...] [--problems P] [--train T] [--n N]

For each task a head is trained on T problems, a quarter of them held out. Then N texts are drawn for each
of P others, once, and each way of choosing chooses among the same texts: a text at random (the share of
right ones), votes, votes weighted by the head or by likelihood, the head's best, and the ceiling. Votes and
weighted votes are compared by McNemar's exact test.
"""

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import ponder
from machine import write_result
from ponder.hub.registry import DEFAULT_MODEL
from ponder.rewards import AnswerEquality, Head, HeadReward, Scale
from ponder.scaling import (
    BestOfN,
    Budget,
    Result,
    Selection,
    label,
    mcnemar_test,
    solve_all,
    train,
    tree_for,
    wilson_interval,
)
from ponder.scaling.selection import select
from ponder.tasks import Task, task_named

TASKS = ("multiply_add", "products", "lcm", "basic_arithmetic", "gcd", "chain_sum")
TRAINING_SEED, SEED = 1, 7
TEMPERATURE = 0.8


@dataclass(frozen=True)
class Way:
    """A way to choose: how votes are counted, and whose scores they are counted with."""

    selection: Selection
    scores: Literal["head", "likelihood"]


WAYS = {
    "votes": Way("majority", "head"),
    "votes weighted by the head": Way("weighted", "head"),
    "votes weighted by likelihood": Way("weighted", "likelihood"),
    "ranks of the head": Way("borda", "head"),
    "the head's best": Way("plain", "head"),
    "the likeliest": Way("plain", "likelihood"),
}


async def trained(lm: ponder.LM, task: Task, problems: int) -> tuple[Head, float]:
    """Return a head for a task, and how many seconds it took."""
    start = time.perf_counter()
    tree = tree_for(task, TRAINING_SEED, TEMPERATURE)
    steps = []
    async for one in label(task.problems(problems, TRAINING_SEED), lm.model, tree, concurrency=4):
        if one.steps is not None:
            steps.append(one.steps)
    made_of = {"model": lm.name, "tasks": [task.name], "seed": TRAINING_SEED, "temperature": TEMPERATURE}
    return train(steps, made_of), time.perf_counter() - start


async def solved(lm: ponder.LM, task: Task, head: Head, asked: argparse.Namespace) -> list[Result]:
    """Return scored texts for problems that the head was not trained on."""
    known = {one.question for one in task.problems(asked.train, TRAINING_SEED)}
    others = [one for one in task.problems(2 * asked.problems, SEED) if one.question not in known]
    strategy = BestOfN("weighted", {**task.sampling, "temperature": TEMPERATURE, "seed": SEED})
    reward, budget = HeadReward(head, lm.model), Budget(asked.n)
    found = solve_all(others[: asked.problems], strategy, lm.model, reward, budget, concurrency=4)
    return [item async for item in found if isinstance(item, Result) and item.answer is not None]


def chosen(result: Result, way: Way, equal: AnswerEquality) -> bool:
    """Return whether a way chooses a right text."""
    answer = result.answer
    assert answer is not None
    assert result.candidates_right is not None
    likelihoods = [one.logprob for one in answer.candidates]
    scores = answer.scores if way.scores == "head" else likelihoods
    scale: Scale = "probability" if way.scores == "head" else "logarithm"
    best, _ = select(way.selection, [one.answer for one in answer.candidates], scores, scale, equal)
    return result.candidates_right[best]


def compared(results: list[Result]) -> dict[str, Any]:
    """Return how often each way is right, against votes."""
    equal, count = AnswerEquality(), len(results)
    right = {name: [chosen(one, way, equal) for one in results] for name, way in WAYS.items()}
    shares = [sum(one.candidates_right or ()) / len(one.candidates_right or (1,)) for one in results]
    ceiling = sum(any(one.candidates_right or ()) for one in results)
    votes = sum(right["votes"])
    found: dict[str, Any] = {
        "problems": count,
        "alone": round(sum(shares) / count, 4),
        "ceiling": ceiling / count,
    }
    for name, those in right.items():
        pairs = list(zip(those, right["votes"], strict=True))
        gained, lost = pairs.count((True, False)), pairs.count((False, True))
        found[name] = {
            "right": sum(those) / count,
            "interval": [round(end, 4) for end in wilson_interval(sum(those), count)],
            "against_votes": {"gained": gained, "lost": lost, "p": round(mcnemar_test(gained, lost), 5)},
            "share_of_gap_closed": round((sum(those) - votes) / (ceiling - votes), 3)
            if ceiling > votes
            else None,
        }
    return found


def main() -> None:
    """Measure each task and write benchmarks/results/reward_head*.json after each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    parser.add_argument("--problems", type=int, default=200)
    parser.add_argument("--train", type=int, default=400)
    parser.add_argument("--n", type=int, default=16)
    parser.add_argument("--heads", type=Path, help="a folder to write the heads to")
    asked = parser.parse_args()
    lm = ponder.load(asked.model, device="cpu")
    found: dict[str, Any] = {}
    for name in asked.tasks:
        task = task_named(name)
        head, seconds = asyncio.run(trained(lm, task, asked.train))
        if asked.heads is not None:
            head.save(asked.heads / f"{name}.safetensors")
        results = asyncio.run(solved(lm, task, head, asked))
        found[name] = {
            "training": {**head.provenance, "seconds": round(seconds, 1)},
            **compared(results),
        }
        print(name, found[name], file=sys.stderr, flush=True)
        suffix = "" if asked.model == DEFAULT_MODEL else f"_{asked.model}"
        settings = {"model": lm.name, "n": asked.n, "temperature": TEMPERATURE}
        write_result(f"reward_head{suffix}", ("ponder", "numpy"), {**settings, "tasks": found}, show=False)


if __name__ == "__main__":
    main()
