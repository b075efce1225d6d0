"""How certain the model was while it wrote a text: numbers that need no verifier.

With p_t the raw distribution that token t of n was chosen from, V tokens in the vocabulary:

    entropy            H = (1/n) sum_t H(p_t)                           the lower, the better: the score is -H
    self-certainty     -(1/(nV)) sum_t sum_j log(V p_tj)                Kang et al., arXiv 2502.18581, eq. 8
    token confidence   C_t = -(1/k) sum over the k likeliest j of log p_tj    Fu et al., arXiv 2508.15260
    group confidence   G_t = the mean of C over the `window` tokens that end with t
    bottom             the mean of the lowest tenth of the G_t
    lowest             the smallest G_t
    tail               the last G_t

C_t is large where the model is certain: a peak leaves the other k - 1 tokens very negative log-probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
import numpy.typing as npt

from ponder.asks import LanguageModel
from ponder.errors import ParameterError
from ponder.rewards.judgement import Judgement, Scale
from ponder.rewards.measure import Measure
from ponder.rewards.reward import Candidate, Problem

Floats = npt.NDArray[np.float64]
OfConfidences = Literal["mean", "bottom", "lowest", "tail"]
Certainty = Literal["entropy", "total-entropy", "self-certainty", OfConfidences]
CONFIDENCES: tuple[OfConfidences, ...] = get_args(OfConfidences)
CERTAINTIES: tuple[Certainty, ...] = get_args(Certainty)

WINDOW = 0.25
_BOTTOM = 0.1


def check_window(window: float) -> None:
    """Raise ParameterError for what is no window."""
    whole = isinstance(window, int) and not isinstance(window, bool) and window >= 1
    if not whole and not (isinstance(window, float) and 0 < window <= 1):
        raise ParameterError(
            "window", window, "a whole number of tokens, or a share of the length (over 0, to 1.0)"
        )


def window_tokens(window: float, length: int) -> int:
    """Return how many tokens a window has in a text of this length; a float is a share of the length."""
    return window if isinstance(window, int) else max(1, round(window * length))


def token_confidences(measures: Sequence[Measure] | None) -> Floats | None:
    """Return C_t of each token, [n]; None where a token has none, or there is no token."""
    values = [measure.confidence for measure in measures or ()]
    return np.array(values, np.float64) if values and None not in values else None


def group_confidences(confidences: Floats, window: int) -> Floats:
    """Return G_t wherever a window is full, [n - window + 1]; of a shorter text, [1], the mean of all."""
    if len(confidences) <= window:
        return np.array([confidences.mean()])
    sums = np.concatenate(([0.0], np.cumsum(confidences)))
    groups: Floats = (sums[window:] - sums[:-window]) / window
    return groups


def text_confidence(confidences: Floats, of: OfConfidences, window: float) -> float:
    """Return one number for a text from its tokens' confidences [n]."""
    if of == "mean":
        return float(confidences.mean())
    groups = group_confidences(confidences, window_tokens(window, len(confidences)))
    if of == "tail":
        return float(groups[-1])
    count = 1 if of == "lowest" else max(1, int(_BOTTOM * len(groups)))
    return float(np.sort(groups)[:count].mean())


@dataclass(frozen=True, slots=True)
class Confidence:
    """Scores a text that a model wrote by how certain the model was; the module's docstring has the formulas.

    It costs nothing but that the model tells more of each token, which is asked for where a strategy draws
    texts for this reward. A text of which this is not known is unscored.

    A confident text is not a right one: as a weight or a rank of votes ("borda") such a score helps more than
    as a judge.

    Attributes
    ----------
    of : which number.
    window : of a group, in tokens, or as a share of the text's length (a float; DeepConf has 2048 tokens,
        for texts of ten thousands).
    """

    of: Certainty = "bottom"
    window: float = WINDOW

    scale: ClassVar[Scale] = "number"

    def __post_init__(self) -> None:
        if self.of not in CERTAINTIES:
            raise ParameterError("of", self.of, "one of " + ", ".join(CERTAINTIES))
        check_window(self.window)

    @property
    def name(self) -> str:
        return (
            self.of if self.of in ("entropy", "total-entropy", "self-certainty") else f"{self.of}-confidence"
        )

    @property
    def needs(self) -> frozenset[str]:
        match self.of:
            case "entropy" | "total-entropy":
                return frozenset()
            case "self-certainty":
                return frozenset({"certainty"})
        return frozenset({"confidence"})

    def free_for(self, policy: LanguageModel, candidates: Sequence[Candidate]) -> bool:
        return True

    async def judge(self, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
        return Judgement.of([self._score(candidate.measures) for candidate in candidates])

    def _score(self, measures: Sequence[Measure]) -> float | str:
        values = [self._value(measure) for measure in measures]
        known = np.array([value for value in values if value is not None], np.float64)
        if not values:
            return "it has no tokens whose probabilities are known"
        if len(known) < len(values):
            return f"the model did not tell what {self.name} is computed from"
        match self.of:
            case "entropy":
                return -float(known.mean())
            case "total-entropy":
                return -float(known.sum())
            case "self-certainty":
                return float(known.mean())
        return text_confidence(known, self.of, self.window)

    def _value(self, measure: Measure) -> float | None:
        match self.of:
            case "entropy" | "total-entropy":
                return measure.entropy
            case "self-certainty":
                return measure.certainty
        return measure.confidence
