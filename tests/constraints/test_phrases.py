"""Foldings and whole words: against Python's own normal forms and regular expressions on the decoded text."""

import random
import re
import unicodedata
from codecs import getincrementaldecoder
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constraints.checks import allowed, check_walk
from ponder.constraints import Ban, Length, OneOf, follow, phrase_search
from ponder.constraints.composition import JointAutomaton
from ponder.constraints.folding import CONFUSABLES, VARIANTS, Folding, table
from ponder.constraints.phrase_search import PlainSearch, compile_search
from ponder.constraints.regular.dfa_automaton import DfaAutomaton
from ponder.errors import ParameterError
from ponder.text import Vocabulary

UNUSED = "ж"  # a letter in no phrase
UNSEEN = "\u200b\u00ad\u200d"
ALIKE = {"а": "a", "0": "o", "1": "l", "ο": "o"}  # Cyrillic and Greek ones, and digits
SIGNS = {"@": "a", "$": "s"}
PIECES = (
    *(
        "a",
        "A",
        "s",
        "ſ",
        "ß",
        "k",
        "\u212a",
        "σ",
        "ς",
        "Σ",
        "é",
        "e",
        "\u0301",
        "а",
        "ο",
        "0",
        "o",
        "1",
        "l",
    ),
    *("@", "$", "ａ", "ﬁ", "f", "i", " ", "-", "_", "€", "\0", "\n", *UNSEEN),
)
phrases = st.lists(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=3).map("".join), min_size=1, max_size=4
)
foldings = st.builds(
    lambda ignore_case, whole_word, variants: (ignore_case, whole_word, variants),
    st.booleans(),
    st.booleans(),
    st.sampled_from([(), *((name,) for name in VARIANTS), VARIANTS]),
)


def folded(text, ignore_case, whole_word, variants):
    """What `Ban` says of a folding, in whole strings."""

    def apart(text):
        if "compatibility" in variants:
            return unicodedata.normalize("NFKD", text)
        return unicodedata.normalize("NFD", text) if "normal_forms" in variants else text

    text = apart(text)
    if ignore_case or "confusables" in variants:
        text = apart(text.casefold())
    if "confusables" in variants:
        text = text.translate(str.maketrans(ALIKE if whole_word else ALIKE | SIGNS))
    if "zero_width" in variants:
        text = "".join(one for one in text if one not in UNSEEN)
    return text


def has_phrase(text, strings, how):
    """Whether a text has one of the phrases."""
    text = folded(text, *how)
    return any(pattern_of(string, how).search(text) for string in strings)


@cache
def pattern_of(string, how):
    string = folded(string, *how)
    before, after = how[1] and is_word(string[0]), how[1] and is_word(string[-1])
    edge = r"[\w\u0301]"  # Python's words have no marks
    return re.compile(
        (f"(?<!{edge})" if before else "") + re.escape(string) + (f"(?!{edge})" if after else "")
    )


def is_word(character):
    return character == "_" or unicodedata.category(character)[0] in ("L", "M", "N")


def ban_of(strings, how):
    """The ban, and the strings in it: without those of which nothing is left."""
    strings = tuple(string for string in strings if folded(string, *how)) or ("e",)
    return Ban(strings, *how), strings


def vocabulary_of(rng):
    """All pieces, and tokens that are cut out of texts of pieces anywhere, in characters too."""
    tokens = {piece.encode() for piece in PIECES}
    while len(tokens) < 70:
        text = "".join(rng.choices(PIECES, k=4)).encode()
        first = rng.randrange(len(text))
        tokens.add(text[first : first + rng.randint(1, 5)])
    return Vocabulary((*sorted(tokens), b"\xff", b"", b"</s>"), (len(tokens) + 2,))


def told(spelled, final):
    """Bytes as they are shown, the last ones if nothing can come after them."""
    return getincrementaldecoder("utf-8")("replace").decode(spelled, final)


