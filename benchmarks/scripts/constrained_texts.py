"""Whether texts keep to their constraints: each is read by a checker of its own.

    python benchmarks/scripts/constrained_texts.py violations [--model MODEL] [--texts N]
    python benchmarks/scripts/constrained_texts.py budget [--model MODEL]
    python benchmarks/scripts/constrained_texts.py compositions [--model MODEL] [--texts N]
    python benchmarks/scripts/constrained_texts.py company [--model MODEL] [--texts N]

- violations: N texts of each task at temperatures 1 and 1.5, with the constraint and, a quarter as many,
  without: how many break the rule.
- budget: 8 JSON schemas, each with the least `max_tokens` that is not refused and up to 50 more: how many
  texts are valid.
- compositions: N texts of each of three combined constraints, from `ponder serve` in a process of its own, 16
  requests at a time, temperature 1.
- company: N texts of constraints of several parts at temperatures 1 and 1.5: each alone; all at once with
  their prompts in the cache; all at once in a cache so small that texts give way; by best-of-n. How many are
  the same texts, and how many break a rule.

The checkers use Python's `re`, `unicodedata`, `json` and the package jsonschema, and nothing of ponder. A
word stands alone where no letter, mark, number or "_" is beside it. Processor time is of the whole process,
without a server.
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

import httpx
from jsonschema import Draft202012Validator

import ponder
from machine import write_result
from ponder.asks.grow import Tokens
from ponder.constraints import Ban, Constraint, Contains, JsonSchema, Regex, Words
from ponder.errors import ParameterError
from ponder.hub.registry import DEFAULT_MODEL
from served import served

PACKAGES = ("ponder", "llguidance", "jsonschema")
TEMPERATURES, AT_ONCE, CONCURRENT = (1.0, 1.5), 100, 16
SEEDS, MOST_MORE = 25, 50
TIGHT = 24_000_000  # bytes of a cache
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


def is_no_thought(text: str) -> bool:
    """Return whether a text is not thoughts, their end, and JSON."""
    _, end, answer = text.partition("</think>")
    return not end or breaks(VERDICT)(answer)


@dataclass(frozen=True)
class Composition:
    """Messages, the parameters that say what the answer may be, and the checker; `thoughts` are tokens."""

    messages: list[dict[str, str]]
    parameters: dict[str, Any]
    is_broken: Callable[[str], bool]
    max_tokens: int
    thoughts: range | None = None


def said(*texts: str) -> list[dict[str, str]]:
    """Return a conversation in which the user begins."""
    return [
        {"role": role, "content": text} for role, text in zip(itertools.cycle(("user", "assistant")), texts)
    ]


NO_NAME_EITHER = {
    "strings": NAMES,
    "ignore_case": True,
    "whole_word": True,
    "variants": ["normal_forms", "zero_width"],
}
THOUGHTS = (  # examples, of 50 tokens and more
    "Rivers wash salt out of the rocks and carry it to the sea. The water that leaves the sea goes up into"
    " the air without its salt and comes back as rain. So the salt stays in the sea, and there was time for"
    " much of it. So the sea is salty.</think>",
    "Cheese is made of milk, and milk comes from cows. There are no cows on the moon, and nobody has brought"
    " milk there. People who went to the moon brought stones back, and these were stones and dust, no cheese"
    " at all. So the moon is not made of cheese.</think>",
)
COMPOSITIONS = {
    "JSON, no name in a value, 5 to 12 words in a field": Composition(
        said("Write a review of Harry Potter as JSON with stars and text."),
        {
            "response_format": {"type": "json_schema", "json_schema": {"name": "review", "schema": REVIEW}},
            "constraint": {"ban": {**NO_NAME_EITHER, "within": "values"}},
        },
        lambda text: breaks(REVIEW)(text) or is_bad_review(json.loads(text)["text"]),
        64,
    ),
    "thinks for 50 to 200 tokens, then JSON": Composition(
        said(
            "Is the sea salty? Think, then answer.",
            THOUGHTS[0] + json.dumps({"answer": "yes", "sure": True}),
            "Is the moon made of cheese? Think, then answer.",
            THOUGHTS[1] + json.dumps({"answer": "no", "sure": True}),
            "Is the sun hot? Think, then answer.",
        ),
        {
            "response_format": {"type": "json_schema", "json_schema": {"name": "verdict", "schema": VERDICT}},
            "constraint": {"thinking": {"minimum": 50, "maximum": 200}},
        },
        is_no_thought,
        224,
        range(50, 201),
    ),
    "20 to 40 words, no hashtag, no name": Composition(
        said("Write a tweet of 20 to 40 words about Harry Potter, with hashtags."),
        {
            "constraint": {
                "min_words": 20,
                "max_words": 40,
                "ban_regex": [r"[#＃]\w"],
                "ban": NO_NAME_EITHER,
            }
        },
        lambda text: not 20 <= count(text) <= 40 or has_hashtag(text) or has_name(text),
        72,
    ),
}


def written(lm: ponder.LM, task: Task, temperature: float, texts: int, *, is_held: bool) -> dict[str, Any]:
    """Return how many of so many texts break a task's rule."""
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
    }


