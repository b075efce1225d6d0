"""Words, sentences and tokens are counted as independent functions count them, whatever the tokens."""

import random
import re
import unicodedata
from functools import cache
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constraints.checks import allowed, check_forced
from ponder.constraints import Sentences, TokenCount, Words, bits, follow
from ponder.constraints.sentences import ABBREVIATIONS
from ponder.errors import ParameterError
from ponder.text import Vocabulary

STOP = re.compile(r"[.!?…。！？][.!?…。！？\"'”’»)\]」』）]*")
SHORT = re.compile(rf"(?<!\w)(?:[^\W\d_]|{'|'.join(map(re.escape, ABBREVIATIONS))})\Z")


@cache
def marks():
    """All combining marks, which are looked for once a test needs them."""
    return "".join(chr(code) for code in range(0x110000) if unicodedata.category(chr(code))[0] == "M")


@cache
def word():
    """What a word is: a pattern."""
    return re.compile(rf"\w[\w{marks()}]*(?:['’-]\w[\w{marks()}]*)*")


def words(text):
    """How many words a text has, and what comes after the last one."""
    found = list(word().finditer(text))
    return len(found), text[found[-1].end() if found else 0 :]


def sentences(text):
    """How many sentences a text has, and what is left after the last one."""
    count, begun = 0, 0
    for stop in STOP.finditer(text):
        if not any(letter.isalpha() for letter in text[begun : stop.start()]):
            continue
        rest, short = text[stop.end() :], SHORT.search(text[: stop.start()])
        is_short = (
            short is not None
            and (len(short[0]) > 1 or short[0].isupper())
            and [c for c in stop[0] if c in ".!?…。！？"] == ["."]
        )
        if not rest or set(stop[0]) & set("。！？") or (rest[0].isspace() and not is_short):
            count, begun = count + 1, stop.end()
    return count, text[begun:]


def has_words(text, minimum, maximum):
    count, after = words(text)
    closes = len(after) <= 4 and all(letter in "'’-.,;:!?…\"”»)]} \n" for letter in after)
    return minimum <= count and (maximum is None or count < maximum or (count == maximum and closes))


def has_sentences(text, minimum, maximum):
    count, rest = sentences(text)
    if any(letter.isalpha() for letter in rest) or count < minimum:
        return False
    return maximum is None or count < maximum or (count == maximum and not rest.strip() and len(rest) <= 2)


EURO, E_ACUTE, CJK = "€".encode(), "é".encode(), "語".encode()
WORDY = Vocabulary(
    (
        *(b"a", b" ", b"-", b"'", b"a b", b" c-", b"\n\n\n\n\n", E_ACUTE[:1], E_ACUTE[1:], "\u0301".encode()),
        *(
            EURO,
            EURO[:1],
            EURO[1:2],
            EURO[2:],
            EURO[1:] + b" d",
            CJK[:2],
            CJK[2:] + b"'",
            b"",
            b"</s>",
            b"\xff",
        ),
    ),
    (18,),
)
TEXTUAL = Vocabulary(
    (
        *(b"a", b" ", b".", b"e", b"g", b"M", b"r", b"3", b'"', b"?", b" b. ", "。".encode(), b"e.g. Mr"),
        *("é! ".encode(), "é".encode()[:1], "é".encode()[1:], EURO[:2], EURO[2:], b"      ", b"</s>", b""),
    ),
    (19,),
)
CASES = (
    (Words, has_words, WORDY),
    (Sentences, has_sentences, TEXTUAL),
)
limits = st.tuples(st.integers(0, 4), st.none() | st.integers(0, 3)).map(
    lambda pair: (pair[0], None if pair[1] is None else pair[0] + pair[1])
)
alphabet = st.sampled_from(
    [*"ab A-'’_3.?!… \n\t)\"é€語。。MrDegi", "\u0301", "\u093e", "\u2028", "😀", "Mr.", "e.g. "]
)


def text_of(tokens, vocabulary):
    """The text that some tokens spell; None: they are not whole characters."""
    try:
        return b"".join(vocabulary.tokens[token] for token in tokens).decode()
    except UnicodeDecodeError:
        return None


