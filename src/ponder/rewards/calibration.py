"""Calibration: what a score says of the probability of being right.

    P(right | score) = 1 / (1 + exp(-(slope * score + offset))),    slope >= 0

Platt scaling (Platt 1999), fitted by Newton's method on pairs of a score and whether the text was right:

    targets     (R + 1) / (R + 2) for the R right ones, 1 / (W + 2) for the W wrong ones
    minimise    - sum t log p + (1 - t) log(1 - p)      (Lin, Lin and Weng 2007, Machine Learning 68)

The targets keep the fit finite where scores part right and wrong. Fit on problems that are not judged later.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from ponder.asks import LanguageModel
from ponder.errors import DataError, ParameterError
from ponder.rewards.judgement import Judgement, Scale
from ponder.rewards.logistic import fit_logistic, logistic
from ponder.rewards.reading import Planned, joint_plan
from ponder.rewards.reward import Candidate, Problem, Reward, is_free, judged

FORMAT = "ponder.calibration.v1"
_MAX_BYTES = 2**16


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted curve; monotone: a higher score is never less probable to be right.

    Attributes
    ----------
    reward : the name of the reward whose scores it reads.
    slope, offset : of the curve. A slope of 0 means that scores said nothing, or the reverse.
    right, wrong : how many texts it was fitted on.
    """

    reward: str
    slope: float
    offset: float
    right: int
    wrong: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.slope) and math.isfinite(self.offset)) or self.slope < 0:
            pair = (self.slope, self.offset)
            raise ParameterError("slope, offset", pair, "finite numbers, the slope not negative")

    def __call__(self, score: float) -> float:
        """Return the probability that a text of this score is right."""
        return logistic(self.slope * score + self.offset)

    def save(self, path: str | Path) -> None:
        """Write it to a JSON file."""
        Path(path).write_text(json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n")

    @staticmethod
    def load(path: str | Path) -> Calibration:
        """Read it from a file. Raises DataError for one that `save` did not write."""
        path = Path(path)
        try:
            if path.stat().st_size > _MAX_BYTES:
                raise ValueError(f"it has more than {_MAX_BYTES} bytes")
            told = json.loads(path.read_text())
            if not isinstance(told, dict) or told.pop("format", None) != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            numbers = {name: float(told[name]) for name in ("slope", "offset")}
            counts = {name: int(told[name]) for name in ("right", "wrong")}
            return Calibration(str(told["reward"]), **numbers, **counts)  # type: ignore[arg-type]
        except (OSError, ValueError, KeyError, TypeError, OverflowError, ParameterError) as error:
            raise DataError(f"{path.name} cannot be read as a calibration: {error}") from None


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A reward's scores as probabilities of being right.

    Raises
    ------
    ParameterError : the calibration was fitted on another reward.
    """

    reward: Reward
    calibration: Calibration

    scale: ClassVar[Scale] = "probability"

    def __post_init__(self) -> None:
        if self.calibration.reward != self.reward.name:
            allowed = f"one that was fitted on {self.reward.name}"
            raise ParameterError("calibration", self.calibration.reward, allowed)

    @property
    def name(self) -> str:
        return self.reward.name

    @property
    def needs(self) -> frozenset[str]:
        return self.reward.needs

    def free_for(self, policy: LanguageModel, candidates: Sequence[Candidate]) -> bool:
        return is_free(self.reward, policy, candidates)

    def plan(
        self, policy: LanguageModel, problem: Problem, candidate: Candidate
    ) -> tuple[Planned, ...] | None:
        return joint_plan([self.reward], policy, problem, candidate)

    async def judge(self, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
        judgement = await judged(self.reward, problem, candidates)
        steps = tuple(tuple(map(self.calibration, own)) for own in judgement.steps)
        return replace(judgement, steps=steps, scale=self.scale)


def calibrate(reward: str, scores: Sequence[float], right: Sequence[bool]) -> Calibration:
    """Fit a calibration for the reward of this name on held-out scores and whether each text was right.

    Raises
    ------
    ParameterError : there are fewer than two pairs, not as many of one as of the other, or a score is not
        finite.
    """
    if len(scores) != len(right) or len(scores) < 2:
        raise ParameterError("scores", f"{len(scores)} scores, {len(right)} verdicts", "two pairs or more")
    values = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ParameterError("scores", float(values[~np.isfinite(values)][0]), "finite numbers")
    verdicts = np.asarray(right, dtype=np.bool_)
    won, lost = int(verdicts.sum()), int((~verdicts).sum())
    targets = np.where(verdicts, (won + 1) / (won + 2), 1 / (lost + 2))
    mean, spread = float(values.mean()), float(values.std()) or 1.0  # else the fit would depend on units
    x = np.stack([(values - mean) / spread, np.ones_like(values)], axis=1)
    slope, offset = fit_logistic(x, targets, np.ones_like(values), np.zeros(2)).tolist()
    if slope <= 0:  # the best curve that does not fall is flat
        share = float(targets.mean())
        slope, offset = 0.0, math.log(share / (1 - share))
    slope /= spread
    return Calibration(reward, slope, offset - slope * mean, won, lost)
