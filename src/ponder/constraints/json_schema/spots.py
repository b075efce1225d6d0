"""Which subschemas a value must satisfy for certain, by where it stands."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

from referencing.jsonschema import DRAFT202012

from ponder.constraints.json_schema.documents import Documents
from ponder.constraints.json_schema.keywords import subschemas
from ponder.constraints.json_schema.leaves import spelled
from ponder.constraints.json_schema.reader import Open, key_text

AT_CLOSE = frozenset(
    [
        "not",
        "uniqueItems",
        "contains",
        "if",
        "dependentRequired",
        "dependentSchemas",
        "propertyNames",
        "unevaluatedItems",
        "unevaluatedProperties",
        "oneOf",
        "$dynamicRef",
    ]
)
_ASIDE = ("$defs", "definitions")
MAX_PARTS = 64

Part = tuple[Any, Any]  # a schema, and the resolver of its references


class Spot:
    """The subschemas that hold for a value whatever branch of `anyOf` and the like it takes.

    They are reached from the root by properties, items, `$ref` and `allOf` alone; so a value that breaks one
    makes the whole text invalid.
    """

    def __init__(
        self, documents: Documents, reached: tuple[Part, ...], watched: frozenset[str] = AT_CLOSE
    ) -> None:
        self._documents = documents
        self._watched = watched
        self.reached = reached
        self._children: dict[str | int, Spot] = {}

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The subschemas with those that they refer to and those of `allOf`."""
        found: list[Part] = []
        seen: set[int] = set()
        waiting = list(self.reached)
        while waiting and len(found) < MAX_PARTS:
            schema, resolver = waiting.pop()
            if not isinstance(schema, dict) or id(schema) in seen:
                continue
            seen.add(id(schema))
            found.append((schema, resolver))
            if "$ref" in schema:
                target = self._documents.lookup(resolver, schema["$ref"])
                waiting.append((target.contents, target.resolver))
            for inner in schema.get("allOf", ()):
                waiting.append((inner, _entered(inner, resolver)))
        return tuple(found)

    @cached_property
    def is_checked(self) -> bool:
        """Whether a value here can be wrong though the mask allowed it."""
        branches = [
            (one, _entered(one, resolver))
            for schema, resolver in self.parts
            for one in schema.get("anyOf", ())
        ]
        return any(self._watched & schema.keys() for schema, _ in self.parts) or _mentions(
            self._documents, branches, self._watched
        )

    @cached_property
    def is_unique(self) -> bool:
        """Whether the items of an array must differ from one another."""
        return any(schema.get("uniqueItems") is True for schema, _ in self.parts)

    @cached_property
    def names(self) -> tuple[Part, ...]:
        """What the names of an object's properties must be."""
        return tuple(
            (schema["propertyNames"], _entered(schema["propertyNames"], resolver))
            for schema, resolver in self.parts
            if "propertyNames" in schema
        )

    @cached_property
    def spelled_names(self) -> frozenset[bytes] | None:
        """The names of all properties that an object may have, spelled; None: it may have others."""
        for schema, _ in self.parts:
            if schema.get("additionalProperties") is False and not schema.get("patternProperties"):
                return frozenset(spelled(name)[1:-1] for name in schema.get("properties", ()))
        return None

    def child(self, key: str | int) -> Spot:
        """Return what holds for the value of a property, or for an item."""
        found = self._children.get(key)
        if found is None:
            inner = self._item(key) if isinstance(key, int) else self._property(key)
            found = Spot(self._documents, tuple(inner), self._watched)
            if len(self._children) < 4096:
                self._children[key] = found
        return found

    def _property(self, key: str) -> list[Part]:
        inner: list[Part] = []
        for schema, resolver in self.parts:
            named = [schema["properties"][key]] if key in schema.get("properties", ()) else []
            named += [
                one for pattern, one in schema.get("patternProperties", {}).items() if re.search(pattern, key)
            ]
            if not named and "additionalProperties" in schema:
                named = [schema["additionalProperties"]]
            inner += [(one, _entered(one, resolver)) for one in named]
        return inner

    def _item(self, place: int) -> list[Part]:
        inner: list[Part] = []
        for schema, resolver in self.parts:
            first = schema.get("prefixItems", [])
            one = first[place] if place < len(first) else schema.get("items")
            if one is not None:
                inner.append((one, _entered(one, resolver)))
        return inner


def spot_of(root: Spot, container: Open | None) -> Spot:
    """Return the spot of the value that is being written in a container, or has just closed there."""
    if container is None:
        return root
    outer = spot_of(root, container.parent)
    if container.is_object:
        return outer.child(key_text(container.key or b""))
    return outer.child(container.count)


def _entered(schema: Any, resolver: Any) -> Any:
    if isinstance(schema, dict) and "$id" in schema:
        return resolver.in_subresource(DRAFT202012.create_resource(schema))
    return resolver


def _mentions(documents: Documents, branches: list[Part], keywords: frozenset[str]) -> bool:
    """Return whether a schema, one inside it, or one that they refer to has one of the keywords."""
    waiting, seen = list(branches), set[int]()
    while waiting:
        schema, resolver = waiting.pop()
        if not isinstance(schema, dict) or id(schema) in seen:
            continue
        seen.add(id(schema))
        if keywords & schema.keys():
            return True
        if "$ref" in schema:
            target = documents.lookup(resolver, schema["$ref"])
            waiting.append((target.contents, target.resolver))
        waiting += [
            (inner, _entered(inner, resolver)) for way, inner in subschemas(schema) if way[0] not in _ASIDE
        ]
    return False
