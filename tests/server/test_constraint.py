"""What a text may be, as OpenAI, vLLM and we say it, through the server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ponder.backends.local import LocalModel
from ponder.text import ChatTemplate, Tokenizer
from serving import Tiny, error, events, serving
from tiny_models import ALPHABET, CONTROL, TEMPLATE, tiny_local_model, tiny_tokenizer

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
HELLO = [{"role": "user", "content": "hello"}]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 20}, "kind": {"enum": ["cat", "dog"]}},
    "required": ["name", "kind"],
    "additionalProperties": False,
}
X = {"type": "object", "properties": {"x": {"$ref": "#/$defs/digit"}}, "required": ["x"]}
X |= {"$defs": {"digit": {"enum": [1, 2, 3]}}, "additionalProperties": False}
F: dict[str, Any] = {"type": "function", "function": {"name": "f", "parameters": X}}
G: dict[str, Any] = {"type": "function", "function": {"name": "g"}}
NAMED = {"type": "function", "function": {"name": "f"}}


def served(tokenizer: Tokenizer | None = None) -> LocalModel:
    """A tiny model whose template tells the names of tools."""
    plain = tiny_local_model(tokenizer)
    tools = "{% for tool in tools or [] %}{{ tool.function.name }}{% endfor %}"
    template = ChatTemplate(tools + TEMPLATE, bos_token="", eos_token="")
    return LocalModel("tiny", plain.engine, template, {})


@pytest.fixture(scope="module")
def shared() -> Iterator[Tiny]:
    """One tiny server for all tests."""
    with serving(served()) as shared:
        yield shared


def answered(tiny: Tiny, seed: int = 1, **body: Any) -> dict[str, Any]:
    """Return the choice that a chat gets."""
    whole = {"messages": HELLO, "max_tokens": 100, "seed": seed, **body}
    response = tiny.client.post(CHAT, json=whole)
    assert response.status_code == 200, response.text
    (choice,) = response.json()["choices"]
    return choice


def said(tiny: Tiny, seed: int = 1, **body: Any) -> str:
    """Return what a chat's answer says, which ended by itself."""
    choice = answered(tiny, seed, **body)
    assert choice["finish_reason"] == "stop"
    return choice["message"]["content"]


def is_valid(text: str, schema: Any = SCHEMA) -> bool:
    return bool(Draft202012Validator(schema).is_valid(json.loads(text)))


def described(schema: Any, **more: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, **more}}


SCHEMAS: list[dict[str, Any]] = [
    {"response_format": described(SCHEMA)},
    {"response_format": described(SCHEMA, strict=True, description="a pet")},
    {"response_format": {"type": "json_object", "schema": SCHEMA}},
    {"structured_outputs": {"json": SCHEMA, "regex": None}},
    {"guided_json": SCHEMA},
    {"guided_json": json.dumps(SCHEMA)},
    {"constraint": {"json_schema": SCHEMA}},
]


@pytest.mark.parametrize("body", SCHEMAS, ids=range(len(SCHEMAS)))
def test_json_of_a_schema(shared: Tiny, body: dict[str, Any]) -> None:
    """By any of its names, the answer is the same, and valid."""
    text = said(shared, **body)
    assert is_valid(text)
    assert text == said(shared, **SCHEMAS[0])


def test_any_json_object(shared: Tiny) -> None:
    """As OpenAI and vLLM ask for it."""
    formed: list[dict[str, Any]] = [
        {"response_format": {"type": "json_object"}},
        {"structured_outputs": {"json_object": True}},
        {"constraint": {"json_schema": True}},
    ]
    texts = {said(shared, **body) for body in formed}
    assert len(texts) == 1
    assert isinstance(json.loads(texts.pop()), dict)
    compact = said(shared, structured_outputs={"json": SCHEMA, "disable_any_whitespace": True})
    assert re.match(r'\{"name":"[^"\n]*","kind":"(cat|dog)"\}$', compact)