BYTES = Vocabulary(tuple(bytes((byte,)) for byte in range(256)), ())


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "is_right"), [case[:2] for case in CASES])
@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(alphabet, max_size=24).map("".join), limits)
def test_texts_are_allowed_exactly_if_the_checker_says_so(kind, is_right, text, pair):
    """Read byte by byte, a text may end exactly where an independent function says that it may."""
    automaton = kind(*pair).compile(BYTES)
    state = follow(automaton, automaton.start, text.encode())
    assert (state is not None and automaton.may_end(state)) == is_right(text, *pair)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "is_right", "vocabulary"), CASES)
@pytest.mark.parametrize("pair", [(0, None), (2, None), (0, 0), (0, 1), (1, 2), (2, 2)])
def test_all_short_texts_by_brute_force(kind, is_right, vocabulary, pair):
    """Of all texts of up to three tokens, those are allowed that the checker accepts, and no others."""
    automaton = kind(*pair).compile(vocabulary)
    text_tokens = [token for token in range(len(vocabulary)) if vocabulary.is_text[token]]
    for tokens in (t for length in range(4) for t in product(text_tokens, repeat=length)):
        text = text_of(tokens, vocabulary)
        state = follow(automaton, automaton.start, tokens)
        accepted = state is not None and automaton.may_end(state)
        assert accepted == (text is not None and is_right(text, *pair)), (tokens, text)


@st.composite
def vocabularies(draw):
    """Random tokens, cut characters among them, and what is needed to count one by one."""
    pieces = draw(st.lists(st.lists(alphabet, min_size=1, max_size=4).map("".join), max_size=12))
    cut = draw(st.integers(1, 3))
    parts = [part for piece in pieces for part in (piece.encode()[:cut], piece.encode()[cut:]) if part]
    whole = [b"b", b" ", b".", *(piece.encode() for piece in pieces)]
    singles = [bytes((byte,)) for byte in range(0x80, 0xC0)] if draw(st.booleans()) else []
    return Vocabulary((*whole, *parts, *singles, b"", b"</s>"), (len(whole) + len(parts) + len(singles) + 1,))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "is_right"), [case[:2] for case in CASES])
@settings(max_examples=20, deadline=None, derandomize=True)
@given(vocabularies(), limits, st.integers(0, 2**32))
def test_walks_agree_with_the_protocol_and_never_die(kind, is_right, tokens, pair, seed):
    """Masks are what `step` allows, plans are followed to an end, and there is always a way on or an end."""
    automaton, rng = kind(*pair).compile(tokens), random.Random(seed)
    state, path, before = automaton.start, [], 100
    for _ in range(10):
        free = allowed(automaton, state, tokens)
        assert free == [token for token in range(len(tokens)) if automaton.step(state, token) is not None]
        text = text_of(path, tokens)
        assert automaton.may_end(state) == (text is not None and is_right(text, *pair))
        assert automaton.must_end(state) == (not free)
        assert free or automaton.may_end(state), "a dead end"
        check_forced(automaton, state, tokens)
        plan = automaton.plan(state, 100)
        assert plan is not None
        assert automaton.may_end(follow(automaton, state, plan))
        assert (plan == ()) == automaton.may_end(state)
        assert len(plan) <= before + automaton.growth
        before = len(plan)
        if not free:
            break
        path.append(rng.choice(free))
        state = automaton.step(state, path[-1])


def test_a_plan_takes_tokens_of_several_words():
    """Fifty words of which two fit into a token take half as many tokens, and an odd one is not overshot."""
    vocabulary = Vocabulary((b"a", b" ", b" a", b" a a", b"</s>"), (4,))
    for minimum in (50, 99):
        automaton = Words(minimum, minimum).compile(vocabulary)
        plan = automaton.plan(automaton.start, 200)
        assert len(plan) == (minimum + 1) // 2
        assert words(text_of(plan, vocabulary))[0] == minimum
        assert automaton.plan(automaton.start, len(plan) - 1) is None


def test_a_plan_ends_characters_first():
    """A character that was begun is part of the plan."""
    automaton = Words(1).compile(WORDY)
    state = follow(automaton, automaton.start, [7])
    assert not automaton.may_end(state)
    plan = automaton.plan(state, 5)
    assert len(plan) == 1
    assert words(text_of((7, *plan), WORDY)) == (1, "")


