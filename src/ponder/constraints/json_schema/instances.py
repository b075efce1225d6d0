"""The smallest values of a schema: shortest paths (Knuth 1977) over what a value requires."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

from ponder.constraints.json_schema.documents import Documents
from ponder.constraints.json_schema.leaves import ending, spelled
from ponder.constraints.json_schema.shapes import Claims, Shape, Shapes

MAX_COST = 1_000_000
TRIED = 48  # values that are tried where a check may refuse the smallest
_DEPTH = 3  # containers deep in which values are varied


class Instances:
    """Small values that satisfy claims.

    Parameters
    ----------
    checks : the subschemas, with resolvers, that `Shape.notes` number.
    """

    def __init__(self, shapes: Shapes, documents: Documents, checks: list[tuple[Any, Any]]) -> None:
        self._shapes = shapes
        self._documents = documents
        self._checks = checks
        self._costs: dict[Claims, float] = {}
        self._best: dict[Claims, bytes | None] = {}

    def cost(self, claims: Claims) -> float:
        """Return how many bytes the smallest value has; infinite: there is none that ends."""
        if claims not in self._costs:
            self._solve(claims)
        return self._costs[claims]

    def smallest(self, claims: Claims) -> bytes | None:
        """Return the smallest value that was found as JSON; None: there is none, or it is very large."""
        if claims not in self._best:
            self._best[claims] = self._plain(claims)  # where this is asked for meanwhile
            for text in itertools.islice(self.some(claims), TRIED):
                self._best[claims] = text
                break
        return self._best[claims]

    def some(self, claims: Claims, depth: int = 0) -> Iterator[bytes]:
        """Yield some values that pass all checks, small ones first."""
        shapes = sorted(self._shapes.of(claims), key=self._shape_cost)
        for shape in shapes:
            if self._shape_cost(shape) < MAX_COST:
                for text in itertools.islice(self._of_shape(shape, depth), TRIED):
                    if self.passes(shape, text):
                        yield text

    def passes(self, shape: Shape, text: bytes) -> bool:
        """Return whether a value passes the checks that the grammar does not make."""
        if not shape.notes:
            return True
        return (
            self._documents.error(json.loads(text), tuple(self._checks[note] for note in shape.notes)) is None
        )

    def _solve(self, claims: Claims) -> None:
        """Find the costs of all that some claims lead to: pass by pass, until none gets smaller."""
        order: list[Claims] = []
        waiting, seen = [claims], {claims}
        while waiting:
            one = waiting.pop()
            order.append(one)
            for shape in self._shapes.of(one):
                for inner in _required(shape):
                    if inner not in seen and inner not in self._costs:
                        seen.add(inner)
                        waiting.append(inner)
        self._costs.update(dict.fromkeys(order, math.inf))
        changed = True
        while changed:
            changed = False
            for one in reversed(order):
                cost = min((self._shape_cost(shape) for shape in self._shapes.of(one)), default=math.inf)
                if cost < self._costs[one]:
                    self._costs[one] = cost
                    changed = True

    def _shape_cost(self, shape: Shape) -> float:
        if shape.kind == "literal":
            return len(shape.literals[0])
        if shape.kind in ("number", "string"):
            text = _leaf(shape)
            return math.inf if text is None else len(text)
        if shape.kind == "array":
            items = [self._known(shape.item(place)) for place in range(min(shape.least, len(shape.first)))]
            further = max(0, shape.least - len(items))
            total = sum(items) + (further * self._known(shape.items) if further else 0)
            cost = 2 + total + max(0, shape.least - 1)
        else:
            inner = sum(len(key) + 4 + self._known(shape.property(key)) for key in shape.required)
            missing = max(0, shape.least - len(shape.required))
            cost = 1 + max(1, inner) + 8 * missing
        return cost if cost < MAX_COST else math.inf

    def _known(self, claims: Claims | None) -> float:
        return math.inf if claims is None else self._costs.get(claims, math.inf)

    def _plain(self, claims: Claims) -> bytes | None:
        """Return the smallest value, whatever the checks say of it."""
        cost = self.cost(claims)
        if cost >= MAX_COST:
            return None
        for shape in self._shapes.of(claims):
            if self._shape_cost(shape) == cost:
                return self._written(shape)
        return None

    def _written(self, shape: Shape) -> bytes | None:
        if shape.kind == "literal":
            return shape.literals[0]
        if shape.kind in ("number", "string"):
            return _leaf(shape)
        if shape.kind == "array":
            items = self.smallest_items(shape, 0)
            return None if items is None else b"[" + b",".join(items) + b"]"
        keys = self.filled(shape, list(shape.required))
        return None if keys is None else self.object(shape, keys)

    def _of(self, claims: Claims | None) -> bytes | None:
        return None if claims is None else self.smallest(claims)

    def smallest_items(self, shape: Shape, count: int) -> list[bytes] | None:
        """Return the smallest items that an array needs after `count` others; None: one is not to be had."""
        items = [self._of(shape.item(place)) for place in range(count, shape.least)]
        found = [item for item in items if item is not None]
        return found if len(found) == len(items) else None

    def object(self, shape: Shape, keys: list[str]) -> bytes | None:
        """Return an object with the smallest values of some keys."""
        members = [self.member(shape, key) for key in keys]
        return None if None in members else b"{" + b",".join(members) + b"}"  # type: ignore[arg-type]

    def member(self, shape: Shape, key: str) -> bytes | None:
        """Return a key with its smallest value."""
        value = self._of(shape.property(key))
        return None if value is None else spelled(key) + b":" + value

    def filled(self, shape: Shape, keys: list[str], taken: frozenset[str] = frozenset()) -> list[str] | None:
        """Return keys with further ones, until there are enough; None: there are no others."""
        missing = shape.least - len(keys) - len(taken)
        if missing <= 0:
            return keys
        further = [key for key in optional(shape, keys, taken) if self._of(shape.property(key)) is not None]
        if len(further) < missing:
            return None
        known = list(shape.named)
        chosen = [*keys, *further[:missing]]
        return sorted(chosen, key=lambda key: known.index(key) if key in shape.named else len(known))

    def _of_shape(self, shape: Shape, depth: int) -> Iterator[bytes]:
        """Yield values of a shape; the first is the smallest."""
        if shape.kind == "literal":
            yield from shape.literals
            return
        first = self._written(shape)
        if first is not None:
            yield first
        if not shape.notes and depth == 0:
            return  # no check refuses the first
        if shape.kind == "number":
            for note in shape.notes:
                yield from map(spelled, _bounds(self._checks[note][0]))
        if shape.kind in ("number", "string"):
            yield from _leaves(shape)
        elif depth >= _DEPTH:
            return
        elif shape.kind == "array":
            yield from self._arrays(shape, depth)
        else:
            yield from self._objects(shape, depth)

    def _arrays(self, shape: Shape, depth: int) -> Iterator[bytes]:
        """Yield arrays whose items differ from one another, of several lengths."""
        for extra in range(4):
            if shape.least + extra <= shape.most:
                yield from (b"[" + b",".join(items) + b"]" for items in self.lists(shape, 0, extra, depth))

    def lists(
        self, shape: Shape, count: int, extra: int, depth: int, written: frozenset[bytes] = frozenset()
    ) -> Iterator[list[bytes]]:
        """Yield items that follow `count` others, differ from one another, and are `extra` more than needed.

        First small ones, then such that one is what `contains` wants.
        """
        length = max(shape.least, count) + extra - count
        last = shape.item(count + length - 1) if length else None
        wanted: Iterator[bytes | None] = iter((None,))
        if last is not None:
            wanted = itertools.chain(wanted, self.contained(shape, last, depth))
        for special in wanted:
            items: list[bytes] = []
            for place in range(count, count + length):
                claims = shape.item(place)
                if claims is None:
                    return
                if special is not None and place == count + length - 1:
                    items.append(special)
                    break
                fresh = (
                    text
                    for text in self.varied(claims, depth + 1)
                    if text not in items and text not in written and text != special
                )
                found = next(fresh, None)
                if found is None:
                    break
                items.append(found)
            if len(items) == length:
                yield items

    def contained(self, shape: Shape, claims: Claims, depth: int) -> Iterator[bytes]:
        """Yield items that a check may want: what `contains` names, then any."""
        for note in shape.notes:
            schema = self._checks[note][0]
            wanted = schema.get("contains")
            if isinstance(wanted, dict):
                yield from (spelled(value) for value in _examples(wanted))
        yield from itertools.islice(self.varied(claims, depth + 1), 16)

    def varied(self, claims: Claims, depth: int) -> Iterator[bytes]:
        """Yield values that differ from one another."""
        for shape in sorted(self._shapes.of(claims), key=self._shape_cost):
            if self._shape_cost(shape) < MAX_COST:
                for text in itertools.islice(self._of_shape(shape, max(depth, 1)), TRIED):
                    if self.passes(shape, text):
                        yield text

    def _objects(self, shape: Shape, depth: int) -> Iterator[bytes]:
        required = list(shape.required)
        others = list(itertools.islice(optional(shape, required, frozenset()), 16))
        wanted = [key for key in self.mentioned(shape) if key not in required]
        for extra in itertools.chain(
            itertools.combinations(wanted, len(wanted)),
            ((key,) for key in others),
            itertools.combinations(others[:8], 2),
        ):
            keys = self._ordered(shape, [*required, *extra])
            if len(keys) <= shape.most and all(shape.property(key) is not None for key in keys):
                text = self.object(shape, keys)
                if text is not None:
                    yield text
        for key in required:  # other values of one key
            claims = shape.property(key)
            if claims is None:
                continue
            for value in itertools.islice(self.varied(claims, depth + 1), 8):
                members = [
                    spelled(name) + b":" + value if name == key else self.member(shape, name)
                    for name in required
                ]
                if None not in members:
                    yield b"{" + b",".join(members) + b"}"  # type: ignore[arg-type]

    def _ordered(self, shape: Shape, keys: list[str]) -> list[str]:
        known = {key: place for place, key in enumerate(shape.named)}
        return sorted(dict.fromkeys(keys), key=lambda key: known.get(key, len(known)))

    def mentioned(self, shape: Shape) -> list[str]:
        """Return the properties that the checks of an object name as required."""
        found: dict[str, None] = {}
        waiting = [self._checks[note][0] for note in shape.notes]
        for _ in range(64):
            if not waiting:
                break
            schema = waiting.pop()
            if not isinstance(schema, dict):
                continue
            found.update(dict.fromkeys(schema.get("required", ())))
            for keys in schema.get("dependentRequired", {}).values():
                found.update(dict.fromkeys(keys))
            waiting += [schema[name] for name in ("then", "else", "if") if name in schema]
            waiting += [*schema.get("allOf", ()), *schema.get("dependentSchemas", {}).values()]
            waiting += [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
        return list(found)


def optional(shape: Shape, keys: list[str], taken: frozenset[str]) -> Iterator[str]:
    """Yield properties that an object may have beside some."""
    yield from (key for key in shape.named if key not in keys and key not in taken)
    if shape.patterns or shape.rest is not None:
        for number in range(1000):
            key = chr(97 + number % 26) * (1 + number // 26)
            if (
                key not in shape.named
                and key not in keys
                and key not in taken
                and shape.property(key) is not None
            ):
                yield key


def _required(shape: Shape) -> list[Claims]:
    """Return the claims on what a value of a shape cannot be without."""
    inner = [shape.property(key) for key in shape.required]
    inner += [shape.item(place) for place in range(min(shape.least, len(shape.first) + 1))]
    return [claims for claims in inner if claims is not None]


def _leaf(shape: Shape) -> bytes | None:
    if shape.kind == "string":
        if len(shape.leaf) == 1:
            return b'""'
        rest = ending(shape.leaf, b'"')
        return None if rest is None else b'"' + rest
    if len(shape.leaf) == 1:
        return b"0"
    checker = Draft202012Validator(shape.leaf)
    near = [text for text in map(spelled, _bounds(shape.leaf)) if checker.is_valid(json.loads(text))]
    found = ending(shape.leaf, b"")
    return min([*near, *([found] if found is not None else [])], key=len, default=None)


def _bounds(leaf: dict[str, Any]) -> Iterator[int | float]:
    """Yield numbers that may be the smallest of a number's schema."""
    yield 0
    for part in (leaf, *leaf.get("allOf", ())):
        for keyword in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"):
            if keyword in part:
                bound = part[keyword]
                yield from (bound, math.floor(bound), math.floor(bound) + 1, math.ceil(bound) - 1)