TEXTS: list[tuple[dict[str, Any], str]] = [
    ({"structured_outputs": {"regex": "[ab]{3}"}}, "[ab]{3}"),
    ({"guided_regex": "[ab]{3}"}, "[ab]{3}"),
    ({"structured_outputs": {"choice": ["cat", "dog"]}}, "cat|dog"),
    ({"guided_choice": ["cat", "dog"]}, "cat|dog"),
    ({"structured_outputs": {"grammar": 'start: "a" /[bc]{2}/ "d"'}}, "a[bc]{2}d"),
    ({"guided_grammar": 'start: "a" /[bc]{2}/ "d"'}, "a[bc]{2}d"),
    ({"constraint": {"regex": "[a-z]{4}", "ban": ["a", "e"], "ends_with": "x"}}, "[b-df-z]{3}x"),
    ({"guided_regex": "[a-z]{4}", "bad_words": ["a", "e"], "constraint": {"ends_with": "x"}}, "[b-df-z]{3}x"),
    ({"constraint": {"thinking": {"minimum": 2, "maximum": 5}, "choice": ["cat"]}}, "(?s).{2,}</think>cat"),
    (
        {"constraint": {"thinking": {"minimum": 2, "maximum": 5}}, "guided_choice": ["cat"]},
        "(?s).{2,}</think>cat",
    ),
]


BUDGETS: list[tuple[dict[str, Any], str, int]] = [
    ({"thinking_token_budget": 5}, "</think>", 5),
    ({"thinking_budget_tokens": 5, "reasoning_budget_message": "done"}, "done</think>", 5),
    ({"reasoning_budget_tokens": 0, "guided_choice": ["cat"]}, "</think>cat", 0),
]


@pytest.mark.parametrize(("body", "part", "budget"), BUDGETS, ids=range(len(BUDGETS)))
def test_budgets_of_thoughts(shared: Tiny, body: dict[str, Any], part: str, budget: int) -> None:
    """Where the prompt opens thoughts, they end in time, and are counted, in a stream too."""
    bias = {str(ALPHABET.index("<")): -20}  # they end as they must, and not before
    asked = {"prompt": "a<think>\n", "max_tokens": 40, "seed": 3, "n": 2, "logit_bias": bias, **body}
    whole = shared.client.post(COMPLETIONS, json=asked).json()
    told = shared.client.post(
        COMPLETIONS, json=asked | {"stream": True, "stream_options": {"include_usage": True}}
    )
    for usage in (whole["usage"], events(told.text)[-1]["usage"]):
        assert usage["completion_tokens_details"]["reasoning_tokens"] == 2 * budget
    for choice in whole["choices"]:
        thoughts, close, _ = choice["text"].partition("</think>")
        assert len(thoughts) == budget
        assert part in thoughts + choice["text"][len(thoughts) :]
        assert close
    closed = shared.client.post(COMPLETIONS, json=asked | {"prompt": "a<think>b</think>"}).json()
    assert closed["usage"]["completion_tokens_details"]["reasoning_tokens"] == 0


@pytest.mark.parametrize(("body", "pattern"), TEXTS, ids=range(len(TEXTS)))
def test_texts(shared: Tiny, body: dict[str, Any], pattern: str) -> None:
    """They match what was asked for, in completions as in chats."""
    assert re.fullmatch(pattern, said(shared, **body))
    whole = {"prompt": "a", "max_tokens": 60, "seed": 3, **body}
    (choice,) = shared.client.post(COMPLETIONS, json=whole).json()["choices"]
    assert re.fullmatch(pattern, choice["text"])
    assert choice["finish_reason"] == "stop"


@pytest.mark.slow
def test_all_in_one_request(shared: Tiny) -> None:
    """JSON, bans and a least number of words hold together, whatever is drawn."""
    body = {
        "response_format": described(SCHEMA),
        "bad_words": ["cat", "q"],
        "constraint": {"min_words": 6, "ban": {"strings": ["zz", "kind"], "within": "values"}},
    }
    for seed in range(3):
        text = said(shared, seed, temperature=1.5, **body)
        assert is_valid(text)
        assert json.loads(text)["kind"] == "dog"
        assert "q" not in text
        assert not re.search("zz|kind", " ".join(map(str, json.loads(text).values())))
        assert len(re.findall(r"\w+(?:['’-]\w+)*", text)) >= 6


