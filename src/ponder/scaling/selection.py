"""Which of several candidates is kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, get_args

from ponder.errors import ParameterError
from ponder.rewards import Scale, canonical, group_answers
from ponder.scaling.effects import Vote

Selection = Literal["hybrid", "plain", "weighted", "borda", "majority"]
SELECTIONS: tuple[Selection, ...] = get_args(Selection)

BORDA_POWER = 0.5


def select(
    selection: Selection,
    answers: Sequence[str | None],
    scores: Sequence[float | None] | None,
    scale: Scale,
    equal: Callable[[str, str], bool],
    *,
    order: Sequence[int] | None = None,
    power: float = BORDA_POWER,
) -> tuple[int, tuple[Vote, ...]]:
    """Return the index of the candidate that is kept, and the votes; `BestOfN` says how.

    `order` names the candidates that take part, the ones first to whom ties go; by default all, in order.
    `power` is that of "borda".
    """
    order = range(len(answers)) if order is None else order
    ranks = [-math.inf if score is None else score for score in scores or [0.0] * len(answers)]
    selection = resolved(selection, scores, scale)
    if selection == "plain":
        return best(order, ranks), ()
    if selection == "majority" or scores is None:
        weights = [1.0] * len(answers)
    elif selection == "weighted":
        weights = vote_weights(scores, scale)
    else:
        weights = borda_weights(scores, power)
    votes = count_votes(answers, weights, equal, order)
    votes = tuple(
        sorted(votes, key=lambda vote: (-vote.weight, not any(ranks[i] > -math.inf for i in vote.members)))
    )
    return best(votes[0].members if votes else order, ranks), votes


def resolved(selection: Selection, scores: Sequence[float | None] | None, scale: Scale) -> Selection:
    """Return which selection "hybrid" is for these scores; any other is itself.

    Weighted self-consistency needs a score that is a weight: a probability of being right, or its logarithm
    (Montgomery et al., arXiv 2510.14913, who call it hybrid: a verifier's score and the vote).
    """
    if selection != "hybrid":
        return selection
    if scores is None:
        return "majority"
    return "plain" if scale == "number" else "weighted"


def count_votes(
    answers: Sequence[str | None],
    weights: Sequence[float],
    equal: Callable[[str, str], bool],
    order: Sequence[int],
) -> tuple[Vote, ...]:
    """Return the votes for each answer, the heaviest first; ties go to the more votes, then to the first."""
    groups = [
        tuple(order[place] for place in group) for group in group_answers([answers[i] for i in order], equal)
    ]
    votes = [
        Vote(canonical(answers[group[0]] or ""), math.fsum(weights[i] for i in group), group)
        for group in groups
    ]
    return tuple(sorted(votes, key=lambda vote: (-vote.weight, -len(vote.members))))


def best(indices: Sequence[int], ranks: Sequence[float]) -> int:
    """Return the index with the highest rank, the first of equals."""
    return max(indices, key=lambda i: ranks[i])  # max keeps the first of equals


def vote_weights(scores: Sequence[float | None], scale: Scale) -> list[float]:
    """Return the weight of each candidate's vote; who was not scored has none.

    Raises
    ------
    ParameterError : a score that is no logarithm is negative.
    """
    if scale == "logarithm":
        top = max((score for score in scores if score is not None), default=0.0)
        return [0.0 if score is None else math.exp(score - top) for score in scores]
    for score in scores:
        if score is not None and score < 0:
            raise ParameterError("score", score, "0 or more, for weighted selection")
    return [score or 0.0 for score in scores]


def borda_weights(scores: Sequence[float | None], power: float) -> list[float]:
    """Return (N - r + 1)^power for the candidate of rank r among the N that are scored, 1 the best.

    Of equal scores the first ranks higher. Kang et al., arXiv 2502.18581, equation 11.
    """
    ranked = sorted(
        (i for i, score in enumerate(scores) if score is not None), key=lambda i: -(scores[i] or 0.0)
    )
    weights = [0.0] * len(scores)
    for place, i in enumerate(ranked):
        weights[i] = float(len(ranked) - place) ** power
    return weights
