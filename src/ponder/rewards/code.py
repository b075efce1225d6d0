"""Rewards by unit tests: how many tests does the program in a text pass?"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import ClassVar

from ponder.errors import ParameterError, PonderError
from ponder.rewards.code_tests import CodeTests, Which
from ponder.rewards.judgement import Judgement, Scale
from ponder.rewards.reward import Candidate, Problem, require
from ponder.rewards.trial import TestResult, Trial, TrialLimits

_FENCED = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)(?:^[ \t]*```|\Z)", re.MULTILINE | re.DOTALL)


def code_of(text: str, entry: str | None = None) -> str:
    """Return the program in a text: its last fenced block (the last with `entry`, if one has it), or all."""
    blocks = _FENCED.findall(text)
    if entry is not None:
        defines = re.compile(
            rf"^(?:async +def|def|class) +{re.escape(entry)}\b|^{re.escape(entry)} *=", re.MULTILINE
        )
        blocks = [block for block in blocks if defines.search(block)] or blocks
    return blocks[-1] if blocks else text


class Trials:
    """Runs programs on tests, several at a time, each in its own `Trial`; safe to use from any thread."""

    def __init__(self, limits: TrialLimits, workers: int) -> None:
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="ponder-trial")
        self._idle: SimpleQueue[Trial] = SimpleQueue()
        self._all = tuple(Trial(limits) for _ in range(workers))
        for trial in self._all:
            self._idle.put(trial)

    async def results(self, text: str, tests: CodeTests, which: Which = "all") -> tuple[TestResult, ...]:
        """Return what came of each test for the program in a text; raises what `Trial` does."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._run, text, tests, which)

    def _run(self, text: str, tests: CodeTests, which: Which) -> tuple[TestResult, ...]:
        trial = self._idle.get()
        try:
            return trial(tests.header + code_of(text, tests.entry), tests.named(which), tests)
        finally:
            self._idle.put(trial)

    def close(self) -> None:
        """End all processes; a later call starts them again."""
        for trial in self._all:
            trial.close()


@dataclass(frozen=True, slots=True)
class UnitTests:
    """The share of a problem's tests that the program in a text passes; or 1 if it passes all, else 0.

    Attributes
    ----------
    which : the tests: all, or the public or hidden ones.
    outcome : whether only the program that passes all scores, and scores 1.
    trials : who runs them.
    """

    which: Which
    outcome: bool
    trials: Trials = field(repr=False, compare=False)

    name: ClassVar[str] = "code"
    scale: ClassVar[Scale] = "probability"
    needs: ClassVar[frozenset[str]] = frozenset({"tests"})

    def __post_init__(self) -> None:
        if self.which not in ("all", "public", "hidden"):
            raise ParameterError("tests", self.which, "all, public or hidden")

    async def judge(self, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
        """Score candidates; equal programs are run once, and one that cannot be run is unscored."""
        require(self.needs, self.name, problem)
        tests = problem.tests
        assert tests is not None
        programs = {candidate.text: code_of(candidate.text, tests.entry) for candidate in candidates}
        distinct = dict.fromkeys(programs.values())
        scores = await asyncio.gather(*(self._score(program, tests) for program in distinct))
        score_of = dict(zip(distinct, scores, strict=True))
        return Judgement.of([score_of[programs[candidate.text]] for candidate in candidates])

    async def _score(self, program: str, tests: CodeTests) -> float | str:
        try:
            results = await self.trials.results(program, tests, self.which)
        except PonderError as error:
            return str(error)
        passed = sum(result.passed for result in results)
        return float(passed == len(results)) if self.outcome else passed / len(results)


def code_verifier(
    tests: Which = "all",
    *,
    outcome: bool = False,
    limits: TrialLimits | None = None,
    workers: int | None = None,
) -> UnitTests:
    """Run the program in a text on the problem's tests, isolated, and score the share that it passes.

    Parameters
    ----------
    tests : which of them: "all", "public" or "hidden".
    outcome : score 1 for a program that passes all of them, and 0 for any other.
    limits : what a program may take.
    workers : how many programs run at a time; by default as many as there are processors, at most 4.
    """
    count = min(4, os.cpu_count() or 1) if workers is None else workers
    if count < 1:
        raise ParameterError("workers", workers, "a whole number, 1 or more")
    return UnitTests(tests, outcome, Trials(limits or TrialLimits(), count))
