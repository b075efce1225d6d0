"""Rewards that check a candidate: 1 for right, 0 for wrong, or what a function says."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ponder.asks import LanguageModel
from ponder.errors import PonderError
from ponder.rewards.answer import canonical
from ponder.rewards.equality import AnswerEquality
from ponder.rewards.judgement import Judgement, Scale
from ponder.rewards.reward import Candidate, Problem, require


@dataclass(frozen=True, slots=True)
class Verifier:
    """Scores candidates one by one with `check`, in a thread of its own.

    `check` returns a score, or a score and what is wrong in words, the candidate's feedback. A candidate for
    which it raises a PonderError is unscored.
    """

    name: str
    check: Callable[[Problem, Candidate], float | tuple[float, str]]
    needs: frozenset[str] = frozenset({"reference"})
    scale: Scale = "probability"

    def free_for(self, policy: LanguageModel, candidates: Sequence[Candidate]) -> bool:
        return True

    async def judge(self, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
        require(self.needs, self.name, problem)
        return await asyncio.to_thread(self._judge, problem, candidates)

    def _judge(self, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
        said = [self._checked(problem, candidate) for candidate in candidates]
        feedback = tuple(words for _, words in said)
        return Judgement.of([score for score, _ in said], feedback=feedback if any(feedback) else ())

    def _checked(self, problem: Problem, candidate: Candidate) -> tuple[float | str, str]:
        try:
            said = self.check(problem, candidate)
        except PonderError as error:
            return str(error), ""
        return said if isinstance(said, tuple) else (said, "")


def math_verifier(equal: Callable[[str, str], bool] | None = None) -> Verifier:
    """Compare final answers as mathematics: numbers, fractions, LaTeX, percentages, units (`AnswerEquality`).

    A candidate without a final answer is compared as a whole.
    """
    equal = equal or AnswerEquality()
    return Verifier(
        "math", lambda problem, candidate: float(equal(problem.reference or "", _final(candidate)))
    )


def exact_verifier() -> Verifier:
    """Compare final answers as text, after `canonical`: case, spaces and what surrounds them do not count."""

    def check(problem: Problem, candidate: Candidate) -> float:
        expected = canonical(problem.reference or "")
        return float(expected in (canonical(_final(candidate)), canonical(candidate.text)))

    return Verifier("exact", check)


def callable_verifier(
    function: Callable[[Problem, str], float | bool | tuple[float | bool, str]], name: str = "callable"
) -> Verifier:
    """Score with a function of the problem and the candidate's text.

    It returns a number, or a number and what is wrong in words: feedback, which a strategy that revises shows
    to the model. A candidate for which it raises, or returns anything else, is unscored.
    """

    def check(problem: Problem, candidate: Candidate) -> tuple[float, str]:
        try:
            said = function(problem, candidate.text)
        except Exception as error:
            raise PonderError(f"the reward {name} failed: {type(error).__name__}: {error}") from error
        match said if isinstance(said, tuple) else (said, ""):
            case (int() | float() as score, str() as words) if math.isfinite(score):
                return float(score), words
        allowed = "a finite number or a bool is allowed, alone or with feedback as text"
        raise PonderError(f"the reward {name} returned {said!r}: {allowed}")

    return Verifier(name, check, needs=frozenset(), scale="number")


def _final(candidate: Candidate) -> str:
    return candidate.text if candidate.answer is None else candidate.answer
