"""A banned string never occurs, and nothing else is forbidden: against brute force on the text."""

import random
from dataclasses import dataclass

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from asking import face_ask
from constraint_state import ConstraintState, compile_state
from ponder.asks import conversation
from ponder.asks.fronts import generate
from ponder.constraints import Ban
from ponder.errors import ParameterError
from ponder.sampling.bitmask import unpack
from ponder.text import Vocabulary

# Letters, their neighbours, half characters, tokens over several characters, and control tokens (no bytes).
EURO, SMILE = "€".encode(), "😀".encode()
VOCABULARY = (
    *(letter.encode() for letter in ("a", "b", "c", "A", "B", " ", "é", "É", "€")),
    *(EURO[:1], EURO[1:2], EURO[1:], EURO[2:], SMILE[:2], SMILE[2:], SMILE[1:3]),
    *(word.encode() for word in ("ab", "ba", "aab", "abab", "bcb", "Ab", "cé", "a€b")),
    *(b"a" + EURO[:2], EURO[2:] + b"b", SMILE[3:] + SMILE, b"\xff", b"", b""),
)
TINY = Vocabulary(VOCABULARY)
texts = st.text("abc AéÉ€😀", min_size=1, max_size=5)
some_texts = st.lists(texts, min_size=1, max_size=4)
walks = st.integers(0, 2**32)


@dataclass(frozen=True)
class Tokens:
    """What a state needs to know of a tokenizer."""

    vocabulary: Vocabulary


def state_of(constraint, vocabulary=TINY) -> ConstraintState:
    return compile_state(constraint, Tokens(vocabulary))


def text_of(tokens, vocabulary=VOCABULARY):
    return b"".join(vocabulary[token] for token in tokens).decode("utf-8", "replace")


def contains(text, banned, ignore_case):
    if ignore_case:
        return any(string.casefold() in text.casefold() for string in banned)
    return any(string in text for string in banned)


def mask_of(state, vocabulary=VOCABULARY):
    return unpack(state.mask(), len(vocabulary))


def allowed(state, vocabulary=VOCABULARY):
    return mask_of(state, vocabulary).nonzero()[0].tolist()


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True)
@given(some_texts, st.booleans(), walks)
def test_exactly_what_would_complete_a_banned_string_is_masked(banned, ignore_case, seed):
    """At every step of a random walk a token is masked iff the text with it would contain a banned string."""
    state, rng, tokens = state_of(Ban(tuple(banned), ignore_case)), random.Random(seed), []
    for _ in range(12):
        free = [
            token
            for token in range(len(VOCABULARY))
            if not contains(text_of([*tokens, token]), banned, ignore_case)
        ]
        assert allowed(state) == free
        tokens.append(rng.choice(free))
        state.advance(tokens[-1])


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True)
@given(some_texts, st.booleans(), walks)
def test_long_walks_stay_free(banned, ignore_case, seed):
    """Walks that keep close to the banned strings never write one, and always may end."""
    banned = tuple(banned)
    state, rng, tokens = state_of(Ban(banned, ignore_case)), random.Random(seed), []
    near = [i for i, token in enumerate(VOCABULARY) if token and any(token[:1] in s.encode() for s in banned)]
    for _ in range(60):
        free = allowed(state)
        tokens.append(rng.choice([token for token in free if token in near] or free))
        state.advance(tokens[-1])
        assert state.may_stop()
    assert not contains(text_of(tokens), banned, ignore_case)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True)
@given(some_texts, walks, st.integers(0, 10))
def test_rollback_and_fork(banned, seed, back):
    """Going back is never having gone; a fork and its origin do not see each other's tokens."""
    rng, fresh = random.Random(seed), state_of(Ban(tuple(banned)))

    def walk(state, count):
        tokens = []
        for _ in range(count):
            tokens.append(rng.choice(allowed(state)))
            state.advance(tokens[-1])
        return tokens

    def is_at(state, tokens):
        again = state_of(Ban(tuple(banned)))
        for token in tokens:
            again.advance(token)
        return allowed(state) == allowed(again)

    state = fresh.fork()
    tokens = walk(state, 10)
    fork = state.fork()
    state.rollback(back)
    assert is_at(state, tokens[: 10 - back])
    onwards = walk(state, 6)
    assert is_at(fork, tokens)
    elsewhere = walk(fork, 3)
    assert is_at(state, [*tokens[: 10 - back], *onwards])
    fork.rollback(3)
    assert len(elsewhere) == 3
    assert is_at(fork, tokens)
    assert is_at(fresh, [])


