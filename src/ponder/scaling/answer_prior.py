"""What the answers to earlier problems say of how a new problem's answers will be distributed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ponder.errors import ParameterError
from ponder.scaling.dirichlet import fit_dirichlet, log_rising
from ponder.scaling.parameters import check_number


@dataclass(frozen=True, slots=True)
class AnswerPrior:
    """A Dirichlet distribution of the shares of a problem's answers: the top one, the second, all others.

    Attributes
    ----------
    top, second, others : its parameters.
    spread : how many different answers the others are, each as frequent as the next.
    """

    top: float
    second: float
    others: float
    spread: float = 1.0

    def __post_init__(self) -> None:
        for name in ("top", "second", "others"):
            check_number(name, getattr(self, name), over=0)
        if not 1 <= self.spread < math.inf:
            raise ParameterError("spread", self.spread, "a number, 1 or more")

    @staticmethod
    def fit(problems: Sequence[Sequence[int]]) -> AnswerPrior:
        """Return the prior under which what earlier problems gave is likeliest.

        Parameters
        ----------
        problems : for each, how often each of its answers came, in any order.
        """
        ranked = [sorted(counts, reverse=True) for counts in problems if any(counts)]
        if not ranked:
            raise ParameterError("problems", problems, "counts of answers to one problem or more")
        shapes = [(*(*counts, 0, 0)[:2], sum(counts[2:])) for counts in ranked]
        others = [sum(count > 0 for count in counts[2:]) for counts in ranked]
        several = [count for count in others if count]
        spread = sum(several) / len(several) if several else 1.0
        top, second, rest = fit_dirichlet(shapes)
        return AnswerPrior(top, second, rest, spread)

    def leader_chance(self, v1: int, v2: int, others: int) -> float:
        """Return the probability that the answer with v1 votes is the top one.

        The runner-up has v2 votes, all other answers together `others`. It is Bayes' rule over what the
        leader and the runner-up can be, (top, second), (top, another), (second, top), ...: with c votes in a
        class of parameter a, the votes' probability has the factor a (a + 1) ... (a + c - 1), and each vote
        for a certain one of the other answers the factor 1 / spread.
        """
        m = self.spread
        logs: dict[tuple[str, str], float] = {}
        for leader in ("top", "second", "another"):
            for runner_up in ("top", "second", "another"):
                choices = 1.0
                if leader == "another":
                    choices *= m
                if runner_up == "another":
                    choices *= m - 1 if leader == "another" else m
                if choices <= 0 or (leader == runner_up != "another"):
                    continue
                named = {"top": 0, "second": 0, "another": 0}
                named[leader] += v1
                named[runner_up] += v2
                logs[leader, runner_up] = (
                    math.log(choices)
                    + log_rising(self.top, named["top"])
                    + log_rising(self.second, named["second"])
                    + log_rising(self.others, named["another"] + others)
                    - named["another"] * math.log(m)
                )
        peak = max(logs.values())
        weights = {roles: math.exp(log - peak) for roles, log in logs.items()}
        return math.fsum(w for (leader, _), w in weights.items() if leader == "top") / math.fsum(
            weights.values()
        )
