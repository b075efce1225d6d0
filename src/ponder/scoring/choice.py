"""Log-probabilities of whole choices -> shares among them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ponder.asks import TextScore


@dataclass(frozen=True, slots=True)
class ScoredChoice:
    """`logprob` is the sum over the choice's tokens; `probability` its share among the choices.

    `calibrated` is the share after dividing by what the model gives the choice after a baseline prompt.
    `token_ids` and `token_logprobs` are the choice's tokens, with the end token where it counts, and how
    likely each was.
    """

    text: str
    logprob: float
    probability: float
    calibrated: float | None = None
    token_ids: tuple[int, ...] = ()
    token_logprobs: tuple[float, ...] = ()

    @property
    def share(self) -> float:
        """The calibrated share where there is a baseline, the plain one where there is none."""
        return self.probability if self.calibrated is None else self.calibrated


@dataclass(frozen=True, slots=True)
class Choice:
    """The choices in the order given and `mass`, the probability that one of them is what comes.

    A choice that goes on where another ends adds nothing to the mass, because the other's holds it; their
    shares overlap all the same.
    """

    choices: tuple[ScoredChoice, ...]
    mass: float

    @property
    def best(self) -> ScoredChoice:
        """The choice with the largest share, ties to the first."""
        return max(self.choices, key=lambda choice: choice.share)

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain data; what is not known is left out."""
        choices = [
            {name: value for name, value in asdict(scored).items() if value not in (None, ())}
            for scored in self.choices
        ]
        return {"choices": choices, "mass": self.mass}

    def of(self, scores: Sequence[TextScore]) -> Choice:
        """Return it with the choices' tokens."""
        pairs = zip(self.choices, scores, strict=True)
        return Choice(
            tuple(
                replace(choice, token_ids=score.token_ids, token_logprobs=score.token_logprobs)
                for choice, score in pairs
            ),
            self.mass,
        )


def normalise(
    texts: Sequence[str],
    token_ids: Sequence[Sequence[int]],
    logprobs: Sequence[float],
    baseline: Sequence[float] | None = None,
) -> Choice:
    """Softmax over whole-sequence log-probabilities; never divided by length.

    With `baseline`, each choice's log-probability after a prompt that says nothing of the case at hand,
    also over `logprobs - baseline` (contextual calibration, arXiv 2102.09690): it takes out how much the
    model likes a choice anyway.
    """
    shares = _softmax(logprobs)
    calibrated: Sequence[float | None] = [None] * len(texts)
    if baseline is not None:
        calibrated = _softmax([own - prior for own, prior in zip(logprobs, baseline, strict=True)])
    scored = map(ScoredChoice, texts, logprobs, shares, calibrated)
    whole = {tuple(tokens) for tokens in token_ids}
    mass = math.fsum(
        math.exp(logprob)
        for tokens, logprob in zip(token_ids, logprobs, strict=True)
        if not any(tuple(tokens[:length]) in whole for length in range(1, len(tokens)))
    )
    return Choice(tuple(scored), mass)


def _softmax(logprobs: Sequence[float]) -> list[float]:
    top = max(logprobs)
    weights = [math.exp(logprob - top) for logprob in logprobs]
    total = math.fsum(weights)
    return [weight / total for weight in weights]
