"""What constraints accept and what they cost, beside libraries that do the same.

    python benchmarks/scripts/constraints.py suite SUITE [--peer-python PYTHON]
    python benchmarks/scripts/constraints.py bans PHRASES [--peer-python PYTHON] [--repeats N]
    python benchmarks/scripts/constraints.py masks [--peer-python PYTHON] [--repeats N]
    python benchmarks/scripts/constraints.py generation PHRASES [--repeats N]

SUITE is a folder of JSON-Schema-Test-Suite (its `tests` and `remotes`), PHRASES a file with at least 4,500
phrases, one a line. PYTHON has `pip install xgrammar outlines-core lm-format-enforcer`; a library that it
does not have is left out by name. Each library has a process of its own, they take turns, and times are
processor time, medians over repeats. What takes a library two minutes is given up, and so are larger lists
where one took ten seconds to compile.

- suite: schemas accepted, wrong instances allowed, right ones refused. An instance is allowed if one of its
  texts is: compact or spaced, with the keys of objects in several orders. `format` is an annotation where an
  engine can be told so. A schema that takes an engine six seconds counts as one that it stood still at.
- bans: N phrases whose case is ignored, and 300 whole words. XGrammar bans them as they are written.
- masks: JSON of a person, of nested objects and of 60 fields, and a fork after 1,000 tokens.
- generation: processor time per token of the default model's 16 texts, with a constraint and without.
"""

import itertools
import json
import statistics
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import ponder
from machine import write_result
from ponder.asks.grow import Tokens
from ponder.checkpoints import open_checkpoint
from ponder.constraints import Ban, JsonSchema
from ponder.errors import PonderError
from ponder.hub.registry import DEFAULT_MODEL
from ponder.text import Tokenizer, build_tokenizer
from ponder_benchmarks.peers import process
from ponder_benchmarks.peers.process import PeerProcess, Program

MODELS = (DEFAULT_MODEL, "qwen2.5-coder-0.5b")
WORKERS = Path(process.__file__).parent
ALICE = Path(__file__).parents[1] / "data" / "alice.txt"
CAP_S, LARGE_S, JUDGE_S = 120.0, 10.0, 6.0
PACKAGES = ("ponder", "llguidance", "numpy")
BRANCHES, TOKENS, INSTANCES = 16, 48, 12

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 40},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "email": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 5},
    },
    "required": ["name", "age", "email", "tags"],
    "additionalProperties": False,
}
NESTED = {
    "type": "object",
    "properties": {
        "order": {
            "type": "object",
            "properties": {
                "id": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{4}$"},
                "lines": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "item": {"type": "string"},
                            "count": {"type": "integer", "minimum": 1},
                            "price": {"type": "number"},
                            "kind": {"enum": ["book", "tool", "toy"]},
                        },
                        "required": ["item", "count", "price", "kind"],
                        "additionalProperties": False,
                    },
                },
            },
            "required": ["id", "lines"],
            "additionalProperties": False,
        },
        "customer": PERSON,
    },
    "required": ["order", "customer"],
    "additionalProperties": False,
}
FIELDS = {
    "type": "object",
    "properties": {f"field_{i}": {"type": ("string", "integer", "boolean")[i % 3]} for i in range(60)},
    "required": [f"field_{i}" for i in range(60)],
    "additionalProperties": False,
}
LIST = {"type": "array", "items": {"type": "string"}, "minItems": 20}
SOMEBODY = {"name": "Ada Lovelace", "age": 36, "email": "ada@example.org", "tags": ["mathematics", "poetry"]}
LINE = {"item": "A long wooden ruler", "count": 3, "price": 12.5, "kind": "tool"}
SCHEMAS: dict[str, tuple[Any, Any]] = {  # with an instance to follow
    "person": (PERSON, SOMEBODY),
    "nested": (NESTED, {"order": {"id": "AB-1234", "lines": [LINE] * 6}, "customer": SOMEBODY}),
    "60 fields": (FIELDS, {f"field_{i}": ("some text", 12345, True)[i % 3] for i in range(60)}),
}


def tokenizer_of(model: str) -> Tokenizer:
    """Return a model's tokenizer."""
    checkpoint = open_checkpoint(model)
    return build_tokenizer(checkpoint.vocabulary, checkpoint.special, checkpoint.config.vocab_size)