def violations(lm: ponder.LM, texts: int) -> dict[str, Any]:
    """Count texts that break the rules, with constraints and without."""
    found: dict[str, Any] = {}
    for name, task in TASKS.items():
        for temperature in TEMPERATURES:
            held = written(lm, task, temperature, texts, is_held=True)
            free = written(lm, task, temperature, texts // 4, is_held=False)
            found[f"{name}, temperature {temperature:g}"] = {"with": held, "without": free}
            print(name, temperature, held, free, file=sys.stderr)
    return found


async def answered(http: httpx.AsyncClient, task: Composition, seed: int) -> tuple[str, int | None]:
    """Return an answer of a server's, and how many tokens it has before the one that ends its thoughts."""
    body = {
        "messages": task.messages,
        "seed": seed,
        "temperature": 1.0,
        "max_tokens": task.max_tokens,
        "logprobs": task.thoughts is not None,  # they tell each token's bytes
        **task.parameters,
    }
    answer = await http.post("/v1/chat/completions", json=body)
    answer.raise_for_status()
    (choice,) = answer.json()["choices"]
    text = choice["message"]["content"]
    if task.thoughts is None:
        return text, None
    tokens = [bytes(token["bytes"]) for token in choice["logprobs"]["content"]]
    begins = b"".join(tokens).index(b"</think>")
    return text, sum(end <= begins for end in itertools.accumulate(map(len, tokens)))


async def compositions(model: str, texts: int) -> dict[str, Any]:
    """Count answers of a server's that break combined rules."""
    found: dict[str, Any] = {}
    turns = asyncio.Semaphore(CONCURRENT)
    async with served(model) as url, httpx.AsyncClient(base_url=url, timeout=600, trust_env=False) as http:
        for name, task in COMPOSITIONS.items():

            async def one(seed: int, task: Composition = task) -> tuple[str, int | None]:
                async with turns:
                    return await answered(http, task, seed)

            answers = await asyncio.gather(*map(one, range(texts)))
            broken = [
                text
                for text, thoughts in answers
                if task.is_broken(text) or (task.thoughts is not None and thoughts not in task.thoughts)
            ]
            for text in broken[:2]:
                print("broken:", repr(text), file=sys.stderr)
            found[name] = {
                "texts": len(answers),
                "broken": len(broken),
                "empty": sum(not text for text, _ in answers),
                "different": len({text for text, _ in answers}),
            }
            if task.thoughts is not None:
                thoughts = [count for _, count in answers if count is not None]
                found[name] |= {
                    "least_thoughts": min(thoughts),
                    "most_thoughts": max(thoughts),
                    "ended_before_the_most": sum(count < max(task.thoughts) for count in thoughts),
                }
            print(name, found[name], file=sys.stderr)
    return found


JOINT = {
    "20 to 40 words, no hashtag, no name": Task(
        "Write a tweet of 20 to 40 words about Harry Potter, with hashtags.",
        Words(20, 40) & NO_HASHTAG & NO_NAME,
        lambda text: not 20 <= count(text) <= 40 or has_hashtag(text) or has_name(text),
        72,
    ),
    "JSON, no name in it": Task(
        "Write a review of Harry Potter as JSON with stars and text.",
        JsonSchema(REVIEW) & NO_NAME,
        lambda text: breaks(REVIEW)(text) or has_name(text),
        64,
    ),
}


def company(model: str, texts: int) -> dict[str, Any]:
    """Compare texts in company with the same texts alone."""
    roomy, tight = ponder.load(model), ponder.load(model, cache_bytes=TIGHT)
    kinds = itertools.product(JOINT.values(), TEMPERATURES)
    share = max(1, texts // (len(JOINT) * len(TEMPERATURES)))
    asked = [(task, temperature, seed) for task, temperature in kinds for seed in range(share)]

    def options(task: Task, temperature: float, seed: int) -> dict[str, Any]:
        drawn = {"temperature": temperature, "seed": seed, "max_tokens": task.max_tokens}
        return {**drawn, "constraint": task.constraint}

    def alone(task: Task, temperature: float, seed: int) -> str:
        roomy.model.loop.call(
            lambda: roomy.model.engine.tree.evict(roomy.model.engine.pool.num_pages)
        ).result()
        return roomy(task.prompt, **options(task, temperature, seed)).text

    def together(lm: ponder.LM) -> list[str]:
        async def ask() -> list[ponder.Completion]:
            return await asyncio.gather(*(lm.agenerate(one[0].prompt, **options(*one)) for one in asked))

        return [completion.text for completion in asyncio.run(ask())]

    expected = [alone(*one) for one in asked]
    hits = roomy.model.stats().hit_tokens
    found = {"all at once": together(roomy), "in a small cache": together(tight)}
    hits = roomy.model.stats().hit_tokens - hits
    best, samples = [], []
    for task, temperature in itertools.product(JOINT.values(), TEMPERATURES):
        answer = roomy.solve(task.prompt, n=share, **options(task, temperature, 0))
        best += [(task, candidate.text) for candidate in answer.candidates]
        samples += roomy(task.prompt, constraint=task.constraint, **answer.sampling).texts
    told: dict[str, Any] = {
        "alone": {
            "texts": len(asked),
            "broken": sum(one[0].is_broken(text) for one, text in zip(asked, expected)),
        }
    }
    for name, answers in found.items():
        told[name] = {
            "texts": len(answers),
            "same_as_alone": sum(a == b for a, b in zip(answers, expected)),
            "broken": sum(one[0].is_broken(text) for one, text in zip(asked, answers)),
        }
    told["all at once"]["hit_tokens"] = hits
    told["in a small cache"]["preemptions"] = tight.model.stats().preemptions
    told["best-of-n"] = {
        "texts": len(best),
        "same_as_samples": sum(text == sample for (_, text), sample in zip(best, samples)),
        "broken": sum(task.is_broken(text) for task, text in best),
    }
    return told


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
    parser.add_argument("part", choices=("violations", "budget", "compositions", "company"))
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--texts", type=int, default=200)
    asked = parser.parse_args(list(arguments))
    if asked.part == "compositions":
        result = asyncio.run(compositions(asked.model, asked.texts))
    elif asked.part == "company":
        result = company(asked.model, asked.texts)
    elif asked.part == "budget":
        result = budget(ponder.load(asked.model))
    else:
        result = violations(ponder.load(asked.model), asked.texts)
    suffix = "" if asked.model == DEFAULT_MODEL else f"_{asked.model}"
    write_result(f"constrained_{asked.part}{suffix}", PACKAGES, {"model": asked.model, "found": result})


if __name__ == "__main__":
    main(sys.argv[1:])
