"""The role of a strategy, and what it says while it works and in the end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Protocol

from ponder.asks import LanguageModel
from ponder.rewards import Candidate, Problem, Reward
from ponder.scaling.budget import Budget, Stopped
from ponder.scaling.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a strategy is: the texts so far, the best of them once they have been judged, what was spent."""

    texts: tuple[str, ...]
    best: Candidate | None
    ledger: Ledger


@dataclass(frozen=True, slots=True)
class Vote:
    """Candidates with equal answers (`members`, by index) and the weight they have together."""

    answer: str
    weight: float
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a strategy settled on, and everything it chose from.

    Attributes
    ----------
    chosen : index of the chosen candidate.
    candidates : in the order of their sample index.
    scores : one per candidate; None if nothing was scored.
    votes : equal answers grouped, the heaviest first; empty if the selection does not group.
    stopped : "done", or the limit of the budget that ended generation.
    sampling : the sampling parameters that were sent to the model, the seed among them.
    """

    chosen: int
    candidates: tuple[Candidate, ...]
    scores: tuple[float, ...] | None
    votes: tuple[Vote, ...]
    ledger: Ledger
    stopped: Stopped
    sampling: Mapping[str, Any] = field(default_factory=dict)

    @property
    def candidate(self) -> Candidate:
        """The chosen candidate."""
        return self.candidates[self.chosen]

    @property
    def text(self) -> str | None:
        """The final answer of the chosen candidate; None if it has none."""
        return self.candidate.answer

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        scores = self.scores or [None] * len(self.candidates)
        return {
            "answer": self.text,
            "chosen": self.chosen,
            "candidates": [
                {**candidate.as_json(), "score": score}
                for candidate, score in zip(self.candidates, scores, strict=True)
            ],
            "votes": [
                {"answer": vote.answer, "weight": vote.weight, "members": list(vote.members)}
                for vote in self.votes
            ],
            "ledger": self.ledger.as_json(),
            "stopped": self.stopped,
            "sampling": dict(self.sampling),
        }


class Strategy(Protocol):
    """Spends a budget on a better answer."""

    @property
    def name(self) -> str:
        """What the strategy is called."""
        ...

    def stream(
        self, problem: Problem, model: LanguageModel, reward: Reward | None, budget: Budget
    ) -> AsyncGenerator[Progress | Answer]:
        """Work on a problem; the last item is the answer. Closing it stops the model.

        Raises
        ------
        PonderError : for what the caller can mend.
        """
        ...


async def solve(
    strategy: Strategy,
    problem: Problem,
    model: LanguageModel,
    reward: Reward | None = None,
    budget: Budget | None = None,
) -> Answer:
    """Run a strategy to its end and return the answer."""
    async with aclosing(strategy.stream(problem, model, reward, budget or Budget())) as events:
        async for event in events:
            if isinstance(event, Answer):
                return event
    raise AssertionError("a strategy ends with an answer")
