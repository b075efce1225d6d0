"""How many bytes are enough to end a JSON text: a sum over its open containers, without the text itself."""

from __future__ import annotations

import math

from ponder.constraints.json_schema.instances import Instances
from ponder.constraints.json_schema.leaves import spelled
from ponder.constraints.json_schema.reader import Mode, Open, Reader, key_text
from ponder.constraints.json_schema.shapes import Claims, Shape, Shapes

MAX_SHAPES = 64  # that one answer may look at
MAX_CLAIMS = 256  # whose additions are looked for
SCALAR = 64  # bytes that a string or a number may still need beside its smallest


class Room:
    """Says how many bytes are enough. Where checks take part that the grammar does not make, no number is."""

    def __init__(self, shapes: Shapes, instances: Instances) -> None:
        self._shapes = shapes
        self._instances = instances
        self._members: dict[Shape, dict[str, float]] = {}
        self._additions: dict[Shape, float] = {}

    def enough(self, reader: Reader) -> float:
        """Return a number of bytes that is enough to end a text; infinite: none is known."""
        frames: list[Open] = []
        at = reader.top
        while at is not None:
            frames.append(at)
            at = at.parent
        frames.reverse()
        ways: list[tuple[Claims, float]] = [(self._shapes.root, 0.0)]
        seen = 0
        for frame in frames:
            is_last = frame is frames[-1]
            further: list[tuple[Claims, float]] = []
            for claims, before in ways:
                for shape in self._shapes.of(claims):
                    seen += 1
                    if shape.notes or seen > MAX_SHAPES:
                        return math.inf
                    if shape.kind == ("object" if frame.is_object else "array"):
                        inner, rest = self._container(reader.mode, frame, shape, is_last)
                        if inner is not None:
                            further.append((inner, before + rest))
            ways = further
        if frames and reader.mode not in (Mode.VALUE, Mode.COLON, Mode.STRING, Mode.SCALAR):
            return max((rest for _, rest in ways), default=math.inf)
        return max((before + self._value(reader.mode, claims) for claims, before in ways), default=math.inf)

    def additions(self) -> set[Claims] | None:
        """Return the claims on all values that may be in a text and need not; None: they are not known."""
        waiting, seen, added = [self._shapes.root], {self._shapes.root}, set[Claims]()
        while waiting:
            shapes = self._shapes.of(claims := waiting.pop())
            if len(shapes) > 1:
                added.add(claims)
            for shape in shapes:
                if shape.notes or len(seen) > MAX_CLAIMS:
                    return None
                optional = [claims for _, claims in shape.patterns]
                optional += [claims for key, claims in shape.named.items() if key not in shape.required]
                optional += [claims for claims in (shape.rest, shape.items) if claims is not None]
                optional += shape.first[shape.least :]
                added.update(optional)
                inner = {*optional, *shape.named.values(), *shape.first} - seen
                seen |= inner
                waiting += inner
        return added

    def _container(self, mode: Mode, frame: Open, shape: Shape, is_last: bool) -> tuple[Claims | None, float]:
        """Return the claims on the value that is open or comes next, and what the rest of a container needs.

        Without such a value the claims are those on anything; None: the shape has no such value.
        """
        is_inside = not is_last or mode in (Mode.VALUE, Mode.COLON, Mode.STRING, Mode.SCALAR)
        if frame.is_object:
            needed = self._needed(shape)
            taken = {key_text(key) for key in frame.keys}
            rest = 2.0 + sum(cost for key, cost in needed.items() if key not in taken)
            missing = shape.least - len(shape.required)
            if missing > 0 or (is_last and mode in (Mode.KEY, Mode.NEXT_KEY)):
                rest += max(missing, 1) * self._addition(shape)
            inner = shape.property(key_text(frame.key or b"")) if is_inside else ()
            return inner, rest
        count = frame.count + is_inside
        items = (shape.item(place) for place in range(count, min(shape.least, len(shape.first))))
        rest = 2.0 + sum(1 + self._cost(claims) for claims in items)
        if shape.least > max(count, len(shape.first)):
            rest += (shape.least - max(count, len(shape.first))) * (1 + self._cost(shape.items))
        return shape.item(frame.count) if is_inside else (), rest

    def _value(self, mode: Mode, claims: Claims) -> float:
        """Return what a value needs that comes next, or is a string or number that has begun."""
        if mode in (Mode.VALUE, Mode.COLON):
            return 1 + self._cost(claims)
        shapes = self._shapes.of(claims)
        if any(shape.notes for shape in shapes):
            return math.inf
        literals = [len(shape.literals[-1]) for shape in shapes if shape.kind == "literal"]
        return max(literals, default=0) + self._cost(claims) + SCALAR

    def _needed(self, shape: Shape) -> dict[str, float]:
        """Return what each required property needs."""
        found = self._members.get(shape)
        if found is None:
            found = {key: self._member(key, shape.property(key)) for key in shape.required}
            self._members[shape] = found
        return found

    def _addition(self, shape: Shape) -> float:
        """Return the most that a property of an object needs."""
        found = self._additions.get(shape)
        if found is None:
            costs = [self._member(key, claims) for key, claims in shape.named.items()]
            others = [*(claims for _, claims in shape.patterns), shape.rest]
            costs += [SCALAR + self._cost(claims) for claims in others if claims is not None]
            found = self._additions[shape] = max(costs, default=0.0)
        return found

    def _member(self, key: str, claims: Claims | None) -> float:
        return len(spelled(key)) + 2 + self._cost(claims)

    def _cost(self, claims: Claims | None) -> float:
        """Return what the smallest value needs. Where a check may refuse it, that is not known."""
        if claims is None or any(shape.notes for shape in self._shapes.of(claims)):
            return math.inf
        return self._instances.cost(claims)
