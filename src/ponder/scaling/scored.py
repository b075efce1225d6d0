"""Texts with their scores: how a strategy has them scored, ranks them, and settles on one."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ponder.errors import PonderError
from ponder.rewards import (
    UNAFFORDABLE,
    Judgement,
    Scale,
    Unscored,
    extract_answer,
    last,
    lowest,
    mean,
    product,
)
from ponder.scaling.effects import Choice, Effect, Text, judge
from ponder.scaling.selection import Selection, select

Aggregate = Literal["last", "lowest", "mean", "product"]
AGGREGATES: tuple[Aggregate, ...] = get_args(Aggregate)

_FUNCTIONS: Mapping[Aggregate, Callable[[Sequence[float]], float]] = {
    "last": last,
    "lowest": lowest,
    "mean": mean,
    "product": product,
}


@dataclass(frozen=True, slots=True)
class Scored:
    """A text, and what the reward said of it.

    Attributes
    ----------
    score : one number made of the scores of its steps; None if the text is not scored.
    steps : the scores of its steps; empty if it is not scored.
    why : why it is not scored; "" if it is, or where there is no reward.
    scale : the reward's.
    feedback : what it says in words; "" for nothing.
    """

    text: Text
    score: float | None
    steps: tuple[float, ...] = ()
    why: str = ""
    scale: Scale = "number"
    feedback: str = ""

    @property
    def rank(self) -> float:
        """The score, or what is below every score."""
        return -math.inf if self.score is None else self.score

    @property
    def finished(self) -> bool:
        """Whether the text is."""
        return self.text.finished

    @property
    def value(self) -> float | None:
        """The score as a number that may be averaged: a logarithm as its probability, exp(score)."""
        return math.exp(self.score) if self.score is not None and self.scale == "logarithm" else self.score


def score(
    texts: Sequence[Text], aggregate: Aggregate = "last", judged: Sequence[Text] | None = None
) -> Generator[Effect, Any, list[Scored]]:
    """Have the reward score texts; with `judged`, by what it says of these in their place.

    Without a reward nobody is scored.
    `aggregate` says which number the scores of a text's steps become.
    """
    judgement: Judgement | None = yield from judge(texts if judged is None else judged)
    if judgement is None:
        return [Scored(text, None) for text in texts]
    why = {one.index: one.why for one in judgement.unscored}
    return [
        Scored(
            text,
            _FUNCTIONS[aggregate](steps) if steps else None,
            steps,
            why.get(i, ""),
            judgement.scale,
            judgement.feedback[i] if judgement.feedback else "",
        )
        for i, (text, steps) in enumerate(zip(texts, judgement.steps, strict=True))
    ]


def ranked(texts: Iterable[Scored]) -> list[Scored]:
    """Return texts from the best to the worst; equals stay in order, those without a score come last."""
    return sorted(texts, key=lambda one: -one.rank)


def best(texts: Iterable[Scored]) -> Text:
    """Return the best of the finished texts, or of all where none is finished."""
    return leader(list(texts)).text


def leader(texts: Sequence[Scored]) -> Scored:
    """Return the best of the finished texts with its score, or of all where none is finished."""
    return ranked(_answers(texts))[0]


def choose(
    texts: Iterable[Scored],
    selection: Selection,
    equal: Callable[[str, str], bool],
    sampling: Mapping[str, Any],
) -> Choice:
    """Settle on one of the finished texts, or of all where no finished one is scored.

    Without a reward, or where the budget left nothing to score with, on one of the finished texts, or of all
    where none is finished.

    Raises
    ------
    PonderError : nobody is scored; says why.
    """
    candidates = _answers(list(texts))
    rewarded = any(one.score is not None or one.why for one in candidates)
    nobody = all(one.score is None for one in candidates)
    whys = [one.why for one in candidates if one.why != UNAFFORDABLE]
    if rewarded and nobody and whys:
        raise PonderError(whys[0])
    scores = tuple(one.score for one in candidates) if rewarded and not nobody else None
    answers = [extract_answer(one.text.text) for one in candidates]
    scale = candidates[0].scale
    chosen, votes = select(selection, answers, scores, scale, equal)
    judgement = None
    if rewarded:
        unscored = tuple(Unscored(i, one.why) for i, one in enumerate(candidates) if one.score is None)
        judgement = Judgement(tuple(one.steps for one in candidates), unscored, scale=scale)
    return Choice(chosen, tuple(one.text for one in candidates), judgement, scores, votes, sampling)


def _answers(texts: Sequence[Scored]) -> Sequence[Scored]:
    """Return the finished texts if one of them is scored, or need not be; otherwise all."""
    finished = [one for one in texts if one.finished]
    return finished if any(one.score is not None or not one.why for one in finished) else texts
