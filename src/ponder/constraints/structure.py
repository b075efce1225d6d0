"""Texts made of parts that are constraints themselves: one after another, one of several, repeated.

A part is followed by its own automaton, whatever that is. The next part begins with a token of its own: no
token has the end of one part and the beginning of another. Where regular sets of texts are joined by `|` and
`then`, they are one set, and tokens may do so.

The parts are the places of a Glushkov automaton (1961): from each, it is known which may come next and
whether the text may end. A text can be in several at once, as long as its tokens leave open which.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Any, cast

from ponder.constraints import bits
from ponder.constraints.bits import Bits
from ponder.constraints.composition import Composable, name_of
from ponder.constraints.constraint import UNBOUNDED, Automaton, Constraint
from ponder.constraints.one_of import OneOf
from ponder.constraints.only_way import only_way_on
from ponder.constraints.recent import Recent
from ponder.constraints.thinking import thinking_of
from ponder.errors import ParameterError
from ponder.text.vocabulary import Vocabulary

MAX_PLACES = 1000  # parts, each repetition counted
MAX_AT_ONCE = 64  # places that a text can be in
MASKS = 256

Part = Constraint | str


@dataclass(frozen=True, slots=True)
class Token(Composable):
    """The text is exactly one control token, by the name that it is written as, such as "<tool_call>"."""

    name: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ParameterError("name", self.name, "a token's name")

    def compile(self, vocabulary: Vocabulary) -> TokenAutomaton:
        token = vocabulary.control.get(self.name)
        if token is None or token in vocabulary.end_ids:
            allowed = "a control token of this model's vocabulary that does not end the text"
            raise ParameterError("name", self.name, allowed)
        return TokenAutomaton(token, len(vocabulary))


@dataclass(frozen=True, slots=True)
class Then(Composable):
    """A text of each part, one after the other."""

    parts: tuple[Constraint, ...]

    def compile(self, vocabulary: Vocabulary) -> StructureAutomaton:
        return StructureAutomaton(self, vocabulary)


@dataclass(frozen=True, slots=True)
class Either(Composable):
    """A text of one of the parts."""

    parts: tuple[Constraint, ...]

    def compile(self, vocabulary: Vocabulary) -> StructureAutomaton:
        return StructureAutomaton(self, vocabulary)


@dataclass(frozen=True, slots=True)
class Repeated(Composable):
    """`minimum` to `maximum` texts of a part, one after the other; without a maximum `minimum` or more."""

    part: Constraint
    minimum: int = 0
    maximum: int | None = None

    def __post_init__(self) -> None:
        least, most = self.minimum, self.maximum
        if type(least) is not int or not 0 <= least <= MAX_PLACES:
            raise ParameterError("minimum", least, f"a whole number from 0 to {MAX_PLACES}")
        if most is not None and (type(most) is not int or not max(1, least) <= most <= MAX_PLACES):
            allowed = f"a whole number from {max(1, least)} to {MAX_PLACES}, or unset"
            raise ParameterError("maximum", most, allowed)

    def compile(self, vocabulary: Vocabulary) -> StructureAutomaton:
        return StructureAutomaton(self, vocabulary)


def then(*parts: Part) -> Constraint:
    """Return the texts that have one of each part, one after the other. A string stands for itself."""
    return _joined("then", parts, Then)


def either(*parts: Part) -> Constraint:
    """Return the texts of any of the parts. A string stands for itself."""
    return _joined("either", parts, Either)


def optional(part: Part) -> Repeated:
    """Return the texts of a part, and the empty one."""
    return Repeated(_constraint("optional", part), 0, 1)


def repeated(part: Part, minimum: int = 0, maximum: int | None = None) -> Repeated:
    """Return `minimum` to `maximum` texts of a part, one after the other."""
    return Repeated(_constraint("repeated", part), minimum, maximum)


def _joined(field: str, parts: tuple[Part, ...], kind: type[Then] | type[Either]) -> Constraint:
    if not parts:
        raise ParameterError(field, parts, "at least one part")
    given = [_constraint(field, part) for part in parts]
    return given[0] if len(given) == 1 else kind(tuple(given))


def _constraint(field: str, part: object) -> Constraint:
    if isinstance(part, str):
        return OneOf((part,))
    if not hasattr(part, "compile"):
        raise ParameterError(field, part, "constraints and strings")
    return cast(Constraint, part)


@dataclass(frozen=True, slots=True)
class _Piece:
    """An expression's places: those that it may begin and end with; and whether it may be empty."""

    first: tuple[int, ...]
    last: tuple[int, ...]
    empty: bool