def program(engine: str, python: str) -> Program:
    """Return how an engine is started."""
    worker = "ponder_constraint_worker.py" if engine == "ponder" else "constraint_worker.py"
    own = engine == "ponder" or engine.startswith("llguidance")  # which ponder comes with
    return Program(engine, sys.executable if own else python, WORKERS / worker, {"engine": engine})


def started(engine: str, python: str, vocabulary: tuple[list[str], list[int]]) -> tuple[PeerProcess, float]:
    """Start an engine that has read a vocabulary; also return how long it read."""
    peer = PeerProcess(program(engine, python))
    try:
        peer.call("load", CAP_S, {"engine": engine})
        read = peer.call("read", CAP_S, {"tokens": vocabulary[0], "ends": vocabulary[1]})
    except PonderError:
        peer.__exit__(None, None, None)
        raise
    return peer, float(read["seconds"])


def told(engine: str, python: str, vocabulary: Any, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Ask a new process of an engine one thing; what it cannot do is its answer's "failed"."""
    try:
        peer, seconds = started(engine, python, vocabulary)
        with peer:
            return {"read_s": seconds, **peer.call(name, CAP_S, arguments)}
    except PonderError as error:
        return {"failed": plain(error, python)}


def plain(error: PonderError, python: str) -> str:
    """Return an error's sentence without a path of this machine."""
    return str(error).replace(sys.executable, "python").replace(python, "python")[:300]


def hexed(tokenizer: Tokenizer) -> tuple[list[str], list[int]]:
    """Return a vocabulary as workers read it."""
    vocabulary = tokenizer.vocabulary
    return [token.hex() for token in vocabulary.tokens], list(vocabulary.end_ids)


def medians(answers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the median of each number over answers alike; a failure is as it is."""
    failed = next((answer for answer in answers if "failed" in answer), None)
    if failed is not None:
        return failed
    return {
        name: medians([answer[name] for answer in answers])
        if isinstance(first, dict)
        else float(f"{statistics.median(answer[name] for answer in answers):.4g}")
        for name, first in answers[0].items()
    }


# --- suite


def orders(value: Any) -> Iterator[Any]:
    """Find values equal to one whose objects have their keys in another order; not all of them."""
    if isinstance(value, dict):
        for keys in itertools.islice(itertools.permutations(value), 24):
            for values in itertools.islice(itertools.product(*(few(value[key]) for key in keys)), 8):
                yield dict(zip(keys, values))
    elif isinstance(value, list):
        for values in itertools.islice(itertools.product(*map(few, value)), 8):
            yield list(values)
    else:
        yield value


def few(value: Any) -> list[Any]:
    """Return the first four of `orders`."""
    return list(itertools.islice(orders(value), 4))


def spellings(value: Any) -> list[str]:
    """Return texts of a value."""
    texts = (
        json.dumps(one, separators=separators, ensure_ascii=False)
        for one in orders(value)
        for separators in ((",", ":"), None)
    )
    return list(dict.fromkeys(texts))


def read_suite(folder: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the groups of required tests, and the remote documents by their addresses."""
    files = sorted((folder / "tests" / "draft2020-12").glob("*.json"))
    remotes = {}
    for file in sorted((folder / "remotes").rglob("*.json")):
        remotes[f"http://localhost:1234/{file.relative_to(folder / 'remotes').as_posix()}"] = json.loads(
            file.read_text()
        )
    return [group for file in files for group in json.loads(file.read_text())], remotes


def suite(folder: Path, python: str) -> dict[str, Any]:
    """Judge all instances of the suite by each engine."""
    groups, remotes = read_suite(folder)
    tests = [(group["schema"], [spellings(test["data"]) for test in group["tests"]]) for group in groups]
    valid = [[test["valid"] for test in group["tests"]] for group in groups]
    bytes_alone = ([bytes((byte,)).hex() for byte in range(256)], [])
    results: dict[str, Any] = {}
    engines = {
        "ponder": {},
        "ponder, remotes registered": {"remotes": remotes},
        "llguidance": {},
        "llguidance lenient": {},
        "XGrammar": {},
        "XGrammar lenient": {},
        "outlines-core": {},
        "lm-format-enforcer": {},
    }
    for engine, options in engines.items():
        name = engine.partition(",")[0]
        try:
            version, found = judged(name, python, bytes_alone, tests, options)
            results[engine] = {"version": version, **counted(found, valid)}
        except PonderError as error:
            results[engine] = {"left out": plain(error, python)}
        print(engine, results[engine], file=sys.stderr)
    return {
        "what": "JSON-Schema-Test-Suite, draft 2020-12, required tests",
        "schemas": len(groups),
        "instances": sum(map(len, valid)),
        "engines": results,
    }


def judged(
    engine: str, python: str, vocabulary: Any, tests: Sequence[Any], options: dict[str, Any]
) -> tuple[str, list[Any]]:
    """Judge schema by schema; an engine that does not answer in time, or ends, is started again."""
    peer, found = started(engine, python, vocabulary)[0], []
    version = peer.call("describe", CAP_S, {})["version"]
    try:
        for group in tests:
            try:
                found += peer.call("judge", JUDGE_S, {"groups": [group], **options})["judged"]
            except PonderError:
                found.append("ended")
                peer.__exit__(None, None, None)
                peer = started(engine, python, vocabulary)[0]
    finally:
        peer.__exit__(None, None, None)
    return version, found


def counted(found: Sequence[Any], valid: Sequence[Sequence[bool]]) -> dict[str, int]:
    """Count what an engine said."""
    pairs = [
        pair
        for judgement, right in zip(found, valid)
        if isinstance(judgement, list)
        for pair in zip(judgement, right)
    ]
    return {
        "schemas_accepted": sum(isinstance(judgement, list) for judgement in found),
        "schemas_refused": sum(judgement is None for judgement in found),
        "schemas_it_ended_or_stood_still_at": sum(judgement == "ended" for judgement in found),
        "wrongly_allowed": sum(is_allowed is True and not right for is_allowed, right in pairs),
        "wrongly_refused": sum(is_allowed is False and right for is_allowed, right in pairs),
        "right": sum(is_allowed is right for is_allowed, right in pairs),
        "failed_at": sum(is_allowed is None for is_allowed, _ in pairs),
    }


# --- bans and masks


def streams_of(tokenizer: Tokenizer, phrases: Sequence[str]) -> list[list[int]]:
    """Return tokens to follow: a text, and the beginnings of up to 300 phrases."""
    text = ALICE.read_text()[:6000]
    chosen = phrases[:: max(1, len(phrases) // 300)]
    begun = [tokenizer.encode(f" {phrase}", add_bos=False) for phrase in chosen]
    return [tokenizer.encode(text, add_bos=False), *(tokens[:-1] for tokens in begun if len(tokens) > 1)]


def bans(phrases: Sequence[str], python: str, repeats: int) -> dict[str, Any]:
    """Measure bans."""
    words = [phrase for phrase in phrases if phrase.isalpha()]
    cases: dict[str, tuple[Sequence[str], bool]] = {
        **{f"{count} phrases": (phrases[:count], False) for count in (10, 300, 4500)},
        "300 whole words": (words[:300], True),
    }
    results: dict[str, Any] = {}
    for model in MODELS:
        tokenizer = tokenizer_of(model)
        vocabulary = hexed(tokenizer)
        label = f"{len(vocabulary[0])} tokens"
        asked = {
            name: {
                "phrases": list(chosen),
                "ignore_case": True,
                "whole_word": whole,
                "streams": streams_of(tokenizer, chosen),
            }
            for name, (chosen, whole) in cases.items()
        }
        results[label] = compared(asked, "ban", python, vocabulary, repeats)
    return {"what": "bans that ignore case (XGrammar: as written)", "repeats": repeats, "bans": results}


def compared(
    asked: dict[str, dict[str, Any]], call: str, python: str, vocabulary: Any, repeats: int
) -> dict[str, Any]:
    """Ask the engines in turn; what failed once is not asked again."""
    engines = ("ponder", "llguidance", "XGrammar")
    answers: dict[tuple[str, str], list[dict[str, Any]]] = {
        (case, engine): [] for case in asked for engine in engines
    }
    for _ in range(repeats):
        slow: dict[str, str] = {}
        for (case, engine), own in answers.items():
            if own and "failed" in own[-1]:
                continue
            if engine in slow and call == "ban":
                own.append({"failed": f"left out: {slow[engine]}"})
                continue
            own.append(told(engine, python, vocabulary, call, asked[case]))
            if own[-1].get("build_s", 0.0) > LARGE_S:
                slow[engine] = f"{case} took {own[-1]['build_s']:.0f} s to compile"
            elif "did not answer" in own[-1].get("failed", ""):
                slow[engine] = f"{case} took more than {CAP_S:.0f} s to compile"
            print(case, engine, own[-1], file=sys.stderr)
    return {case: {engine: medians(answers[case, engine]) for engine in engines} for case in asked}


def varied(value: Any, seed: int) -> Any:
    """Return an instance like another: other words stand where it has texts with a space, other numbers."""
    if isinstance(value, dict):
        return {key: varied(one, seed * 7 + place) for place, (key, one) in enumerate(value.items())}
    if isinstance(value, list):
        return [varied(one, seed * 7 + place) for place, one in enumerate(value)]
    if isinstance(value, str) and " " in value:
        words = ALICE.read_text()[:20_000].split()
        return " ".join(words[seed * 31 % len(words) :][:3])
    return value + seed % 50 if type(value) is int else value


def masks(python: str, repeats: int) -> dict[str, Any]:
    """Measure masks of JSON, and forks."""
    results: dict[str, Any] = {}
    for model in MODELS:
        tokenizer = tokenizer_of(model)
        vocabulary = hexed(tokenizer)
        asked = {
            name: {
                "schema": schema,
                "streams": [
                    tokenizer.encode(json.dumps(varied(instance, seed)), add_bos=False)
                    for seed in range(INSTANCES)
                ],
            }
            for name, (schema, instance) in SCHEMAS.items()
        }
        long = json.dumps([ALICE.read_text()[at : at + 60].replace("\n", " ") for at in range(0, 6000, 60)])
        fork = {"schema": LIST, "stream": tokenizer.encode(long, add_bos=False)[:1000], "times": 200}
        results[f"{len(vocabulary[0])} tokens"] = {
            **compared(asked, "schema", python, vocabulary, repeats),
            **compared({"fork after 1,000 tokens": fork}, "fork", python, vocabulary, repeats),
        }
    return {"what": "JSON by a schema", "repeats": repeats, "masks": results}


# --- generation


def generation(phrases: Sequence[str], repeats: int) -> dict[str, Any]:
    """Measure the processor time per token of 16 texts, with constraints and without."""
    lm = ponder.load(DEFAULT_MODEL)
    item = {"type": "array", "items": PERSON, "minItems": 8}
    constraints: dict[str, Any] = {
        "none": None,
        "JSON": JsonSchema(item),
        **{f"{count} bans": Ban(tuple(phrases[:count]), ignore_case=True) for count in (10, 300, 1000, 4500)},
    }
    prompt = "Write a JSON list of people, each with name, age, email and tags."

    def written(constraint: Any, seed: int) -> float:
        start = time.process_time()
        completion = lm(
            prompt,
            n=BRANCHES,
            max_tokens=1000,
            until=Tokens(TOKENS),
            ignore_eos=True,
            temperature=1.0,
            seed=seed,
            constraint=constraint,
        )
        seconds = time.process_time() - start
        return seconds / sum(len(output.token_ids) for output in completion.outputs)

    for constraint in constraints.values():  # automata are made before; each turn has texts of its own
        written(constraint, 0)
    runs: dict[str, list[float]] = {name: [] for name in constraints}
    for turn in range(repeats):
        for name, constraint in constraints.items():
            runs[name].append(written(constraint, turn + 1))
    return {
        "what": f"{DEFAULT_MODEL}, {BRANCHES} texts of {TOKENS} tokens; processor time per token",
        "repeats": repeats,
        "generation": {
            name: {
                "ms_per_token": [round(1000 * seconds, 3) for seconds in own],
                "of_none": round(statistics.median(a / b for a, b in zip(own, runs["none"])), 4),
            }
            for name, own in runs.items()
        },
    }


def lines(path: Path) -> list[str]:
    """Return the phrases of a file, each once."""
    return list(dict.fromkeys(line for line in path.read_text().split("\n") if line.strip()))


def main(arguments: Iterable[str]) -> None:
    """Measure a part and write its results."""
    parser = ArgumentParser(usage=__doc__)
    parser.add_argument("part", choices=("suite", "bans", "masks", "generation"))
    parser.add_argument("path", type=Path, nargs="?")
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args(list(arguments))
    if asked.part == "suite":
        result = suite(asked.path, asked.peer_python)
    elif asked.part == "bans":
        result = bans(lines(asked.path), asked.peer_python, asked.repeats)
    elif asked.part == "masks":
        result = masks(asked.peer_python, asked.repeats)
    else:
        result = generation(lines(asked.path), asked.repeats)
    write_result(f"constraints_{asked.part}", PACKAGES, result)


if __name__ == "__main__":
    main(sys.argv[1:])
