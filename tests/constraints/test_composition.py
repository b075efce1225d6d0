"""Compositions are what Python's own set operations make of the texts, and automata keep their protocol."""

import random
import re
from dataclasses import dataclass
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constraints.checks import END, TINY, accepts, allowed, check_walk, spelled
from ponder.constraints import Ban, Composable, Language, Length, OneOf, follow, is_dead
from ponder.constraints.composition import Complement, Concatenation, Conjunction, Intersection, Union
from ponder.constraints.regular import dfa
from ponder.errors import ParameterError
from ponder.text import Vocabulary

# Few bytes have a token of their own, so that many a beginning of a text cannot be brought to its end.
SPARSE = Vocabulary((b"a", b"bc", b"ab", b"c", "é ".encode(), b" a", b"ca", b""), ())
seeds = st.integers(0, 2**32)
words = st.text("abc é€", max_size=4)
some_words = st.lists(words, min_size=1, max_size=4)
TEXTS = [b"".join(parts) for n in range(4) for parts in product((b"a", b"b", b" ", "€".encode()), repeat=n)]


@dataclass(frozen=True)
class Known:
    """A constraint beside a predicate on bytes that says the same in Python."""

    constraint: Language
    holds: object

    def __repr__(self):
        return repr(self.constraint)


def is_utf8(text):
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def known_ban(banned):
    banned = tuple(string for string in banned if string) or ("a",)
    return Known(Ban(banned), lambda text: not any(string.encode() in text for string in banned))


def known_one_of(texts):
    return Known(OneOf(tuple(texts)), lambda text: text in [one.encode() for one in texts])


def known_length(least, more):
    most = None if more is None else least + more

    def holds(text):
        return is_utf8(text) and least <= len(text.decode()) and (most is None or len(text.decode()) <= most)

    return Known(Length(least, most), holds)


def known_and(one, two):
    return Known(one.constraint & two.constraint, lambda text: one.holds(text) and two.holds(text))


def known_or(one, two):
    return Known(one.constraint | two.constraint, lambda text: one.holds(text) or two.holds(text))


def known_not(one):
    return Known(~one.constraint, lambda text: not one.holds(text))


def known_then(one, two):
    def holds(text):
        return any(one.holds(text[:cut]) and two.holds(text[cut:]) for cut in range(len(text) + 1))

    return Known(one.constraint.then(two.constraint), holds)


simple = st.one_of(
    st.builds(known_ban, some_words),
    st.builds(known_one_of, some_words),
    st.builds(known_length, st.integers(0, 3), st.none() | st.integers(0, 2)),
)
languages = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.builds(known_and, inner, inner),
        st.builds(known_or, inner, inner),
        st.builds(known_not, inner),
        st.builds(known_then, inner, inner),
    ),
    max_leaves=4,
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True)
@given(languages)
def test_the_set_is_what_python_says(known):
    """Of all short texts exactly those are accepted that the predicate holds for."""
    automaton = known.constraint.dfa()
    for text in (*TEXTS, b"\xff", b"\xe2\x82", b"a\xff"):
        assert automaton.accepts(text) == known.holds(text)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True)
@given(languages, seeds)
def test_tokens_spell_texts_of_the_set(known, seed):
    """Along random walks masks, ends, forced tokens and plans are those of brute force."""
    try:
        automaton = known.constraint.compile(TINY)
    except ParameterError:
        assert not any(known.holds(text) for text in TEXTS if b"\xff" not in text)
        return
    path, tokens = check_walk(automaton, random.Random(seed))
    for place, state in enumerate(path):
        text = spelled(tokens[:place])
        assert automaton.may_end(state) == known.holds(text)
        assert state == follow(automaton, automaton.start, tokens[:place])


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True)
@given(languages, seeds)
def test_no_dead_ends_where_bytes_have_no_token(known, seed):
    """A token is allowed only if tokens lead on to an end; where nothing does, the set is refused."""
    try:
        automaton = known.constraint.compile(SPARSE)
    except ParameterError:
        for n in range(4):
            for tokens in product(range(7), repeat=n):
                assert not known.holds(spelled(tokens, SPARSE))
        return
    path, tokens = check_walk(automaton, random.Random(seed), SPARSE)
    for place, state in enumerate(path):
        assert automaton.may_end(state) == known.holds(spelled(tokens[:place], SPARSE))


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(languages)
def test_every_cut_of_a_text_is_accepted(known):
    """Whether a text is accepted does not depend on the tokens that spell it."""
    try:
        automaton = known.constraint.compile(TINY)
    except ParameterError:
        return
    spelling = [token for token in range(len(TINY)) if TINY.is_text[token]]
    for tokens in (*product(spelling, repeat=2), *((token,) for token in spelling)):
        assert accepts(automaton, tokens) == known.holds(spelled(tokens))


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(languages, seeds)
def test_old_states_are_a_way_back(known, seed):
    """Walking on from a state does not change what it says: a rewind is to keep it."""
    try:
        automaton = known.constraint.compile(TINY)
    except ParameterError:
        return
    rng = random.Random(seed)
    before = allowed(automaton, automaton.start)
    path, _ = check_walk(automaton, rng)
    told = [(allowed(automaton, s), automaton.may_end(s), automaton.plan(s, 9)) for s in path]
    check_walk(automaton, rng)
    assert told == [(allowed(automaton, s), automaton.may_end(s), automaton.plan(s, 9)) for s in path]
    assert allowed(automaton, automaton.start) == before
    assert all(hash(state) == hash(state) for state in path)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, derandomize=True)
