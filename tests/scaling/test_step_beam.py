"""A step beam against the same search written over plain strings."""

import asyncio

import pytest

from ponder.asks import Boundary
from ponder.errors import ParameterError
from ponder.rewards import callable_verifier
from ponder.scaling import StepBeam, solve
from ponder.scaling.step_beam import CONVENTIONS, shared_out
from ponder.testing import ScriptedModel
from scaling.step_tree import COMMON, EQUAL, PROBLEM, StepTree, letters, noted, searched, top

MAX_STEPS = 4


def by_hand(tree, keep, expand, convention, lookahead=0):
    """Return what is kept in each round, and all finished texts, by enumeration."""

    def value(text):
        return tree.value(tree.rolled_out(text, lookahead))

    level = letters("", expand if convention == "its-hub" else keep * expand)
    kept, finished = [], []
    for step in range(MAX_STEPS):
        if step == MAX_STEPS - 1:
            level = [tree.rolled_out(text) for text in level]
        finished += [text for text in level if tree.ended(text)]
        live = [text for text in level if not tree.ended(text)]
        kept.append(top(live if convention == "search-and-learn" else finished + live, keep, value))
        parents = [text for text in kept[-1] if not tree.ended(text)]
        if not parents:
            break
        counts = [expand] * len(parents)
        if convention == "search-and-learn":
            counts = [len(range(i, keep * expand, len(parents))) for i in range(len(parents))]
        level = [child for text, n in zip(parents, counts, strict=True) for child in letters(text, n)]
    return kept, finished


@pytest.mark.slow
@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize(("keep", "expand", "lookahead"), [(1, 3, 0), (2, 3, 0), (3, 2, 2), (4, 4, 1)])
def test_what_is_kept_is_the_best_of_all_there_is(convention, keep, expand, lookahead):
    for seed in range(2):
        tree = StepTree(seed)
        options = {"convention": convention, "lookahead": lookahead, "max_steps": MAX_STEPS}
        strategy = StepBeam(keep, expand, **options, **COMMON)
        answer, effects = searched(strategy, tree)
        kept, finished = by_hand(tree, keep, expand, convention, lookahead)
        assert noted(effects, "kept") == kept
        assert [candidate.text for candidate in answer.candidates] == finished


def test_without_a_width_the_budgets_n_decides():
    tree = StepTree(1, ends=0, deepest=2)
    for n, first in ((16, 16), (8, 8), (9, 8), (3, 3), (1, 1)):
        model = tree.model()
        searched(StepBeam(max_steps=3, **COMMON), tree, n, model)
        assert model.requests[0].params["n"] == first
        assert model.requests[0].params["temperature"] == (0.8 if first > 1 else 0)


def test_the_heaviest_answer_wins_or_the_best_text():
    """Two texts that agree outweigh a better one; its_hub takes the best."""
    values = {"x 1": 0.9, "y 2": 0.5, "z 2": 0.5, "w 3": 0.1}
    reward = callable_verifier(lambda problem, text: values[text])
    for convention, chosen in (("snell", "y 2"), ("search-and-learn", "y 2"), ("its-hub", "x 1")):
        strategy = StepBeam(1, 4, convention=convention, **COMMON)
        answer = asyncio.run(solve(strategy, PROBLEM, ScriptedModel(list(values)), reward))
        assert answer.text == chosen


def test_equals_are_kept_in_the_order_of_their_samples():
    model, alike = StepTree(ends=0).model(), callable_verifier(lambda problem, text: 0.5)
    for convention in CONVENTIONS:
        strategy = StepBeam(2, 3, max_steps=2, convention=convention, **COMMON)
        answer = asyncio.run(solve(strategy, PROBLEM, model, alike))
        first = [candidate.text[:4] for candidate in answer.candidates]
        assert first == letters("a\n", 3) + letters("b\n", 3)


def test_a_text_that_ends_is_finished_without_a_boundary():
    tree = StepTree(ends=0, deepest=1)
    strategy = StepBeam(2, 2, step=Boundary(("never",)), **EQUAL)
    answer, effects = searched(strategy, tree)
    assert {candidate.finish_reason for candidate in answer.candidates} == {"stop"}
    assert [effect.kind for effect in effects] == ["extend", "judge", "note"]


def test_a_total_is_shared_out_evenly():
    for total in range(1, 20):
        for parts in range(1, total + 1):
            shares = shared_out(total, parts)
            assert sum(shares) == total
            assert max(shares) - min(shares) <= 1
            assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize(
    "field",
    [
        {"keep": 0},
        {"expand": 1.5},
        {"max_steps": 0},
        {"lookahead": -1},
        {"convention": "vllm"},
        {"aggregate": "median"},
        {"selection": "vote"},
        {"sampling": {"n": 2}},
    ],
)
def test_bad_fields_are_refused(field):
    (name,) = field
    with pytest.raises(ParameterError, match="n" if name == "sampling" else name):
        StepBeam(**field)
