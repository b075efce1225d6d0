"""From a few samples a problem: what many would reach."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ponder.errors import ParameterError
from ponder.scaling.dirichlet import fit_dirichlet, log_rising
from ponder.scaling.parameters import check_count, check_number


@dataclass(frozen=True, slots=True)
class BetaBinomial:
    """The chances of problems to be answered rightly by one sample: Beta(right, wrong) distributed.

    A forecast of pass@k for more samples than were drawn (arXiv 2510.05197): a few samples tell little of one
    problem, but the spread of all problems tells how many have a small chance that is not 0.
    """

    right: float
    wrong: float

    def __post_init__(self) -> None:
        check_number("right", self.right, over=0)
        check_number("wrong", self.wrong, over=0)

    @staticmethod
    def fit(counts: Sequence[tuple[int, int]]) -> BetaBinomial:
        """Return the distribution under which (right samples, all samples) of each problem is likeliest.

        Raises
        ------
        ParameterError : there is no sample, or more are right than there are.
        """
        for right, n in counts:
            if not 0 <= right <= n:
                raise ParameterError("counts", (right, n), "(right, n) with 0 <= right <= n")
        if not any(n for _, n in counts):
            raise ParameterError("counts", list(counts), "one sample or more")
        alpha, beta = fit_dirichlet([(right, n - right) for right, n in counts])
        return BetaBinomial(alpha, beta)

    def pass_at_k(self, k: int) -> float:
        """Return on which share of problems one of k samples is right: 1 - E[(1 - p)^k]."""
        check_count("k", k)
        return 1 - math.exp(log_rising(self.wrong, k) - log_rising(self.right + self.wrong, k))
