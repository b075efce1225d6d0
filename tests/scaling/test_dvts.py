"""Diverse verifier tree search against greedy searches of each subtree by itself."""

import pytest

from ponder.scaling import DVTS
from scaling.step_tree import COMMON, StepTree, letters, noted, searched, top

MAX_STEPS = 4


def subtree(tree, level, expand):
    """Return the texts that one subtree keeps, step by step, and those that finish in it."""
    kept, finished = [], []
    for step in range(MAX_STEPS):
        if step == MAX_STEPS - 1:
            level = [tree.rolled_out(text) for text in level]
        finished += [text for text in level if tree.ended(text)]
        kept += top(level, 1, tree.value)
        if tree.ended(kept[-1]):
            break
        level = letters(kept[-1], expand)
    return kept, finished


@pytest.mark.parametrize(("n", "expand"), [(1, 4), (4, 4), (8, 2), (9, 4), (12, 3)])
def test_subtrees_grow_as_if_alone(n, expand):
    for seed in range(3):
        tree = StepTree(seed)
        answer, effects = searched(DVTS(expand, max_steps=MAX_STEPS, **COMMON), tree, n)
        width = min(expand, n)
        first = letters("", n // width * width)
        trees = [subtree(tree, first[i : i + width], width) for i in range(0, len(first), width)]
        rounds = [[kept[step] for kept, _ in trees if step < len(kept)] for step in range(MAX_STEPS)]
        assert noted(effects, "kept") == [texts for texts in rounds if texts]
        finished = [text for _, ends in trees for text in ends]
        assert sorted(candidate.text for candidate in answer.candidates) == sorted(finished)
