"""Monte-Carlo tree search: the formula on random trees, and a whole search by hand."""

import math
import random
from itertools import pairwise

import pytest

from ponder.asks import Path
from ponder.rewards import Measure
from ponder.scaling import Mcts, Text
from ponder.scaling.mcts import TreeNode, children, descent, puct
from scaling.step_tree import COMMON, StepTree, letters, noted, searched


def random_tree(numbers, depth):
    node = TreeNode(prior=numbers.random(), visits=numbers.randint(0, 9))
    node.rewards = [numbers.random() for _ in range(numbers.randint(0, node.visits))]
    if depth:
        node.children = [random_tree(numbers, depth - 1) for _ in range(numbers.randint(0, 4))]
    return node


def test_the_child_with_the_largest_puct_is_selected():
    numbers = random.Random(1)
    for _ in range(300):
        root, c = random_tree(numbers, 4), numbers.choice((0.1, 1.0, 5.0))
        way = descent(root, c)
        for node, chosen in pairwise(way):
            values = [
                (sum(a.rewards) / len(a.rewards) if a.rewards else 0)
                + c * a.prior * math.sqrt(node.visits) / (1 + a.visits)
                for a in node.children
            ]
            assert [puct(a, node.visits, c) for a in node.children] == pytest.approx(values)
            assert chosen is node.children[values.index(max(values))]
        assert not way[-1].children


CASES = [(2, 2, 1.0, 3), (20, 3, 1.0, 4), (20, 4, 0.2, 2), (25, 2, 3.0, 9)]


def by_hand(tree, n, expand, c, max_steps):
    """Return the ways of N simulations over strings, with uniform priors, and the ends."""
    below, visits, rewards, ends, ways = {}, {"": 1}, {}, {}, []

    def best_child(text):
        def value(child):
            got = rewards.get(child, [])
            mean = sum(got) / len(got) if got else 0
            return mean + c / expand * math.sqrt(visits[text]) / (1 + visits.get(child, 0))

        return max(below[text], key=value)

    for _ in range(n):
        way = [""]
        while way[-1] in below:
            way.append(best_child(way[-1]))
        leaf = way[-1]
        if visits.get(leaf, 0) and not (leaf and tree.ended(leaf)) and leaf.count("\n") < max_steps:
            below[leaf] = letters(leaf, expand)
            way.append(best_child(leaf))
        end = ends.setdefault(way[-1], tree.rolled_out(way[-1]))
        for text in way:
            visits[text] = visits.get(text, 0) + 1
            rewards.setdefault(text, []).append(tree.value(end))
        ways.append(way[1:])
    return ways, list(ends.values())


@pytest.mark.parametrize(("n", "expand", "c", "max_steps"), CASES)
def test_a_search_is_what_it_is_by_hand(n, expand, c, max_steps):
    for seed in range(2):
        tree = StepTree(seed)
        answer, effects = searched(Mcts(expand, c, "uniform", max_steps=max_steps, **COMMON), tree, n)
        ways, ends = by_hand(tree, n, expand, c, max_steps)
        assert noted(effects, "way") == ways
        assert [candidate.text for candidate in answer.candidates] == ends


def test_priors_are_how_likely_the_policy_finds_a_step():
    """Of the step alone, whatever came before it, and per token."""

    def text(*logprobs):
        path = Path("p", tuple(range(len(logprobs))))
        return Text(0, -1, path, "", (), "until", measures=tuple(Measure(one, one) for one in logprobs))

    parent = TreeNode(text(-9.0))
    made = children(parent, [text(-9.0, -1.0, -2.0), text(-9.0, -0.5)], "likelihood")
    odds = math.exp(-1.5) / math.exp(-0.5)
    assert [node.prior for node in made] == pytest.approx([odds / (1 + odds), 1 / (1 + odds)])
    assert [node.prior for node in children(parent, [text(-9.0, -1.0), text(-9.0)], "uniform")] == [0.5, 0.5]


def test_rollouts_draw_other_numbers_than_steps():
    """Or the first step of a node would repeat what was rolled out from it."""
    model = StepTree(2).model()
    searched(Mcts(3, **COMMON), StepTree(2), 6, model)
    steps = {ask.params["seed"] for ask in model.requests if ask.params["n"] == 3}
    rollouts = [ask.params["seed"] for ask in model.requests if ask.params["n"] == 1]
    assert len(steps) == 1
    assert len(set(rollouts)) == len(rollouts) > 1
    assert not steps & set(rollouts)


def test_steps_that_the_budget_cuts_off_compete():
    """Within the first expansion, and within a later one beside the ends that there are."""
    tree = StepTree(1, ends=0, deepest=4)
    answer, _ = searched(Mcts(4, **COMMON), tree, 4, max_generated_tokens=3)
    assert [candidate.text for candidate in answer.candidates] == ["a", "b", "c", ""]
    assert tree.value(answer.text) == max(map(tree.value, ["a", "b", "c", ""]))
    answer, _ = searched(Mcts(2, **COMMON), tree, 9, max_generated_tokens=2 * 2 + 6 + 1)
    assert [candidate.finish_reason for candidate in answer.candidates] == ["stop"]