def check_against_text(ban, strings, how, vocabulary, rng, steps=10):
    """Along a walk, a token is masked iff a phrase would be complete whatever comes; ends are told."""
    automaton = ban.compile(vocabulary)
    state, spelled = automaton.start, b""
    for _ in range(steps):
        assert automaton.may_end(state) == (not has_phrase(told(spelled, True), strings, how))
        free = [
            token
            for token, more in enumerate(vocabulary.tokens)
            if token not in vocabulary.end_ids
            and not has_phrase(told(spelled + more, False) + UNUSED, strings, how)
        ]
        assert allowed(automaton, state, vocabulary) == free
        assert free == [
            token
            for token in range(len(vocabulary))
            if token not in vocabulary.end_ids and automaton.step(state, token) is not None
        ]
        if not free:
            break
        plan = automaton.plan(state, 9)
        assert plan is None or automaton.may_end(follow(automaton, state, plan))
        token = rng.choice(free)
        state, spelled = automaton.step(state, token), spelled + vocabulary.tokens[token]
        assert automaton.follow(0, spelled) == state


@pytest.mark.slow
@settings(max_examples=60, deadline=None, derandomize=True)
@given(phrases, foldings, st.integers(0, 2**32))
def test_exactly_what_would_complete_a_phrase_is_masked(given_phrases, how, seed):
    """In any folding, with tokens that cut characters."""
    rng = random.Random(seed)
    ban, strings = ban_of(given_phrases, how)
    check_against_text(ban, strings, how, vocabulary_of(rng), rng)


@pytest.mark.slow
@pytest.mark.skipif(not phrase_search.native, reason="there is nothing to compare with")
@settings(max_examples=40, deadline=None, derandomize=True)
@given(phrases, foldings, st.integers(0, 2**32))
def test_both_searches_say_the_same(given_phrases, how, seed):
    """Masks and ends of the search in C++ are those of the one in Python; states may have other numbers."""
    rng = random.Random(seed)
    ban, strings = ban_of(given_phrases, how)
    vocabulary, folding = vocabulary_of(rng), Folding(how[0], how[1], tuple(ban.variants))
    native = compile_search(strings, folding, vocabulary)
    plain = PlainSearch([string.encode() for string in strings], folding, vocabulary)
    states = (0, 0)
    for _ in range(30):
        word = phrase_search.word_is_last(states[0])
        searches = zip((native, plain), states, strict=True)
        masks = [search.mask(state) or search.always(word) for search, state in searches]
        assert np.array_equal(*(np.frombuffer(mask, np.int32) for mask in masks))
        assert native.may_end(states[0]) == plain.may_end(states[1])
        token = rng.randrange(len(vocabulary))
        after = (native.step(states[0], token), plain.step(states[1], token))
        assert (after[0] < 0) == (after[1] < 0)
        assert after[0] >> 24 == after[1] >> 24
        if after[0] >= 0:
            states = after


@pytest.mark.slow
def test_the_search_in_python_is_used_where_there_is_no_other(monkeypatch):
    """Without the module in C++ bans hold all the same."""
    monkeypatch.setattr(phrase_search, "native", False)
    rng, how = random.Random(0), (True, True, VARIANTS)
    for strings in (("a", "ß-"), ("fi", "é", "$"), ("-e", "a s")):
        ban, kept = ban_of(strings, how)
        assert isinstance(ban.compile(vocabulary_of(rng))._search, PlainSearch)
        check_against_text(ban, kept, how, vocabulary_of(rng), rng, steps=6)


