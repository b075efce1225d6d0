"""A grammar as an automaton: what a text may be is what the grammar says, wherever and whoever asks."""

import json
import random
import re
import resource
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import product

import numpy as np
import pytest
from llguidance import LLMatcher, LLParserLimits

from constraints.checks import TINY, accepts, allowed, check_forced
from ponder.constraints import AutomatonCache, Ban, bits, is_dead
from ponder.constraints.grammar import Grammar
from ponder.constraints.guided import automaton as guided
from ponder.constraints.guided import place
from ponder.constraints.guided.automaton import GuidedAutomaton, compile_guided, shared_by, unforced
from ponder.errors import ParameterError
from ponder.text import Vocabulary

MERGED = (
    b'{"',
    b'": ',
    b'", "',
    b'"}',
    b"the",
    b" the",
    b"name",
    b"tr",
    b"true",
    b"false",
    b"12",
    b"-0",
    b"\n  ",
)
BYTES = Vocabulary(
    (*(bytes((byte,)) for byte in range(256)), *MERGED, b"", b"<end>"), (256 + len(MERGED) + 1,)
)
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3},
    },
    "required": ["name", "age", "tags"],
    "additionalProperties": False,
}
JSON = LLMatcher.grammar_from_json_schema(PERSON, overrides={"whitespace_pattern": "[ \\n]{0,3}"})
GRAMMARS = {
    "json": JSON,
    "arithmetic": 'start: e ";"\ne: t ("+" t)*\nt: f ("*" f)*\nf: /[0-9]+/ | "(" e ")"',
    "brackets": 'start: p+ "."\np: "(" p* ")" | "[" p* "]" | "x"',
    "words": "start: /([a-z]+ ){5}[a-z]+\\./",
    "counted": "start: /[a-z]{12}/",
    "date": "start: /[0-9]{4}-(0[1-9]|1[0-2])-[0-3][0-9]/",
    "tags": 'start: el\nel: "<a>" (/[^<>]+/ | el)* "</a>" | "<b>" el* "</b>"',
    "ending": "start: T\nT: /(?s:.*)end/ & ~/(?s:.*)alice(?s:.*)/",
}


@pytest.fixture(autouse=True)
def _nothing_given_up():
    """Grammars that were given up are compiled to their end before the next test."""
    yield
    for thread in threading.enumerate():
        if thread.name == guided.GIVEN_UP:
            thread.join(60)


def compiled(grammar, vocabulary=BYTES):
    return GuidedAutomaton(grammar, vocabulary)


def fresh(grammar, tokens, vocabulary=BYTES):
    """A matcher of llguidance that has consumed some tokens and was never moved otherwise."""
    matcher = LLMatcher(shared_by(vocabulary).tokenizer, unforced(grammar), log_level=0)
    assert matcher.consume_tokens(tokens)
    return matcher


def plain_mask(matcher, vocabulary=BYTES):
    """The text tokens that a matcher allows, and whether it allows the end."""
    unpacked = np.unpackbits(np.frombuffer(matcher.compute_bitmask(), np.uint8), bitorder="little")
    size = len(vocabulary)
    return [int(t) for t in np.flatnonzero(unpacked[:size]) if vocabulary.is_text[t]], bool(unpacked[size])


@cache
def language(pattern):
    """All texts of up to six letters that a pattern of `re` matches, as bytes."""
    texts = ("".join(letters) for n in range(7) for letters in product("ab €", repeat=n))
    return [text.encode() for text in texts if re.fullmatch(pattern, text)]