def test_only_some_tokens(shared: Tiny) -> None:
    """Also beside bans; a text ends only where an end is among them, or something else says so."""
    tokenizer = shared.model.tokenizer
    ids = tokenizer.encode("abc")
    choice = answered(shared, allowed_token_ids=ids, max_tokens=30, bad_words=["bb", "c"])
    assert (choice["finish_reason"], len(choice["message"]["content"])) == ("length", 30)
    assert set(choice["message"]["content"]) == {"a", "b"}
    assert "bb" not in choice["message"]["content"]
    ends = list(tokenizer.eos_ids)
    assert said(shared, allowed_token_ids=ends) == ""
    least = answered(shared, allowed_token_ids=[*ids, *ends], min_tokens=20, max_tokens=90)
    assert len(least["message"]["content"]) >= 20
    assert re.fullmatch(
        "[ab]{3}", said(shared, allowed_token_ids=ids, guided_regex="[abx]{3}", bad_words=["c"])
    )


def test_what_a_constraint_did_is_told(shared: Tiny) -> None:
    """In each choice, and only where there was one."""
    told = answered(shared, guided_choice=["cat"])["constrained"]
    assert set(told["bound"]) == {"OneOf"}
    assert told["mass_kept"]["log_sum"] < 0
    assert "constrained" not in answered(shared, max_tokens=2)


STREAMED: dict[str, tuple[dict[str, Any], set[str]]] = {
    "a choice": ({"guided_choice": ["cat", "a dog that barks"]}, {"constrained"}),
    "a text that goes back": ({"constraint": {"regex": "[a-z]{6}", "mentions": ["x"]}}, {"constrained"}),
    "weights": ({"guided_choice": ["cat", "dog"], "faithful": "weights"}, {"constrained", "log_weight"}),
    "weights without a constraint": ({"faithful": "weights"}, {"log_weight"}),
    "told at the end": (
        {"constraint": {"ban": ["a"]}, "max_tokens": 8, "faithful": "exact"},
        {"constrained", "log_weight", "passes"},
    ),
    "cut": ({"constraint": {"ban": ["a"]}, "max_tokens": 3}, {"constrained"}),
    "a search": ({"guided_choice": ["cat", "dog"], "num_beams": 2, "seed": None}, {"constrained", "score"}),
}


@pytest.mark.parametrize(("body", "members"), STREAMED.values(), ids=STREAMED.keys())
def test_the_last_chunk_says_what_the_answer_says(
    shared: Tiny, body: dict[str, Any], members: set[str]
) -> None:
    """Of each text: one end, with the members of the choice that is not streamed; nothing else is lost."""
    asked = {"prompt": "hello", "max_tokens": 20, "seed": 1, "n": 2, "logprobs": 0, "return_token_ids": True}
    asked |= body
    whole = shared.client.post(COMPLETIONS, json=asked).json()["choices"]
    chunks = events(shared.client.post(COMPLETIONS, json=asked | {"stream": True}).text)
    for choice in whole:
        told = [one for chunk in chunks for one in chunk["choices"] if one["index"] == choice["index"]]
        assert [one["finish_reason"] for one in told] == [None] * (len(told) - 1) + [choice["finish_reason"]]
        assert told[-1]["stop_reason"] == choice["stop_reason"]
        assert members <= choice.keys()
        assert {name: told[-1].get(name) for name in members} == {name: choice[name] for name in members}
        assert not any(members & one.keys() for one in told[:-1])
        assert "".join(one["text"] for one in told) == choice["text"]
        assert [token for one in told for token in one["token_ids"] or ()] == choice["token_ids"]
        if choice["logprobs"]:
            shown = [token for one in told for token in (one["logprobs"] or {}).get("tokens", ())]
            assert shown == choice["logprobs"]["tokens"]


