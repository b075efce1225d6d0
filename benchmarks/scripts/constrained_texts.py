"""Whether texts keep to their constraints: each is read by a checker of its own.

    python benchmarks/scripts/constrained_texts.py violations [MODEL] [--texts N]
    python benchmarks/scripts/constrained_texts.py budget [MODEL]
    python benchmarks/scripts/constrained_texts.py compositions [MODEL] [--texts N]

- violations: N texts of each task at temperatures 1 and 1.5, with the constraint and, a quarter as many,
  without: how many break the rule.
- budget: 8 JSON schemas, each with the least `max_tokens` that is not refused and up to 50 more: how many
  texts are valid.
- compositions: N texts of each of three combined constraints.

The checkers use Python's `re`, `unicodedata`, `json` and the package jsonschema, and nothing of ponder. A
word stands alone where no letter, mark, number or "_" is beside it. Processor time is of the whole process.
"""

import asyncio
import itertools
import json
import re
import sys
import time
import unicodedata
from argparse import ArgumentParser
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator

import ponder
from machine import write_result
from ponder.asks.grow import Tokens
from ponder.constraints import Ban, Constraint, Contains, JsonSchema, Regex, Thinking, Words
from ponder.errors import ParameterError
from ponder.hub.registry import DEFAULT_MODEL

PACKAGES = ("ponder", "llguidance", "jsonschema")
TEMPERATURES, AT_ONCE = (1.0, 1.5), 100
SEEDS, MOST_MORE = 25, 50
NAMES = ("Harry", "Potter", "Harry Potter", "Ron", "Hermione", "Dumbledore", "Hogwarts", "Voldemort")
WORD = re.compile(r"\w+(?:['’-]\w+)*")


@dataclass(frozen=True)
class Task:
    """A prompt, what its texts may be, and the checker that says whether one breaks the rule."""

    prompt: str
    constraint: Constraint
    is_broken: Callable[[str], bool]
    max_tokens: int


def has_name(text: str) -> bool:
    """Return whether a name stands in a text, in any case, normal form, and with signs that are not seen."""
    seen = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFD", seen).casefold())
    for name in NAMES:
        for found in re.finditer(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", folded):
            beside = folded[found.end() : found.end() + 1]
            if not (beside and unicodedata.category(beside)[0] == "M"):
                return True
    return False


def has_hashtag(text: str) -> bool:
    """Return whether a text has a hashtag."""
    return re.search(r"[#＃]\w", text) is not None


def count(text: str) -> int:
    """Count words."""
    return len(WORD.findall("".join(sign for sign in text if unicodedata.category(sign)[0] != "M")))


def breaks(schema: Any) -> Callable[[str], bool]:
    """Return what says whether a text is not JSON of a schema."""
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)

    def is_broken(text: str) -> bool:
        try:
            return not validator.is_valid(json.loads(text))
        except ValueError:
            return True

    return is_broken


