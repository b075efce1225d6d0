"""Particle filtering over reasoning steps.

    S = N first steps of the answer, the particles
    repeat, max_steps times at most:
        score each particle by the reward: r in [0, 1]
        w = softmax(logit(r) / T)                     with T = 1, and r clipped to [1e-7, 1 - 1e-7]
        stop if all particles are finished
        S = N particles drawn from S with probabilities w, with replacement
        S = a next step for each unfinished one; finished ones stay as they are
    answer = the particle with the largest w

Puri et al., arXiv 2502.01618, and its code, its_hub. Entropic tempering (arXiv 2510.05825, ePF) keeps an
overconfident reward from leaving one particle alone early on:

    ESS = 1 / sum of w^2
    T   = max(1, N / ESS * (1 - step / max_steps))    if ESS / N < 0.5 and step / max_steps < 0.5
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from ponder.asks import Boundary, Grow, Path
from ponder.rewards import AnswerEquality, Problem
from ponder.scaling.budget import Budget
from ponder.scaling.dice import dice
from ponder.scaling.effects import Search, extend, note
from ponder.scaling.parameters import check_choice, check_count, check_sampling, sampling_for
from ponder.scaling.reasoning_step import BLANK_LINE, step_end
from ponder.scaling.scored import AGGREGATES, Aggregate, Scored, best, choose, score
from ponder.scaling.selection import SELECTIONS, Selection

Resampling = Literal["multinomial", "systematic"]
RESAMPLINGS: tuple[Resampling, ...] = get_args(Resampling)

_CLIP = 1e-7


@dataclass(frozen=True, slots=True)
class Particles:
    """Grow N texts, the budget's n, and draw anew after each step which of them go on.

    Weights want a reward that is a probability. Logarithms and other numbers are taken for logits as they
    are, so other numbers between 0 and 1 would make nearly equal weights.

    Attributes
    ----------
    resampling : "multinomial" draws N times; "systematic" takes N equidistant points, which varies less.
    tempering : whether to temper weights as ePF does.
    step, max_steps, aggregate, sampling, equal : as in `StepBeam`.
    selection : as in `BestOfN`, over the particles at the end, in which a text may be several times.
    """

    resampling: Resampling = "multinomial"
    tempering: bool = False
    step: Boundary = BLANK_LINE
    max_steps: int = 40
    aggregate: Aggregate = "last"
    selection: Selection = "plain"
    sampling: Mapping[str, Any] = field(default_factory=dict)
    equal: Callable[[str, str], bool] = field(default_factory=AnswerEquality)

    name: ClassVar[str] = "particles"
    needs: ClassVar[frozenset[str]] = frozenset({"reward"})

    def __post_init__(self) -> None:
        check_choice("resampling", self.resampling, RESAMPLINGS)
        check_count("max_steps", self.max_steps)
        check_choice("aggregate", self.aggregate, AGGREGATES)
        check_choice("selection", self.selection, SELECTIONS)
        check_sampling(self.sampling)

    def search(self, problem: Problem, budget: Budget) -> Search:
        sampling = sampling_for(self.sampling, problem, budget.n)
        finished: list[Scored] = []
        grows = [Grow(Path(problem.prompt), sampling, until=step_end(self.step, 0, self.max_steps))]
        for number in range(self.max_steps):
            extended = yield from extend(*grows)
            particles = finished + (yield from score(extended.texts, self.aggregate))
            progress = (number + 1) / self.max_steps
            weights = particle_weights([logit(one) for one in particles], progress if self.tempering else 1)
            yield from note(best(particles), particles=[one.text.node for one in particles], weights=weights)
            if not any(one.text.live for one in particles) or extended.stopped != "done":
                break
            drawn = Counter(resampled(weights, budget.n, self.resampling, dice(sampling["seed"], number)))
            finished = [particles[i] for i in sorted(drawn.elements()) if not particles[i].text.live]
            until = step_end(self.step, number + 1, self.max_steps)
            grows = [
                Grow(particles[i].text.path, {**sampling, "n": drawn[i]}, until=until)
                for i in sorted(drawn)
                if particles[i].text.live
            ]
            if not grows:
                particles = finished
                break
        return choose(particles, self.selection, self.equal, sampling)


def logit(one: Scored) -> float:
    """Return a score as a logarithm of odds; below all others for who is not scored."""
    if one.score is None or one.scale != "probability":
        return one.rank
    r = min(max(one.score, _CLIP), 1 - _CLIP)
    return math.log(r / (1 - r))


def particle_weights(logits: Sequence[float], progress: float = 1) -> list[float]:
    """Return the weights of particles, their softmax, tempered as in ePF if progress is below 0.5."""
    weights = _softmax(logits)
    share = 1 / math.fsum(weight * weight for weight in weights) / len(weights)  # ESS / N
    if share < 0.5 and progress < 0.5:
        temperature = max(1.0, (1 - progress) / share)
        return _softmax([one / temperature for one in logits])
    return weights


def _softmax(logits: Sequence[float]) -> list[float]:
    top = max(logits)
    weights = [1.0 if top == -math.inf else math.exp(one - top) for one in logits]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def resampled(
    weights: Sequence[float], n: int, resampling: Resampling, numbers: np.random.Generator
) -> list[int]:
    """Draw n indices in proportion to weights, with replacement."""
    points = (np.arange(n) + numbers.random()) / n if resampling == "systematic" else numbers.random(n)
    bounds = np.cumsum(weights)
    return [int(i) for i in np.searchsorted(bounds / bounds[-1], points, side="right")]
