"""Keywords by what their values are, and where schemas stand inside schemas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

ONE = frozenset(
    [
        "additionalProperties",
        "propertyNames",
        "items",
        "contains",
        "not",
        "if",
        "then",
        "else",
        "unevaluatedItems",
        "unevaluatedProperties",
        "contentSchema",
    ]
)
"""Keywords whose value is a schema."""
SOME = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
"""Keywords whose value is a list of schemas."""
NAMED = frozenset(("properties", "patternProperties", "dependentSchemas", "$defs", "definitions"))
"""Keywords whose value is an object of schemas."""

COUNTS = frozenset(
    [
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
        "minContains",
        "maxContains",
    ]
)
"""Keywords whose value is a whole number of at least 0."""


def subschemas(schema: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the schemas right inside a schema, each with the way to it."""
    if not isinstance(schema, dict):
        return
    for keyword, value in schema.items():
        if keyword in ONE:
            yield (keyword,), value
        elif keyword in SOME and isinstance(value, list):
            for place, inner in enumerate(value):
                yield (keyword, str(place)), inner
        elif keyword in NAMED and isinstance(value, dict):
            for name, inner in value.items():
                yield (keyword, name), inner