def _leaves(shape: Shape) -> Iterator[bytes]:
    """Yield strings or numbers of a shape, other than the smallest."""
    if shape.kind == "number":
        starts = [str(number).encode() for number in (*range(10), -1, 10, 11, 12, 100)]
    else:
        starts = [
            b'"' + letters.encode()
            for letters in (
                "a",
                "b",
                "c",
                "d",
                "0",
                "1",
                "A",
                "x",
                "Z",
                "2",
                "3",
                "9",
                "-",
                "_",
                "ab",
                "aB1!",
                "abc",
            )
        ]
    for start in starts:
        rest = ending(shape.leaf, start)
        if rest is not None:
            yield start + rest


def _examples(schema: dict[str, Any]) -> Iterator[Any]:
    """Yield some values of a simple schema."""
    if "const" in schema:
        yield schema["const"]
    yield from schema.get("enum", ())
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    if isinstance(low, int | float):
        yield from (math.ceil(low), math.floor(low) + 1)
    high = schema.get("maximum")
    if isinstance(high, int | float):
        yield math.floor(high)
    factor = schema.get("multipleOf")
    if factor is not None:
        yield factor
    plain: dict[str, list[Any]] = {
        "string": ["", "a"],
        "number": [0],
        "integer": [0],
        "boolean": [True],
        "null": [None],
    }
    yield from plain.get(str(schema.get("type")), [])
    if schema.get("type") == "object" or "required" in schema:
        yield {
            key: next(iter(_examples(schema.get("properties", {}).get(key, {}))), 0)
            for key in schema.get("required", ())
        }