@given(some_words, some_words, seeds)
def test_two_bans_are_the_ban_of_both(one, two, seed):
    """`Ban(a) & Ban(b)` allows what `Ban(a + b)` allows, control tokens too."""
    one, two = (tuple(filter(None, given)) or ("c",) for given in (one, two))
    together, joined = (Ban(one) & Ban(two)).compile(TINY), Ban((*one, *two)).compile(TINY)
    rng, state, other = random.Random(seed), together.start, joined.start
    for _ in range(12):
        free = allowed(together, state)
        assert free == allowed(joined, other)
        token = rng.choice(free)
        state, other = together.step(state, token), joined.step(other, token)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(some_words, st.booleans(), seeds)
def test_a_ban_is_an_automaton(banned, ignore_case, seed):
    """The protocol holds of a ban on its own, and its set is what its search finds nothing in."""
    banned = tuple(filter(None, banned)) or ("€",)
    ban = Ban(banned, ignore_case)
    check_walk(ban.compile(TINY), random.Random(seed))
    automaton = ban.dfa()
    for text in (*TEXTS, b"AB", b"aB C", "É".encode()):
        shown = text.decode()
        found = any(
            string.casefold() in shown.casefold() if ignore_case else string in shown for string in banned
        )
        assert automaton.accepts(text) == (not found)


@pytest.mark.parametrize(
    ("constraint", "pattern"),
    [
        (OneOf(("a", "ab")).then(OneOf(("b", "", "c"))), "(a|ab)(b||c)"),
        (Length(1, 2).then(OneOf(("é",))), ".{1,2}é"),
        (~OneOf(("a",)) & Length(0, 3), "(?!a$).{0,3}"),
        ((OneOf(("a",)) | OneOf(("bc",))).then(Length(0, 1)).then(OneOf((" ",))), "(a|bc).? "),
        (Ban(("ab", "cc")) & Length(2), "(?!.*(ab|cc)).{2,}"),
        (Length().then(OneOf(("ab",))).then(Length()), ".*ab.*"),
        (OneOf(("", "a")).then(OneOf(("", "a"))).then(OneOf(("", "a"))), "a{0,3}"),
    ],
)
def test_compositions_against_regular_expressions(constraint, pattern):
    """All texts of up to five characters."""
    automaton = constraint.dfa()
    for n in range(6):
        for letters in product("abcé ", repeat=n):
            text = "".join(letters)
            assert automaton.accepts(text.encode()) == bool(re.fullmatch(pattern, text, re.DOTALL))


@pytest.mark.slow
def test_whole_characters_are_those_of_python():
    """Of all byte strings of two bytes, and of the edges of longer ones, those that decode are one set."""
    anything = Length().dfa()
    edges = (0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF)
    leads = (0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF)
    for text in map(bytes, product(range(256), repeat=2)):
        assert anything.accepts(text) == is_utf8(text)
    for text in map(bytes, product(leads, edges, edges[2:8])):
        assert anything.accepts(text) == is_utf8(text)
    for text in map(bytes, product(leads[6:], edges, edges[2:9], edges[2:9])):
        assert anything.accepts(text) == is_utf8(text)