@pytest.mark.parametrize(
    ("lark", "pattern"),
    [
        ("start: /a{2,4}b?/", "a{2,4}b?"),
        ('start: "ab" ("€" | " ")', "ab[€ ]"),
        ("start: /(ab|ba){1,3}/", "(ab|ba){1,3}"),
        ('start: ("a" | "ba")~2 "€"', "(a|ba){2}€"),
        ("start: T\nT: /[ab€]{1,5}/ & ~/.*bb.*/", "(?!.*bb)[ab€]{1,5}"),
        ('start: x\nx: "a" | "b" y "b"\ny: "€" | " " "a"', "a|b€b|b ab"),
    ],
)
def test_masks_are_those_of_the_language(lark, pattern):
    """From every place that tokens can reach: a token is allowed if a text of the language goes on so."""
    texts = language(pattern)
    automaton, seen = compiled(lark, TINY), 0
    ahead = [(b"", automaton.start)]
    while ahead and seen < 400:
        seen += 1
        spelled, at = ahead.pop()
        rest = {text[len(spelled) :] for text in texts if text.startswith(spelled)}
        assert automaton.may_end(at) == (b"" in rest)
        expected = [
            token
            for token, letters in enumerate(TINY.tokens)
            if TINY.is_text[token] and any(text.startswith(letters) for text in rest)
        ]
        assert allowed(automaton, at) == expected
        assert automaton.must_end(at) == (not expected)
        check_forced(automaton, at)
        for token in range(len(TINY)):
            after = automaton.step(at, token) if token not in TINY.end_ids else None
            assert (after is not None) == (token in expected)
            if after is not None:
                ahead.append((spelled + TINY.tokens[token], after))


@pytest.mark.slow
@pytest.mark.parametrize("name", GRAMMARS)
@pytest.mark.parametrize("capacity", [2, 64])
def test_places_in_any_order(name, capacity, monkeypatch):
    """A tree of places that is visited at random, with branches that die: each is what a new matcher says."""
    monkeypatch.setattr(place, "CAPACITY", capacity)
    rng, grammar = random.Random(name), GRAMMARS[name]
    automaton = compiled(grammar)
    kept = [(automaton.start, ())]
    for _ in range(60):
        at, tokens = rng.choice(kept[-8:] if rng.random() < 0.7 else kept)
        if rng.random() < 0.8:  # else a step without a mask, as along a path that was given
            members, ends = plain_mask(fresh(grammar, tokens))
            assert (allowed(automaton, at, BYTES), automaton.may_end(at)) == (members, ends)
        token = rng.choice(allowed(automaton, at, BYTES) or [0])
        after = automaton.step(at, token)
        if after is not None:
            kept.append((after, (*tokens, token)))
        if rng.random() < 0.2:
            del kept[rng.randrange(1, len(kept)) :]
            kept = kept or [(automaton.start, ())]
    assert len(automaton._matchers) <= capacity


@pytest.mark.slow
def test_steps_without_masks():
    """A token is refused or taken alike whether the mask is known or not."""
    asked, silent = compiled(JSON), compiled(JSON)
    rng, at, other = random.Random(1), asked.start, silent.start
    for _ in range(60):
        members = allowed(asked, at, BYTES)
        assert [t for t in range(len(BYTES)) if silent.step(other, t) is not None] == members
        token = rng.choice(members)
        at, other = asked.step(at, token), silent.step(other, token)


def test_equal_paths_are_equal_places():
    """They are equal, have the same hash and give the identical mask."""
    automaton = compiled(JSON)
    first, second = (automaton.step(automaton.start, ord("{")) for _ in range(2))
    assert first == second
    assert hash(first) == hash(second)
    assert automaton.mask(first) is automaton.mask(second)
    assert first != automaton.start


def test_threads_at_once():
    """Four threads that ask for masks and steps of the same tree get what one gets."""
    automaton = compiled(JSON)

    def walk(seed):
        rng, at, tokens = random.Random(seed % 2), automaton.start, []
        for _ in range(60):
            members = allowed(automaton, at, BYTES)
            if not members:
                break
            tokens.append(rng.choice(members))
            at = automaton.step(at, tokens[-1])
        return tokens, automaton.mask(at).tobytes()

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(walk, range(4)))
    assert results[0] == results[2]
    assert results[1] == results[3]
    for tokens, mask in results[:2]:
        members, _ = plain_mask(fresh(JSON, tokens))
        assert mask == bits.of(members, len(BYTES)).tobytes()


def test_a_long_path_is_let_go():
    """Thirty thousand places in a row are no deep recursion."""
    automaton = compiled("start: /a+/")
    at = automaton.start
    for _ in range(30_000):
        at = place.Place(at.number + 1, at, 97, at.depth + 1)
    assert sum(1 for _ in at.back()) == 30_001
    del at


