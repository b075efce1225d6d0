"""Runs a program's checks and prints one JSON object a line for each: name, verdict, detail.

A program is what users of a library would write. Its checks are functions under `@check`. A check that
returns has passed; one that raises `Refused` met what the server refuses by name; anything else that it
raises is a failure. Nothing but the standard library is imported: it runs in the library's own environment.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

URL, MODEL = sys.argv[1:3]
BASE = f"{URL}/v1"
TRUTH: dict[str, Any] = json.loads(Path(__file__).with_name("truth.json").read_text())  # see truth.py
LONG: Any = [{"role": "user", "content": "word " * 9000}]  # more than the model's context
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}

SCHEMA: Any = {  # whose values a model that nothing holds would hardly write
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[A-Z][a-z]+$"},
        "kind": {"enum": ["mammal", "bird", "fish"]},
        "legs": {"type": "integer", "minimum": 0, "maximum": 4},
    },
    "required": ["name", "kind", "legs"],
    "additionalProperties": False,
}

_CHECKS: list[tuple[str, Callable[[], Any]]] = []


class Refused(Exception):
    """The server refused, by name, what the check is about."""


class NotApplicable(Exception):
    """The model, whatever serves it, cannot do what the check is about."""


def check(name: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Take a function without arguments, async or not, as a check of this name."""

    def take(function: Callable[[], Any]) -> Callable[[], Any]:
        _CHECKS.append((name, function))
        return function

    return take


def equal(found: Any, expected: Any) -> None:
    """Raise AssertionError, which shows both, unless they are equal."""
    assert found == expected, f"{found!r} is not {expected!r}"


def caught(kind: type[BaseException], call: Callable[[], Any], *words: str) -> Any:
    """Return the error that a call must raise: of this class, with all these words in its text."""
    try:
        answer = call()
    except kind as error:
        missing = [word for word in words if word not in str(error)]
        if missing:
            raise AssertionError(f"{missing} not in {error}") from error
        return error
    raise AssertionError(f"{kind.__name__} expected, and not {answer!r:.300}")


def refusal(kind: type[BaseException], call: Callable[[], Any], *words: str) -> None:
    """Raise Refused after a call that the server must refuse, naming these words."""
    error = caught(kind, call, *words)
    raise Refused(f"{type(error).__name__}: {error}")


def fits(text: str | None) -> None:
    """Raise AssertionError unless a text is JSON of SCHEMA."""
    told = json.loads(text or "")
    equal(sorted(told), sorted(SCHEMA["required"]))
    assert re.fullmatch("[A-Z][a-z]+", told["name"]), told
    assert told["kind"] in SCHEMA["properties"]["kind"]["enum"], told
    assert type(told["legs"]) is int, told
    assert 0 <= told["legs"] <= 4, told


def calls_weather(call: Any) -> None:
    """Raise AssertionError unless a call is of TOOL, with arguments of its schema."""
    equal((call.type, call.function.name), ("function", "get_weather"))
    assert isinstance(json.loads(call.function.arguments)["city"], str), call


def main() -> None:
    """Run all checks in the order of the file."""
    for name, function in _CHECKS:
        verdict, detail = "passed", ""
        try:
            answer = asyncio.run(function()) if inspect.iscoroutinefunction(function) else function()
            detail = answer or ""
        except Refused as refused:
            verdict, detail = "refused", str(refused)
        except NotApplicable as reason:
            verdict, detail = "not applicable", str(reason)
        except Exception as error:
            verdict, detail = "failed", _described(error)
        print(json.dumps({"name": name, "verdict": verdict, "detail": detail[:1000]}), flush=True)


def _described(error: Exception) -> str:
    """Return an error with the line of the program where it was raised."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == sys.argv[0]]
    where = f" (line {own[-1].lineno}: {own[-1].line})" if own else ""
    return f"{type(error).__name__}: {error}{where}"
