"""Whether constraints that are hard to compile delay the tokens of others.

    python benchmarks/scripts/hostile_constraints.py [--repeats N] [--tokens N] [--only KIND]

A client reads an unconstrained stream of the default model's through `ponder serve`, in a process of its own.
Meanwhile four others send constraints of one kind, one after another, each another one, so that none is in
the cache of automata. Streams with such company and without take turns. Told are the times between two
tokens of the stream: median, 99th percentile, largest. The company "plain" sends requests without a
constraint: they grow as many tokens as those of the others may.
"""

import asyncio
import itertools
import json
import multiprocessing
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import httpx

from machine import write_result
from ponder.hub.registry import DEFAULT_MODEL
from served import served

PACKAGES = ("ponder", "llguidance", "jsonschema")
SENDERS, GROWN = 4, 8
Kind = Callable[[int], dict[str, Any]]


def schema(make: Callable[[int], Any]) -> Kind:
    """Return a kind of schemas, each with a title of its own."""
    return lambda i: {"json_schema": {"title": f"number {i}", **make(i)}}


def one_of(makers: Sequence[Kind]) -> Kind:
    """Return a kind that takes turns."""
    return lambda i: makers[i % len(makers)](i)


def nested(depth: int) -> Any:
    """Return a schema of lists in lists."""
    made: Any = {}
    for _ in range(depth):
        made = {"items": made}
    return made


def chain(length: int, **last: Any) -> dict[str, Any]:
    """Return a schema whose references lead from one to the next."""
    steps = {f"d{i}": {"items": {"$ref": f"#/$defs/d{i + 1}"}} for i in range(length)}
    return {"$defs": {**steps, f"d{length}": last}, "$ref": "#/$defs/d0"}


def doubling(depth: int) -> dict[str, Any]:
    """Return a schema whose least instance has two to the `depth` values."""
    steps = {
        f"d{i}": {
            "type": "object",
            "properties": {key: {"$ref": f"#/$defs/d{i + 1}"} for key in "ab"},
            "required": ["a", "b"],
        }
        for i in range(depth)
    }
    return {"$defs": {**steps, f"d{depth}": {"type": "null"}}, "$ref": "#/$defs/d0"}


