"""Constraints as plain data: each field, all together, and what is refused."""

import pytest

from ponder.constraints import Ban, Constraint, Length, OneOf, OnlyTokens, Words, constraint_of, follow
from ponder.errors import ParameterError
from ponder.text import Vocabulary

BYTES = Vocabulary((*(bytes((byte,)) for byte in range(256)), b""), (256,))
PERSON = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}

FIELDS = {
    "choice": ({"choice": ["yes", "no"]}, ["yes", "no"], ["", "maybe", "y"]),
    "regex": ({"regex": r"[ab]{2}\d"}, ["ab1"], ["ab", "xab1"]),
    "json_schema": ({"json_schema": PERSON}, ['{"a": "x", "b": 1}'], ['{"b": 1, "a": "x"}', "{}", '"a"']),
    "json text": ({"json_schema": '{"type": "integer"}'}, ["15"], ["x", "{}"]),
    "any json": ({"json_schema": True}, ["{}", '{"a": [1]}'], ["1", "[]"]),
    "any_order": ({"json_schema": PERSON, "any_order": True}, ['{"b": 1, "a": "x"}'], ["{}"]),
    "compact": ({"json_schema": PERSON, "compact": True}, ['{"a":"x","b":1}'], ['{"a": "x", "b": 1}']),
    "grammar": ({"grammar": 'start: "a" start "b" | "c"'}, ["c", "aacbb"], ["acbb", "a"]),
    "ban": ({"ban": ["cat"]}, ["dog", "Cat"], ["a cat", "cats"]),
    "ban in detail": (
        {"ban": {"strings": ["cat"], "ignore_case": True, "whole_word": True, "variants": ["zero_width"]}},
        ["dog", "cats"],
        ["a CAT.", "ca\u200bt"],
    ),
    "ban in values": (
        {"ban": {"strings": ["cat"], "within": "values"}},
        ['{"cat": "dog"}', "cat"],
        ['{"a": "\\u0063at"}'],
    ),
    "ban_regex": ({"ban_regex": [r"#\w", r"\d\d"]}, ["# a", "1 2"], ["#a", "x12"]),
    "contains": ({"contains": "cat"}, ["a cat"], ["a dog"]),
    "starts_with": ({"starts_with": "Well,"}, ["Well, no"], ["No. Well,"]),
    "ends_with": ({"ends_with": "."}, ["So."], ["So. no"]),
    "mentions": ({"mentions": ["cat", "dog"]}, ["dogs, cats"], ["cats"]),
    "mentions in detail": (
        {"mentions": {"strings": ["cat"], "ignore_case": True, "whole_word": True}},
        ["The CAT"],
        ["cats"],
    ),
    "words": ({"min_words": 2, "max_words": 3}, ["a b", "a b c"], ["a", "a b c d"]),
    "sentences": ({"min_sentences": 1, "max_sentences": 1}, ["So it is."], ["So", "So. It is. So"]),
    "chars": ({"min_chars": 2, "max_chars": 3}, ["éé", "abc"], ["é", "abcd"]),
    "thinking": (
        {"thinking": {"minimum": 2, "maximum": 4, "close": "</t>"}, "choice": ["yes"]},
        ["hm.</t>yes"],
        ["yes", "h</t>yes", "hmhmhm</t>yes", "hm.</t>no"],
    ),
    "all at once": (
        {"json_schema": PERSON, "ban": ["cat"], "min_words": 5},
        ['{"a": "one or", "b": 1}'],
        ['{"a": "one", "b": 1}', '{"a": "one cat", "b": 1}', "one or two words"],
    ),
    "none": ({"ban": None, "choice": ["x"]}, ["x"], ["y"]),
}


def allows(constraint: Constraint, text: str) -> bool:
    automaton = constraint.compile(BYTES)
    state = follow(automaton, automaton.start, text.encode())
    return state is not None and automaton.may_end(state)


@pytest.mark.parametrize(("fields", "good", "bad"), FIELDS.values(), ids=FIELDS.keys())
def test_fields(fields, good, bad):
    """What a field allows and what it does not."""
    constraint = constraint_of(fields)
    assert hash(constraint) == hash(constraint_of(fields))
    assert [text for text in good if not allows(constraint, text)] == []
    assert [text for text in bad if allows(constraint, text)] == []


