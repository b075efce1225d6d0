"""A family of problems: questions with answers, and the few worked ones that are shown before each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ponder.asks import Boundary
from ponder.errors import ParameterError
from ponder.rewards import Problem

MAX_SHOTS = 64
_SHOTS_SEED = 2**31  # of the worked problems, which no problem shares


@dataclass(frozen=True, slots=True)
class Example:
    """A question, the text that answers it, and the answer alone."""

    question: str
    worked: str
    answer: str


Make = Callable[[int, int], Sequence[Example]]
"""`make(seed, count)` returns so many examples; the same seed gives the same ones."""


@dataclass(frozen=True, slots=True)
class Task:
    """A family of problems as few-shot text: small models follow examples where they do not follow words.

    All problems of a task begin with the same text, which a prefix cache keeps.

    Attributes
    ----------
    name : what it is called.
    make : makes its examples.
    stop : what ends an answer.
    max_tokens : more than an answer has.
    step : what ends a reasoning step; None: an answer has one step.
    """

    name: str
    make: Make
    stop: str = "\n"
    max_tokens: int = 24
    step: str | None = None

    @property
    def boundary(self) -> Boundary:
        """Where a reasoning step ends; the end of an answer that has one step."""
        return Boundary((self.step or self.stop,), tokens=self.max_tokens)

    @property
    def sampling(self) -> dict[str, Any]:
        """The sampling parameters that its answers need."""
        return {"stop": [self.stop], "max_tokens": self.max_tokens}

    def problems(self, count: int, seed: int = 0, shots: int = 4) -> list[Problem]:
        """Return `count` problems, each a raw prompt of `shots` worked ones and a question of its own.

        Raises
        ------
        ParameterError : a number is out of its range, or the task has fewer different questions.
        """
        for name, value, least, most in (
            ("problems", count, 1, 10**6),
            ("seed", seed, 0, _SHOTS_SEED - 1),
            ("shots", shots, 0, MAX_SHOTS),
        ):
            if type(value) is not int or not least <= value <= most:
                raise ParameterError(name, value, f"a whole number from {least} to {most}")
        shown = "".join(
            f"Question: {one.question}\nAnswer: {one.worked}\n\n" for one in self.make(_SHOTS_SEED, shots)
        )
        return [
            Problem(
                one.question,
                one.answer,
                raw=f"{shown}Question: {one.question}\nAnswer:",
                id=f"{self.name} {seed}.{number}",
            )
            for number, one in enumerate(self._different(seed, count))
        ]

    def _different(self, seed: int, count: int) -> list[Example]:
        """Return examples whose questions differ, so that none is counted, or learned from, twice."""
        for tries in (count, 2 * count, 8 * count, 64 * count):
            found: dict[str, Example] = {}
            for one in self.make(seed, tries):
                found.setdefault(one.question, one)
            if len(found) >= count:
                return list(found.values())[:count]
        allowed = f"at most about {len(found)}: {self.name} has no more different questions"
        raise ParameterError("problems", count, allowed)