@pytest.mark.parametrize(
    ("options", "banned", "same", "other"),
    [
        ({}, "Alice", ["Alice", "xAlices"], ["alice", "Alic e"]),
        ({"ignore_case": True}, "Straße", ["STRASSE", "strasse", "STRAẞE"], ["Strase"]),
        ({"ignore_case": True}, "ok", ["O\u212a", "oK"], ["0k"]),
        (
            {"whole_word": True},
            "bad",
            ["bad", "so bad!", "bad-bad", "«bad»"],
            ["badge", "bad_", "bad1", "bad\u0301", "ébad"],
        ),
        ({"whole_word": True}, "$5", ["US$5.", "$5"], ["$50", "$5a"]),
        ({"whole_word": True}, "#tag", ["a#tag", "#tag,"], ["#tags"]),
        ({"whole_word": True}, "c++", ["c++11", "c++"], ["abc++"]),
        (
            {"whole_word": True, "variants": ["confusables"]},
            "alice",
            ["@alice", "аlісe", "a1ice"],
            ["malice", "@lice"],
        ),
        ({"variants": ["normal_forms"]}, "café", ["cafe\u0301", "café"], ["cafe", "CAFÉ"]),
        ({"variants": ["normal_forms"]}, "각", ["\u1100\u1161\u11a8"], ["\u1100\u1161"]),
        ({"variants": ["normal_forms"]}, "a\u0316\u0301", ["á\u0316", "a\u0316\u0301"], ["á"]),
        ({"variants": ["zero_width"]}, "spam", ["s\u200bp\u00adam", "spam\ufe0f"], ["s pam"]),
        ({"variants": ["compatibility"]}, "spam fi", ["ｓｐａｍ ﬁ", "spam\u00a0fi"], ["SPAM FI"]),
        ({"variants": ["confusables"]}, "sale", ["$@13", "ЅАLЕ", "5a1e"], ["sa-le"]),
        ({"variants": VARIANTS}, "Spam", ["Ｓ\u200bр\u00adＡＭ", "$pam"], ["spa m"]),
    ],
)
def test_what_is_the_same(options, banned, same, other):
    """By bytes, one at a time: every cut of a text."""
    vocabulary = Vocabulary(tuple(bytes((byte,)) for byte in range(256)))
    automaton = Ban(banned, **options).compile(vocabulary)
    for text in (*same, *other):
        state = automaton.follow(automaton.start, text.encode())
        assert (state is None or not automaton.may_end(state)) == (text in same), text
        assert follow(automaton, automaton.start, text.encode()) == state


def test_what_ends_in_a_banned_word_goes_on_with_it():
    """The text may not end, nothing may come that ends the word, and a plan leads out of it."""
    vocabulary = Vocabulary((b"bad", b" ", b"ge", b"!", b"\xc3", b"\xa9", b"\xc3\xa9 ", b"", b"</s>"), (8,))
    automaton = Ban("bad", whole_word=True).compile(vocabulary)
    bad = automaton.step(automaton.start, 0)
    assert not automaton.may_end(bad)
    assert allowed(automaton, bad, vocabulary) == [0, 2, 4, 6, 7]
    assert automaton.plan(bad, 1) == (2,)
    assert automaton.plan(bad, 0) is None
    assert automaton.plan(automaton.start, 0) == ()
    half = automaton.step(bad, 4)
    assert not automaton.may_end(half)  # half a character is shown as one that is part of no word
    assert allowed(automaton, half, vocabulary) == [5, 7]
    assert automaton.forced(half) == ()
    assert automaton.plan(half, 1) == (5,)
    alone = Vocabulary((b"bad", b" ", b"s", b"!"))
    automaton = Ban("bad", whole_word=True).compile(alone)
    assert automaton.plan(automaton.step(0, 0), 3) == (2,)
    none = Vocabulary((b"bad", b" ", b"!"))
    automaton = Ban(("bad", "badbad"), whole_word=True).compile(none)
    assert automaton.plan(automaton.step(0, 0), 3) is None


@pytest.mark.slow
@settings(max_examples=60, deadline=None, derandomize=True)
@given(phrases, foldings, st.integers(0, 2**32))
def test_a_folded_ban_is_a_set(given_phrases, how, seed):
    """`dfa()` accepts the texts in which no phrase is found; whole words have none and say so."""
    rng = random.Random(seed)
    ban, strings = ban_of(given_phrases, how)
    if how[1]:
        with pytest.raises(ParameterError, match="a ban with whole_word under"):
            (ban | Ban("a")).dfa()
        return
    automaton = ban.dfa()
    for _ in range(60):
        text = b"".join(
            rng.choice((piece.encode(), piece.encode()[:2])) for piece in rng.choices(PIECES, k=4)
        )
        assert automaton.accepts(text) == (not has_phrase(told(text, True), strings, how))


