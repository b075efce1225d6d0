"""Constraints of several parts: company, what is cached, and preemptions change no text and break none."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from asking import engine_ask, prompt_of
from ponder.constraints import Ban, Constraint, Contains, JsonSchema, Mentions, Regex, Words
from ponder.decoders import BeamSearch, Speculative
from ponder.engine import Engine, FinishedEvent
from ponder.sampling import SamplingParams
from stepping import assert_at_rest, forget, run
from tiny_models import tiny_engine

ROW = {
    "type": "array",
    "items": {"type": "integer", "minimum": 0, "maximum": 99},
    "minItems": 3,
    "maxItems": 6,
    "uniqueItems": True,
}


def words(text: str) -> int:
    """How many words a text has."""
    return len(re.findall(r"\w+(?:['’-]\w+)*", text))


def is_row(text: str) -> bool:
    """Whether a text is JSON of `ROW` without a 7 in it."""
    row = json.loads(text)
    whole = all(type(one) is int and 0 <= one <= 99 for one in row)
    return whole and 3 <= len(row) <= 6 and len(set(row)) == len(row) and "7" not in text


# A constraint of several parts, and whether a text keeps to it.
JOINT: dict[str, tuple[Constraint, Callable[[str], bool]]] = {
    "words, no tag, no letter": (
        Words(4, 9) & ~Contains(Regex(r"_\w")) & Ban(["e", "x"]),
        lambda text: 4 <= words(text) <= 9 and not re.search(r"_\w|[ex]", text),
    ),
    "JSON without a digit": (JsonSchema(ROW, compact=True) & Ban("7"), is_row),
    "mentions and no word": (
        Mentions(["ab", "cd"]) & Ban("a", whole_word=True) & Words(2, 8),
        lambda text: (
            "ab" in text and "cd" in text and not re.search(r"(?<!\w)a(?!\w)", text) and 2 <= words(text) <= 8
        ),
    ),
}
DECODERS: list[tuple[int, Any]] = [(4, None), (2, BeamSearch(3)), (2, Speculative())]


@pytest.fixture(scope="module")
def engine(one_thread: None) -> Engine:
    return tiny_engine(seed=4)


def requests() -> list[tuple[Any, Callable[[str], bool]]]:
    """Requests of every joint constraint and decoder, and what holds of each; prompts begin alike."""
    found = []
    for number, (constraint, holds) in enumerate(JOINT.values()):
        for place, (n, decoder) in enumerate(DECODERS):
            drawn = (
                {} if isinstance(decoder, BeamSearch) else {"temperature": 1.0 + place / 4, "seed": number}
            )
            params = SamplingParams(n=n, max_tokens=30, **drawn)
            prompt = (*range(20 + 7 * number), place)
            found.append((engine_ask(prompt, params, constraint, decoder), holds))
    return found


def together(engine: Engine, asked: list[Any]) -> list[list[tuple[int, ...]]]:
    """Submit all at once, and return the tokens of each one's texts."""
    numbers = [engine.submit(one) for one in asked]
    answers = {}
    while len(answers) < len(asked):
        for event in engine.step():
            if isinstance(event, FinishedEvent):
                answers[event.request_id] = [output.token_ids for output in event.outputs]
    assert_at_rest(engine)
    return [answers[number] for number in numbers]


@pytest.mark.slow
def test_company_cache_and_giving_way_change_no_text(engine: Engine) -> None:
    """Texts keep to their constraints, and are the same alone, in company, from the cache and preempted."""
    asked = requests()
    expected = []
    for request, holds in asked:
        forget(engine)
        *_, last = run(engine, request)
        for output in last.outputs:
            assert output.finish_reason in ("stop", "length")
            assert holds(output.text), output.text
        expected.append([output.token_ids for output in last.outputs])
    both = [request for request, _ in asked]
    forget(engine)
    assert together(engine, both) == expected
    hits = engine.stats().hit_tokens
    assert together(engine, both) == expected
    assert engine.stats().hit_tokens - hits == sum(len(prompt_of(one)) - 1 for one in both)
    tight = Engine(engine.model, engine.tokenizer, 24)
    assert together(tight, both) == expected
    assert tight.stats().preemptions > 0
