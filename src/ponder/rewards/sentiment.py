"""How positive a text sounds."""

from __future__ import annotations

from typing import Any, Literal

from ponder.errors import ParameterError, UnsupportedError
from ponder.rewards.verifier import Verifier, callable_verifier


def sentiment_reward(wanted: Literal["positive", "negative"] = "positive") -> Verifier:
    """Score a text from -1 to 1 by VADER's lexicon and rules (Hutto and Gilbert 2014, ICWSM), for English.

    The score is the sum of the words' valences, divided by the root of its square plus 15: long texts come
    near -1 or 1, and a text without a known word has 0. `wanted` "negative" turns the sign.

    Raises
    ------
    UnsupportedError : the package vaderSentiment is not installed.
    """
    if wanted not in ("positive", "negative"):
        raise ParameterError("wanted", wanted, "positive or negative")
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ImportError:
        raise UnsupportedError(
            "the sentiment reward needs the package vaderSentiment: pip install ponder[sentiment]"
        ) from None
    analyser: Any = SentimentIntensityAnalyzer  # its package has no types
    score, sign = analyser().polarity_scores, 1 if wanted == "positive" else -1
    return callable_verifier(lambda problem, text: sign * score(text)["compound"], "sentiment")