EMPTY = _Piece((), (), True)


@dataclass(frozen=True, slots=True)
class At:
    """A place that a text can be in, and the state of its part."""

    place: int
    state: Hashable


State = tuple[At, ...]
"""All that a text can be in; none before its first token."""


class StructureAutomaton:
    """Follows the parts. Safe to share by threads.

    Raises
    ------
    ParameterError : there are too many parts, or what the compilation of one raises.
    """

    def __init__(self, structure: Constraint, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._parts: list[Automaton[Any]] = []
        self._after: list[dict[int, None]] = []  # the places that may come after each, in order
        self._compiled: dict[Constraint, Automaton[Any]] = {}
        whole = self._place(structure)
        self._first = whole.first
        self._last = frozenset(whole.last)
        self._empty = whole.empty
        self._rests = self._shortest_rests()
        self._masks: Recent[tuple[int, ...], tuple[Any, Bits]] = Recent(MASKS)

    start: State = ()

    def _place(self, part: Constraint) -> _Piece:
        match part:
            case Then(parts):
                return reduce(self._joined, (self._place(one) for one in parts), EMPTY)
            case Either(parts):
                pieces = [self._place(one) for one in parts]
                return _Piece(
                    tuple(place for piece in pieces for place in piece.first),
                    tuple(place for piece in pieces for place in piece.last),
                    any(piece.empty for piece in pieces),
                )
            case Repeated():
                return self._repeated(part)
        automaton = self._compiled.get(part)
        if automaton is None:
            if thinking_of(part) is not None:
                allowed = "around the whole text or joined by &: what comes after thoughts is their `answer`"
                raise ParameterError("constraint", name_of(part), allowed)
            automaton = self._compiled[part] = part.compile(self._vocabulary)
        if len(self._parts) == MAX_PLACES:
            raise ParameterError("constraint", "more parts", f"at most {MAX_PLACES}, repetitions counted")
        self._parts.append(automaton)
        self._after.append({})
        places = (len(self._parts) - 1,)
        return _Piece(places, places, automaton.may_end(automaton.start))

    def _repeated(self, part: Repeated) -> _Piece:
        whole, least = EMPTY, part.minimum
        for _ in range(least):
            whole = self._joined(whole, self._place(part.part))
        if part.maximum is None:
            again = self._place(part.part)
            self._link(again.last, again.first)
            return self._joined(whole, _Piece(again.first, again.last, True))
        rest = EMPTY
        for _ in range(part.maximum - least):  # x(x(x)?)?, from the inside
            rest = replace(self._joined(self._place(part.part), rest), empty=True)
        return self._joined(whole, rest)

    def _joined(self, before: _Piece, after: _Piece) -> _Piece:
        self._link(before.last, after.first)
        first = (*before.first, *after.first) if before.empty else before.first
        last = (*before.last, *after.last) if after.empty else after.last
        return _Piece(_once(first), _once(last), before.empty and after.empty)

    def _link(self, places: Iterable[int], following: Iterable[int]) -> None:
        for place in places:
            self._after[place].update(dict.fromkeys(following))

    def mask(self, state: State) -> Bits | None:
        """Return the tokens that go on in any of the places, or begin one that may follow."""
        masks = [self._parts[at.place].mask(at.state) for at in state]
        masks += [self._parts[place].mask(self._parts[place].start) for place in self._following(state)]
        if any(mask is None for mask in masks):
            return None
        given = [mask for mask in masks if mask is not None]
        if len(given) == 1:
            return given[0]
        key = tuple(id(mask) for mask in given)

        def joined(_: tuple[int, ...]) -> tuple[Any, Bits]:
            none = bits.of((), len(self._vocabulary))
            return given, bits.frozen(reduce(lambda one, other: one | other, given, none))

        return self._masks.get(key, joined)[1]  # kept with the masks whose ids they are

    def step(self, state: State, token: int) -> State | None:
        """Go on in all places that the token can be in."""
        found: dict[At, None] = {}
        begun = [At(place, self._parts[place].start) for place in self._following(state)]
        for at in (*state, *begun):
            after = self._parts[at.place].step(at.state, token)
            if after is not None:
                found[At(at.place, after)] = None
        if len(found) > MAX_AT_ONCE:
            what = f"{len(found)} parts that the text may be in"
            raise ParameterError("constraint", what, f"at most {MAX_AT_ONCE} at once")
        return tuple(found) or None

    def may_end(self, state: State) -> bool:
        """Return whether one of the places is a last one, and may end."""
        if not state:
            return self._empty
        return any(at.place in self._last and self._ends(at) for at in state)

    def must_end(self, state: State) -> bool:
        """Return whether no place goes on and none follows."""
        following = (At(place, self._parts[place].start) for place in self._following(state))
        return all(self._parts[at.place].must_end(at.state) for at in (*state, *following))

    def forced(self, state: State) -> tuple[int, ...]:
        """Return the tokens that are the only way on, up to `MAX_FORCED`."""
        return only_way_on(self, state)

    def plan(self, state: State, limit: int) -> tuple[int, ...] | None:
        """Return the shortest of: a plan of a place, and the shortest rest after it."""
        if self.may_end(state):
            return ()
        plans = [self._plan_from(at, limit) for at in state]
        if not state:
            plans = [self._plan_from(At(place, self._parts[place].start), limit) for place in self._first]
        known = [plan for plan in plans if plan is not None and len(plan) <= limit]
        return min(known, key=len) if known else None

    def _plan_from(self, at: At, limit: int) -> tuple[int, ...] | None:
        rest = self._rests[at.place]
        if rest is None or len(rest) > limit:
            return None
        own = self._parts[at.place].plan(at.state, limit - len(rest))
        return None if own is None else own + rest

    @cached_property
    def growth(self) -> int:
        """That of a part, all of a part that begins, and all that may come after it."""
        begun = max(len(part.plan(part.start, UNBOUNDED) or ()) for part in self._parts)
        rest = max(len(rest or ()) for rest in self._rests)
        return max(part.growth for part in self._parts) + begun + rest

    @property
    def exact(self) -> bool:
        """It is where all parts are."""
        return all(part.exact for part in self._parts)

    def _ends(self, at: At) -> bool:
        return self._parts[at.place].may_end(at.state)

    def _following(self, state: State) -> tuple[int, ...]:
        """Return the places that the next token may begin."""
        if not state:
            return self._first
        found: dict[int, None] = {}
        for at in state:
            if self._ends(at):
                found.update(self._after[at.place])
        return tuple(found)

    def _shortest_rests(self) -> list[tuple[int, ...] | None]:
        """Return for each place the fewest tokens from its end to the text's, None where there is no way."""
        whole = [part.plan(part.start, UNBOUNDED) for part in self._parts]
        rests: list[tuple[int, ...] | None] = [
            () if place in self._last else None for place in range(len(self._parts))
        ]
        changed = True
        while changed:
            changed = False
            for place, following in enumerate(self._after):
                for other in following:
                    own, rest, best = whole[other], rests[other], rests[place]
                    if own is None or rest is None:
                        continue
                    if best is None or len(own) + len(rest) < len(best):
                        rests[place] = own + rest
                        changed = True
        return rests


def _once(places: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(places))


class TokenAutomaton:
    """A state is how many tokens have come: none or one."""

    start = 0
    growth = 0
    exact = True

    def __init__(self, token: int, size: int) -> None:
        self._token = token
        self._masks = (bits.of((token,), size), bits.of((), size))

    def mask(self, state: int) -> Bits:
        """Return the token, or nothing after it."""
        return self._masks[state]

    def step(self, state: int, token: int) -> int | None:
        """Take the token once."""
        return 1 if state == 0 and token == self._token else None

    def may_end(self, state: int) -> bool:
        """The text may end after it."""
        return state == 1

    def must_end(self, state: int) -> bool:
        """Nothing follows."""
        return state == 1

    def forced(self, state: int) -> tuple[int, ...]:
        """Return the token."""
        return () if state else (self._token,)

    def plan(self, state: int, limit: int) -> tuple[int, ...] | None:
        """Return the token."""
        return self.forced(state) if state or limit else None