def test_special_tokens_and_ends_are_in_no_mask():
    """Not even where the grammar names them; a text that spells a special token's name is a text."""
    automaton = compiled('start: <[0-15]> "a"', TINY)
    assert allowed(automaton, automaton.start) == [t for t in range(len(TINY)) if TINY.is_text[t]]
    name = TINY.tokens[15]
    vocabulary = Vocabulary((*(bytes((byte,)) for byte in range(128)), name), (128,))
    assert accepts(compiled('start: "</s>"', vocabulary), list(name))


def test_error_empty_and_finished_are_three_answers():
    """A finished text may end, an empty mask is a dead end, and work beyond the limits is an error."""
    automaton = compiled('start: "a" | "b" "x"', TINY)
    finished = automaton.step(automaton.start, 0)
    assert automaton.must_end(finished)
    assert automaton.may_end(finished)
    dead = automaton.step(automaton.start, 1)
    assert is_dead(automaton, dead)
    assert not allowed(automaton, dead)
    assert automaton.plan(dead, 9) is None
    assert allowed(automaton, automaton.start) == [0, 1]  # and others go on
    limits = LLParserLimits(step_lexer_fuel=50, verbose_errors=False)
    tired = GuidedAutomaton("start: /a/ /b/ /(.*x.{9}y.*){4}/", BYTES, limits=limits)
    at = tired.step(tired.step(tired.start, ord("a")), ord("b"))
    with pytest.raises(ParameterError, match=r"^grammar = .* is not allowed: .*after 2 tokens, "):
        tired.mask(at)
    assert allowed(tired, tired.start, BYTES) == [ord("a")]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in ("ending", "tags", "words") else name
        for name in GRAMMARS
    ],
)
def test_plans_end_the_text(name):
    """From nearly every place a plan is found; its tokens are allowed, few enough, and the text may end."""
    rng, grammar = random.Random(7), GRAMMARS[name]
    automaton, asked, found = compiled(grammar), 0, 0
    for _ in range(4):
        at, tokens = automaton.start, []
        for _ in range(rng.randrange(2, 14)):
            members = allowed(automaton, at, BYTES)
            if not members:
                break
            tokens.append(rng.choice(members))
            at = automaton.step(at, tokens[-1])
        plan = automaton.plan(at, 150)
        asked += 1
        if plan is None:
            continue
        found += 1
        assert plan == automaton.plan(at, 150)
        assert (plan == ()) == automaton.may_end(at)
        matcher = fresh(grammar, [*tokens, *plan])
        assert matcher.is_accepting()
        assert len(plan) <= 150
        shorter = automaton.plan(at, max(len(plan) - 1, 0))
        assert shorter is None or len(shorter) < len(plan) or not plan
    assert found >= asked - 1


@pytest.mark.parametrize(
    "lark",
    [
        "nonsense",
        "start: (",
        'start: "a',
        "start: /(/",
        "start: missing",
        "start: start",
        'start: start "a"',
        "start: a\na: b\nb: a",
        "start: " + "(" * 3000 + '"a"' + ")" * 3000,
        "start: /" + "(" * 3000 + "a" + ")" * 3000 + "/",
        'start: %json {"$ref": "#"}',
        'start: %json {"type": "nothing"}',
        "start: %json " + '{"properties":{"a":' * 500 + "{}" + "}}" * 500,
        "start: /(?=a)b/",
        "start: /a\\1/",
        "\x00\x01\x02",
        "start: T\nT: /a/ & /b/",
    ],
)
def test_bad_grammars_are_refused(lark):
    """With one sentence of bounded length."""
    with pytest.raises(ParameterError) as caught:
        Grammar(lark).compile(BYTES)
    assert caught.value.field == "grammar"
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "lark", ["", "  \n", 3, None, "a" * (2**17 + 1), '{"grammars": []}', 'start: "\ud800"']
)
def test_no_grammars_are_refused(lark):
    """Before anything is compiled."""
    with pytest.raises(ParameterError, match=r"^grammar = "):
        Grammar(lark)


