"""AB-MCTS-A: adaptive branching Monte-Carlo tree search, with node aggregation.

A node is a whole answer, its children are new attempts at it; the root is the question. N times:

    select      from the root down: draw a score from the posterior of GEN, "a new child here", and one from
                that of CONT, "go on below a child". If GEN's is larger, or there is no child, stop here;
                otherwise draw one from the posterior of each child, and go to the child with the largest.
    generate    a new child of that node: at the root an answer to the question, elsewhere a revision of the
                node's answer
    back up     its reward r, in [0, 1]: the node's GEN and the child itself have seen r, and on the way up to
                the root each node itself and its parent's CONT

    answer = argmax of the reward over all nodes

Inoue et al., arXiv 2503.04412, and the authors' code, TreeQuest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ponder.asks import Grow, Path
from ponder.asks.path import branched
from ponder.errors import ParameterError
from ponder.rewards import AnswerEquality, Problem
from ponder.scaling.budget import Budget
from ponder.scaling.dice import dice
from ponder.scaling.effects import Search, extend, note
from ponder.scaling.parameters import check_choice, check_flag, check_sampling, sampling_for
from ponder.scaling.posterior import Gaussian, Prior
from ponder.scaling.revision_prompt import REVISE, check_revise, revision_prompt
from ponder.scaling.scored import AGGREGATES, Aggregate, Scored, best, choose, score
from ponder.scaling.selection import SELECTIONS, Selection


@dataclass(slots=True)
class AnswerNode:
    """An answer in the search tree; the root is the question.

    Attributes
    ----------
    scored : None for the question.
    itself, generated, continued : the rewards that the node, its GEN and its CONT have seen.
    """

    scored: Scored | None = None
    parent: AnswerNode | None = None
    children: list[AnswerNode] = field(default_factory=list)
    itself: list[float] = field(default_factory=list)
    generated: list[float] = field(default_factory=list)
    continued: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class AbMcts:
    """Write N answers, the budget's n, one after the other: each is new, or revises one that there is.

    Rewards must lie in [0, 1], or be logarithms of such numbers. An answer that is not scored is a child of
    which nothing is known. A revision sees the question, the answer that it revises, and what the reward said
    of that in words; nothing else.

    Attributes
    ----------
    prior : what is known of a reward beforehand, `Gaussian()` or `Beta()`.
    revise : what the user says after an answer, to have it revised.
    feedback : as in `Revision`.
    aggregate, selection, sampling, equal : as in `StepBeam`.
    """

    prior: Prior = field(default_factory=Gaussian)
    revise: str = REVISE
    feedback: bool = True
    aggregate: Aggregate = "last"
    selection: Selection = "plain"
    sampling: Mapping[str, Any] = field(default_factory=dict)
    equal: Callable[[str, str], bool] = field(default_factory=AnswerEquality)

    name: ClassVar[str] = "ab-mcts"
    needs: ClassVar[frozenset[str]] = frozenset({"reward"})

    def __post_init__(self) -> None:
        check_revise(self.revise)
        check_flag("feedback", self.feedback)
        check_choice("aggregate", self.aggregate, AGGREGATES)
        check_choice("selection", self.selection, SELECTIONS)
        check_sampling(self.sampling)

    def search(self, problem: Problem, budget: Budget) -> Search:
        sampling = sampling_for(self.sampling, problem, budget.n)
        root, answers = AnswerNode(), list[Scored]()
        for number in range(budget.n):
            node = selected(root, self.prior, dice(sampling["seed"], number))
            prompt = problem.prompt
            if node.scored is not None:
                prompt = revision_prompt(problem, [node.scored], self.revise, feedback=self.feedback)
            path = Path(prompt, lineage=branched((), 0, len(node.children)))  # the next sample of this prompt
            extended = yield from extend(Grow(path, {**sampling, "n": 1}))
            answers += yield from score(extended.texts, self.aggregate)
            back_up(node, answers[-1])
            revised = node.scored.text.node if node.scored else None
            yield from note(best(answers), answer=answers[-1].text.node, revised=revised)
            if extended.stopped != "done":
                break
        return choose(answers, self.selection, self.equal, sampling)


def selected(root: AnswerNode, prior: Prior, numbers: np.random.Generator) -> AnswerNode:
    """Return the node that gets a new child."""
    node = root
    while node.children and not generates(node, prior, numbers):
        drawn = [prior.draw(child.itself, numbers) for child in node.children]
        node = node.children[max(range(len(drawn)), key=drawn.__getitem__)]
    return node


def generates(node: AnswerNode, prior: Prior, numbers: np.random.Generator) -> bool:
    """Draw whether GEN's score is at least CONT's."""
    return prior.draw(node.generated, numbers) >= prior.draw(node.continued, numbers)


def back_up(parent: AnswerNode, scored: Scored) -> None:
    """Add a child, and tell all whom its reward concerns."""
    child = AnswerNode(scored, parent)
    parent.children.append(child)
    reward = scored.value
    if reward is None:
        return
    if not 0 <= reward <= 1:
        raise ParameterError("score", reward, "from 0 to 1, for ab-mcts")
    child.itself.append(reward)
    parent.generated.append(reward)
    node = parent
    while node.parent is not None:
        node.itself.append(reward)
        node.parent.continued.append(reward)
        node = node.parent
