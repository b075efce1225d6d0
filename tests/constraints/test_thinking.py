"""Thinking ends after so many tokens, however its end is cut into them; then the answer is constrained."""

import random
import re
from itertools import product

import pytest

from constraints.checks import allowed, spelled
from ponder.constraints import Ban, Length, OneOf, Thinking, Words, follow
from ponder.errors import ParameterError
from ponder.text import Vocabulary

CUT = Vocabulary(
    (b"a", b"<", b"/>", b"</", b">", b"</>", b"b<", b"/>a", b"a</>", b"</s>", b""),
    (9,),
)
NAMED = Vocabulary(
    (b"a", b"b", b" ", b"</", b"think>", b"", b"", b"</s>"), (7,), {"</think>": 5, "<think>": 6}
)
LIMITS = [(0, None), (2, None), (0, 0), (0, 2), (1, 2), (2, 2), (1, 1), (3, 4)]


def thoughts_and_answer(tokens, close):
    """Return the tokens that begin before `close`, and the text after it; None: no token ends with it."""
    text = spelled(tokens, CUT)
    place = text.find(close)
    starts = [len(spelled(tokens[:count], CUT)) for count in range(len(tokens) + 1)]
    if place < 0 or place + len(close) not in starts:
        return None
    return sum(start < place for start in starts[:-1]), text[place + len(close) :]


def is_right(tokens, close, minimum, maximum, answers):
    cut = thoughts_and_answer(tokens, close)
    return (
        cut is not None
        and minimum <= cut[0]
        and (maximum is None or cut[0] <= maximum)
        and (answers is None or cut[1] in answers)
    )


def check_all(limits, answers, close, longest):
    """Hold every text of so many tokens to the definition.

    None is allowed that the definition refuses. Without a maximum all others are; with one, `close` can be
    spelled in one way only after it.
    """
    answer = None if answers is None else OneOf([text.decode() for text in answers])
    automaton = Thinking(*limits, close=close, answer=answer).compile(CUT)
    found = 0
    for tokens in (t for length in range(longest + 1) for t in product(range(9), repeat=length)):
        state = follow(automaton, automaton.start, tokens)
        is_allowed = state is not None and automaton.may_end(state)
        found += is_allowed
        right = is_right(tokens, close.encode(), *limits, answers)
        assert right or not is_allowed, tokens
        if limits[1] is None:
            assert is_allowed == right, tokens
    assert found or limits[0] >= longest


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("answers", [None, (b"a", b"")])
@pytest.mark.parametrize("close", ["</>", "<<", "a"])
def test_by_brute_force(limits, answers, close):
    """Short texts are allowed by the definition."""
    check_all(limits, answers, close, 3)


@pytest.mark.slow
def test_longer_texts_by_brute_force():
    """Texts of four tokens, with three thoughts before an end of one token."""
    check_all((3, 4), None, "</>", 4)


def random_walk(automaton, vocabulary, rng, steps=14):
    """Walk at random and hold each state to the protocol; return the tokens and the last state."""
    state, tokens, before = automaton.start, [], 100
    for _ in range(steps):
        free = allowed(automaton, state, vocabulary)
        assert free == [
            token
            for token in range(len(vocabulary))
            if token not in vocabulary.end_ids and automaton.step(state, token) is not None
        ]
        assert free or automaton.may_end(state), "a dead end"
        assert automaton.must_end(state) == (not free)
        forced = automaton.forced(state)
        assert not forced or free == [forced[0]]
        plan = automaton.plan(state, 100)
        assert automaton.may_end(follow(automaton, state, plan))
        assert automaton.plan(state, len(plan)) == plan
        assert len(plan) <= before + automaton.growth
        before = len(plan)
        assert not plan or automaton.plan(state, len(plan) - 1) is None
        if not free:
            break
        tokens.append(rng.choice(free))
        state = automaton.step(state, tokens[-1])
    return tokens, state


@pytest.mark.slow
@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("opened", [True, False])
def test_walks_never_die(limits, opened):
    """Wherever a walk goes, a plan leads to an end, and the shortest way of the plan is its own length."""
    rng = random.Random(3)
    for close in ("</>", "<<", "a", "<a<", "</></"):
        for answer in (None, OneOf(["a", "<a"]), Length(1, 2)):
            thinking = Thinking(*limits, open="<", close=close, answer=answer, opened=opened)
            for _ in range(3):
                random_walk(thinking.compile(CUT), CUT, rng)


@pytest.mark.slow
@pytest.mark.parametrize("limits", [(0, None), (2, 5), (4, 4), (0, 0)])
def test_control_tokens_close_by_name(limits):
    """A control token of that name is the end, its spelling as text is not; the answer begins after it."""
    rng = random.Random(7)
    automaton = Thinking(*limits, opened=False, answer=OneOf(["a b"])).compile(NAMED)
    ended = 0
    for _ in range(20):
        tokens, state = random_walk(automaton, NAMED, rng, steps=30)
        assert tokens[0] == 6
        if automaton.may_end(state):
            ended += 1
            place = tokens.index(5)
            assert limits[0] <= place - 1 <= (30 if limits[1] is None else limits[1])
            assert spelled(tokens[place:], NAMED) == b"a b"
            assert tokens.count(5) == 1
    assert ended > 12


