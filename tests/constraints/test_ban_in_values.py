"""Bans in what the string values of JSON say: against `json` and `re` on the whole text."""

import json
import random
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ponder.constraints import Ban, JsonSchema, OneOf, Regex, Words, bits, follow
from ponder.constraints.json_schema import Mode
from ponder.constraints.json_values import MAX_DEPTH, JsonPlace, JsonValues
from ponder.errors import ParameterError
from ponder.text import Vocabulary

PARTS = (
    *(
        '"Al',
        'ice"',
        "Alice",
        "lice",
        "Bob",
        '"Bob"',
        '": "',
        '", "',
        '"]',
        '"}',
        '{"',
        "[[",
        "é",
        "É",
        "e\u0301",
    ),
    *(
        "\\n",
        "\\u00",
        "\\u0041",
        "41",
        "\\",
        "\\\\",
        '\\"',
        "\\nAl",
        'ce", "A',
        "\\ud83d",
        "\\ude00",
        "\\u00e9",
    ),
    *("😀", "\\n\\", "A\\u006c", "ice.", " Alice ", "lice\\t"),
)
PIECES = (*(part.encode() for part in PARTS), "é".encode()[:1], "é".encode()[1:], "😀".encode()[:3])
END = 256 + len(PIECES)
TINY = Vocabulary((*(bytes((byte,)) for byte in range(256)), *PIECES, b"</s>", b""), (END,))
BY_BYTE = [[token for token in range(END) if TINY.tokens[token][0] == byte] for byte in range(256)]
BANNED = ("Alice", "é", "l\nA", '"', "\\", "😀", "Bob", "ice A", "u00")
WORDS = (
    "Alice",
    "Bob",
    "alice",
    "é",
    "e\u0301",
    "\n",
    '"',
    "\\",
    "😀",
    " ",
    "x",
    "ice",
    "Al",
    "\\n",
    "\ud83d",
    "l\nA",
)

strings = st.lists(st.sampled_from(WORDS), max_size=4).map("".join)
values = st.recursive(
    strings | st.none() | st.integers(-5, 50) | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["Alice", "a", "b/~", "é", '"']), inner, max_size=3)
    ),
    max_leaves=8,
)
seeds = st.integers(0, 2**32)
bans = st.builds(
    dict,
    strings=st.lists(st.sampled_from(BANNED), min_size=1, max_size=2, unique=True).map(tuple),
    whole_word=st.booleans(),
    ignore_case=st.booleans(),
    variants=st.sampled_from([(), ("normal_forms",)]),
)
pointers = st.sampled_from(["values", "/a", "/*", "/Alice", "/*/*", "/0", "/a/1", "/b~1~0", "/é/*/a"])


def spelled(value, rng: random.Random) -> str:
    """JSON text of a value, with spaces and escapes where `rng` wants them."""
    space = " " * rng.randrange(2)
    if isinstance(value, dict):
        members = [f"{spelled(key, rng)}{space}:{space}{spelled(one, rng)}" for key, one in value.items()]
        return "{" + ("," + space).join(members) + "}"
    if isinstance(value, list):
        return "[" + ("," + space).join(spelled(one, rng) for one in value) + space + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    return '"' + "".join(spelled_character(character, rng) for character in value) + '"'


def spelled_character(character: str, rng: random.Random) -> str:
    plain = json.dumps(character, ensure_ascii=False)[1:-1]
    if rng.random() < 0.7 and not "\ud800" <= character < "\ue000":
        return plain
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))


def said(value, pointer):
    """All strings where a pointer leads."""
    steps = [] if pointer == "values" else pointer.split("/")[1:]
    steps = [step.replace("~1", "/").replace("~0", "~") for step in steps]

    def walk(value, depth):
        if isinstance(value, dict | list):
            inner = value.items() if isinstance(value, dict) else enumerate(value)
            for key, one in inner:
                if depth >= len(steps) or steps[depth] in ("*", str(key)):
                    yield from walk(one, depth + 1)
        elif isinstance(value, str) and depth >= len(steps):
            yield value

    return list(walk(value, 0))


def is_banned(text, *, strings, whole_word, ignore_case, variants):
    """Whether a string says a banned one, as `re` sees it."""

    def folded(one):
        one = unicodedata.normalize("NFD", one) if variants else one
        return one.casefold() if ignore_case else one

    for string in map(folded, strings):
        pattern = re.escape(string)
        if whole_word:  # a mark is a part of a word
            word = r"[\w\u0301]"
            pattern = rf"(?<!{word})" * bool(re.match(word, string)) + pattern
            pattern += rf"(?!{word})" * bool(re.match(word, string[-1]))
        if re.search(pattern, folded(text)):
            return True
    return False