REFERENCES: list[Any] = [
    {"$ref": "#"},
    {"type": "object", "required": ["x"], "properties": {"x": {"$ref": "#"}}},
    {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
    {"$ref": "http://example.com/x.json"},
    nested(99),
    chain(500),
    chain(1000),
    doubling(12),
    doubling(40),
    {"type": "array", "items": {"$ref": "#"}, "minItems": 1},
]
PATTERNS = [
    "(a|a)*b",
    "(.{0,1000}){0,1000}",
    "((a{0,30}){0,30}){0,30}",
    "(a|b)*a(a|b){20}",
    "(a|b)*a(a|b){14}",
    "(a+)+$",
    "(){1000000}",
    "(" * 50 + "a" + "*)*" * 50,
    r"\w{1000}",
    "(?i)" + "".join(f"[\\u0041-\\u{0x2000 + i:04x}]" for i in range(5000)),
    "x{0,65535}",
    ".{0,5000}",
]
GRAMMARS = [
    "start: /(a|b){0,100000}/",
    "start: /((a{1,1000}){1,1000}){1,1000}/",
    'start: e\ne: e e | "a" | ""',
    "start: r0\n" + "\n".join(f"r{i}: r{i + 1} r{i + 1}" for i in range(60)) + '\nr60: "a"',
    'start: "x" ' + '"a"? ' * 9_000,
    "start: /" + "|".join(f"w{i}" for i in range(10_000)) + "/",
    'start: "' + "x" * 100_000 + '"',
    "start: " + "|".join(f'"w{i}"' for i in range(10_000)),
]
KINDS: dict[str, Kind] = {
    "plain": lambda i: {},
    "distinct schemas": schema(
        lambda i: {
            "type": "object",
            "properties": {f"p{i}": {}, "b": {"type": "string"}},
            "required": [f"p{i}"],
        }
    ),
    "references": one_of([schema(lambda i, one=one: one) for one in REFERENCES]),
    "2,000 properties": schema(lambda i: {"properties": {f"p{j}": {} for j in range(2000)}}),
    "3,000 properties": schema(lambda i: {"properties": {f"p{j}": {} for j in range(3000)}}),
    "300 unique properties": schema(
        lambda i: {
            "type": "object",
            "properties": {f"p{j}": {"type": "array", "uniqueItems": True} for j in range(300)},
            "required": [f"p{j}" for j in range(300)],
        }
    ),
    "enum of 20,000": schema(lambda i: {"enum": [f"value number {j}" for j in range(20_000)]}),
    "choice of 20,000": lambda i: {"choice": [f"{i} value number {j}" for j in range(20_000)]},
    "patterns": one_of([lambda i, one=one: {"regex": f"{one}|{i}"} for one in PATTERNS]),
    "18,000 alternatives": lambda i: {
        "regex": f"{i}|" + "|".join(f"w{j * 7919 % 100003}" for j in range(18_000))
    },
    "grammars": one_of([lambda i, one=one: {"grammar": f'{one}\nRULE_{i}: "{i}"'} for one in GRAMMARS]),
    "bans of 10,000": lambda i: {
        "ban": {"strings": [f"word {i} {j}" for j in range(10_000)], "ignore_case": True}
    },
    "whole words of 10,000": lambda i: {
        "ban": {
            "strings": [f"word {i} {j}" for j in range(10_000)],
            "ignore_case": True,
            "whole_word": True,
            "variants": ["normal_forms", "compatibility", "zero_width", "confusables"],
        }
    },
    "sets joined": lambda i: {
        "ban_regex": [f"a.{{0,9}}b{i}", "c.{0,9}d"],
        "contains": f"number {i}",
        "max_chars": 400,
        "min_words": 5,
        "ban": [f"no {i}"],
    },
    "mentions": lambda i: {"mentions": [f"word {i} {j}" for j in range(8)], "max_chars": 2000, "ban": ["zz"]},
}


def read(url: str, tokens: int, seed: int) -> list[float]:
    """Read a stream; return the seconds between two tokens."""
    body = {
        "prompt": "Once upon a time",
        "max_tokens": tokens,
        "ignore_eos": True,
        "seed": seed,
        "stream": True,
    }
    times = []
    with httpx.stream("POST", f"{url}/v1/completions", json=body, timeout=120.0, trust_env=False) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                times.append(time.perf_counter())
    return [after - before for before, after in itertools.pairwise(times)]


async def send(
    http: httpx.AsyncClient, kind: Kind, numbers: Iterable[int], answers: Counter[str], over: asyncio.Event
) -> None:
    """Send requests one after another until it is over and the last is answered."""
    for number in numbers:
        if over.is_set():
            return
        constraint = kind(number)
        body = {"prompt": "The answer:", "max_tokens": GROWN, "seed": number}
        if constraint:
            body |= {"constraint": constraint, "max_tokens": 64, "deadline_s": 60}
        content = await asyncio.to_thread(json.dumps, body)
        answer = await http.post("/v1/completions", content=content)
        answers[str(answer.status_code)] += 1


async def company(
    url: str, pool: ProcessPoolExecutor, name: str, tokens: int, seed: int
) -> tuple[list[float], Counter[str]]:
    """Return the gaps of a stream beside others that send a kind of constraint."""
    answers: Counter[str] = Counter()
    numbers = itertools.count(1_000_000 * (seed + 1))
    async with httpx.AsyncClient(base_url=url, timeout=120.0, trust_env=False) as http:
        over = asyncio.Event()
        senders = [
            asyncio.create_task(send(http, KINDS[name], numbers, answers, over)) for _ in range(SENDERS)
        ]
        await asyncio.sleep(0.1)
        gaps = await asyncio.get_running_loop().run_in_executor(pool, read, url, tokens, seed)
        over.set()
        await asyncio.gather(*senders)  # what still compiles must not disturb the next stream
    return gaps, answers


def told(gaps: Sequence[float]) -> dict[str, float]:
    """Return percentiles in milliseconds."""
    ordered = sorted(gaps)
    return {
        "p50_ms": round(1000 * ordered[len(ordered) // 2], 2),
        "p99_ms": round(1000 * ordered[int(len(ordered) * 0.99)], 2),
        "max_ms": round(1000 * ordered[-1], 2),
    }


async def measure(kinds: Sequence[str], repeats: int, tokens: int) -> dict[str, Any]:
    """Measure all kinds."""
    free: dict[str, list[float]] = {name: [] for name in kinds}
    beside: dict[str, list[float]] = {name: [] for name in kinds}
    answers: dict[str, Counter[str]] = {name: Counter() for name in kinds}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        loop = asyncio.get_running_loop()
        async with served(DEFAULT_MODEL) as url:
            await loop.run_in_executor(pool, read, url, 20, 0)
            for repeat in range(repeats):
                for name in kinds:
                    free[name] += await loop.run_in_executor(pool, read, url, tokens, repeat)
                    gaps, sent = await company(url, pool, name, tokens, repeat)
                    beside[name] += gaps
                    answers[name] += sent
                    print(name, told(free[name]), told(beside[name]), dict(answers[name]), file=sys.stderr)
    return {
        name: {"without": told(free[name]), "with": told(beside[name]), "answers": dict(answers[name])}
        for name in kinds
    } | {
        "all": {
            "without": told([gap for gaps in free.values() for gap in gaps]),
            "with": told([gap for gaps in beside.values() for gap in gaps]),
        }
    }


def main(arguments: Iterable[str]) -> None:
    """Measure and write the results."""
    parser = ArgumentParser(usage=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=100)
    parser.add_argument("--only", choices=KINDS, action="append")
    asked = parser.parse_args(list(arguments))
    found = asyncio.run(measure(asked.only or list(KINDS), asked.repeats, asked.tokens))
    if asked.only:
        print(json.dumps(found, indent=2))
    else:
        result = {"model": DEFAULT_MODEL, "senders": SENDERS, "tokens": asked.tokens, "found": found}
        write_result("hostile_constraints", PACKAGES, {"repeats": asked.repeats, **result})


if __name__ == "__main__":
    main(sys.argv[1:])