def closed(**properties: Any) -> dict[str, Any]:
    """Return the schema of an object with these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


PERSON = closed(
    name={"type": "string", "minLength": 1, "maxLength": 40},
    age={"type": "integer", "minimum": 0, "maximum": 120},
    tags={"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3, "uniqueItems": True},
)
HOW: Any = {"ignore_case": True, "whole_word": True, "variants": ("normal_forms", "zero_width")}
NO_NAME = Ban(NAMES, **HOW)
NO_HASHTAG = ~Contains(Regex(r"[#＃]\w"))
TASKS = {
    "never a name": Task(
        "Tell me how Harry Potter meets Ron and Hermione on the train to Hogwarts.", NO_NAME, has_name, 40
    ),
    "no hashtag": Task("Write a tweet about the summer, with hashtags.", NO_HASHTAG, has_hashtag, 40),
    "20 to 40 words": Task(
        "Describe the sea in 20 to 40 words.", Words(20, 40), lambda text: not 20 <= count(text) <= 40, 72
    ),
    "JSON": Task(
        f"Write a person as JSON of this schema: {json.dumps(PERSON)}",
        JsonSchema(PERSON),
        breaks(PERSON),
        56,
    ),
}
STRING, INTEGER = {"type": "string"}, {"type": "integer"}
SCHEMAS = {
    "person": PERSON,
    "two required": closed(city=STRING, population=INTEGER),
    "pattern": closed(id={"type": "string", "pattern": "^[A-Z]{2}-[0-9]{4}$"}, note=STRING),
    "formats": closed(
        id={"type": "string", "format": "uuid"}, on={"type": "string", "format": "date"}, note=STRING
    ),
    "items": {"type": "array", "items": closed(x={"type": "number"}), "minItems": 3},
    "any of": {"anyOf": [closed(circle={"type": "number"}), closed(box={"type": "array", "minItems": 2})]},
    "checked when it closes": {
        "type": "array",
        "items": {"type": "integer", "minimum": 0},
        "minItems": 4,
        "uniqueItems": True,
        "contains": {"minimum": 100},
    },
    "tree": {
        "$defs": {"node": closed(value=INTEGER, below={"type": "array", "items": {"$ref": "#/$defs/node"}})},
        "$ref": "#/$defs/node",
    },
}
REVIEW = closed(
    stars={"type": "integer", "minimum": 1, "maximum": 5},
    text={"type": "string", "pattern": r"^\w+( \w+){4,11}[.!]$"},
)
VERDICT = closed(answer={"enum": ["yes", "no"]}, sure={"type": "boolean"})


def is_bad_review(text: str) -> bool:
    """Return whether a text has a name in it, or too few or too many words."""
    return has_name(text) or not 5 <= count(text) <= 12


def thinks(text: str) -> bool:
    """Return whether a text is not thoughts, their end, and JSON."""
    _, end, answer = text.partition("</think>")
    return not end or breaks(VERDICT)(answer)


COMPOSITIONS = {
    "JSON, no name in a value, 5 to 12 words in a field": Task(
        "Write a review of Harry Potter as JSON with stars and text.",
        JsonSchema(REVIEW) & Ban(NAMES, within="values", **HOW),
        lambda text: breaks(REVIEW)(text) or is_bad_review(json.loads(text)["text"]),
        64,
    ),
    "thinks for 50 to 200 tokens, then JSON": Task(
        "Is the sea salty? Think, then answer.",
        Thinking(50, 200, answer=JsonSchema(VERDICT)),
        thinks,
        224,
    ),
    "20 to 40 words, no hashtag, no name": Task(
        "Write a tweet of 20 to 40 words about Harry Potter, with hashtags.",
        Words(20, 40) & NO_HASHTAG & NO_NAME,
        lambda text: not 20 <= count(text) <= 40 or has_hashtag(text) or has_name(text),
        72,
    ),
}


def written(
    lm: ponder.LM, task: Task, temperature: float, texts: int, *, is_held: bool
) -> tuple[dict[str, Any], list[ponder.asks.Output]]:
    """Return how many of so many texts break a task's rule, and the texts."""
    outputs: list[ponder.asks.Output] = []
    start = time.process_time()
    for at in range(0, texts, AT_ONCE):
        completion = lm(
            task.prompt,
            n=min(AT_ONCE, texts - at),
            temperature=temperature,
            seed=at,
            max_tokens=task.max_tokens,
            constraint=task.constraint if is_held else None,
        )
        outputs += completion.outputs
    seconds = time.process_time() - start
    broken = [output.text for output in outputs if task.is_broken(output.text)]
    for text in broken[:2] if is_held else ():
        print("broken:", repr(text), file=sys.stderr)
    tokens = sum(len(output.token_ids) for output in outputs)
    return {
        "texts": len(outputs),
        "broken": len(broken),
        "empty": sum(not output.text for output in outputs),
        "cpu_ms_per_token": round(1000 * seconds / max(tokens, 1), 2),
    }, outputs


