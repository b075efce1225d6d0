"""The lab of test-time scaling: its parts by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from ponder.lab.coverage import coverage
from ponder.lab.difficulty import by_difficulty
from ponder.lab.over_optimisation import over_optimisation
from ponder.lab.report import Report
from ponder.lab.rewards import rewards
from ponder.lab.search import search
from ponder.lab.sentiment import PROMPTS, sentiment
from ponder.lab.sequential import sequential
from ponder.lab.stopping import stopping
from ponder.lab.study import Study
from ponder.lab.votes import votes
from ponder.lab.waits import waits
from ponder.tasks import task_named

TASKS = ("multiply_add", "products", "lcm", "gcd", "chain_sum")
QUICK_TASKS = ("gcd",)


async def _coverage(study: Study) -> Report:
    return coverage(await study.pools())


async def _votes(study: Study) -> Report:
    return votes(await study.pools())


async def _stopping(study: Study) -> Report:
    return stopping(await study.pools())


async def _difficulty(study: Study) -> Report:
    return by_difficulty(await study.pools())


async def _rewards(study: Study) -> Report:
    return rewards([await study.scored_pool(task_named(name)) for name in study.tasks], study.n)


async def _over_optimisation(study: Study) -> Report:
    return over_optimisation([await study.scored_pool(task_named(name)) for name in study.tasks])


async def _sentiment(study: Study) -> Report:
    return await sentiment(study, PROMPTS[: study.compared], 2 * study.n, 4 * study.n)


PARTS: Mapping[str, Callable[[Study], Awaitable[Report]]] = {
    "coverage": _coverage,
    "votes": _votes,
    "stopping": _stopping,
    "difficulty": _difficulty,
    "rewards": _rewards,
    "over-optimisation": _over_optimisation,
    "search": search,
    "sequential": sequential,
    "waits": waits,
    "sentiment": _sentiment,
}


def quick(study: Study) -> Study:
    """Return a study that shows that all works, in less than a minute, and measures nothing."""
    return replace(
        study, problems=4, samples=8, trained=24, ends=4, decays=(1.0,), compared=2, n=2, reward="arithmetic"
    )
