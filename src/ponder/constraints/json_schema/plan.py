"""Short ways to finish a JSON text that has begun, by what its schema still requires."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ponder.constraints.json_schema.instances import Instances, optional
from ponder.constraints.json_schema.leaves import ending as ending_of
from ponder.constraints.json_schema.leaves import spelled
from ponder.constraints.json_schema.reader import Mode, Open, Reader, key_text
from ponder.constraints.json_schema.shapes import Claims, Shape, Shapes

TRIED = 64  # ways for the whole text
_EACH = 8  # ways for one container
_FURTHER = (b"", b"1", b".5", b"a", b"0", b"5", b"b", b"-", b"12", b"xy")
_LITERALS = (b"true", b"false", b"null")


@dataclass(frozen=True, slots=True)
class _Begun:
    """A text that has begun.

    Attributes
    ----------
    frames : the open containers, from the outside in.
    values : by where a container begins, the scalars that have closed in it: key or place, and value.
    """

    text: bytes
    reader: Reader
    frames: tuple[Open, ...]
    values: dict[int, list[tuple[str | int, Any]]]


class Planner:
    """Finds short endings; whoever asks must check that the grammar takes them."""

    def __init__(self, shapes: Shapes, instances: Instances, *, any_order: bool) -> None:
        self._shapes = shapes
        self._instances = instances
        self._any_order = any_order

    def smallest(self, claims: Claims) -> bytes | None:
        """Return the smallest value that satisfies some claims; None: there is none."""
        return self._instances.smallest(claims)

    def endings(self, text: bytes, reader: Reader) -> Iterator[bytes]:
        """Yield endings, those that seem short first."""
        frames: list[Open] = []
        at = reader.top
        while at is not None:
            frames.append(at)
            at = at.parent
        begun = _Begun(text, reader, tuple(reversed(frames)), _values(text))
        yield from itertools.islice(self._finish(begun, 0, self._shapes.root), TRIED)

    def _finish(self, begun: _Begun, level: int, claims: Claims) -> Iterator[bytes]:
        """Yield endings of the value at a level of the open containers; the last is the present value."""
        if level == len(begun.frames):
            yield from self._value(begun, claims)
            return
        frame = begun.frames[level]
        ways = [self._passing(begun, level, shape) for shape in self._fitting(begun, frame, claims)]
        yield from _in_turn(ways)

    def _fitting(self, begun: _Begun, frame: Open, claims: Claims) -> list[Shape]:
        """Return the shapes that what was written of a container leaves."""
        shapes = []
        for shape in self._shapes.of(claims):
            if shape.kind == ("object" if frame.is_object else "array") and self._agrees(begun, frame, shape):
                shapes.append(shape)
        return shapes

    def _agrees(self, begun: _Begun, frame: Open, shape: Shape) -> bool:
        for step, value in begun.values.get(frame.began, ()):
            claims = shape.property(step) if isinstance(step, str) else shape.item(step)
            if claims is None:
                return False
            shapes = self._shapes.of(claims)
            if shapes and all(inner.kind == "literal" for inner in shapes):
                text = spelled(value)
                if not any(text in inner.literals for inner in shapes):
                    return False
            kind = "string" if isinstance(value, str) else "number"
            if not any(inner.kind in ("literal", kind) for inner in shapes):
                return isinstance(value, bool) or value is None
        return True

    def _passing(self, begun: _Begun, level: int, shape: Shape) -> Iterator[bytes]:
        """Yield endings of an open container after which it passes its checks."""
        text = begun.text[begun.frames[level].began :]
        for ending in itertools.islice(self._container(begun, level, shape), TRIED):
            if not shape.notes or self._instances.passes(shape, text + ending):
                yield ending

    def _container(self, begun: _Begun, level: int, shape: Shape) -> Iterator[bytes]:
        """Yield endings of an open container that has a shape."""
        frame = begun.frames[level]
        mode = begun.reader.mode
        is_top = level == len(begun.frames) - 1
        if not is_top or mode in (Mode.VALUE, Mode.STRING, Mode.SCALAR, Mode.COLON):
            colon = b":" if is_top and mode is Mode.COLON else b""
            inside = (
                shape.property(key_text(frame.key or b"")) if frame.is_object else shape.item(frame.count)
            )
            if inside is None:
                return
            value = begun.text[_begins(begun, level + 1) :]
            for inner in itertools.islice(self._finish(begun, level + 1, inside), _EACH):
                for tail in itertools.islice(self._rest(begun, frame, shape, value + inner), _EACH):
                    yield colon + inner + tail
        elif mode is Mode.KEY:
            yield from self._key(begun, frame, shape)
        elif mode is Mode.FIRST_ITEM:
            yield from self._rest(begun, frame, shape)
            inside = shape.item(0)
            if inside is not None:
                for text in itertools.islice(self._instances.some(inside), _EACH):
                    for tail in itertools.islice(self._rest(begun, frame, shape, text), 2):
                        yield text + tail
        else:
            yield from self._rest(begun, frame, shape)

    def _rest(self, begun: _Begun, frame: Open, shape: Shape, value: bytes | None = None) -> Iterator[bytes]:
        """Yield what comes after the values of a container, and closes it. `value`: the one that is open."""
        if frame.is_object:
            yield from self._members(begun, frame, shape, value is not None)
            return
        count = frame.count + (value is not None)
        if not shape.notes:
            items = self._instances.smallest_items(shape, count)
            if items is not None:
                yield _joined(items, count > 0) + b"]"
            return
        written = {spelled(item) for _, item in begun.values.get(frame.began, ())}
        if value is not None:
            written.add(spelled(json.loads(value)))
        for extra in range(4):
            if max(shape.least, count) + extra <= shape.most:
                for items in self._instances.lists(shape, count, extra, 0, frozenset(written)):
                    yield _joined(items, count > 0) + b"]"

    def _members(self, begun: _Begun, frame: Open, shape: Shape, is_inside: bool) -> Iterator[bytes]:
        taken = frozenset(key_text(key) for key in frame.keys)
        after_comma = begun.reader.mode is Mode.NEXT_KEY and frame is begun.frames[-1] and not is_inside
        for keys in self._key_lists(shape, taken, frame):
            if after_comma and not keys:
                more = next(self._further(shape, taken, frame, ()), None)
                if more is None:
                    continue
                keys = [more]
            members = [self._instances.member(shape, key) for key in keys]
            if None not in members:
                comma = bool(taken) and not after_comma
                yield _joined(members, comma) + b"}"  # type: ignore[arg-type]

    def _key_lists(self, shape: Shape, taken: frozenset[str], frame: Open) -> Iterator[list[str]]:
        """Yield which properties to write further: those that are required, then some with more."""
        order = {key: place for place, key in enumerate(shape.named)}
        required = [key for key in shape.required if key not in taken]
        known = [order[key] for key in taken if key in order]
        beyond = len(order) if taken - order.keys() else max(known, default=-1)
        if not self._any_order and any(order.get(key, len(order)) < beyond for key in required):
            return
        plain = self._instances.filled(shape, required, taken)
        if plain is not None and self._follow(plain, order, beyond):
            yield plain
        if shape.notes:
            wanted = [
                key for key in self._instances.mentioned(shape) if key not in taken and key not in required
            ]
            more = list(itertools.islice(self._further(shape, taken, frame, required), 12))
            for extra in itertools.chain(
                [tuple(wanted)] if wanted else [], ((key,) for key in wanted), ((key,) for key in more)
            ):
                keys = sorted([*required, *extra], key=lambda key: order.get(key, len(order)))
                if self._follow(keys, order, beyond):
                    yield keys

    def _follow(self, keys: list[str], order: dict[str, int], beyond: int) -> bool:
        return self._any_order or all(order.get(key, len(order)) >= beyond for key in keys)

    def _further(self, shape: Shape, taken: frozenset[str], frame: Open, required: Any) -> Iterator[str]:
        """Yield properties that may still be written, those with small values first."""
        order = {key: place for place, key in enumerate(shape.named)}
        known = [order[key] for key in taken if key in order]
        beyond = len(order) if taken - order.keys() else max(known, default=-1)
        some = list(itertools.islice(optional(shape, list(required), taken), 40))
        some = [key for key in some if self._follow([key], order, beyond) and shape.property(key) is not None]
        yield from sorted(some, key=lambda key: self._instances.cost(shape.property(key) or ()) + len(key))

    def _key(self, begun: _Begun, frame: Open, shape: Shape) -> Iterator[bytes]:
        """Yield endings from inside a key."""
        part = begun.reader.begun
        taken = frozenset(key_text(key) for key in frame.keys)
        candidates = []
        for key in shape.named:
            name = spelled(key)[1:]
            if name.startswith(part) and key not in taken:
                candidates.append((key, name[len(part) :]))
        if not self._any_order:
            candidates = candidates[:_EACH]
        if shape.patterns or shape.rest is not None:
            candidates += _free_keys(shape, part, taken)
        costs = {key: self._instances.cost(shape.property(key) or ()) for key, _ in candidates}
        for key, rest in sorted(candidates, key=lambda one: len(one[1]) + costs[one[0]])[: 2 * _EACH]:
            claims = shape.property(key)
            value = None if claims is None else self._instances.smallest(claims)
            if value is None:
                continue
            after = Open(
                frame.parent, True, frame.began, frame.keys | {spelled(key)[1:-1]}, spelled(key)[1:-1]
            )
            for tail in itertools.islice(self._members(begun, after, shape, True), _EACH):
                yield rest + b":" + value + tail

    def _value(self, begun: _Begun, claims: Claims) -> Iterator[bytes]:
        """Yield endings of the present value, in no container of its own."""
        mode = begun.reader.mode
        if mode not in (Mode.STRING, Mode.SCALAR):
            smallest = self._instances.smallest(claims)
            if smallest is not None:
                yield smallest
            yield from itertools.islice(self._instances.varied(claims, 1), _EACH)
            return
        part = (b'"' if mode is Mode.STRING else b"") + begun.reader.begun
        leaves: list[dict[str, Any]] = []
        for shape in self._shapes.of(claims):
            if shape.kind == "literal":
                starts = (text for text in shape.literals if text.startswith(part))
                yield from (text[len(part) :] for text in itertools.islice(starts, _EACH))
            elif shape.kind == ("string" if mode is Mode.STRING else "number") and part not in _LITERALS:
                leaves.append(shape.leaf)
        for further in _FURTHER:  # where a check refuses what is shortest
            for leaf in leaves:
                rest = ending_of(leaf, part + further)
                if rest is not None:
                    yield further + rest


def _begins(begun: _Begun, level: int) -> int:
    """Return where the value at a level of the open containers begins."""
    if level < len(begun.frames):
        return begun.frames[level].began
    return begun.reader.began if begun.reader.mode in (Mode.STRING, Mode.SCALAR) else len(begun.text)


def _free_keys(shape: Shape, part: bytes, taken: frozenset[str]) -> list[tuple[str, bytes]]:
    """Return keys that have no name in a schema and begin so, each with the rest of its spelling."""
    found = []
    leaves: list[dict[str, Any]] = [{"type": "string", "pattern": pattern} for pattern, _ in shape.patterns]
    if shape.rest is not None:
        leaves.insert(0, {"type": "string"})
    for leaf in leaves:
        for further in (b"", b"a", b"b", b"0", b"ab", b"x1"):
            rest = ending_of(leaf, b'"' + part + further)
            if rest is None:
                continue
            try:
                key = json.loads(b'"' + part + further + rest)
            except ValueError:
                continue
            if key not in taken and key not in shape.named and shape.property(key) is not None:
                found.append((key, further + rest))
    return found


def _values(text: bytes) -> dict[int, list[tuple[str | int, Any]]]:
    """Return the scalars that have closed, by where the container begins that they stand in."""
    values: dict[int, list[tuple[str | int, Any]]] = {}
    for closed in Reader().read(text).closed:
        within = closed.within
        if closed.is_key or within is None or not closed.ended - closed.began < 256:
            continue
        if text[closed.began : closed.began + 1] in (b"{", b"["):
            continue
        step = key_text(within.key or b"") if within.is_object else within.count - 1
        values.setdefault(within.began, []).append((step, json.loads(text[closed.began : closed.ended])))
    return values


def _joined(parts: list[bytes], comma: bool) -> bytes:
    return (b"," if comma and parts else b"") + b",".join(parts)


def _in_turn(ways: list[Iterator[bytes]]) -> Iterator[bytes]:
    """Yield one of each, then the next of each, and so on."""
    while ways:
        left = []
        for way in ways:
            for text in way:
                yield text
                left.append(way)
                break
        ways = left
