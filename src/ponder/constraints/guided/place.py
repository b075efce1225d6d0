"""Where a text stands in a grammar, and the matchers that can be brought there."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from weakref import ReferenceType, ref

from llguidance import LLMatcher

CAPACITY = 64  # matchers beside the one at the start
# What it costs to bring a matcher to a place, in microseconds.
CONSUME = 0.7  # a token
ROLLBACK = 5.0
COPY = 10.0
COPY_TOKEN = 0.08  # for each token that the copied matcher has consumed


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Place:
    """A text as a path of tokens. Immutable, so that a fork or a rewind is to keep it.

    Attributes
    ----------
    number : equal numbers mean equal paths. Equal paths have equal numbers, unless one was forgotten.
    parent : the place one token earlier; None at the start.
    token : the last token; -1 at the start.
    depth : how many tokens the path has.
    """

    number: int
    parent: Place | None = None
    token: int = -1
    depth: int = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and self.number == other.number

    def __hash__(self) -> int:
        return self.number

    def __repr__(self) -> str:
        return f"Place({self.number}, after {self.depth} tokens)"

    def back(self) -> Iterator[Place]:
        """Return this place, the one before it, and so on to the start."""
        at: Place | None = self
        while at is not None:
            yield at
            at = at.parent


@dataclass(slots=True)
class Placed:
    """A matcher, the numbers of all places on its way, and its place as long as somebody keeps that."""

    matcher: LLMatcher
    numbers: list[int]
    place: ReferenceType[Place]

    @property
    def depth(self) -> int:
        """How many tokens the matcher has consumed."""
        return len(self.numbers) - 1

    @property
    def is_left(self) -> bool:
        """Whether nobody keeps the matcher's place any more."""
        return self.place() is None


class Matchers:
    """Brings a matcher to any place, as cheaply as it can. The caller has a lock.

    A matcher that stands one token earlier is moved on: that is the way of a text that grows. Otherwise the
    cheapest is taken of three: a matcher whose place was left goes back to where the paths part, and on; a
    copy of one that is still needed does the same; or a copy of the one at the start consumes the whole path.
    """

    def __init__(self, start: LLMatcher) -> None:
        self._start = start
        self._placed: OrderedDict[int, Placed] = OrderedDict()  # by the number of the place

    def __len__(self) -> int:
        return len(self._placed)

    def at(self, place: Place) -> LLMatcher:
        """Return a matcher at a place. It may be asked anything, but not moved."""
        placed = self._placed.pop(place.number, None)
        if placed is None and place.parent is not None:
            placed = self._placed.pop(place.parent.number, None)
            if placed is not None:
                placed.matcher.consume_token(place.token)
                placed.numbers.append(place.number)
        if placed is None:
            placed = self._bring(place)
        placed.place = ref(place)
        self._placed[place.number] = placed
        return placed.matcher

    def forget(self, place: Place) -> None:
        """Give up the matcher at a place: an error has made it useless."""
        self._placed.pop(place.number, None)

    def _bring(self, place: Place) -> Placed:
        path = list(place.back())
        path.reverse()
        least, best, shared = COPY + CONSUME * place.depth, None, 0
        for placed in self._placed.values():
            common = _common(placed.numbers, path)
            cost = CONSUME * (place.depth - common)
            if common < placed.depth:
                cost += ROLLBACK
            if not placed.is_left:
                cost += COPY + COPY_TOKEN * placed.depth
            if cost < least:
                least, best, shared = cost, placed, common
        if best is None:
            return self._from_start(path)
        if best.is_left:
            del self._placed[best.numbers[-1]]
        else:
            best = Placed(best.matcher.deep_copy(), best.numbers.copy(), best.place)
            self._make_room()
        if shared < best.depth and not best.matcher.rollback(best.depth - shared):
            return self._from_start(path)  # grammars with `max_tokens` cannot go back
        best.matcher.consume_tokens([at.token for at in path[shared + 1 :]])
        best.numbers[shared + 1 :] = [at.number for at in path[shared + 1 :]]
        return best

    def _from_start(self, path: list[Place]) -> Placed:
        self._make_room()
        matcher = self._start.deep_copy()
        matcher.consume_tokens([at.token for at in path[1:]])
        return Placed(matcher, [at.number for at in path], ref(path[-1]))

    def _make_room(self) -> None:
        """Give up one that was left, or else the one that was used longest ago."""
        if len(self._placed) < CAPACITY:
            return
        left = (number for number, placed in self._placed.items() if placed.is_left)
        del self._placed[next(left, next(iter(self._placed)))]


def _common(numbers: list[int], path: list[Place]) -> int:
    """Return how many tokens two paths have in common, by halving: they part once and for all."""
    low, high = 0, min(len(numbers), len(path)) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if numbers[middle] == path[middle].number:
            low = middle
        else:
            high = middle - 1
    return low
