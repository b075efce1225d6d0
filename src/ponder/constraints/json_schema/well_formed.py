"""Whether a document is a schema: each keyword has a value of the kind that it must have."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ponder.constraints.json_schema.keywords import COUNTS, NAMED, ONE, SOME, subschemas
from ponder.errors import ParameterError

_TYPES = frozenset(("null", "boolean", "integer", "number", "string", "array", "object"))


def _is_schema(value: Any) -> bool:
    return isinstance(value, dict | bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and float(value).is_integer()


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_types(value: Any) -> bool:
    names = value if isinstance(value, list) else [value]
    return bool(names) and all(isinstance(name, str) and name in _TYPES for name in names)


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_schema(inner) for inner in value.values())


_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(ONE, (_is_schema, "a schema")),
    **dict.fromkeys(
        SOME,
        (
            lambda value: isinstance(value, list) and bool(value) and all(map(_is_schema, value)),
            "a list of schemas",
        ),
    ),
    **dict.fromkeys(NAMED, (_is_named, "an object of schemas")),
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), (_is_number, "a finite number")
    ),
    **dict.fromkeys(COUNTS, (_is_count, "a whole number of at least 0")),
    **dict.fromkeys(
        ["$ref", "$dynamicRef", "$anchor", "$dynamicAnchor", "$id", "$schema", "pattern", "format"],
        (lambda value: isinstance(value, str), "a string"),
    ),
    "multipleOf": (lambda value: _is_number(value) and value > 0, "a finite number above 0"),
    "uniqueItems": (lambda value: isinstance(value, bool), "true or false"),
    "enum": (lambda value: isinstance(value, list), "a list"),
    "required": (_is_names, "a list of strings"),
    "type": (_is_types, f"one or several of {sorted(_TYPES)}"),
    "dependentRequired": (
        lambda value: isinstance(value, dict) and all(map(_is_names, value.values())),
        "an object of lists of strings",
    ),
}


def check(schema: Any, field: str) -> None:
    """Raise a ParameterError that says what is wrong with a schema, and where."""
    waiting: list[tuple[Any, str]] = [(schema, "#")]
    while waiting:
        one, path = waiting.pop()
        if not _is_schema(one):
            raise ParameterError(field, one, f"an object or a bool as a schema at {path}")
        if isinstance(one, bool):
            continue
        for keyword, value in one.items():
            holds, wanted = _KINDS.get(keyword, (None, ""))
            if holds is not None and not holds(value):
                raise ParameterError(field, value, f"{wanted} at {path}/{keyword}")
        waiting += [(inner, "/".join((path, *way))) for way, inner in subschemas(one)]