def test_joined_with_others():
    """A ban on the whole text and words in the answer hold beside it."""
    thinking = Thinking(2, 6, answer=Words(2, 2))
    automaton = (thinking & Ban("bb")).compile(NAMED)
    rng, ended = random.Random(1), 0
    for _ in range(100):
        state, tokens = automaton.start, []
        for _ in range(40):
            free = allowed(automaton, state, NAMED)
            if not free or (automaton.may_end(state) and rng.random() < 0.5):
                break
            tokens.append(rng.choice(free))
            state = automaton.step(state, tokens[-1])
        if automaton.may_end(state):
            ended += 1
            place = tokens.index(5)
            assert 2 <= place <= 6
            assert b"bb" not in spelled(tokens, NAMED)
            assert len(re.findall(r"\w+(?:['’-]\w+)*", spelled(tokens[place:], NAMED).decode())) == 2
    assert ended > 30


def test_the_end_is_forced_token_by_token():
    """After the maximum the shortest spelling of the end is forced, or the rest of what was begun."""
    vocabulary = Vocabulary((b"a", b"<", b"/", b"</", b">", b"x"), ())
    automaton = Thinking(0, 2, close="</>").compile(vocabulary)
    assert automaton.forced(follow(automaton, automaton.start, [0, 0])) == (3, 4)
    assert automaton.forced(follow(automaton, automaton.start, [0, 1])) == (2, 4)
    assert automaton.plan(automaton.start, 9) == (3, 4)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"minimum": -1}, "minimum"),
        ({"minimum": 3, "maximum": 2}, "maximum"),
        ({"close": ""}, "close"),
        ({"open": "x" * 65}, "open"),
        ({"close": "\ud800"}, "close"),
        ({"close": 3}, "close"),
        ({"answer": "text"}, "answer"),
        ({"opened": 1}, "opened"),
        ({"grace": -1}, "grace"),
        ({"rank": 1001}, "rank"),
        ({"reserve": 1.5}, "reserve"),
        ({"message": "x" * 1001}, "message"),
        ({"per": "text"}, "per"),
        ({"calls": ("(",)}, "calls"),
        ({"calls": ("(", "")}, "calls"),
    ],
)
def test_bad_fields_are_refused(fields, named):
    with pytest.raises(ParameterError) as caught:
        Thinking(**fields)
    assert caught.value.field == named


@pytest.mark.parametrize(
    ("vocabulary", "match"),
    [
        (Vocabulary((b"a", b"b"), ()), "can spell"),
        (Vocabulary((b"", b"a"), (0,), {"</think>": 0}), "does not end the text"),
        (Vocabulary((b"</think>",), ()), "can spell thoughts"),
    ],
)
def test_vocabularies_without_a_way_are_refused(vocabulary, match):
    with pytest.raises(ParameterError, match=match):
        Thinking().compile(vocabulary)


@pytest.mark.parametrize(
    ("thinking", "named", "match"),
    [
        (Thinking(close="b", message="abc"), "message", "nothing of 'b'"),
        (Thinking(close="bb", message="ab"), "message", "nothing of 'bb'"),
        (Thinking(2, 3, close=">", message="ab"), "maximum", "at least 4"),
        (Thinking(close=">", message="é"), "message", "can spell"),
        (Thinking(close=">", reserve=1), "reserve", "no request"),
        (Thinking(2, close=">", reserve=8).situated("", 10), "reserve", "at most 7"),
        (Thinking(close=">").then(OneOf(("a",))), "constraint", "around the whole text"),
        (Thinking(0, 3, close=">") & Ban(">"), "constraint", "none was found"),
    ],
)
def test_what_cannot_be_kept_is_refused(thinking, named, match):
    """By its name, when it is compiled: before any token."""
    vocabulary = Vocabulary((b"a", b"b", b"c", b">"), ())
    with pytest.raises(ParameterError, match=match) as caught:
        thinking.compile(vocabulary)
    assert caught.value.field == named


def test_the_prompt_says_whether_thoughts_are_open():
    """Only its end does, white space aside."""
    auto = Thinking(open="<", opened="auto")
    assert auto.situated("a<\n\n", 9).opened is True
    for end in ("", "a", "a<b", "<>"):
        assert auto.situated(end, 9).opened == "auto"
    assert (auto & Ban("x")).situated("<", 9).parts[0].opened is True
    assert Thinking(opened=False).situated("<think>", 9).opened is False


def test_names_are_part_of_a_vocabulary():
    """Two vocabularies with other names are two keys."""
    plain = Vocabulary((b"", b"", b"a"), ())
    first, second = (Vocabulary(plain.tokens, (), {"x": number}) for number in (0, 1))
    assert len({plain, first, second, Vocabulary(plain.tokens, (), {"y": 0})}) == 4
    assert Vocabulary(plain.tokens, (), {"x": 0, "y": 1}) == Vocabulary(plain.tokens, (), {"y": 1, "x": 0})
