"""A tree of texts for each problem, which says how good each reasoning step is: the labels of a reward.

    texts = expand[0] samples of the prompt, grown by one step
    for more in expand[1:]:
        texts = more samples of each text that can go on, grown by one step
    each text that can go on is grown to its end

The value of a text is the share of right ones among the ends below it. An inner text of a tree of 4 x 2 x 2
is so judged by 4 or 2 ends that are labels themselves: several times the labels of as many separate rollouts
(Wang et al., Math-Shepherd, arXiv 2312.08935, section 3.3, who roll out from each step of a single text).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ponder.asks import Boundary, Grow, Path
from ponder.errors import ParameterError
from ponder.rewards import Candidate, Problem
from ponder.scaling.budget import Budget
from ponder.scaling.effects import Choice, Search, Text, extend
from ponder.scaling.parameters import TEMPERATURE
from ponder.scaling.seed import problem_seed
from ponder.tasks import Task

MAX_TEXTS = 4096
STEPS, ENDS = (4, 2, 2), (16,)  # the trees of tasks whose answers have steps, and of others


@dataclass(frozen=True, slots=True)
class LabelTree:
    """Grow a tree of texts by reasoning steps; the choice holds all of them, and the first is chosen.

    Attributes
    ----------
    expand : into how many each text is expanded, level by level.
    step : what ends a step.
    sampling : as in `BestOfN`.
    """

    expand: tuple[int, ...] = STEPS
    step: Boundary = field(default_factory=lambda: Boundary(("\n",), tokens=64))
    sampling: Mapping[str, Any] = field(default_factory=dict)

    name: ClassVar[str] = "label-tree"
    needs: ClassVar[frozenset[str]] = frozenset({"state"})

    def __post_init__(self) -> None:
        texts = 1
        for count in self.expand:
            if type(count) is not int or count < 1 or (texts := texts * count) > MAX_TEXTS:
                allowed = f"whole numbers of 1 or more whose product is at most {MAX_TEXTS}"
                raise ParameterError("expand", self.expand, allowed)
        if not self.expand:
            raise ParameterError("expand", self.expand, "one number or more")

    def search(self, problem: Problem, budget: Budget) -> Search:
        seed = problem_seed(self.sampling.get("seed", 0), problem)
        sampling = {"temperature": TEMPERATURE, **self.sampling, "seed": seed}
        paths, texts = [Path(problem.prompt)], list[Text]()
        for count in self.expand:
            grown = yield from extend(
                *(Grow(path, {**sampling, "n": count}, until=self.step) for path in paths)
            )
            texts += grown.texts
            paths = [text.path for text in grown.texts if text.live]
            if not paths or grown.stopped != "done":
                break
        else:
            texts += (yield from extend(*(Grow(path, sampling) for path in paths))).texts
        return Choice(0, tuple(texts), sampling=sampling)


def tree_for(
    task: Task,
    seed: int,
    temperature: float = TEMPERATURE,
    *,
    steps: tuple[int, ...] = STEPS,
    ends: tuple[int, ...] = ENDS,
) -> LabelTree:
    """Return the tree of a task: `steps` where its answers have several, else `ends`."""
    sampling = {**task.sampling, "temperature": temperature, "seed": seed}
    return LabelTree(ends if task.step is None else steps, task.boundary, sampling)


@dataclass(frozen=True, slots=True)
class Label:
    """How good a text is: the share of right ones among the ends below it, itself if it is an end.

    Attributes
    ----------
    value : that share.
    ends : how many ends that is, an equal part of them for each of equal texts: what the label weighs.
    """

    value: float
    ends: float


def labels(texts: Sequence[Candidate], right: Sequence[bool]) -> list[Label | None]:
    """Return the label of each text of a tree; None for one that was cut off before it had an end.

    Parameters
    ----------
    texts : with their paths; a text is below those whose tokens begin its own, equal ones included.
    right : whether each, were it an end, has the right answer.
    """
    ends, good = dict[tuple[int, ...], int](), dict[tuple[int, ...], int]()  # below some tokens
    paths = [None if text.path is None else text.path.tokens for text in texts]
    nodes = Counter(paths)
    for text, tokens, is_right in zip(texts, paths, right, strict=True):
        if tokens is None or text.finish_reason in ("until", "cancelled"):
            continue
        for above in (tokens[:length] for length in range(1, len(tokens) + 1)):
            if above in nodes:
                ends[above] = ends.get(above, 0) + 1
                good[above] = good.get(above, 0) + is_right
    return [Label(good[one] / ends[one], ends[one] / nodes[one]) if one in ends else None for one in paths]