@pytest.mark.slow
def test_a_maximum_ends_the_text():
    """After the last word a walk that never wants to end is ended by the mask."""
    for kind in (Words, Sentences):
        automaton = kind(0, 1).compile(TEXTUAL)
        state = follow(automaton, automaton.start, [0, 2, 1])
        steps = 0
        while steps < 20:
            steps += 1
            if automaton.must_end(state):
                break
            free = allowed(automaton, state, TEXTUAL)
            state = automaton.step(state, 1 if 1 in free else free[0])
        assert 0 < steps < 9
        assert automaton.may_end(state)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("It is 3.14 or so. Yes!", 2),
        ("Mr. J. Smith met Dr. Who, e.g. here. Fine.", 2),
        ('He said "Go." Then (so it seems!) he went... Why?!', 4),
        ("1. Bread.\n2. Milk.", 2),
        ("你好。再见！", 2),
        ("apples, pears, etc.", 1),
        ("i.e.g. x. No. I won't.", 3),
    ],
)
def test_sentences_of_real_texts(text, count):
    """The rule says what a reader would."""
    assert sentences(text)[0] == count
    for minimum, maximum in ((count, count), (count + 1, None)):
        automaton = Sentences(minimum, maximum).compile(BYTES)
        assert automaton.may_end(follow(automaton, automaton.start, text.encode())) == (minimum == count)


@pytest.mark.slow
def test_letters_marks_and_spaces_are_where_the_classes_look_for_them():
    """From U+40000 on there are none, but for the marks of plane 14."""
    rest = "".join(map(chr, range(0x40000, 0x110000)))
    assert not re.search(r"[\w\s]", rest)
    assert all(code < 0x20000 or 0xE0000 <= code < 0xE0200 for code in map(ord, marks()))


def test_the_table_is_shared_and_equal_states_have_one_mask():
    """Another minimum costs nothing, and masks are the same arrays."""
    first, second = Words(3, 9).compile(WORDY), Words(2, 8).compile(WORDY)
    assert first.mask((4, 0)) is second.mask((3, 0))


def test_token_counts():
    """Tokens are counted whatever they spell; at the maximum the text must end."""
    automaton = TokenCount(2, 3).compile(WORDY)
    state = automaton.start
    ends = []
    for token in (0, 17, 7):
        ends.append(automaton.may_end(state))
        assert len(automaton.plan(state, 9)) == 2 - min(len(ends) - 1, 2)
        assert set(bits.members(automaton.mask(state))) == set(range(len(WORDY))) - {18}
        state = automaton.step(state, token)
    assert ends == [False, False, True]
    assert automaton.may_end(state)
    assert automaton.must_end(state)
    assert not automaton.mask(state).any()
    assert automaton.step(state, 0) is None
    assert automaton.plan(automaton.start, 1) is None


@pytest.mark.slow
def test_joined_by_and():
    """Counts of words, sentences and tokens hold together."""
    automaton = (Words(2, 4) & Sentences(1, 1) & TokenCount(3, 8)).compile(WORDY_AND_MORE)
    rng = random.Random(5)
    ended = 0
    for _ in range(200):
        state, tokens = automaton.start, []
        while not (automaton.may_end(state) and rng.random() < 0.5):
            free = allowed(automaton, state, WORDY_AND_MORE)
            if not free:
                break
            tokens.append(rng.choice(free))
            state = automaton.step(state, tokens[-1])
        if automaton.may_end(state):
            text = text_of(tokens, WORDY_AND_MORE)
            assert has_words(text, 2, 4)
            assert has_sentences(text, 1, 1)
            assert 3 <= len(tokens) <= 8
            ended += 1
    assert ended > 50


WORDY_AND_MORE = Vocabulary((b"a", b" ", b" b", b".", b" c", b"! ", b"</s>"), (6,))


@pytest.mark.parametrize("kind", [Words, Sentences, TokenCount])
@pytest.mark.parametrize("limits", [(-1, None), (True, None), (1.5, None), (3, 2), (0, 10**9), (None, 3)])
def test_bad_limits_are_refused(kind, limits):
    with pytest.raises(ParameterError):
        kind(*limits)


def test_a_vocabulary_that_cannot_count_is_refused():
    """Without a space no second word can begin."""
    with pytest.raises(ParameterError, match="words one at a time"):
        Words(2).compile(Vocabulary((b"a", b"b"), ()))
    with pytest.raises(ParameterError, match="sentences one at a time"):
        Sentences(2).compile(Vocabulary((b"a", b" "), ()))
    with pytest.raises(ParameterError):
        Words(2).compile(Vocabulary((b"", b"</s>"), (1,)))
