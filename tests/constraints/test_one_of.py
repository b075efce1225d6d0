"""A list of texts as an automaton: against the automaton of their set, and against brute force."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constraints.checks import accepts, allowed, check_walk, spelled
from ponder.constraints import OneOf
from ponder.constraints.regular import dfa
from ponder.constraints.regular.dfa_automaton import DfaAutomaton
from ponder.constraints.regular.texts_automaton import TextsAutomaton
from ponder.errors import ParameterError
from ponder.text import Vocabulary

LETTERS = tuple(bytes((byte,)) for byte in sorted(set("abc €é".encode())))
FULL = Vocabulary(
    (*LETTERS, b"ab", b"abc", b"ca", "€".encode(), b" a", b"\xa9a", b"", b"</s>"), (len(LETTERS) + 7,)
)
some_texts = st.lists(st.text("abc €é", max_size=5), min_size=1, max_size=8)


@pytest.mark.slow
@settings(max_examples=60)
@given(some_texts, st.integers(0, 2**32))
def test_it_allows_what_the_set_allows(texts, seed):
    """Masks, ends and forced tokens are those of the set's automaton, and a plan has the fewest tokens."""
    ours = OneOf(tuple(texts)).compile(FULL)
    assert isinstance(ours, TextsAutomaton)
    rng, theirs = random.Random(seed), DfaAutomaton(OneOf(tuple(texts)).dfa(), FULL)
    check_walk(ours, rng, FULL)
    state, same = ours.start, theirs.start
    while True:
        assert allowed(ours, state, FULL) == allowed(theirs, same, FULL)
        assert (ours.may_end(state), ours.must_end(state)) == (theirs.may_end(same), theirs.must_end(same))
        assert ours.forced(state) == theirs.forced(same)
        if ours.must_end(state):
            break
        token = rng.choice(allowed(ours, state, FULL))
        state, same = ours.step(state, token), theirs.step(same, token)


@pytest.mark.slow
@settings(max_examples=60)
@given(some_texts)
def test_a_plan_ends_a_text(texts):
    """Its tokens are allowed and lead to the end of a text; within fewer tokens there is none."""
    automaton = OneOf(tuple(texts)).compile(FULL)
    plan = automaton.plan(automaton.start, 20)
    assert accepts(automaton, plan)
    assert spelled(plan, FULL).decode() in texts
    assert not plan or automaton.plan(automaton.start, len(plan) - 1) is None


def test_what_one_text_adds_to_another():
    """Equal beginnings are one state, and texts that others go on from need no room of their own."""
    automaton = OneOf(("ab", "abc", "a", "abca", "abca")).compile(FULL)
    state, other = automaton.start, automaton.start
    for token in (b"a", b"b"):
        state = automaton.step(state, FULL.tokens.index(token))
    other = automaton.step(other, FULL.tokens.index(b"ab"))
    assert state == other
    assert automaton.mask(state) is automaton.mask(other)
    assert dfa.longest((b"ab", b"abc", b"a", b"b", b"abca")) == ([b"abca", b"b"], [[4, 3, 2, 1], [1]])


def test_texts_without_number(tokenizer, monkeypatch):
    """20,000 names, and 3,000 texts of which each goes on from the last, need no table at all."""
    monkeypatch.setattr(dfa, "MAX_BYTES", 1000)
    rng, vocabulary = random.Random(0), tokenizer.vocabulary
    names = [f"{rng.choice(('Größe', 'name', 'Name'))} {i} {rng.random()}" for i in range(20_000)]
    beginnings = [("0123456789" * 300)[: i + 1] for i in range(3000)]
    for texts in (names, beginnings):
        with pytest.raises(ParameterError, match="at most 1000 bytes"):
            OneOf(texts).dfa()
        automaton = OneOf(texts).compile(vocabulary)
        for text in rng.sample(texts, 20):
            assert accepts(automaton, tokenizer.encode(text, add_bos=False))
            assert not accepts(automaton, tokenizer.encode(text[:-1] + "x", add_bos=False))
    assert spelled(automaton.plan(automaton.start, 1), vocabulary) in {text.encode() for text in beginnings}