def test_large_bans_stay_beside():
    """A small ban and another set are one set without dead ends; a large one and whole words stand beside."""
    vocabulary = Vocabulary((b"a", b"b", b"c"))
    others = tuple(f"x{number}" for number in range(100))
    for ban, kind in (
        (Ban("ab"), DfaAutomaton),
        (Ban(("ab", *others)), JointAutomaton),
        (Ban("ab", whole_word=True), JointAutomaton),
    ):
        assert isinstance((ban & OneOf(("ab", "ac")) & Length(0, 3)).compile(vocabulary), kind)
    assert isinstance((Ban("a" * 99) & Length(0, 1000)).compile(vocabulary), JointAutomaton)
    large = Ban(("ab", *others))
    joint = (large & OneOf(("ab", "aca"))).compile(vocabulary)
    after = joint.step(joint.start, 0)
    assert allowed(joint, after, vocabulary) == [2]
    assert (large | OneOf(("ab",))).dfa().accepts(b"ab")
    assert not (~large).dfa().accepts(b"a")
    check_walk((large & Ban("bc")).compile(vocabulary), random.Random(0), vocabulary, exact=False)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Ban("a", variants=("leet",)), "compatibility, confusables, normal_forms, zero_width"),
        (lambda: Ban("a", variants="zero_width"), "names among"),
        (lambda: Ban("a", variants=([],)), "names among"),
        (lambda: Ban("a", whole_word=1), "true or false"),
        (lambda: Ban("\u200b\u00ad", variants=("zero_width",)), "zero_width"),
        (
            lambda: Ban(("\ufdfa" * 1000,) * 200, variants=("compatibility",)).compile(Vocabulary((b"a",))),
            "after folding",
        ),
    ],
)
def test_what_cannot_be_banned_is_refused(make, says):
    """The error says what is allowed."""
    with pytest.raises(ParameterError, match=says):
        make()


def test_a_ban_compares_by_its_variants():
    """Whatever they were given as."""
    assert Ban("a", variants=["zero_width", "compatibility"]) == Ban(
        "a", variants={"compatibility", "zero_width"}
    )
    assert hash(Ban("a", variants=["zero_width"])) == hash(Ban("a", variants=("zero_width",) * 2))
    assert Ban("a", whole_word=True) != Ban("a")


def test_phrases_of_a_file(tmp_path):
    """A phrase a line; lines without any are skipped; other files are refused by a sentence."""
    path = tmp_path / "phrases.txt"
    path.write_bytes("\ufeffa b \r\n\n  \n#x\nß\0\n".encode())
    assert Ban.from_file(path, whole_word=True) == Ban(("a b ", "#x", "ß\0"), whole_word=True)
    path.write_bytes(b"a\nb\xff\n")
    with pytest.raises(ParameterError, match=r"UTF-8, which line 2 is not"):
        Ban.from_file(path)
    path.write_bytes(b"a\n" * 10_001)
    with pytest.raises(ParameterError, match="1 to 10000"):
        Ban.from_file(path)
    path.write_bytes(b"a" * 2_000_000)
    with pytest.raises(ParameterError, match="a file of at most"):
        Ban.from_file(path)
    for missing in (tmp_path, tmp_path / "none", "a\0b"):
        with pytest.raises(ParameterError, match="can be read"):
            Ban.from_file(missing)


def test_a_folding_keeps_words_words():
    """What is part of words stays so: else a folding would hide a whole word."""
    for character, alike in CONFUSABLES.items():
        assert is_word(character)
        assert is_word(alike)
    assert "@" not in table(Folding(whole_word=True, variants=("confusables",)))
    for point, text in table(Folding(ignore_case=True)).items():
        assert text == chr(point).casefold()
        assert {is_word(one) for one in text} == {is_word(chr(point))} or point == 0x149  # ŉ is ʼn


@pytest.mark.skipif(not phrase_search.native, reason="is about the module in C++")
def test_the_module_refuses_what_is_no_state():
    """Numbers from elsewhere raise ValueError or TypeError, and nothing is read out of bounds."""
    search = compile_search(("ab",), Folding(), Vocabulary((b"a", b"b")))
    for state in (-1, 3, 2**24 - 1, 2**50, 2**62):
        for ask in (
            search.mask,
            search.may_end,
            lambda at: search.step(at, 0),
            lambda at: search.follow(at, b"a"),
        ):
            with pytest.raises(ValueError, match="no state"):
                ask(state)
    for token in (-1, 2, 2**40):
        with pytest.raises(ValueError, match="no such token"):
            search.step(0, token)
    with pytest.raises(TypeError):
        search.step(2**70, 0)
