"""How free of profane words a text is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ponder.errors import ParameterError, UnsupportedError
from ponder.rewards.reward import Problem
from ponder.rewards.verifier import Verifier, callable_verifier


def profanity_reward(languages: Sequence[str] = ("english",)) -> Verifier:
    """Score a text by the share of its words that are not profane; 1 for a clean one.

    The words are those of glin-profanity's lists, also where digits and signs stand for letters ("sh1t").
    Words are all it looks at: an insult without one is clean.

    Raises
    ------
    ParameterError : a language has no list. UnsupportedError : the package glin-profanity is not installed.
    """
    try:
        from glin_profanity import Filter
        from glin_profanity.data.dictionary import DictionaryLoader
    except ImportError:
        raise UnsupportedError(
            "the profanity reward needs the package glin-profanity: pip install ponder[profanity]"
        ) from None
    known = sorted(DictionaryLoader.LANGUAGE_FILES)
    if isinstance(languages, str) or not languages or not set(languages) <= set(known):
        raise ParameterError("languages", languages, "a list of " + ", ".join(known))
    make: Any = Filter  # its types demand every option
    found = make({"languages": list(languages), "detect_leetspeak": True}).check_profanity

    def clean(problem: Problem, text: str) -> float:
        places = {match["index"] for match in found(text).get("matches") or ()}
        return 1 - min(1.0, len(places) / max(1, len(text.split())))

    return callable_verifier(clean, "profanity")
