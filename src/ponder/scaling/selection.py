"""Which of several candidates is kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, get_args

from ponder.errors import ParameterError
from ponder.rewards import Scale, canonical, group_answers
from ponder.scaling.effects import Vote

Selection = Literal["plain", "weighted", "majority"]
SELECTIONS: tuple[Selection, ...] = get_args(Selection)


def select(
    selection: Selection,
    answers: Sequence[str | None],
    scores: Sequence[float | None] | None,
    scale: Scale,
    equal: Callable[[str, str], bool],
) -> tuple[int, tuple[Vote, ...]]:
    """Return the index of the candidate that is kept, and the votes; `BestOfN` says how."""
    ranks = [-math.inf if score is None else score for score in scores or [0.0] * len(answers)]
    groups = [] if selection == "plain" else group_answers(answers, equal)
    if not groups:
        return best(range(len(answers)), ranks), ()
    weights = [1.0] * len(answers)
    if selection == "weighted" and scores is not None:
        weights = vote_weights(scores, scale)
    votes = [
        Vote(canonical(answers[group[0]] or ""), math.fsum(weights[i] for i in group), tuple(group))
        for group in groups
    ]
    # Ties stay in the order seen, but for groups of which nobody is scored.
    votes.sort(key=lambda vote: (-vote.weight, all(ranks[i] == -math.inf for i in vote.members)))
    return best(votes[0].members, ranks), tuple(votes)


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
