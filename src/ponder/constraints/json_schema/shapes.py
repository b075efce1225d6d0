"""A rewritten schema as shapes: the kinds of value that it allows, without references and branches.

A value's *claims* are the subschemas that it must satisfy, as numbers; its *shapes* are the alternatives that
they leave: one kind of value each.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator

from ponder.constraints.json_schema.leaves import spelled

Claims = tuple[int, ...]

MAX_SHAPES = 64
_KINDS = ("null", "boolean", "number", "string", "array", "object")
_STRING = frozenset(("minLength", "maxLength", "pattern", "format"))
_NUMBER = frozenset(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"))
_FLAT = _STRING | _NUMBER


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """One kind of value.

    Attributes
    ----------
    kind : "literal" (one of `literals`, as JSON), or a type of JSON; integers are numbers.
    leaf : of a string or number, a schema of it alone.
    named, patterns, rest : claims on an object's properties; None: there may be none further.
    required : in the order in which they are written.
    first, items : claims on an array's items; None: there may be none further.
    least, most : how many properties or items there are.
    notes : numbers of the checks that the grammar does not make.
    """

    kind: str
    literals: tuple[bytes, ...] = ()
    leaf: dict[str, Any] = field(default_factory=dict)
    named: dict[str, Claims] = field(default_factory=dict)
    patterns: tuple[tuple[str, Claims], ...] = ()
    rest: Claims | None = ()
    required: tuple[str, ...] = ()
    first: tuple[Claims, ...] = ()
    items: Claims | None = ()
    least: int = 0
    most: float = float("inf")
    notes: tuple[int, ...] = ()

    def property(self, key: str) -> Claims | None:
        """Return the claims on a property; None: it may not be there."""
        if key in self.named:
            return self.named[key]
        found = [claims for pattern, claims in self.patterns if _matches(pattern, key)]
        return tuple(itertools.chain(*found)) if found else self.rest

    def item(self, place: int) -> Claims | None:
        """Return the claims on an item; None: it may not be there."""
        return self.first[place] if place < len(self.first) else self.items


class Shapes:
    """The shapes of a rewritten schema and of all its subschemas."""

    def __init__(self, schema: Any) -> None:
        self._defs = schema.get("$defs", {}) if isinstance(schema, dict) else {}
        self._schemas: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._known: dict[Claims, list[Shape]] = {}
        self.root: Claims = (self._number(schema),)

    def of(self, claims: Claims) -> list[Shape]:
        """Return the shapes that some claims leave; none: no value satisfies them."""
        found = self._known.get(claims)
        if found is None:
            found = []
            for flat in itertools.islice(self._flat([self._schemas[claim] for claim in claims]), MAX_SHAPES):
                found += self._merged(flat)
            self._known[claims] = found
        return found

    def _number(self, schema: Any) -> int:
        number = self._numbers.get(id(schema))
        if number is None:
            number = self._numbers[id(schema)] = len(self._schemas)
            self._schemas.append(schema)
        return number

    def _flat(self, schemas: list[Any], seen: frozenset[str] = frozenset()) -> Iterator[list[dict[str, Any]]]:
        """Yield for each choice of branches the subschemas that hold together."""
        if not schemas:
            yield []
            return
        for first in self._branches(schemas[0], seen):
            for others in self._flat(schemas[1:], seen):
                yield first + others

    def _branches(self, schema: Any, seen: frozenset[str]) -> Iterator[list[dict[str, Any]]]:
        if schema is False:
            return
        if schema is True:
            yield []
            return
        together = list(schema.get("allOf", ()))
        reference = schema.get("$ref")
        if reference is not None:
            if reference in seen:
                return  # it leads to itself
            seen = seen | {reference}
            together.append(self._defs[reference.rpartition("/")[2]])
        for inner in self._flat(together, seen):
            if "anyOf" in schema:
                for branch in schema["anyOf"]:
                    for chosen in self._branches(branch, seen):
                        yield [schema, *inner, *chosen]
            else:
                yield [schema, *inner]

    def _merged(self, flat: list[dict[str, Any]]) -> list[Shape]:
        notes = tuple(schema["x-check"] for schema in flat if "x-check" in schema)
        kinds = set(_KINDS)
        whole = False
        for schema in flat:
            if "type" in schema:
                types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
                whole = whole or ("integer" in types and "number" not in types)
                kinds &= {"number" if name == "integer" else name for name in types}
        lists = [
            schema["enum"] if "enum" in schema else [schema["const"]]
            for schema in flat
            if "enum" in schema or "const" in schema
        ]
        if lists:
            kept = _common([schema for schema in flat if schema.keys() & _ABOUT], lists)
            texts = sorted((spelled(value) for value in kept if not isinstance(value, dict | list)), key=len)
            shapes = [Shape("literal", tuple(texts), notes=notes)] if texts else []
            for value in kept[len(texts) : len(texts) + MAX_SHAPES]:
                if isinstance(value, dict):
                    shapes += self._object([_exactly(value)], notes)
                elif isinstance(value, list):
                    shapes += self._array([_exactly(value)], notes)
            return shapes
        return [shape for kind in _KINDS if kind in kinds for shape in self._shape(kind, whole, flat, notes)]

    def _shape(
        self, kind: str, whole: bool, flat: list[dict[str, Any]], notes: tuple[int, ...]
    ) -> list[Shape]:
        if kind == "null":
            return [Shape("literal", (b"null",), notes=notes)]
        if kind == "boolean":
            return [Shape("literal", (b"true", b"false"), notes=notes)]
        if kind in ("number", "string"):
            wanted = _NUMBER if kind == "number" else _STRING
            parts = [{key: schema[key] for key in schema.keys() & wanted} for schema in flat]
            parts = [part for part in parts if part]
            leaf: dict[str, Any] = {"type": "integer" if whole else kind}
            if len(parts) == 1:
                leaf.update(parts[0])
            elif parts:
                leaf["allOf"] = parts
            return [Shape(kind, leaf=leaf, notes=notes)]
        if kind == "array":
            return self._array(flat, notes)
        return self._object(flat, notes)

    def _array(self, flat: list[dict[str, Any]], notes: tuple[int, ...]) -> list[Shape]:
        least = max((schema.get("minItems", 0) for schema in flat), default=0)
        most = min((schema.get("maxItems", float("inf")) for schema in flat), default=float("inf"))
        longest = max((len(schema.get("prefixItems", ())) for schema in flat), default=0)
        first = []
        for place in range(longest):
            claims = self._together(
                schema["prefixItems"][place]
                if place < len(schema.get("prefixItems", ()))
                else schema.get("items", True)
                for schema in flat
            )
            if claims is None:
                most = min(most, place)
                break
            first.append(claims)
        items = self._together(schema.get("items", True) for schema in flat)
        if items is None:
            most = min(most, len(first))
        if least > most:
            return []
        return [Shape("array", first=tuple(first), items=items, least=least, most=most, notes=notes)]

    def _object(self, flat: list[dict[str, Any]], notes: tuple[int, ...]) -> list[Shape]:
        keys = dict.fromkeys(key for schema in flat for key in schema.get("properties", ()))
        patterns = [
            (pattern, (self._number(inner),))
            for schema in flat
            for pattern, inner in schema.get("patternProperties", {}).items()
        ]
        named: dict[str, Claims] = {}
        forbidden = set()
        for key in keys:
            claims = self._together(_property(schema, key) for schema in flat)
            if claims is None:
                forbidden.add(key)
            else:
                named[key] = claims
        rest = self._together(schema.get("additionalProperties", True) for schema in flat)
        wanted = dict.fromkeys(key for schema in flat for key in schema.get("required", ()))
        required = [key for key in keys if key in wanted] + [key for key in wanted if key not in keys]
        least = max((schema.get("minProperties", 0) for schema in flat), default=0)
        most = min((schema.get("maxProperties", float("inf")) for schema in flat), default=float("inf"))
        if forbidden & wanted.keys() or max(least, len(required)) > most:
            return []
        shape = Shape(
            "object",
            named={**named},
            patterns=tuple(patterns),
            rest=rest,
            required=tuple(required),
            least=least,
            most=most,
            notes=notes,
        )
        return [] if any(shape.property(key) is None for key in required) else [shape]

    def _together(self, schemas: Iterator[Any]) -> Claims | None:
        """Return the claims of several schemas; None: one of them allows nothing."""
        claims = []
        for schema in schemas:
            if schema is False:
                return None
            if schema is not True:
                claims.append(self._number(schema))
        return tuple(sorted(set(claims)))


_ABOUT = frozenset(("type",)) | _FLAT - {"format", "pattern"}


def _common(flat: list[dict[str, Any]], lists: list[list[Any]]) -> list[Any]:
    """Return the values that are in all lists and fit some flat schemas; scalars come first."""
    texts = [dict.fromkeys(map(spelled, values)) for values in lists]
    values = [json.loads(text) for text in texts[0] if all(text in other for other in texts[1:])]
    if flat:
        about = [{key: value for key, value in schema.items() if key in _ABOUT} for schema in flat]
        checker = Draft202012Validator({"allOf": about})
        values = [value for value in values if checker.is_valid(value)]
    return sorted(values, key=lambda value: isinstance(value, dict | list))


def _exactly(value: Any) -> dict[str, Any]:
    """Return a schema of a single object or array that says what its parts are."""
    if isinstance(value, dict):
        inner = {key: {"const": one} for key, one in value.items()}
        return {"properties": inner, "required": list(value), "additionalProperties": False}
    return {"prefixItems": [{"const": one} for one in value], "items": False, "minItems": len(value)}


def _property(schema: dict[str, Any], key: str) -> Any:
    if key in schema.get("properties", ()):
        return schema["properties"][key]
    found = [
        inner for pattern, inner in schema.get("patternProperties", {}).items() if _matches(pattern, key)
    ]
    return found[0] if found else schema.get("additionalProperties", True)


def _matches(pattern: str, key: str) -> bool:
    try:
        return re.search(pattern, key) is not None
    except re.error:
        return False