class Even(Composable):
    """A constraint of an odd kind: the number of tokens is even when the text ends, and none is `</s>`."""

    start = 0

    def compile(self, vocabulary):
        return self

    def mask(self, state):
        return None

    def step(self, state, token):
        return 1 - state

    def may_end(self, state):
        return state == 0

    def must_end(self, state):
        return False

    def forced(self, state):
        return ()

    def plan(self, state, limit):
        return (0,) * state if state <= limit else None

    growth = 1
    exact = True


@pytest.mark.slow
@settings(max_examples=60, deadline=None, derandomize=True)
@given(languages, seeds)
def test_other_constraints_are_followed_side_by_side(known, seed):
    """With `&` a text is allowed exactly if each part allows it; a plan ends in all."""
    even = Even()
    try:
        automaton = (known.constraint & even & Length(0, 30)).compile(TINY)
    except ParameterError:
        return
    path, tokens = check_walk(automaton, random.Random(seed), exact=False, may_die=True, steps=6)
    for place, state in enumerate(path):
        text = spelled(tokens[:place])
        fits = known.holds(text) and is_utf8(text) and len(text.decode()) <= 30
        assert automaton.may_end(state) == (fits and place % 2 == 0)


def test_a_dead_end_of_parts_is_told():
    """Where all tokens are ruled out by one part or the other and the text may not end."""
    lone = Vocabulary((b"a", b"b"), ())
    automaton = (OneOf(("a", "ba")) & Even()).compile(lone)
    assert not is_dead(automaton, automaton.start)
    dead = automaton.step(automaton.start, 0)
    assert is_dead(automaton, dead)
    assert automaton.must_end(dead)
    assert automaton.plan(dead, 99) is None
    assert not is_dead(automaton, follow(automaton, automaton.start, (1, 0)))
    assert follow(automaton, automaton.start, (0, 0)) is None


def test_what_has_no_complement_is_refused_by_name():
    """A constraint that is no regular set has none, nor what is made of it."""
    with pytest.raises(ParameterError, match=r"~Even.*no complement"):
        ~Even()
    with pytest.raises(ParameterError, match="~Conjunction"):
        ~(Ban("a") & Even())


def test_values_compare_by_what_they_are_made_of():
    """Brackets make no difference; a value is a key."""
    a, b, c = Ban("a"), OneOf(("b",)), Length(1, 2)
    for operator, kind in (
        (lambda x, y: x & y, Intersection),
        (lambda x, y: x | y, Union),
        (lambda x, y: x.then(y), Concatenation),
    ):
        left, right = operator(operator(a, b), c), operator(a, operator(b, c))
        assert isinstance(left, kind)
        assert left == right
        assert hash(left) == hash(right)
        assert left.parts == (a, b, c)
    assert ~~a == a
    assert isinstance(~(a & b), Complement)
    even = Even()
    assert (a & even) & b == a & (even & b)
    assert isinstance(a & even, Conjunction)
    assert len({a & b, a | b, a.then(b), ~a, a & b}) == 4


def test_a_set_that_cannot_be_spelled_is_refused():
    """An empty set, and one that this vocabulary has no bytes for, are no constraint to generate under."""
    with pytest.raises(ParameterError, match="no text"):
        (OneOf(("a",)) & OneOf(("b",))).compile(TINY)
    with pytest.raises(ParameterError, match="cannot spell"):
        OneOf(("xyz",)).compile(TINY)


def test_a_token_that_leads_where_no_token_goes_on_is_not_allowed():
    """Without a token "b", "a" is a dead end where "ab" is to come: it is avoided."""
    vocabulary = Vocabulary((b"a", b"bc", b"ab", b"c"), ())
    automaton = OneOf(("ab", "abd", "bc")).compile(vocabulary)
    assert allowed(automaton, automaton.start, vocabulary) == [1, 2]
    assert allowed(automaton, automaton.step(automaton.start, 2), vocabulary) == []
    automaton = (OneOf(("abc", "abd")) | OneOf(("ac",))).compile(vocabulary)
    assert allowed(automaton, automaton.start, vocabulary) == [0, 2]
    assert automaton.forced(automaton.step(automaton.start, 2)) == (3,)
    automaton = (OneOf(("abd",)) | ~OneOf(("a",)).then(Length())).compile(vocabulary)  # any byte may begin it
    assert allowed(automaton, automaton.start, vocabulary) == [1, 3]
    assert automaton.step(automaton.start, 2) is None


