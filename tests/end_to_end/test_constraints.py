"""On the real model: constraints hold under every decoder, alone and in company, as other programs see it."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest

from asking import engine_ask
from ponder.constraints import Ban, JsonSchema, Words
from ponder.decoders import BeamSample, BeamSearch, Speculative
from ponder.engine import Engine
from ponder.sampling import SamplingParams
from stepping import assert_at_rest, forget, run

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2},
        "age": {"type": "integer", "minimum": 0, "maximum": 130},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
    },
    "required": ["name", "age", "tags"],
    "additionalProperties": False,
}
BANNED = ("the", "a", "cat")


def answers(engine: Engine, constraint: Any, decoder: Any, **params: Any) -> list[Any]:
    """The outputs of a request on the real model."""
    prompt = engine.tokenizer.encode("Here is a person in JSON:\n")
    settings = {"temperature": 1.0, "seed": 5, **params}
    if isinstance(decoder, BeamSearch):
        del settings["temperature"]
    *_, last = run(engine, engine_ask(prompt, SamplingParams(**settings), constraint, decoder))
    assert_at_rest(engine)
    return list(last.outputs)


@pytest.mark.slow
@pytest.mark.parametrize("decoder", [None, Speculative(), BeamSearch(2), BeamSample(2)])
def test_json_words_and_bans_together(default_engine: Engine, decoder: Any) -> None:
    """Valid for the schema, without the banned words, within max_tokens; samples have so many words, too."""
    constraint = JsonSchema(PERSON) & Ban(BANNED, ignore_case=True, whole_word=True)
    words = (6, 12) if decoder is None else (0, 40)
    found = answers(default_engine, constraint & Words(*words), decoder, n=2, max_tokens=32)
    for output in found:
        assert output.finish_reason in ("stop", "length")
        jsonschema.validate(json.loads(output.text), PERSON)
        assert not re.search(r"(?i)(?<!\w)(the|a|cat)(?!\w)", output.text)
        assert words[0] <= len(re.findall(r"\w+(?:['’-]\w+)*", output.text)) <= words[1]
        assert len(output.token_ids) <= 32
    if decoder is None:
        forget(default_engine)
        alone = answers(default_engine, constraint & Words(*words), decoder, n=1, max_tokens=32)
        assert alone[0].token_ids == found[0].token_ids


@pytest.mark.slow
@pytest.mark.parametrize("decoder", [None, BeamSearch(2)])
def test_a_ban_in_the_values_of_json(default_engine: Engine, decoder: Any) -> None:
    """Keys may be banned words; values say none, however spelled, and one field has so many words."""
    text = {"type": "string", "pattern": r"^\w+( \w+){2,6}\.$"}
    schema = {
        "type": "object",
        "properties": {"the": text, "cat": {"type": "string", "minLength": 2}},
        "required": ["the", "cat"],
        "additionalProperties": False,
    }
    ban = Ban(BANNED, ignore_case=True, whole_word=True, within="values")
    for output in answers(default_engine, JsonSchema(schema) & ban, decoder, n=2, max_tokens=32):
        said = json.loads(output.text)
        jsonschema.validate(said, schema)
        assert not any(re.search(r"(?i)(?<!\w)(the|a|cat)(?!\w)", value) for value in said.values())
        assert 3 <= len(said["the"].split()) <= 7