def test_one_stays_itself():
    """Nothing is wrapped around a single constraint, and of none nothing is made."""
    assert constraint_of({}) is None
    assert constraint_of({"choice": None}) is None
    assert constraint_of({"choice": ["a"]}) == OneOf(("a",))
    assert constraint_of({"max_words": 5}) == Words(0, 5)
    assert constraint_of({"min_chars": 5}, [Ban("x")]) == Ban("x") & Length(5)


REFUSED = {
    "unknown": ({"min_word": 3}, "min_word", "did you mean min_words?"),
    "unknown and far": ({"xyzzy": 3}, "xyzzy", "there are choice, regex"),
    "choice": ({"choice": "a"}, "choice", "a list of strings"),
    "choice of numbers": ({"choice": ["a", 1]}, "choice", "a string"),
    "no choice": ({"choice": []}, "choice", "1 to"),
    "regex": ({"regex": 5}, "regex", "a string"),
    "broken regex": ({"regex": "("}, "regex", "unterminated"),
    "look-around": ({"ban_regex": ["a(?=b)"]}, "ban_regex", "look-around"),
    "ban_regex": ({"ban_regex": "a"}, "ban_regex", "a list of 1 to 64"),
    "schema": ({"json_schema": []}, "json_schema", "a schema as an object or as JSON text"),
    "schema text": ({"json_schema": "{"}, "json_schema", "JSON text"),
    "schema false": ({"json_schema": False}, "json_schema", "true for any JSON object"),
    "order": ({"json_schema": {}, "any_order": 1}, "any_order", "true or false"),
    "order alone": ({"any_order": True}, "any_order", "together with json_schema"),
    "grammar": ({"grammar": ""}, "grammar", "Lark"),
    "ban": ({"ban": 5}, "ban", "a list of strings, or an object with strings"),
    "empty ban": ({"ban": [""]}, "ban", "not empty"),
    "ban's case": ({"ban": {"strings": ["a"], "ignore_case": 1}}, "ban.ignore_case", "true or false"),
    "ban's variants": ({"ban": {"strings": ["a"], "variants": ["x"]}}, "ban.variants", "confusables"),
    "ban's place": ({"ban": {"strings": ["a"], "within": "a"}}, "ban.within", "a JSON pointer such as"),
    "ban's member": (
        {"ban": {"strings": ["a"], "ignorecase": 1}},
        "ban.ignorecase",
        "did you mean ignore_case?",
    ),
    "ban of nothing": ({"ban": {"ignore_case": True}}, "ban.strings", "a list of strings"),
    "contains": ({"contains": ["a"]}, "contains", "a string"),
    "mentions": ({"mentions": [1]}, "mentions", "strings of 1 to"),
    "mentions' word": (
        {"mentions": {"strings": ["a"], "whole_word": 0}},
        "mentions.whole_word",
        "true or false",
    ),
    "words": ({"min_words": -1}, "min_words", "0 to 100000"),
    "words as text": ({"max_words": "5"}, "max_words", "a whole number"),
    "less than the least": ({"min_chars": 5, "max_chars": 4}, "max_chars", "at least the minimum"),
    "thinking": ({"thinking": True}, "thinking", "an object with any of minimum"),
    "thinking's end": ({"thinking": {"close": ""}}, "thinking.close", "1 to 64 bytes"),
}


@pytest.mark.parametrize(("fields", "name", "part"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(fields, name, part):
    """In one sentence that names the field as the caller does."""
    with pytest.raises(ParameterError) as caught:
        constraint_of(fields)
    assert caught.value.field == name
    assert part in str(caught.value)


def test_only_tokens():
    """Other tokens are refused; whether texts may end is said; other ids are refused."""
    automaton = OnlyTokens([98, 97, 256]).compile(BYTES)
    assert follow(automaton, automaton.start, b"abba") is not None
    assert automaton.step(automaton.start, 99) is None
    assert automaton.may_end(automaton.start)
    assert automaton.plan(automaton.start, 5) == ()
    endless = OnlyTokens([97], may_end=False).compile(BYTES)
    assert not endless.may_end(endless.start)
    assert endless.plan(endless.start, 5) is None
    assert OnlyTokens([256]).compile(BYTES).must_end(0)
    for tokens in ([], [-1], [True], "a"):
        with pytest.raises(ParameterError):
            OnlyTokens(tokens)
    with pytest.raises(ParameterError, match="from 0 to 256"):
        OnlyTokens([257]).compile(BYTES)
