"""What a reward says of a candidate in words, for a model that writes it again."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest

from ponder.errors import ParameterError
from ponder.traces.colours import printable

Feedback = tuple[str, ...]
"""For each candidate a text, "" for nothing; or empty, where there is nothing for anybody."""

MOST_FEEDBACK = 1500  # characters: some failed tests, and little beside the attempt itself
_CUT = " ..."


def cut(text: str, most: int) -> str:
    """Return text as printable characters, others as escapes, `most` at most: none drives a terminal."""
    shown = printable(text[: most + 1])  # escapes only lengthen it
    return shown if len(shown) <= most else shown[: most - len(_CUT)] + _CUT


def bounded(feedback: Feedback, count: int, reward: str) -> Feedback:
    """Return the feedback for `count` candidates, each cut to `MOST_FEEDBACK` printable characters.

    Raises
    ------
    ParameterError : it is not one text for each of them.
    """
    if not feedback:
        return ()
    if len(feedback) != count or not all(isinstance(text, str) for text in feedback):
        allowed = f"one text for each of the {count} candidates, or none, from the reward {reward}"
        raise ParameterError("feedback", cut(repr(feedback[:8]), 200), allowed)
    return tuple(cut(text, MOST_FEEDBACK) for text in feedback)


def joined(feedbacks: Iterable[Feedback]) -> Feedback:
    """Return what several rewards say of the same candidates, one after the other."""
    given = [feedback for feedback in feedbacks if feedback]
    return tuple("\n".join(filter(None, texts)) for texts in zip_longest(*given, fillvalue=""))
