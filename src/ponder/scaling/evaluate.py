"""A strategy over many problems."""

from __future__ import annotations

import asyncio
import math
from asyncio import FIRST_COMPLETED
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import islice
from typing import Any

from ponder.asks import LanguageModel, Service
from ponder.constraints.constraint import Constraint
from ponder.errors import ParameterError, PonderError
from ponder.rewards import Problem, Reward, UnitTests, code_verifier, judged, math_verifier
from ponder.scaling.allocation import Allocation
from ponder.scaling.budget import Budget
from ponder.scaling.dataset import LineError
from ponder.scaling.drive import solve
from ponder.scaling.journal import Journal
from ponder.scaling.ledger import Ledger
from ponder.scaling.statistics import wilson_interval
from ponder.scaling.strategy import Answer, Progress, Strategy, check_reward

AHEAD = 4  # times the concurrency: how many problems may be under way, or done before an earlier one


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one problem, or of a line that holds none.

    Attributes
    ----------
    candidates_right : whether each candidate's answer is the reference; None without a reference.
    error : why there is no answer.
    """

    problem: Problem | None
    answer: Answer | None
    candidates_right: tuple[bool, ...] | None
    error: str | None

    @property
    def right(self) -> bool | None:
        """Whether the chosen answer is right; None if nobody knows."""
        if self.answer is None or self.candidates_right is None:
            return None
        return self.candidates_right[self.answer.chosen]

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        return {
            "id": self.problem.id if self.problem else None,
            "question": self.problem.question if self.problem else None,
            "reference": self.problem.reference if self.problem else None,
            "right": self.right,
            "candidates_right": list(self.candidates_right) if self.candidates_right is not None else None,
            "error": self.error,
            **(self.answer.as_json() if self.answer else {}),
        }


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of many problems.

    Attributes
    ----------
    n : problems that were answered and have a reference.
    correct : of those, answered rightly.
    oracle : of those, with a right answer among the candidates: what a perfect choice would reach.
    alone : of those, the mean share of right candidates: what a candidate taken at random would reach.
    errors : lines and problems without an answer; not part of `n`.
    """

    n: int
    correct: int
    oracle: int
    alone: float
    errors: int
    ledger: Ledger

    @property
    def accuracy(self) -> float | None:
        """The share of right answers; None if none could be judged."""
        return self.correct / self.n if self.n else None

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain data, the accuracy with its 95 % interval."""
        return {
            "n": self.n,
            "correct": self.correct,
            "accuracy": self.accuracy,
            "interval": list(wilson_interval(self.correct, self.n)),
            "oracle": self.oracle,
            "alone": self.alone if self.n else None,
            "errors": self.errors,
            "ledger": self.ledger.as_json(),
        }


def summarise(results: Sequence[Result]) -> Summary:
    """Count what came of many problems."""
    judged = [result for result in results if result.right is not None]
    return Summary(
        len(judged),
        sum(result.right is True for result in judged),
        sum(any(result.candidates_right or ()) for result in judged),
        math.fsum(map(_share, judged)) / max(1, len(judged)),
        sum(result.error is not None for result in results),
        sum((result.answer.ledger for result in results if result.answer), Ledger()),
    )


def _share(result: Result) -> float:
    right = result.candidates_right or (False,)
    return sum(right) / len(right)


async def solve_all(
    problems: Iterable[Problem | LineError],
    strategy: Strategy,
    model: LanguageModel,
    reward: Reward | None = None,
    budget: Budget | None = None,
    *,
    judge: Reward | None = None,
    concurrency: int = 1,
    total_tokens: int | None = None,
    journal: Journal | None = None,
    service: Service | None = None,
    constraint: Constraint | None = None,
    watch: Callable[[Problem, Progress], None] | None = None,
) -> AsyncIterator[Result | Summary]:
    """Solve problems and yield a result for each, in their order, and at last the summary.

    A problem that fails with a PonderError has that as its result, and the others go on.

    Parameters
    ----------
    problems : read as they are needed; `ProblemReader.read` gives them.
    judge : says what is right (a score over 0.5) where there is a reference or there are tests; by default
        `math_verifier`, and where there are tests `code_verifier`: all hidden ones must pass, or all where
        none is hidden. Its cost is in no ledger: it knows the answer, and is not part of the strategy.
    concurrency : how many problems are worked on at a time.
    total_tokens : how many tokens are generated for all problems together, at most. A strategy that claims
        tokens (`Auto`) spends them where they are worth most (`Allocation`); for another each problem has
        an equal share. All problems are read at once then.
    journal : what is written of each problem, as in `drive`; its run's name is the problem's number, from 0.
    service, constraint : as in `drive`.
    watch : is told of the progress of each problem.

    Raises
    ------
    ParameterError : `concurrency` is out of its range, or the strategy needs a reward and there is none.
    """
    if concurrency < 1:
        raise ParameterError("concurrency", concurrency, "a whole number, 1 or more")
    check_reward(strategy, reward)
    judges = Judges(judge)
    budget = budget or Budget()
    results: list[Result] = []
    if total_tokens is not None:
        problems = list(problems)
        runs = (number for number, one in enumerate(problems) if isinstance(one, Problem))
        places = {number: place for place, number in enumerate(runs)}
        shared = Allocation(total_tokens, len(places), concurrency)
        concurrency = len(problems)
    unsolved = enumerate(problems)
    running: deque[asyncio.Task[Result]] = deque()  # in the problems' order; some are done, and wait
    try:
        while True:
            room = min(concurrency - sum(map(_is_busy, running)), AHEAD * concurrency - len(running))
            for number, problem in islice(unsolved, room):
                solving = partial(
                    solve, strategy, model=model, reward=reward, budget=budget,
                    run=str(number), journal=journal, service=service, constraint=constraint, watch=watch,
                )  # fmt: skip
                if total_tokens is not None and isinstance(problem, Problem):
                    solving = partial(shared.run, places[number], solving)
                running.append(asyncio.create_task(_result(problem, solving, judges)))
            if not running:
                break
            await asyncio.wait(list(filter(_is_busy, running)), return_when=FIRST_COMPLETED)
            while running and not _is_busy(running[0]):
                results.append(running.popleft().result())
                yield results[-1]
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    yield summarise(results)


class Judges:
    """Says who judges a problem: the one that was given, or one by what the problem has."""

    def __init__(self, given: Reward | None = None) -> None:
        self._given = given

    def of(self, problem: Problem) -> Reward | None:
        """Return the judge of a problem; None if nobody knows its answer."""
        if problem.tests is not None:
            return self._given or (self._hidden if problem.tests.hidden else self._all)
        return (self._given or self._math) if problem.reference is not None else None

    async def result(self, problem: Problem, answer: Answer) -> Result:
        """Return an answer with what is right in it. Raises what the judge raises."""
        judge = self.of(problem)
        if judge is None:
            return Result(problem, answer, None, None)
        judgement = await judged(judge, problem, answer.candidates)
        right = tuple(score is not None and score > 0.5 for score in judgement.outcomes())
        return Result(problem, answer, right, None)

    @cached_property
    def _math(self) -> Reward:
        return math_verifier()

    @cached_property
    def _all(self) -> UnitTests:
        return code_verifier("all", outcome=True)

    @cached_property
    def _hidden(self) -> Reward:
        return replace(self._all, which="hidden")


def _is_busy(task: asyncio.Task[Any]) -> bool:
    return not task.done()


async def _result(
    problem: Problem | LineError, solving: Callable[[Problem], Awaitable[Answer]], judges: Judges
) -> Result:
    if isinstance(problem, LineError):
        return Result(None, None, None, problem.message)
    try:
        return await judges.result(problem, await solving(problem))
    except PonderError as error:
        return Result(problem, None, None, str(error))