def test_large_sets_are_refused(monkeypatch):
    """By the number of states or the size of the table, and by how long `then` would take."""
    monkeypatch.setattr(dfa, "MAX_STATES", 100)
    with pytest.raises(ParameterError, match="at most 100 states"):
        Length(0, 50).dfa()
    with pytest.raises(ParameterError, match="at most 100 states"):
        (Ban("aaaaaaaaaaaaaaa") | Length(0, 10)).dfa()
    monkeypatch.setattr(dfa, "MAX_STATES", 2**18)
    monkeypatch.setattr(dfa, "MAX_BYTES", 1000)
    with pytest.raises(ParameterError, match="at most 1000 bytes"):
        OneOf(("a" * 200,)).dfa()
    monkeypatch.setattr(dfa, "MAX_BYTES", 2**26)
    monkeypatch.setattr(dfa, "MAX_SUBSETS", 50)
    with pytest.raises(ParameterError, match="at most 50"):
        Length(0, 10).then(Length(0, 10)).dfa()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: OneOf("abc"), "a list of strings"),
        (lambda: OneOf(()), "1 to"),
        (lambda: OneOf(("a", 3)), "a string"),
        (lambda: OneOf(("\ud800",)), "lone surrogates"),
        (lambda: Length(-1), "a whole number"),
        (lambda: Length(3, 2), "at least the minimum"),
        (lambda: Length(0, 10**6), "a whole number"),
        (lambda: Length(True), "a whole number"),
    ],
)
def test_what_cannot_be_asked_is_refused(make, says):
    """The error says what is allowed."""
    with pytest.raises(ParameterError, match=says):
        make()


def test_ends_and_control_tokens():
    """No mask has an end; a control token that is no end may come under a ban and under nothing else."""
    control = TINY.tokens.index(b"")
    for constraint in (Ban("b"), Ban("b") & Ban("c"), Ban("b") | Ban("c")):
        automaton = constraint.compile(TINY)
        assert control in allowed(automaton, automaton.start)
        assert automaton.step(automaton.start, control) == automaton.start
    for constraint in (~OneOf(("b",)), Length(0, 9), Ban("b") & Length(0, 9), Ban("b").then(Ban("c"))):
        automaton = constraint.compile(TINY)
        assert control not in allowed(automaton, automaton.start)
        assert automaton.step(automaton.start, control) is None
        assert automaton.step(automaton.start, END) is None


def test_the_vocabulary_of_the_default_model(tokenizer):
    """49,152 tokens: masks and steps agree, and choices are spelled in every way there is."""
    vocabulary, rng = tokenizer.vocabulary, random.Random(0)
    choices = OneOf(tuple(f"the {a} {b}" for a in ("cat", "dog", "café") for b in ("sat.", "sleeps", "😀")))
    constraint = Ban(("cat sl", "dog"), ignore_case=True) & choices & Length(8, 30)
    automaton = constraint.compile(vocabulary)
    seen = set()
    for _ in range(60):
        state, text, tokens = automaton.start, b"", 0
        while not automaton.must_end(state):
            free = allowed(automaton, state, vocabulary)
            assert all(automaton.step(state, token) is not None for token in free)
            other = rng.randrange(len(vocabulary))
            assert (automaton.step(state, other) is not None) == (other in free)
            fewest, token = len(automaton.plan(state, 99)), rng.choice(free)
            state, text, tokens = automaton.step(state, token), text + vocabulary.tokens[token], tokens + 1
            assert len(automaton.plan(state, 99)) >= fewest - 1
        assert automaton.may_end(state)
        seen.add(text.decode())
    assert seen == {"the cat sat.", "the cat 😀", "the café sat.", "the café sleeps", "the café 😀"}
    shortest = min(len(tokenizer.encode(text)) for text in seen)
    assert len(automaton.plan(automaton.start, 99)) <= shortest


def test_all_tokens_of_a_wide_state(tokenizer):
    """Where most tokens may follow, each is read to its end: against the bytes of all of them."""
    automaton = (Length(0, 3) & Ban("e")).compile(tokenizer.vocabulary)
    free = set(allowed(automaton, automaton.start, tokenizer.vocabulary))
    for token, text in enumerate(tokenizer.bytes_table):
        shown = text.decode("utf-8", "ignore")
        if is_utf8(text):
            assert (token in free) == (0 < len(shown) <= 3 and "e" not in shown)
        else:
            assert (token in free) == (automaton.step(automaton.start, token) is not None)
