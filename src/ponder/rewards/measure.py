"""What the model said of a token that it generated: the numbers that rewards and strategies work with."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from ponder.asks import Output
from ponder.sampling.trace import TokenTrace

CONFIDENCE_TOKENS = 20  # the k of `Measure.confidence` where nobody gave another, as in DeepConf


class Measure(NamedTuple):
    """Natural logarithms, of one token; None for what the model did not tell.

    Attributes
    ----------
    logprob : raw, under the model. Of a model that tells no tokens' log-probabilities, the whole text's.
    drawn_logprob : under what the token was drawn from, after penalties, temperature and truncation.
    entropy : of the raw distribution, in nats.
    confidence : -(1/k) times the sum of the k largest raw log-probabilities, k the ask's `top_logprobs`: the
        larger, the more certain the model was (DeepConf, arXiv 2508.15260, section 3.1).
    certainty : how far the raw distribution is from uniform, as in `TokenTrace`; where the ask has
        `Record(certainty=True)`.
    """

    logprob: float
    drawn_logprob: float | None = None
    entropy: float | None = None
    confidence: float | None = None
    certainty: float | None = None


def measure_of(trace: TokenTrace) -> Measure:
    """Return the measure of a token."""
    top = [logprob for _, logprob in trace.top]
    confidence = -math.fsum(top) / len(top) if top else None
    return Measure(trace.logprob, trace.truncated_logprob, trace.entropy, confidence, trace.certainty)


def measures_of(output: Output) -> tuple[Measure, ...]:
    """Return the measures of a text's tokens; of a model that tells none of them, one for the whole text."""
    if output.traces or not output.token_ids:
        return tuple(map(measure_of, output.traces))
    return (Measure(output.logprob),)


def total_logprob(measures: Iterable[Measure]) -> float:
    """Return the log-probability of a text from its measures."""
    return math.fsum(measure.logprob for measure in measures)