def violations(lm: ponder.LM, texts: int) -> dict[str, Any]:
    """Count texts that break the rules, with constraints and without."""
    found: dict[str, Any] = {}
    for name, task in TASKS.items():
        for temperature in TEMPERATURES:
            held, _ = written(lm, task, temperature, texts, is_held=True)
            free, _ = written(lm, task, temperature, texts // 4, is_held=False)
            found[f"{name}, temperature {temperature:g}"] = {"with": held, "without": free}
            print(name, temperature, held, free, file=sys.stderr)
    return found


def tokens_before(lm: ponder.LM, tokens: Iterable[int], mark: bytes) -> int:
    """Return how many tokens there are before the one that a mark begins in."""
    spelled = [lm.tokenizer.vocabulary.tokens[token] for token in tokens]
    begins = b"".join(spelled).index(mark)
    lengths = itertools.accumulate(map(len, spelled))
    return sum(end <= begins for end in lengths)


def compositions(lm: ponder.LM, texts: int) -> dict[str, Any]:
    """Count texts that break combined rules."""
    found: dict[str, Any] = {}
    for name, task in COMPOSITIONS.items():
        found[name], outputs = written(lm, task, 1.0, texts, is_held=True)
        if name.startswith("thinks"):
            thoughts = [tokens_before(lm, output.token_ids, b"</think>") for output in outputs]
            found[name] |= {"least_thoughts": min(thoughts), "most_thoughts": max(thoughts)}
        print(name, found[name], file=sys.stderr)
    return found


def is_refused(lm: ponder.LM, constraint: Constraint, max_tokens: int) -> bool:
    """Return whether so few tokens are refused before anything is generated."""
    try:
        lm("Write JSON.", constraint=constraint, max_tokens=max_tokens, until=Tokens(1))
    except ParameterError as error:
        return error.field == "max_tokens"
    return False


def least_tokens(lm: ponder.LM, constraint: Constraint) -> int:
    """Return the least `max_tokens` that is not refused, up to 256."""
    low, high = 1, 256  # what is refused for fewer is refused for `low`
    while low < high:
        middle = (low + high) // 2
        if is_refused(lm, constraint, middle):
            low = middle + 1
        else:
            high = middle
    return low


def budget(lm: ponder.LM) -> dict[str, Any]:
    """Count valid texts where the tokens are few."""
    found: dict[str, Any] = {}
    for name, schema in SCHEMAS.items():
        constraint, is_broken = JsonSchema(schema), breaks(schema)
        least = least_tokens(lm, constraint)

        async def texts(
            schema: Any = schema, constraint: Any = constraint, least: int = least
        ) -> list[ponder.Completion]:
            prompt = f"Write long JSON of this schema: {json.dumps(schema)}"
            asked = (
                lm.agenerate(
                    prompt,
                    constraint=constraint,
                    seed=seed,
                    temperature=1.0,
                    max_tokens=least + seed * MOST_MORE // (SEEDS - 1),
                )
                for seed in range(SEEDS)
            )
            return list(await asyncio.gather(*asked))

        answers = [completion.outputs[0] for completion in asyncio.run(texts())]
        found[name] = {
            "least_max_tokens": least,
            "one_less_is_refused": is_refused(lm, constraint, least - 1),
            "texts": len(answers),
            "valid": sum(not is_broken(answer.text) for answer in answers),
            "ended_in_their_last_5_tokens": sum(
                len(answer.token_ids) >= least + seed * MOST_MORE // (SEEDS - 1) - 5
                for seed, answer in enumerate(answers)
            ),
        }
        print(name, found[name], file=sys.stderr)
    return found


def main(arguments: Iterable[str]) -> None:
    """Measure a part and write its results."""
    parser = ArgumentParser(usage=__doc__)
    parser.add_argument("part", choices=("violations", "budget", "compositions"))
    parser.add_argument("model", nargs="?", default=DEFAULT_MODEL)
    parser.add_argument("--texts", type=int, default=200)
    asked = parser.parse_args(list(arguments))
    lm = ponder.load(asked.model)
    if asked.part == "budget":
        result = budget(lm)
    else:
        result = (violations if asked.part == "violations" else compositions)(lm, asked.texts)
    suffix = "" if asked.model == DEFAULT_MODEL else f"_{asked.model}"
    write_result(f"constrained_{asked.part}{suffix}", PACKAGES, {"model": asked.model, "found": result})


if __name__ == "__main__":
    main(sys.argv[1:])
