"""When two answers are the same answer.

Numbers are compared here, exactly. Everything else that is mathematics goes to math-verify, which is sympy
underneath: on an expression such as 9^{9^{9}} it computes for ever, its own time limits (0.9.0) work in the
main thread alone and not inside a C function, and no list of expressions to avoid is complete. It runs in a
child process (`math_worker.py`) whose time and memory are bounded, started when the first such answer comes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

from ponder.errors import PonderError
from ponder.rewards.answer import canonical, is_words, value_of

DECIMALS = 6  # to which numbers must agree, as in math-verify: 1/3 is 0.333333
MAX_LENGTH = 400  # characters of an expression; longer ones are compared as text
_START_SECONDS = 60.0
_COMPARE_SECONDS = 4.0  # by the clock, where the system cannot bound processor time
_LIMITS = {"cpu_seconds": 2.0, "memory_bytes": 1024 * 2**20}
_PACKAGES = ("math_verify", "latex2sympy2_extended", "sympy", "mpmath", "antlr4")
_KEPT_ENVIRONMENT = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def same_number(a: str, b: str) -> bool | None:
    """Compare two numbers; None if one of the answers is not a number.

    They are the same if they agree to `DECIMALS` decimals; 50% is both 50 and 0.5.
    """
    first, second = value_of(a), value_of(b)
    if first is None or second is None:
        return None
    return any(
        round(x, DECIMALS) == round(y, DECIMALS) for x in _readings(*first) for y in _readings(*second)
    )


def _readings(number: Fraction, percent: bool) -> tuple[Fraction, ...]:
    return (number, number / 100) if percent else (number,)


class AnswerEquality:
    """Decides whether an answer equals a reference.

    The child process ends with `close`, with this object or with this process, however that ends. Safe to use
    from several threads; comparisons that need the process take turns.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: _Worker | None = None

    def __call__(self, reference: str, answer: str) -> bool:
        """Return whether the answers are the same; one that cannot be decided within the limits is not.

        Raises
        ------
        PonderError : the process that compares could not be started.
        """
        gold, given = canonical(reference), canonical(answer)
        if gold == given:
            return bool(gold)
        numbers = same_number(gold, given)
        if numbers is not None:
            return numbers
        if (
            is_words(gold)
            or is_words(given)
            or not gold
            or not given
            or max(len(gold), len(given)) > MAX_LENGTH
        ):
            return False
        with self._lock:
            if self._worker is None or not self._worker.alive:
                self._worker = _Worker()
            return self._worker.equal(gold, given)

    def close(self) -> None:
        """End the process now; a later comparison may start another."""
        with self._lock:
            if self._worker is not None:
                self._worker.stop()
                self._worker = None


def group_answers(answers: Sequence[str | None], equal: Callable[[str, str], bool]) -> list[list[int]]:
    """Return the indices of equal answers, group by group in the order of their first; None is in no group.

    An answer joins the first group whose first answer it equals.
    """
    groups: list[list[int]] = []
    for i, answer in enumerate(answers):
        if answer is None:
            continue
        for group in groups:
            if equal(answers[group[0]] or "", answer):
                group.append(i)
                break
        else:
            groups.append([i])
    return groups


class _Worker:
    """One child process, from its start to its end."""

    def __init__(self) -> None:
        specs = [find_spec(name) for name in _PACKAGES]
        folders = {str(Path(spec.origin).parents[1]) for spec in specs if spec and spec.origin}
        script = Path(__file__).with_name("math_worker.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(script), json.dumps(_LIMITS), *folders],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ},
            start_new_session=True,  # Ctrl-C is for the parent
        )
        self.stop = weakref.finalize(self, _stop, self._process)
        if self._exchange(b"", _START_SECONDS) is None:
            self.stop()
            raise PonderError("answers cannot be compared: the process that runs math-verify did not start")

    @property
    def alive(self) -> bool:
        return self.stop.alive and self._process.poll() is None

    def equal(self, gold: str, answer: str) -> bool:
        request = json.dumps({"gold": gold, "answer": answer}).encode() + b"\n"
        decided = None
        try:
            decided = self._exchange(request, _COMPARE_SECONDS)
        finally:
            # Ctrl-C too: an answer that nobody waited for must not become the next one's.
            if decided is None:
                self.stop()
        return decided is not None and decided.get("equal") is True

    def _exchange(self, request: bytes, seconds: float) -> dict[str, bool] | None:
        """Send a line and read a line; None if the process ended, or was ended at the time limit."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        timer = threading.Timer(seconds, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            stdin.write(request)
            stdin.flush()
            answer = json.loads(stdout.readline())
        except (OSError, ValueError):
            return None
        finally:
            timer.cancel()
        return answer if isinstance(answer, dict) else None


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # what was still to be written has no reader
                pipe.close()
