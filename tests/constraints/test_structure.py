"""Structures, against all cuts of all short sequences of tokens."""

from __future__ import annotations

import random
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constraints.checks import END, TINY, allowed, check_walk
from constraints.test_composition import Even
from ponder.constraints import Ban, Constraint, Length, OneOf, follow
from ponder.constraints.structure import Either, Repeated, Then, Token, either, optional, repeated, then
from ponder.errors import ParameterError
from ponder.text import Vocabulary

LEAVES = [OneOf(("a",)), OneOf(("ab", "b")), OneOf(("", "c")), Length(1, 2), Even() & Ban("b")]


def structures(depth: int = 2) -> Any:
    """Expressions over some leaves."""
    leaf = st.sampled_from(LEAVES)
    if not depth:
        return leaf
    inner = structures(depth - 1)
    few = st.lists(inner, min_size=1, max_size=3).map(tuple)
    counts = st.tuples(st.integers(0, 2), st.none() | st.integers(2, 3))
    return st.one_of(
        leaf, few.map(Then), few.map(Either), st.tuples(inner, counts).map(lambda p: Repeated(p[0], *p[1]))
    )


def ends(constraint: Constraint, tokens: tuple[int, ...], starts: frozenset[int]) -> frozenset[int]:
    """Where a text of the constraint that starts at one of some places in the tokens may end."""
    match constraint:
        case Then(parts):
            for part in parts:
                starts = ends(part, tokens, starts)
            return starts
        case Either(parts):
            return frozenset().union(*(ends(part, tokens, starts) for part in parts))
        case Repeated(part, least, most):
            for _ in range(least):
                starts = ends(part, tokens, starts)
            found = starts
            for _ in range(len(tokens) + 1 if most is None else most - least):
                starts = ends(part, tokens, starts)
                found |= starts
            return found
    automaton = constraint.compile(TINY)
    found = set()
    for start in starts:
        for end in range(start, len(tokens) + 1):
            state = follow(automaton, automaton.start, tokens[start:end])
            if state is not None and automaton.may_end(state):
                found.add(end)
    return frozenset(found)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, derandomize=True)
@given(structures())
def test_a_structure_is_what_its_parts_can_be_cut_into(structure: Constraint) -> None:
    """A text may end exactly where its tokens can be cut into texts of the parts."""
    automaton = structure.compile(TINY)
    for length in range(4):
        for tokens in product((0, 1, 2, 9), repeat=length):
            state = follow(automaton, automaton.start, tokens)
            may_end = state is not None and automaton.may_end(state)
            assert may_end == (length in ends(structure, tokens, frozenset({0}))), tokens


@pytest.mark.slow
@settings(max_examples=40, deadline=None, derandomize=True)
@given(structures(1), st.integers(0, 2**32))
def test_walks_keep_to_the_protocol(structure: Constraint, seed: int) -> None:
    """Masks, steps, forced tokens and plans agree."""
    automaton = structure.compile(TINY)
    check_walk(automaton, random.Random(seed), exact=False, may_die=not automaton.exact, steps=6)


def test_operators_and_functions_say_the_same() -> None:
    """A string stands for itself; regular sets joined by operators stay regular sets."""
    even = Even()
    assert then("a", even) == OneOf(("a",)).then(even)
    assert either(even, "a") == even | OneOf(("a",))
    assert optional("a") == Repeated(OneOf(("a",)), 0, 1)
    assert repeated("a", 1) == Repeated(OneOf(("a",)), 1)
    assert then("a") == either("a") == OneOf(("a",))
    assert isinstance(OneOf(("a",)) | OneOf(("b",)), type(OneOf(("a",)) | Length(1)))
    for wrong in (lambda: then(), lambda: either(3), lambda: repeated("a", -1), lambda: repeated("a", 3, 2)):
        with pytest.raises(ParameterError):
            wrong()
    with pytest.raises(ParameterError, match="at most 1000, repetitions counted"):
        repeated(repeated("a", 100), 100).compile(TINY)


def test_control_tokens_by_name() -> None:
    """A control token is named; one that is unknown or ends the text is refused."""
    vocabulary = Vocabulary((b"a", b"", b""), (2,), {"<call>": 1, "</s>": 2})
    automaton = then(Token("<call>"), repeated("a", 1, 2)).compile(vocabulary)
    assert allowed(automaton, automaton.start, vocabulary) == [1]
    assert automaton.plan(automaton.start, 9) == (1, 0)
    assert automaton.plan(automaton.start, 1) is None
    for name in ("</s>", "<other>"):
        with pytest.raises(ParameterError, match="a control token of this model's vocabulary"):
            Token(name).compile(vocabulary)
    assert END in TINY.end_ids
