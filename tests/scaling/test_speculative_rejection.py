"""Speculative rejection against the same rule over plain strings."""

import pytest

from ponder.errors import ParameterError
from ponder.scaling import SpeculativeRejection
from scaling.step_tree import EQUAL, StepTree, letters, noted, searched, top

CASES = [(1, 1, 0.5), (8, 1, 0.5), (8, 2, 0.25), (12, 1, 0.9), (7, 3, 0.5)]


def by_hand(tree, n, steps, drop):
    """Return what is kept at each mark, and all finished texts."""
    level = [tree.rolled_out(text, steps - 1) for text in letters("", n)]
    rounds, held, finished = [], [], []
    while True:
        finished += [text for text in level if tree.ended(text)]
        pool = held + level
        kept = top(pool, max(1, round((1 - drop) * len(pool))), tree.value)
        rounds.append(kept)
        held = [text for text in kept if tree.ended(text)]
        level = [tree.rolled_out(text, steps) for text in kept if not tree.ended(text)]
        if not level:
            return rounds, finished


@pytest.mark.parametrize(("n", "steps", "drop"), CASES)
def test_the_lowest_share_is_dropped_at_each_mark(n, steps, drop):
    for seed in range(3):
        tree = StepTree(seed, deepest=7)
        answer, effects = searched(SpeculativeRejection(2 * steps, drop, **EQUAL), tree, n)
        rounds, finished = by_hand(tree, n, steps, drop)
        assert noted(effects, "kept") == rounds
        if finished:
            assert [candidate.text for candidate in answer.candidates] == finished
            assert answer.text == top(finished, 1, tree.value)[0]


def test_halves_at_every_mark_cost_what_they_should():
    """8 texts of 16 tokens, marks every 4: 8, 4, 2 and 1 of them grow by 4 tokens."""
    tree = StepTree(ends=0, deepest=8)
    answer, _ = searched(SpeculativeRejection(4, **EQUAL), tree, 8)
    assert answer.ledger.generated_tokens == 4 * (8 + 4 + 2 + 1)
    assert [candidate.tokens for candidate in answer.candidates] == [16]


@pytest.mark.parametrize("field", [{"every": 0}, {"drop": 0}, {"drop": 1}, {"drop": float("nan")}])
def test_bad_fields_are_refused(field):
    (name,) = field
    with pytest.raises(ParameterError, match=name):
        SpeculativeRejection(**field)