def cut(data: bytes, rng: random.Random) -> list[int]:
    """Tokens that spell some bytes, each step one of those that fit."""
    tokens, at = [], 0
    while at < len(data):
        fitting = [token for token in BY_BYTE[data[at]] if data.startswith(TINY.tokens[token], at)]
        tokens.append(rng.choice(fitting))
        at += len(TINY.tokens[tokens[-1]])
    return tokens


@pytest.mark.slow
@given(values, bans, pointers, seeds)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_text_is_allowed_if_no_value_says_a_banned_string(value, ban, pointer, seed):
    """However it is cut into tokens and spelled; and no mask denies a token of an allowed text."""
    rng = random.Random(seed)
    text = spelled(value, rng)
    assert json.loads(text) == json.loads(json.dumps(value))
    automaton = Ban(**ban, within=pointer).compile(TINY)
    state = automaton.start
    for token in cut(text.encode(), rng):
        mask = automaton.mask(state)
        state = automaton.step(state, token)
        if state is None:
            break
        assert mask is None or token in bits.members(mask)
    allowed = state is not None and automaton.may_end(state)
    assert allowed == (not any(is_banned(one, **ban) for one in said(json.loads(text), pointer)))


@pytest.mark.slow
@given(strings, bans, seeds)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_inside_a_value_masks_are_what_steps_take(string, ban, seed):
    """For all tokens but those that go on after the string; elsewhere all may come."""
    rng = random.Random(seed)
    automaton = Ban(**ban, within="/0").compile(TINY)
    assert automaton.mask(automaton.start) is None
    data = ("[" + spelled(string, rng)[: rng.randrange(2, 12)]).encode()
    state = follow(automaton, automaton.start, list(data))
    if state is None or state.json.mode is not Mode.STRING or state.json.escape:
        return
    allowed = set(bits.members(automaton.mask(state)))
    for token in range(END):
        first = TINY.tokens[token].partition(b'"')[0]
        if automaton.step(state, token) is not None:
            assert token in allowed
        elif token in allowed:
            assert len(first) + 1 < len(TINY.tokens[token]), "nothing comes after a quote"
    assert END not in allowed
    assert END + 1 in allowed, "a control token says nothing"
    assert automaton.step(state, END + 1) == state


@pytest.mark.slow
@given(bans, seeds)
@settings(max_examples=12, deadline=None, derandomize=True)
def test_texts_that_keep_to_it_say_nothing_banned(ban, seed):
    """Random JSON, written token by token; the plan ends each text so that it still holds."""
    schema = {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}
    constraint = JsonSchema(schema, compact=True) & Ban(**ban, within="values")
    automaton, rng = constraint.compile(TINY), random.Random(seed)
    state, tokens = automaton.start, list(b'{"Alice":["')
    state = follow(automaton, state, tokens)
    for _ in range(15):
        free = bits.members(automaton.mask(state))
        if not free:
            break
        token = rng.choice([token for token in free if token >= 256] or free)
        after = automaton.step(state, token)
        if after is not None and automaton.plan(after, 40) is not None:
            tokens.append(token)
            state = after
    tokens += automaton.plan(state, 40)
    value = json.loads(b"".join(TINY.tokens[token] for token in tokens))
    assert "Alice" in value
    assert not any(is_banned(one, **ban) for one in said(value, "values"))


def allows(ban: Ban, text: str) -> bool:
    automaton = ban.compile(TINY)
    state = follow(automaton, automaton.start, list(text.encode()))
    return state is not None and automaton.may_end(state)


NO_JSON = {
    "prose": ('Alice said: "Alice".', True),
    "prose before": ('Here: {"a": "Alice"}', False),
    "lines": ('{"a": 1}\n{"a": "Alice"}', False),
    "after it": ('{"a": 1} "Alice"', True),
    "no value": ('{"a" "Alice"}', True),
    "a word": ('[see "Alice"]', True),
    "a bracket, then JSON": ('[see {"a": "Alice"}', False),
    "no end": ('["Alice', False),
    "a line feed in a string": ('["Al\nice"]', True),
    "no escape": ('["\\Alice"]', True),
    "half a pair": ('["\\ud83dAlice"]', False),
    "white space before": (' \n"Alice"', False),
    "wrong bracket": ('["a"}, "Alice"]', True),
}


