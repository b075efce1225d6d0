"""Monte-Carlo tree search over reasoning steps.

A node s is a text of some steps, its actions a are next steps of it. N times:

    select      from the prompt down, the child of s with the largest

                    Q(s, a) + c * P(s, a) * sqrt(N(s)) / (1 + N(s, a))

                until a node without children
    expand      if that node was visited before and is not finished: `expand` next steps become its children,
                and select goes on to one of them
    roll out    the text to its end
    back up     the reward of that end: N(s, a) += 1 on the way, Q(s, a) is the mean of the rewards below

    answer = best-of-N, weighted, over the ends

PUCT as in Silver et al., "Mastering the game of Go without human knowledge" (Nature 550, 2017). P is how
likely the policy finds a step among its siblings: exp(mean log-probability of its tokens), normalised.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

from ponder.asks import Boundary, Grow, Path
from ponder.rewards import AnswerEquality, Problem
from ponder.scaling.budget import Budget
from ponder.scaling.effects import Search, Text, extend, note
from ponder.scaling.parameters import check_choice, check_count, check_number, check_sampling, sampling_for
from ponder.scaling.reasoning_step import BLANK_LINE
from ponder.scaling.scored import AGGREGATES, Aggregate, Scored, best, choose, score
from ponder.scaling.seed import problem_seed
from ponder.scaling.selection import SELECTIONS, Selection

Prior = Literal["likelihood", "uniform"]
PRIORS: tuple[Prior, ...] = get_args(Prior)


@dataclass(slots=True)
class TreeNode:
    """A text in the search tree; the root is the prompt.

    Attributes
    ----------
    text : None for the prompt.
    prior : P(s, a).
    visits : N(s, a).
    rewards : those that were backed up through it; fewer than visits if some ends were not scored.
    end : the end of the rollout that began here.
    """

    text: Text | None = None
    prior: float = 1.0
    visits: int = 0
    rewards: list[float] = field(default_factory=list)
    children: list[TreeNode] = field(default_factory=list)
    end: Scored | None = None

    @property
    def live(self) -> bool:
        """Whether it can go on."""
        return self.text is None or self.text.live

    @property
    def mean(self) -> float:
        """Q(s, a); 0 before the first reward."""
        return math.fsum(self.rewards) / len(self.rewards) if self.rewards else 0.0


@dataclass(frozen=True, slots=True)
class Mcts:
    """Roll out N texts, the budget's n, and let their rewards decide where in the tree the next begins.

    Rewards should be probabilities, or `exploration` of their size; logarithms count as exp(score). An end
    that is not scored counts as a visit and changes no mean.

    Attributes
    ----------
    expand : how many next steps a node gets.
    exploration : c of the formula.
    prior : "likelihood" as above, or "uniform", 1 / expand.
    max_steps : how deep the tree may get.
    step, aggregate, selection, sampling, equal : as in `StepBeam`.
    """

    expand: int = 4
    exploration: float = 1.0
    prior: Prior = "likelihood"
    step: Boundary = BLANK_LINE
    max_steps: int = 40
    aggregate: Aggregate = "last"
    selection: Selection = "weighted"
    sampling: Mapping[str, Any] = field(default_factory=dict)
    equal: Callable[[str, str], bool] = field(default_factory=AnswerEquality)

    name: ClassVar[str] = "mcts"
    needs: ClassVar[frozenset[str]] = frozenset({"reward"})

    def __post_init__(self) -> None:
        check_count("expand", self.expand)
        check_number("exploration", self.exploration, over=0)
        check_choice("prior", self.prior, PRIORS)
        check_count("max_steps", self.max_steps)
        check_choice("aggregate", self.aggregate, AGGREGATES)
        check_choice("selection", self.selection, SELECTIONS)
        check_sampling(self.sampling)

    def search(self, problem: Problem, budget: Budget) -> Search:
        expand = min(self.expand, budget.n)
        sampling = sampling_for(self.sampling, problem, budget.n)
        root, ends = TreeNode(visits=1), list[Scored]()
        for number in range(budget.n):
            way = descent(root, self.exploration)
            leaf = way[-1]
            if leaf.visits and leaf.live and len(way) <= self.max_steps:
                path = leaf.text.path if leaf.text else Path(problem.prompt)
                extended = yield from extend(Grow(path, {**sampling, "n": expand}, until=self.step))
                if extended.stopped != "done":
                    ends += yield from score(extended.texts, self.aggregate)
                    break
                leaf.children = children(leaf, extended.texts, self.prior)
                way += descent(leaf, self.exploration)[1:]
                leaf = way[-1]
            if leaf.end is None and leaf.text is not None:
                text = leaf.text
                if leaf.live:
                    # With a seed of its own, or a node's first child would begin as its rollout did.
                    seed = problem_seed(sampling["seed"] + number, problem)
                    extended = yield from extend(Grow(text.path, {**sampling, "n": 1, "seed": seed}))
                    text = extended.texts[0]
                ends += yield from score([text], self.aggregate)
                leaf.end = ends[-1]
            back_up(way)
            yield from note(best(ends), way=[node.text.node for node in way if node.text])
            if extended.stopped != "done":
                break
        return choose(ends, self.selection, self.equal, sampling)


def puct(child: TreeNode, visits: int, exploration: float) -> float:
    """Return what the child with the largest is selected by; `visits` are its parent's."""
    return child.mean + exploration * child.prior * math.sqrt(visits) / (1 + child.visits)


def descent(node: TreeNode, exploration: float) -> list[TreeNode]:
    """Return the nodes from a node down to one without children; ties go to the first child."""
    way = [node]
    while way[-1].children:
        visits = way[-1].visits
        way.append(max(way[-1].children, key=lambda child: puct(child, visits, exploration)))
    return way


def children(parent: TreeNode, steps: Sequence[Text], prior: Prior) -> list[TreeNode]:
    """Return next steps as children; their priors add up to 1."""
    begun = len(parent.text.path.tokens) if parent.text else 0
    likely = [1.0] * len(steps)
    if prior == "likelihood":
        likely = [math.exp(_mean_logprob(text, begun)) for text in steps]
    total = math.fsum(likely)
    return [TreeNode(text, one / total) for text, one in zip(steps, likely, strict=True)]


def _mean_logprob(text: Text, begun: int) -> float:
    logprobs = [measure.logprob for measure in (text.measures or ())[begun:]]
    return math.fsum(logprobs) / len(logprobs) if logprobs else 0.0


def back_up(way: Sequence[TreeNode]) -> None:
    """Count a visit of each node on the way, and the reward of the last one's end."""
    end = way[-1].end
    for node in way:
        node.visits += 1
        if end is not None and end.value is not None:
            node.rewards.append(end.value)
