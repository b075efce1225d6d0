"""Train a reward head for a model on problems with known answers.

    for each problem: grow a tree of texts, and label each text by the share of right ends below it
    fit logistic regression on what a head reads at the ends of steps:
        minimise sum_i w_i H(y_i, p_i) + (decay / 2) |weights of the state|^2,    w_i ~ ends_i / sum of ends

Problems are split before anything is fitted: what is reported was measured on those that were held out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ponder.asks import LanguageModel
from ponder.errors import DataError, ParameterError
from ponder.rewards import Problem
from ponder.rewards.head import OF_TOKENS, Head, head_input
from ponder.rewards.logistic import fit_logistic
from ponder.scaling.evaluate import Result, solve_all
from ponder.scaling.label_tree import LabelTree, labels
from ponder.scaling.ledger import Ledger

HELD_OUT = 0.25  # of the problems
FOLDS = 4
DECAYS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LabelledSteps:
    """The steps of one problem's tree: what a head reads [N, C + 3], and for each value, ends, depth [N]."""

    inputs: npt.NDArray[np.float32]
    values: Floats
    ends: Floats
    depths: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Labelled:
    """What came of one problem: its steps, or why there are none, and what was spent so far."""

    steps: LabelledSteps | None
    error: str | None
    ledger: Ledger


async def label(
    problems: Sequence[Problem], model: LanguageModel, tree: LabelTree, *, concurrency: int = 8
) -> AsyncIterator[Labelled]:
    """Grow and label the tree of each problem, in their order."""
    if "States" not in model.offers.reads:
        raise ParameterError("model", model.name, "one whose states can be read")
    spent = Ledger()
    async for item in solve_all(problems, tree, model, concurrency=concurrency):
        if isinstance(item, Result):
            spent += item.answer.ledger if item.answer else Ledger()
            steps = _steps(item)
            why = item.error or (None if steps else "no text of its tree has an end")
            yield Labelled(steps, why, spent)


def train(
    labelled: Sequence[LabelledSteps], provenance: dict[str, Any], *, decays: Sequence[float] = DECAYS
) -> Head:
    """Fit a head, with the decay that is best in a cross-validation over the training problems.

    Raises
    ------
    DataError : there are too few problems, or all texts are right, or all wrong.
    """
    if len(labelled) < 8:
        raise DataError(f"{len(labelled)} problems with labels are too few for a reward: 8 at least")
    held = max(2, round(HELD_OUT * len(labelled)))
    training, test = _joined(labelled[:-held]), _joined(labelled[-held:])
    for name, steps in (("training", training), ("test", test)):
        if not 0 < (steps.values * steps.ends).sum() < steps.ends.sum():
            kind = "right" if steps.values.any() else "wrong"
            raise DataError(f"all texts of the {name} problems are {kind}: there is nothing to learn")
    folds = _folds(labelled[:-held])
    decay = min(decays, key=lambda one: sum(_loss(fit(others, one), own) for others, own in folds))
    head = fit(training, decay)
    told = {**provenance, "decay": decay, "problems": len(labelled), "steps": len(training.values)}
    return replace(head, provenance={**told, "held_out": quality(head, test)})


def fit(steps: LabelledSteps, decay: float) -> Head:
    """Fit logistic regression to soft labels, in float64."""
    mean = steps.inputs.mean(axis=0)
    scale = np.maximum(steps.inputs.std(axis=0), 1e-6).astype(np.float32)
    x = np.c_[(steps.inputs - mean) / scale, np.ones(len(steps.values))].astype(np.float64)
    weight = steps.ends / steps.ends.sum()
    penalty = np.full(x.shape[1], decay)
    penalty[-OF_TOKENS - 1 :] = 0.0  # the log-probabilities, and the bias
    w = fit_logistic(x, steps.values, weight, penalty)
    return Head(mean.astype(np.float32), scale, w[:-1].astype(np.float32), float(w[-1]))


def quality(head: Head, steps: LabelledSteps) -> dict[str, Any]:
    """Return how well a head tells right from wrong: by depth the AUC; over all the calibration error."""
    scores = head.scores(steps.inputs)
    found: dict[str, Any] = {
        "steps": len(scores),
        "share_right": _round(np.average(steps.values, weights=steps.ends)),
    }
    depths = sorted(set(steps.depths.tolist()))
    found["auc"] = {str(depth): _round(_auc_at(scores, steps, depth)) for depth in depths}
    found["calibration_error"] = _round(calibration_error(scores, steps.values, steps.ends))
    return found


def auc(scores: Floats, values: Floats, weights: Floats) -> float | None:
    """Return the chance that a right text is scored over a wrong one, ties a half; None if one kind lacks.

    A text of value v counts as `v` right and `1 - v` wrong ones, times its weight.
    """
    right, wrong = values * weights, (1 - values) * weights
    if right.sum() <= 0 or wrong.sum() <= 0:
        return None
    kinds, place = np.unique(scores, return_inverse=True)
    r, w = (np.bincount(place, one, len(kinds)) for one in (right, wrong))
    below = np.cumsum(w) - w
    return float((r * (below + w / 2)).sum() / (right.sum() * wrong.sum()))


def calibration_error(scores: Floats, values: Floats, weights: Floats, bins: int = 10) -> float:
    """Return the expected calibration error: |mean score - mean value| of equally wide bins, weighted."""
    bin_of = np.minimum((scores * bins).astype(int), bins - 1)
    total = weights.sum()
    gaps = [abs((weights * (scores - values))[bin_of == b].sum()) for b in range(bins)]
    return float(sum(gaps) / total)


def _auc_at(scores: Floats, steps: LabelledSteps, depth: int) -> float | None:
    at = steps.depths == depth
    return auc(scores[at], steps.values[at], steps.ends[at])


def _loss(head: Head, steps: LabelledSteps) -> float:
    p = np.clip(head.scores(steps.inputs), 1e-12, 1 - 1e-12)
    losses = steps.values * np.log(p) + (1 - steps.values) * np.log(1 - p)
    return -float(np.average(losses, weights=steps.ends))


def _folds(labelled: Sequence[LabelledSteps]) -> list[tuple[LabelledSteps, LabelledSteps]]:
    """Return for each fold of the problems the steps of the others, and its own."""
    return [
        (
            _joined([one for i, one in enumerate(labelled) if i % FOLDS != fold]),
            _joined(labelled[fold::FOLDS]),
        )
        for fold in range(FOLDS)
    ]


def _joined(labelled: Sequence[LabelledSteps]) -> LabelledSteps:
    return LabelledSteps(
        np.concatenate([one.inputs for one in labelled]),
        np.concatenate([one.values for one in labelled]),
        np.concatenate([one.ends for one in labelled]),
        np.concatenate([one.depths for one in labelled]),
    )


def _steps(result: Result) -> LabelledSteps | None:
    if result.answer is None or result.candidates_right is None:
        return None
    texts = result.answer.candidates
    found = labels(texts, result.candidates_right)
    kept = [
        (head_input(text.state, [measure.logprob for measure in text.measures]), one, len(text.steps))
        for text, one in zip(texts, found, strict=True)
        if one is not None and text.state is not None and text.measures
    ]
    if not kept:
        return None
    inputs, of, depths = zip(*kept, strict=True)
    values, ends = ([one.value for one in of], [one.ends for one in of])
    return LabelledSteps(np.stack(inputs), np.array(values), np.array(ends, dtype=float), np.array(depths))


def _round(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)
