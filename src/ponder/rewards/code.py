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

from ponder.asks import LanguageModel
from ponder.errors import ParameterError, PonderError
from ponder.rewards.code_tests import CodeTests, Which
from ponder.rewards.feedback import cut
from ponder.rewards.judgement import Judgement, Scale
from ponder.rewards.reward import Candidate, Problem, require
from ponder.rewards.trial import TestResult, Trial, TrialLimits

_FAILED = 3  # failed tests that feedback shows
_SHOWN = 200  # characters of each, and of what came of it
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")  # in memory, another each time

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

    Feedback is which of the public tests failed, and what the program returned or raised: of hidden ones it
    says nothing, also where they score. A share is no chance of being right: its scale is a number.

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
    needs: ClassVar[frozenset[str]] = frozenset({"tests"})

    def __post_init__(self) -> None:
        if self.which not in ("all", "public", "hidden"):
            raise ParameterError("tests", self.which, "all, public or hidden")

    @property
    def scale(self) -> Scale:
        return "probability" if self.outcome else "number"

    def free_for(self, policy: LanguageModel, candidates: Sequence[Candidate]) -> bool:
        return True

    async def judge(self, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
        """Score candidates; equal programs are run once, and one that cannot be run is unscored."""
        require(self.needs, self.name, problem)
        tests = problem.tests
        assert tests is not None
        programs = {candidate.text: code_of(candidate.text, tests.entry) for candidate in candidates}
        distinct = dict.fromkeys(programs.values())
        said = await asyncio.gather(*(self._tried(program, tests) for program in distinct))
        said_of = dict(zip(distinct, said, strict=True))
        told = [said_of[programs[candidate.text]] for candidate in candidates]
        feedback = () if self.which == "hidden" else tuple(words for _, words in told)
        return Judgement.of([score for score, _ in told], feedback=feedback)

    async def _tried(self, program: str, tests: CodeTests) -> tuple[float | str, str]:
        """Return a program's score, or why there is none, and what its public tests say."""
        try:
            results = await self.trials.results(program, tests, self.which)
        except PonderError as error:
            return str(error), ""
        passed = sum(result.passed for result in results)
        score = float(passed == len(results)) if self.outcome else passed / len(results)
        return score, failures_of(results[: len(tests.public)]) if tests.public else ""


def failures_of(results: Sequence[TestResult]) -> str:
    """Return how many tests a program passes, and of those that failed the first few, each with what came."""
    failed = [result for result in results if not result.passed]
    passed = f"{len(results) - len(failed)} of {len(results)} tests pass."
    shown = [
        f"\n\nThis test fails:\n{cut(result.test.strip(), _SHOWN)}\n{_what_came(result)}" for result in failed
    ]
    return passed + "".join(shown[:_FAILED])


def _what_came(result: TestResult) -> str:
    """Return it on one line: the program wrote a part of it, which is not to look like another message."""
    return cut(_ADDRESS.sub("0x...", " ".join(result.why.split())), _SHOWN)


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
