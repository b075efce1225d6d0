"""When two answers are the same answer.

Numbers are compared here, exactly. Everything else that is mathematics goes to math-verify, which is sympy
underneath: on an expression such as 9^{9^{9}} it computes for ever, its own time limits (0.9.0) work in the
main thread alone and not inside a C function, and no list of expressions to avoid is complete. It runs in a
child process (`math_worker.py`) whose time and memory are bounded, started when the first such answer comes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

from ponder.rewards.answer import canonical, is_words, value_of
from ponder.sandbox import ConfinedProcess, Limits

DECIMALS = 6  # to which numbers must agree, as in math-verify: 1/3 is 0.333333
MAX_LENGTH = 400  # characters of an expression; longer ones are compared as text
_LIMITS = Limits(cpu_seconds=2.0, clock_seconds=4.0, memory_bytes=1024 * 2**20, opens_files=True)
_PACKAGES = ("math_verify", "latex2sympy2_extended", "sympy", "mpmath", "antlr4")


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
        script = Path(__file__).with_name("math_worker.py")
        self._process = ConfinedProcess(script, _PACKAGES, _LIMITS)

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
        decided = self._process.ask({"gold": gold, "answer": given})
        return decided is not None and decided["equal"] is True

    def close(self) -> None:
        """End the process now; a later comparison may start another."""
        self._process.close()


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