@pytest.mark.parametrize(
    "lark",
    [
        "start: /(a|b){0,100000}/",
        "start: /((a{1,1000}){1,1000}){1,1000}/",
        'start: e\ne: e e | "a" | ""',
        "start: r0\n" + "\n".join(f"r{i}: r{i + 1} r{i + 1}" for i in range(60)) + '\nr60: "a"',
        'start: "a" start',
        pytest.param('start: "x" ' + '"a"? ' * 9_000, marks=pytest.mark.slow),
        pytest.param("start: /" + "|".join(f"w{i}" for i in range(10_000)) + "/", marks=pytest.mark.slow),
        pytest.param('start: "' + "x" * 100_000 + '"', marks=pytest.mark.slow),
        pytest.param("start: " + "|".join(f'"w{i}"' for i in range(10_000)), marks=pytest.mark.slow),
    ],
)
def test_huge_grammars_take_bounded_time(lark):
    """They are compiled or refused within two seconds and a little, and then followed."""
    began = time.monotonic()
    try:
        automaton = Grammar(lark).compile(BYTES)
    except ParameterError:
        automaton = None
    assert time.monotonic() - began < guided.MAX_SECONDS + 1
    if automaton is not None:
        at = automaton.start
        for token in automaton.forced(at)[:3]:
            at = automaton.step(at, token)
            assert at is not None
        plan = automaton.plan(at, 10)
        assert plan is None or (plan == ()) == automaton.may_end(at)


@pytest.mark.slow
def test_only_two_are_given_up_at_once(monkeypatch):
    """What takes too long is refused; two such end by themselves, and then others are compiled."""
    slow = "start: /" + "|".join(f"w{i}x" for i in range(10_000)) + "/"
    shared_by(BYTES)
    monkeypatch.setattr(guided, "MAX_SECONDS", 0.001)
    for _ in range(guided.MAX_GIVEN_UP):
        with pytest.raises(ParameterError, match=r"can be compiled in 0\.001 s"):
            compile_guided(slow, BYTES)
    monkeypatch.setattr(guided, "MAX_SECONDS", 2.0)
    with pytest.raises(ParameterError, match="once those that took too long have been compiled"):
        compile_guided('start: "a"', BYTES)
    for thread in threading.enumerate():
        if thread.name == guided.GIVEN_UP:
            thread.join(60)
    assert compile_guided('start: "a"', BYTES) is not None


def test_a_grammar_with_a_limit_of_tokens():
    """Its matchers cannot go back; they are made anew."""
    lark = 'start: x "b"\nx[max_tokens=3]: /a*/'
    automaton = compiled(lark)
    first = automaton.step(automaton.start, ord("a"))
    second = automaton.step(first, ord("a"))
    for at, tokens in ((second, "aa"), (first, "a"), (automaton.start, ""), (second, "aa")):
        automaton._seen = type(automaton._seen)(16)
        members, _ = plain_mask(fresh(lark, list(tokens.encode())))
        assert allowed(automaton, at, BYTES) == members


def test_a_grammar_beside_a_ban():
    """Both are kept to."""
    automaton = (Grammar("start: /[ab]{3}/") & Ban("ab")).compile(TINY)
    assert not accepts(automaton, [0, 1, 1])
    assert accepts(automaton, [1, 1, 0])
    with pytest.raises(ParameterError, match="~Grammar"):
        ~Grammar("start: /a/")


def test_other_ways_to_write_a_grammar():
    """Lark text and llguidance's JSON forms of a schema and of a regex, as Lark or not."""
    schema = {"type": "boolean"}
    forms = [
        "start: %json " + json.dumps(schema),
        LLMatcher.grammar_from_json_schema(schema),
        LLMatcher.grammar_from_lark('start: "true" | "false"'),
        LLMatcher.grammar_from_regex("true|false"),
    ]
    for form in forms:
        automaton = compiled(form)
        assert [BYTES.tokens[t] for t in allowed(automaton, automaton.start, BYTES)] == [
            b"f",
            b"t",
            b"tr",
            b"true",
            b"false",
        ]
        assert accepts(automaton, list(b"true"))


@pytest.mark.slow
@pytest.mark.timed
def test_many_grammars_in_bounded_memory():
    """Hundreds that are compiled one after the other leave no more than the cache keeps."""
    cached = AutomatonCache()

    def compile_some(first, number):
        for i in range(first, first + number):
            schema = {**PERSON, "title": str(i), "required": ["name"]}
            automaton = cached.get(Grammar("start: %json " + json.dumps(schema)), BYTES)
            automaton.mask(automaton.step(automaton.start, ord("{")))

    compile_some(0, 100)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    compile_some(100, 200)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 20