def calls(choice: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the names and arguments of a choice's calls, which are all it says."""
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    told = [one["function"] for one in choice["message"]["tool_calls"]]
    return [(one["name"], json.loads(one["arguments"])) for one in told]


@pytest.mark.slow
def test_calls_that_are_certain(shared: Tiny) -> None:
    """Of any tool or of a named one, one or more, with arguments of its schema; in a stream too."""
    for seed in range(2):
        for name, arguments in calls(answered(shared, seed, tools=[F, G], tool_choice="required")):
            assert name in ("f", "g")
            assert is_valid(json.dumps(arguments), X) if name == "f" else arguments == {}
    one = {"tools": [F, G], "tool_choice": "required", "parallel_tool_calls": False}
    assert len(calls(answered(shared, **one))) == 1
    ((name, arguments),) = calls(answered(shared, tools=[G, F], tool_choice=NAMED))
    assert name == "f"
    assert is_valid(json.dumps(arguments), X)
    body = {"messages": HELLO, "max_tokens": 100, "seed": 1, "stream": True, **one, "tool_choice": NAMED}
    chunks = events(shared.client.post(CHAT, json=body).text)
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    ((told,),) = [delta["tool_calls"] for delta in deltas if "tool_calls" in delta]
    assert is_valid(told["function"]["arguments"], X)
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def wanted(tiny: Tiny, text: str) -> dict[str, Any]:
    """Return what makes the tiny model want to write a text and end."""
    tokenizer = tiny.model.tokenizer
    ids = [*tokenizer.encode(text), tokenizer.eos_ids[0]]
    biases = [[ids[max(0, i - 89) : i + 1], min(1000.0, 100.0 + 10 * i)] for i in range(len(ids))]
    return {"sequence_bias": biases, "temperature": 0, "max_tokens": len(ids) + 40}


CALL = '<tool_call>\n{"name": "f", "arguments": {"x": %s}}\n</tool_call>'


@pytest.mark.slow
def test_calls_that_may_come(shared: Tiny) -> None:
    """Arguments of a strict tool keep to its schema; with parallel_tool_calls false a second call is none."""
    strict = {"type": "function", "function": {**F["function"], "strict": True}}
    loose = answered(shared, tools=[F], **wanted(shared, "so. " + CALL % 7))
    assert json.loads(loose["message"]["tool_calls"][0]["function"]["arguments"]) == {"x": 7}
    held = answered(shared, tools=[strict], **wanted(shared, "so. " + CALL % 7))
    for call in held["message"].get("tool_calls", []):
        assert is_valid(call["function"]["arguments"], X)
    right = answered(shared, tools=[strict], **wanted(shared, "so. " + CALL % 3))
    assert right["message"]["content"] == "so."
    assert json.loads(right["message"]["tool_calls"][0]["function"]["arguments"]) == {"x": 3}
    two = wanted(shared, CALL % 1 + CALL % 2)
    assert len(calls(answered(shared, tools=[F], **two))) == 2
    once = answered(shared, tools=[F], parallel_tool_calls=False, **two)
    assert len(once["message"]["tool_calls"]) == 1
    assert said(shared, tools=[F], parallel_tool_calls=False, **wanted(shared, "no.")) == "no."


@pytest.mark.slow
def test_a_format_or_calls(shared: Tiny) -> None:
    """Where both may come, the answer is the one or the other, whole."""
    body = {"tools": [F], "response_format": described(SCHEMA)}
    assert calls(answered(shared, **body, **wanted(shared, CALL % 2))) == [("f", {"x": 2})]
    pet = '{"name": "ada", "kind": "cat"}'
    assert said(shared, **body, **wanted(shared, pet)) == pet
    free = answered(shared, **body)
    assert free["finish_reason"] == "tool_calls" or is_valid(free["message"]["content"])


@pytest.mark.slow
def test_calls_with_control_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the vocabulary has the marks as control tokens, they are written as these, and read."""
    monkeypatch.setattr("tiny_models.CONTROL", ("<tool_call>", "</tool_call>", *CONTROL))
    tokenizer = tiny_tokenizer()
    assert "<tool_call>" in tokenizer.vocabulary.control
    with serving(served(tokenizer)) as tiny:
        choice = answered(tiny, tools=[F], tool_choice="required", return_token_ids=True)
        assert {name for name, _ in calls(choice)} == {"f"}
        assert choice["token_ids"][0] == tokenizer.vocabulary.control["<tool_call>"]


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "no type": ({"response_format": {}}, "response_format.type", "text, json_object or json_schema"),
    "another type": ({"response_format": {"type": "xml"}}, "response_format.type", "'xml'"),
    "no schema": (
        {"response_format": described(None)},
        "response_format.json_schema.schema",
        "a JSON schema",
    ),
    "no description": (
        {"response_format": {"type": "json_schema"}},
        "response_format.json_schema",
        "a name and a schema",
    ),
    "strict": (
        {"response_format": described(SCHEMA, strict=1)},
        "response_format.json_schema.strict",
        "true or false",
    ),
    "a member": (
        {"response_format": described(SCHEMA, scheme=1)},
        "response_format.json_schema.scheme",
        "did you mean schema?",
    ),
    "text with more": (
        {"response_format": {"type": "text", "schema": {}}},
        "response_format.schema",
        "unknown parameter",
    ),
    "a reference": (
        {"response_format": described({"$ref": "#/x"})},
        "response_format",
        "a place that exists",
    ),
    "a remote schema": ({"guided_json": {"$ref": "http://a.b/c"}}, "guided_json", "within the schema"),
    "no instance": (
        {"structured_outputs": {"json": {"allOf": [False]}}},
        "structured_outputs.json",
        "none was found",
    ),
    "broken text": ({"guided_json": "{"}, "guided_json", "JSON text"),
    "several": ({"structured_outputs": {"json": {}, "regex": "a"}}, "structured_outputs", "exactly one of"),
    "none": ({"structured_outputs": {}}, "structured_outputs", "exactly one of"),
    "a tag": (
        {"structured_outputs": {"structural_tag": "x"}},
        "structured_outputs.structural_tag",
        "not supported",
    ),
    "white space": (
        {"structured_outputs": {"regex": "a", "disable_any_whitespace": True}},
        "structured_outputs.disable_any_whitespace",
        "without json",
    ),
    "a choice": ({"structured_outputs": {"choice": []}}, "structured_outputs.choice", "1 to"),
    "a regex": ({"guided_regex": "("}, "guided_regex", "unterminated"),
    "look-around": ({"structured_outputs": {"regex": "a(?=b)"}}, "structured_outputs.regex", "look-around"),
    "a grammar": ({"guided_grammar": "start: nothing"}, "guided_grammar", "llguidance"),
    "a backend": ({"guided_decoding_backend": "xgrammar"}, "guided_decoding_backend", "not supported"),
    "a choice that is none": ({"guided_choice": ["é"]}, "guided_choice", "vocabulary"),
    "no tokens": ({"allowed_token_ids": []}, "allowed_token_ids", "at least one"),
    "other tokens": ({"allowed_token_ids": [64]}, "allowed_token_ids", "0 to 63"),
    "an unknown name": ({"constraint": {"min_word": 1}}, "constraint.min_word", "did you mean min_words?"),
    "ours": ({"constraint": {"ban": [""]}}, "constraint.ban", "not empty"),
    "ours inside": ({"constraint": {"thinking": {"minimum": -1}}}, "constraint.thinking.minimum", "0 to"),
    "a budget": ({"thinking_token_budget": -2}, "thinking_token_budget", "or -1"),
    "two budgets": (
        {"thinking_token_budget": 2, "reasoning_budget_tokens": 3},
        "reasoning_budget_tokens",
        "thinking_token_budget",
    ),
    "a message alone": ({"reasoning_budget_message": "a"}, "reasoning_budget_message", "without one of"),
    "a long message": (
        {"thinking_budget_tokens": 2, "reasoning_budget_message": "abc"},
        "thinking_budget_tokens",
        "at least 3",
    ),
    "a budget twice": (
        {"thinking_token_budget": 2, "constraint": {"thinking": {"maximum": 2}}},
        "thinking_token_budget",
        "constraint.thinking",
    ),
    "a reserve": (
        {"constraint": {"thinking": {"reserve": 60}}},
        "constraint.thinking.reserve",
        "max_tokens, which is 60",
    ),
    "ours, compiled": ({"constraint": {"choice": ["é"]}}, "constraint.choice", "vocabulary"),
    "two that fight": (
        {"guided_regex": "a", "bad_words": ["a"]},
        "guided_regex and bad_words",
        "at least one text",
    ),
    "too short": ({"guided_regex": "a{70}", "max_tokens": 60}, "max_tokens", "at least 70"),
}


@pytest.mark.parametrize(("body", "param", "part"), BAD.values(), ids=BAD.keys())
def test_bad_values(shared: Tiny, body: dict[str, Any], param: str, part: str) -> None:
    """400 in one sentence with the request's name, streamed or not."""
    for stream in (False, True):
        whole = {"messages": HELLO, "max_tokens": 60, "stream": stream, **body}
        told = error(shared.client.post(CHAT, json=whole), 400)
        assert told["param"] == param, told
        assert part in told["message"], told
    assert shared.running() == 0
