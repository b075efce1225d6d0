"""One budget of generated tokens for many problems, spent where it is worth most.

    every run may generate an equal share of the total for its first samples
    repeat, once each run has ended or claims more:
        take back what they did not use
        grant the claims of the most worth a token, up to a quarter of what is left; else the first that fits
        if none fits at all: the runs end with what they have

Runs whose answers are clear, or hopeless, claim nothing, so the tokens go where another sample helps: a
bandit over problems, as in Zuo and Zhu, arXiv 2506.12721. Decisions wait until all runs have said how they
stand, so they do not depend on who is quick, and a data set that is gone on with decides the same again. Not
a token more is generated than the total.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ponder.errors import ParameterError
from ponder.rewards import Problem
from ponder.scaling.effects import Claim
from ponder.scaling.parameters import check_count
from ponder.scaling.strategy import Answer

_PART = 4  # of what is left, one part of so many is granted before all say again how they stand


@dataclass(frozen=True, slots=True)
class Share:
    """What one run has of a common budget."""

    allocation: Allocation
    run: int

    @property
    def tokens(self) -> int:
        """How many tokens it may generate in all, as things stand."""
        return self.allocation.held[self.run]

    async def claim(self, claim: Claim, spent: int, granted: int | None = None) -> int:
        """Return how many more tokens than it has spent it may generate; `granted` if that was decided."""
        return await self.allocation.decided(self.run, claim, spent, granted)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A claim, what was granted if a journal says so, and who waits for the answer."""

    claim: Claim
    granted: int | None
    answer: asyncio.Future[int]


class Allocation:
    """Shares `total` generated tokens out among runs that are all under way.

    Parameters
    ----------
    total : tokens of all runs together; one for each run at least.
    runs : how many there are. Each must be run.
    concurrency : how many work at the same time.

    Attributes
    ----------
    held : for each run how many tokens it may generate in all; once it has ended, how many it did.
    """

    def __init__(self, total: int, runs: int, concurrency: int = 1) -> None:
        check_count("concurrency", concurrency)
        check_count("total_tokens", total)
        if total < runs:
            raise ParameterError("total_tokens", total, f"{runs} or more: one for each problem")
        self.total = total
        self.held = [total // runs + (run < total % runs) for run in range(runs)]
        self._places = asyncio.Semaphore(concurrency)
        self._working = runs
        self._waiting: dict[int, _Waiting] = {}

    async def run(self, number: int, solving: Callable[..., Awaitable[Answer]], problem: Problem) -> Answer:
        """Return `await solving(problem, share=...)`. If it fails, what it held counts as spent."""
        async with self._places:
            try:
                answer = await solving(problem, share=Share(self, number))
                self.held[number] = answer.ledger.generated_tokens
                return answer
            finally:
                self._rests()

    async def decided(self, number: int, claim: Claim, spent: int, granted: int | None) -> int:
        """Return what a run is granted, once all runs have ended or claim; others may work meanwhile."""
        self.held[number] = spent
        waiting = _Waiting(claim, granted, asyncio.get_running_loop().create_future())
        self._waiting[number] = waiting
        self._places.release()
        try:
            self._rests()
            return await waiting.answer
        finally:
            await self._places.acquire()

    def _rests(self) -> None:
        self._working -= 1
        if self._working == 0:
            self._decide()

    def _decide(self) -> None:
        left = self.total - sum(self.held)
        grants = granted(
            {number: waiting.claim for number, waiting in self._waiting.items()}, left, max(1, left // _PART)
        )
        for number, tokens in grants.items():
            waiting = self._waiting.pop(number)
            tokens = tokens if waiting.granted is None else waiting.granted
            self.held[number] += tokens
            self._working += 1
            waiting.answer.set_result(tokens)


def granted(claims: dict[int, Claim], left: int, part: int) -> dict[int, int]:
    """Return how many tokens some of the claims are granted, by their runs; 0 to all if none fits."""
    order = sorted(claims, key=lambda number: (-claims[number].worth, number))
    grants: dict[int, int] = {}
    for number in order:
        tokens = claims[number].tokens
        if sum(grants.values()) + tokens <= part:
            grants[number] = tokens
    fits = next((number for number in order if claims[number].tokens <= left), None)
    if not grants and fits is not None:
        grants[fits] = claims[fits].tokens
    return grants or dict.fromkeys(order, 0)
