"""The role of a strategy, and what is told while it works and in the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ponder.errors import ParameterError
from ponder.rewards import Candidate, Problem, Reward, Unscored
from ponder.scaling.budget import Budget, Stopped
from ponder.scaling.effects import Search, Vote
from ponder.scaling.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is: the texts that grow, the best so far if the strategy names one, what was spent.

    `scores` are what the reward last said of the steps of the best one; None if it said nothing.
    """

    texts: tuple[str, ...]
    best: Candidate | None
    ledger: Ledger
    scores: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A text in the run's tree, as far as it grew in one effect.

    Attributes
    ----------
    node, parent : its number and its parent's; -1 is the prompt.
    effect : the number of the effect that grew it.
    text, tokens : what grew there.
    scores : what the reward last said of its steps.
    """

    node: int
    parent: int
    effect: int
    text: str
    tokens: int
    finish_reason: str
    scores: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class EffectDone:
    """An effect is done: the nodes that it added or scored, what it noted, what was spent so far.

    `kind` is "extend", "judge", "claim" or "note".
    """

    effect: int
    kind: str
    nodes: tuple[Node, ...]
    note: Mapping[str, Any]
    ledger: Ledger


@dataclass(frozen=True, slots=True)
class Answer:
    """What a strategy settled on, and everything it chose from.

    Attributes
    ----------
    chosen : index of the chosen candidate.
    candidates : in the order of their sample index.
    scores : one per candidate, None for who could not be scored; None if nothing was scored.
    votes : equal answers grouped, the heaviest first; empty if the selection does not group.
    stopped : "done", or the limit of the budget that ended generation.
    sampling : the sampling parameters that were sent to the model, the seed among them.
    unscored : who could not be scored, and why.
    """

    chosen: int
    candidates: tuple[Candidate, ...]
    scores: tuple[float | None, ...] | None
    votes: tuple[Vote, ...]
    ledger: Ledger
    stopped: Stopped
    sampling: Mapping[str, Any] = field(default_factory=dict)
    unscored: tuple[Unscored, ...] = ()

    @property
    def candidate(self) -> Candidate:
        """The chosen candidate."""
        return self.candidates[self.chosen]

    @property
    def text(self) -> str:
        """The text of the chosen candidate."""
        return self.candidate.text

    @property
    def answer(self) -> str | None:
        """The final answer that was found in that text; None if there is none."""
        return self.candidate.answer

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        scores = self.scores or [None] * len(self.candidates)
        return {
            "text": self.text,
            "answer": self.answer,
            "chosen": self.chosen,
            "candidates": [
                {**candidate.as_json(), "score": score}
                for candidate, score in zip(self.candidates, scores, strict=True)
            ],
            "votes": [
                {"answer": vote.answer, "weight": vote.weight, "members": list(vote.members)}
                for vote in self.votes
            ],
            "unscored": [{"candidate": one.index, "why": one.why} for one in self.unscored],
            "ledger": self.ledger.as_json(),
            "stopped": self.stopped,
            "sampling": dict(self.sampling),
        }


class Strategy(Protocol):
    """Spends a budget on a better answer. It asks and is answered, and does nothing else."""

    @property
    def name(self) -> str:
        """What the strategy is called."""
        ...

    @property
    def needs(self) -> frozenset[str]:
        """What it uses: "reward", without which it cannot work; "state", as in `Reward.needs`."""
        ...

    def search(self, problem: Problem, budget: Budget) -> Search:
        """Work on a problem: yield effects, be sent their results, return the choice.

        It is a function of the results alone: the same results give the same effects and the same choice.
        It runs in threads, one after another. After the budget is spent texts come back as they are, and it
        chooses among them.
        """
        ...


def check_reward(strategy: Strategy, reward: Reward | None) -> None:
    """Raise ParameterError if a strategy needs a reward and there is none."""
    if "reward" in strategy.needs and reward is None:
        raise ParameterError("reward", None, f"a reward, which this {strategy.name} needs")
