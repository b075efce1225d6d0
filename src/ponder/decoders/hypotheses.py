"""Which candidates of a beam search live on and which end, and when its finished texts are good enough."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ponder.decoders.candidates import Candidates
from ponder.decoders.group import Group
from ponder.errors import ParameterError
from ponder.sampling.params import SamplingParams

MAX_BEAMS = 400

EarlyStopping = bool | Literal["never"]


def check_beams(num_beams: int) -> None:
    """Raise ParameterError unless this is a width that a search may have."""
    if type(num_beams) is not int or not 1 <= num_beams <= MAX_BEAMS:
        raise ParameterError("num_beams", num_beams, f"a whole number from 1 to {MAX_BEAMS}")


def check_ranking(length_penalty: float, early_stopping: EarlyStopping) -> None:
    """Raise ParameterError for what finished texts cannot be ranked by, or a search not stop by."""
    if type(length_penalty) not in (int, float) or not abs(length_penalty) <= 10:
        raise ParameterError("length_penalty", length_penalty, "a number from -10 to 10")
    if not isinstance(early_stopping, bool) and early_stopping != "never":
        raise ParameterError("early_stopping", early_stopping, "true, false or never")


def check_answers(params: SamplingParams, num_beams: int) -> None:
    """Raise ParameterError if more answers are asked for than there are beams."""
    if params.n > num_beams:
        raise ParameterError("n", params.n, f"at most num_beams, which is {num_beams}")


def check_drawing(params: SamplingParams) -> None:
    """Raise ParameterError where one token has all of the probability: there is nothing to draw."""
    if params.temperature == 0:
        raise ParameterError("temperature", params.temperature, "over 0 where beams are drawn at random")


def candidate_count(group: Group, num_beams: int) -> int:
    """How many candidates leave `num_beams` to go on, if those that may end a text all do."""
    return max(2, 1 + len(group.end_ids)) * num_beams


def is_last_step(group: Group) -> bool:
    """Whether the tokens chosen now are the last ones allowed."""
    return group.length + 1 >= group.params.max_tokens


def survivors(group: Group, found: Candidates, num_beams: int, *, all_end: bool) -> Candidates:
    """Return the first `num_beams` candidates that go on, and those that end among the first of all.

    `all_end`: every token ends its text, as at the length limit.
    """
    ends = np.isin(found.tokens, list(group.end_ids)) | all_end
    goes_on = ~ends & (np.cumsum(~ends) <= num_beams)
    return found.where(goes_on | (ends & (np.arange(len(found)) < num_beams)))


def normalised(score: float, length: float, length_penalty: float) -> float:
    """Divide a sum of log-probabilities by a power of its number of tokens."""
    return float(score / max(length, 1) ** length_penalty)


def attainable(
    group: Group, score: float, length: int, length_penalty: float, early_stopping: EarlyStopping
) -> float:
    """Return what a live beam counts on: its score at its own length, or at the longest under "never"."""
    if early_stopping == "never" and length_penalty > 0:
        length = group.params.max_tokens
    return normalised(score, length, length_penalty)
