"""A program on trial: its code runs in one process, its tests in another.

    this process:         start the code; connect both processes by pipes; for each test:
    tests' process:         evaluate it; where it calls f(x), send f and x
    candidate's process:    compute f(x), send it as a plain value
    tests' process:         go on with that; at last say: passed or not

The candidate's process never has the test, so it can only guess what is expected; the tests' process never
has the candidate's objects, so what decides is Python's own comparison of plain values. The verdict goes over
a pipe that the candidate's process does not have. Both are isolated: see `ponder.sandbox.namespaces` and
`system_calls`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ponder.errors import DataError, ParameterError, PonderError, UnsupportedError
from ponder.rewards.code_tests import CodeTests
from ponder.sandbox import ConfinedProcess, Limits

_MARGIN = 0.2  # seconds by which the tests' process may be late before it is ended from here
_NO_VERDICT: dict[str, Any] = {
    "passed": False,
    "why": "the test itself took too long or too much memory",
    "ended": True,
}


@dataclass(frozen=True, slots=True)
class TestResult:
    """What came of a test.

    Attributes
    ----------
    test : its source.
    passed : whether the program does what it says.
    why : why not: what the program's functions returned or raised last, and what became of the test.
    """

    __test__ = False  # for pytest

    test: str
    passed: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class TrialLimits:
    """What a program may take.

    Attributes
    ----------
    seconds : by the clock, for all tests of a program; a test may use half of what is left, the last one all.
    memory_bytes : of address space, for the program's process and for that of the tests.
    allow_weak_isolation : run it also where the system allows no namespaces: then it can read this user's
        files.
    """

    seconds: float = 4.0
    memory_bytes: int = 512 * 2**20
    allow_weak_isolation: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= 3600:
            raise ParameterError("seconds", self.seconds, "a number over 0, at most 3600")
        if self.memory_bytes < 2**27:
            raise ParameterError("memory_bytes", self.memory_bytes, "at least 134217728 (128 MiB)")


@dataclass(slots=True)
class Trial:
    """A pair of processes that serves one program after the other. It is for one thread at a time."""

    limits: TrialLimits = field(default_factory=TrialLimits)
    _code: ConfinedProcess = field(init=False)
    _tests: ConfinedProcess = field(init=False)

    def __post_init__(self) -> None:
        if sys.platform == "win32":
            raise UnsupportedError("programs are not run on Windows: there is nothing to isolate them with")
        limits = Limits(
            self.limits.seconds + 1,
            self.limits.seconds + 1,
            self.limits.memory_bytes,
            opens_files=True,
            isolation="preferred" if self.limits.allow_weak_isolation else "required",
        )
        here = Path(__file__)
        self._code = ConfinedProcess(
            here.with_name("candidate_worker.py"), ("ponder",), limits, takes_handles=True
        )
        self._tests = ConfinedProcess(
            here.with_name("tests_worker.py"), ("ponder",), limits, takes_handles=True
        )

    def __call__(self, code: str, tests: Sequence[str], around: CodeTests) -> tuple[TestResult, ...]:
        """Run a program on tests; `around` has their setup and entry.

        A test after which the program's process is gone (it ended itself, or took too long) has failed; the
        next one starts with a new process.

        Raises
        ------
        DataError : a test cannot be run, whatever the program does.
        PonderError : the system cannot isolate the processes, or they do not start.
        """
        for process in (self._code, self._tests):
            process.start()
        for process in (self._code, self._tests):
            process.wait()
        end = time.monotonic() + self.limits.seconds
        results: list[TestResult] = []
        new: tuple[int, ...]
        with ExitStack() as stack:
            stack.callback(self._code.ask, {"code": None})
            new = self._start(code, stack)
            for number, test in enumerate(tests, start=1):
                left = end - time.monotonic()
                if left <= 0:
                    results.append(TestResult(test, False, "no time was left for it"))
                    continue
                seconds = left if number == len(tests) else left / 2
                request = {"test": test, "setup": around.setup, "entry": around.entry, "seconds": seconds}
                verdict = self._tests.ask(request, seconds + _MARGIN, handles=new) or _NO_VERDICT
                if "unfit" in verdict:
                    raise DataError(f"the test {test!r} cannot be run: {verdict['unfit']}")
                results.append(TestResult(test, verdict["passed"] is True, verdict["why"]))
                new = self._start(code, stack) if verdict["ended"] and number < len(tests) else ()
        return tuple(results)

    def close(self) -> None:
        """End both processes; the next call starts them again."""
        self._code.close()
        self._tests.close()

    def _start(self, code: str, stack: ExitStack) -> tuple[int, int]:
        """Start the candidate's process anew; return where to send calls and where to read replies."""
        calls, sent = os.pipe()
        received, replies = os.pipe()
        for handle in (sent, received):
            stack.callback(os.close, handle)
        request = {"code": code, "seconds": self.limits.seconds, "weak": self.limits.allow_weak_isolation}
        try:
            if self._code.ask(request, handles=(calls, replies)) is None:
                raise PonderError("the process that starts programs has ended")
        finally:
            os.close(calls)
            os.close(replies)
        return sent, received