@pytest.mark.parametrize(("text", "is_allowed"), NO_JSON.values(), ids=NO_JSON.keys())
def test_where_a_text_is_json(text, is_allowed):
    """Each object and array, up to where it is none."""
    assert allows(Ban("Alice", whole_word=True, within="values"), text) == is_allowed


def test_a_word_that_an_escape_may_go_on_with():
    r"""After `Alice` the string may not close, but `\u0061` may follow; the plan knows."""
    automaton = Ban("Alice", whole_word=True, within="values").compile(TINY)
    for begun in ("", "\\", "\\u", "\\u0", "\\u00", "\\u006", "\\ud835"):
        state = follow(automaton, automaton.start, list(f'["Alice{begun}'.encode()))
        assert not automaton.may_end(state)
        plan = automaton.plan(state, 6)
        assert len(plan) <= automaton.growth
        assert automaton.may_end(follow(automaton, state, plan))
        assert automaton.plan(state, 0) is None
    assert follow(automaton, automaton.start, b'["Alice\\n') is None


@pytest.mark.slow
def test_it_stands_beside_all_others():
    """Under & beside sets, counts and JSON; under |, ~ and then it is refused by name."""
    ban = Ban("Alice", ignore_case=True, within="/name")
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "who": {"type": "string"}}}
    both = JsonSchema(schema) & ban & Ban("#") & Words(1)
    assert allows(both, '{"name": "Bob", "who": "Alice"}')
    assert not allows(both, '{"name": "\\u0041LICE", "who": "Alice"}')
    assert not allows(both, '{"name": "#", "who": "Alice"}')
    assert allows(ban & OneOf(('["Alice"]',)), '["Alice"]')
    assert allows(ban & Ban("x", within="values"), '{"name": "y", "x": "Alice"}')
    for made in (ban | OneOf(("a",)), ~ban, ban.then(Regex("a*"))):
        with pytest.raises(ParameterError, match="a ban with within"):
            made.compile(TINY)
    with pytest.raises(ParameterError, match="some text must keep to all parts"):
        (JsonSchema({"const": "Alice"}) & Ban("Alice", within="values")).compile(TINY)


@pytest.mark.parametrize("within", ["value", "", "name", "$.name", 5, "/a~2", "/" + "a" * 1000, "/\ud800"])
def test_what_is_no_place_is_refused(within):
    """With an error that names the field."""
    with pytest.raises(ParameterError) as caught:
        Ban("a", within=within)
    assert caught.value.field == "within"


def test_hostile_texts_are_bounded():
    """Deep nesting is refused; a state is small, however long strings, keys and lists are."""
    automaton = Ban("Alice", within="/0/*").compile(TINY)
    state = follow(automaton, automaton.start, [91] * MAX_DEPTH)
    assert state is not None
    assert automaton.step(state, 91) is None
    assert follow(automaton, state, b"]" * MAX_DEPTH).json.mode is Mode.DONE
    assert follow(automaton, automaton.start, b"[]" * (2 * MAX_DEPTH)) is not None
    values = JsonValues((b"a",))
    place, _ = values.read(JsonPlace(), b'{"' + b"k" * 10**6 + b'": [' + b"1," * 10**4 + b'"' + b"x" * 10**6)
    assert len(repr(place)) < 200


@pytest.mark.slow
def test_the_vocabulary_of_the_default_model(tokenizer):
    """The mask is exact over a real vocabulary in a value, and the two spellings are one."""
    vocabulary = tokenizer.vocabulary
    automaton = Ban("Alice", whole_word=True, within="values").compile(vocabulary)
    for begun in ('{"Alice": "I am Al', '{"Alice": "I am Alice', '["\\u0041l'):
        state = follow(automaton, automaton.start, tokenizer.encode(begun))
        allowed = bits.unpack(automaton.mask(state), len(vocabulary))
        for token, spelled_token in enumerate(vocabulary.tokens):
            if token % 16 and not re.search(rb'ice|["\\\\]', spelled_token):
                continue
            taken = token not in vocabulary.end_ids and automaton.step(state, token) is not None
            if b'"' not in spelled_token[:-1]:
                assert allowed[token] == taken, spelled_token
            else:
                assert allowed[token] or not taken