@pytest.mark.parametrize("ignore_case", [False, True])
def test_the_whole_vocabulary_of_the_default_model(tokenizer, ignore_case):
    """All 49,152 tokens of the real vocabulary, after texts that end inside a banned string."""
    banned = ("#", "hashtag", "the cat", "\n\n", "😀é", "na na na b")
    state = compile_state(Ban(banned, ignore_case), tokenizer)
    text = " has Hash THE c na na na na 😀 \n"
    if not ignore_case:
        assert not contains(text, banned, False)
    tokens = tokenizer.encode(text)
    for done in range(len(tokens) + 1):
        before = b"".join(tokenizer.bytes_table[token] for token in tokens[:done])
        masked = [
            token
            for token, spelled in enumerate(tokenizer.bytes_table)
            if contains((before[-40:] + spelled).decode("utf-8", "replace"), banned, ignore_case)
        ]
        assert (~mask_of(state, tokenizer.bytes_table)).nonzero()[0].tolist() == masked
        if done < len(tokens):
            state.advance(tokens[done])


@pytest.mark.parametrize(
    ("banned", "text"),
    [
        ("Straße", "STRASSE"),
        ("Straße", "strasse"),
        ("STRASSE", "Strasse"),
        ("éa", "ÉA"),
        ("ДОМ", "дом"),
        ("ΟΔΟΣ", "οδος"),  # the small letter of Σ at a word's end
        ("οδος", "ΟΔΟΣ"),
        ("οδός", "ΟΔΌΣ"),
        ("ŉ", "ʼN"),
        ("ﬁn", "FIN"),
    ],
)
def test_case_beyond_ascii(banned, text):
    """With `ignore_case` a string is banned in upper, lower and mixed case of any script."""
    table = tuple({letter.encode() for letter in text})
    state = state_of(Ban((banned,), ignore_case=True), Vocabulary(table))
    for letter in text[:-1]:
        assert mask_of(state, table)[table.index(letter.encode())]
        state.advance(table.index(letter.encode()))
    assert not mask_of(state, table)[table.index(text[-1].encode())]


def test_case_counts_unless_ignored():
    """Without `ignore_case` only the spelling given is banned."""
    table = Vocabulary((b"No", b"no", b"NO"))
    assert allowed(state_of(Ban(("no",)), table), table.tokens) == [0, 2]
    assert allowed(state_of(Ban(("no",), ignore_case=True), table), table.tokens) == []


@pytest.mark.parametrize(
    ("strings", "says"),
    [
        ((), "1 to 10000"),
        (("a",) * 10_001, "1 to 10000"),
        (("a" * 1000,) * 1048 + ("é" * 289,), "at most 1048576 bytes"),
        (("a" * 1001,), "at most 1000 characters"),
        (("a\ufffd",), "U\\+FFFD"),
        (("a", ""), "not empty"),
        (("a", 5), "not empty"),
        (("\ud800",), "lone surrogates"),
    ],
)
def test_what_cannot_be_banned_is_refused(strings, says):
    """The error says what is allowed."""
    with pytest.raises(ParameterError, match=says):
        Ban(strings)


@pytest.mark.slow
@settings(max_examples=50, deadline=None, derandomize=True)
@given(some_texts, walks)
def test_a_thousand_strings_are_their_union(banned, seed):
    """A ban of many strings masks what its parts mask."""
    assume(len(set(banned)) > 1)
    rng = random.Random(seed)
    together = state_of(Ban(tuple(banned)))
    apart = [state_of(Ban((string,))) for string in banned]
    for _ in range(8):
        free = allowed(together)
        assert set(free) == set.intersection(*(set(allowed(state)) for state in apart))
        token = rng.choice(free)
        for state in (together, *apart):
            state.advance(token)


@pytest.mark.slow
def test_the_default_model_writes_no_hashtag(local_model):
    """Asked for hashtags in 20 seeds, the model writes some; with "#" banned, none."""
    prompt = conversation("Write a tweet about a day at the beach with five hashtags.")
    sampling = {"n": 20, "seed": 0, "max_tokens": 24, "temperature": 0.7}
    plain = generate(local_model, face_ask(prompt, sampling))
    free = generate(local_model, face_ask(prompt, sampling, Ban(("#",))))
    assert sum("#" in text for text in plain.texts) >= 5
    assert not any("#" in text for text in free.texts)
