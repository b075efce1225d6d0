"""What must be mentioned is mentioned, and plans write what is missing."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constraints.checks import TINY, check_walk, spelled
from ponder.constraints import Length, Mentions, follow
from ponder.errors import ParameterError

strings = st.lists(st.text("abcé ", min_size=1, max_size=3), min_size=1, max_size=3)


def mentioned(strings, ignore_case, whole_word, text):
    """Each string is there, by Python's `re`."""

    def found(string):
        before = r"(?<!\w)" if whole_word and re.match(r"\w", string[0]) else ""
        after = r"(?!\w)" if whole_word and re.match(r"\w", string[-1]) else ""
        return re.search(before + re.escape(string) + after, text, re.IGNORECASE if ignore_case else 0)

    return all(map(found, strings))


@pytest.mark.slow
@settings(max_examples=15, deadline=None, derandomize=True)
@given(strings, st.booleans(), st.booleans(), st.integers(0, 2**32))
def test_all_are_mentioned(strings, ignore_case, whole_word, seed):
    """Walks, plans and the set itself agree with Python's `re`."""
    constraint, rng = Mentions(strings, ignore_case, whole_word), random.Random(seed)
    automaton, regular = constraint.compile(TINY), constraint.dfa()
    path, tokens = check_walk(automaton, rng, exact=False, steps=6)
    for place, state in enumerate(path):
        text = spelled(tokens[:place])
        holds = mentioned(strings, ignore_case, whole_word, text.decode(errors="replace"))
        assert automaton.may_end(state) == holds == regular.accepts(text)
        plan = automaton.plan(state, 99)
        assert automaton.may_end(follow(automaton, state, plan))
        assert automaton.plan(state, len(plan)) == plan
        assert not plan or automaton.plan(state, len(plan) - 1) is None


@pytest.mark.slow
def test_words_are_written_apart():
    """A plan writes a space where a word may not touch what is there."""
    automaton = Mentions(("ab", "ba"), whole_word=True).compile(TINY)
    written = follow(automaton, automaton.start, [TINY.tokens.index(b"c")])
    plan = automaton.plan(written, 9)
    assert spelled(plan) in (b" ab ba", b" ba ab")
    assert automaton.plan(written, 3) is None


def test_combined_with_others():
    """In so few characters both fit only if they overlap."""
    automaton = (Mentions(("abc", "ca")) & Length(0, 4)).compile(TINY)
    assert spelled(automaton.plan(automaton.start, 9)) in (b"abca", b"cabc")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Mentions(()), "1 to 16"),
        (lambda: Mentions(("",)), "1 to 200 characters"),
        (lambda: Mentions(("a", 3)), "1 to 200 characters"),
        (lambda: Mentions(3), "list of strings"),
        (lambda: Mentions("a", ignore_case=1), "true or false"),
        (lambda: Mentions(("\ud800",)), "lone surrogates"),
        (lambda: Mentions("xyz").compile(TINY), "cannot spell"),
    ],
)
def test_what_cannot_be_asked_is_refused(make, says):
    """The error says what is allowed."""
    with pytest.raises(ParameterError, match=says):
        make()
