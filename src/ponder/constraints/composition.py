"""Constraints made of constraints: `a & b`, `a | b`, `~a`, `a.then(b)`.

What is a `Language` (a regular set of texts) combines exactly: the sets are intersected, united,
complemented and concatenated, and the result is a `Language` again, without dead ends. With any other
constraint, `&` follows both side by side, `|` and `then` are followed part by part (`structure.py`), and `~`
is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any

from ponder.constraints import bits
from ponder.constraints.bits import Bits
from ponder.constraints.constraint import (
    UNBOUNDED,
    Automaton,
    Blaming,
    Constraint,
    Language,
    Measuring,
    Thoughtful,
    situated,
    step_all,
)
from ponder.constraints.joint_plan import find_plan, plans_of
from ponder.constraints.only_way import only_way_on
from ponder.constraints.recent import Recent
from ponder.constraints.regular import dfa
from ponder.constraints.regular.dfa import Dfa
from ponder.constraints.regular.dfa_automaton import MASK_BYTES, DfaAutomaton
from ponder.errors import ParameterError
from ponder.text.vocabulary import Vocabulary

PLAN_TRIES, START_TRIES = 96, 600  # of a search for a plan, anywhere and at the start of a text
MANY_STATES = dfa.MAX_STATES + 1


class Composable:
    """The four operators, and what they have to know.

    They are inherited, against the habit of the house, because Python looks operators up on the class; and
    the alternative is to write the same four lines in every constraint.
    """

    __slots__ = ()

    def stays_beside(self, states: int) -> bool:
        """Return whether `&` follows this beside a set of so many states rather than make one set of both."""
        return False

    def __and__(self: Constraint, other: Constraint) -> Intersection | Conjunction:
        """Allow the texts that both allow."""
        parts = tuple(_spread(Conjunction, (self, other)))
        if all(isinstance(part, Language) for part in parts):
            return Intersection(tuple(_spread(Intersection, parts)))
        return Conjunction(parts)

    def __or__(self: Constraint, other: Constraint) -> Constraint:
        """Allow the texts that one of both allows."""
        if isinstance(self, Language) and isinstance(other, Language):
            return Union(tuple(_spread(Union, (self, other))))
        from ponder.constraints.structure import Either

        return Either(tuple(_spread(Either, (self, other))))

    def __invert__(self: Constraint) -> Language:
        """Allow exactly the texts that are not allowed by this."""
        if isinstance(self, Complement):
            return self.inner
        if not isinstance(self, Language):
            raise ParameterError(
                "constraint", f"~{_name(self)}", "~ of a regular set of texts: this has no complement"
            )
        return Complement(self)

    def then(self: Constraint, other: Constraint) -> Constraint:
        """Allow a text of this and one of the other right after it."""
        if isinstance(self, Language) and isinstance(other, Language):
            return Concatenation(tuple(_spread(Concatenation, (self, other))))
        from ponder.constraints.structure import Then

        return Then(tuple(_spread(Then, (self, other))))


def _spread(kind: type[Any], parts: tuple[Any, ...]) -> Iterator[Any]:
    """Put what parts of the same kind are made of in their place, so that brackets make no difference."""
    for part in parts:
        yield from part.parts if isinstance(part, kind) else (part,)


def _stays_beside(constraint: Constraint, states: int) -> bool:
    return isinstance(constraint, Composable) and constraint.stays_beside(states)


def _name(constraint: object) -> str:
    return type(constraint).__name__


def name_of(constraint: Constraint) -> str:
    """Return what to call a constraint where it is one of several."""
    match constraint:
        case Conjunction(parts) | Intersection(parts):
            return " & ".join(name_of(part) for part in parts)
        case Complement(inner):
            return f"~{name_of(inner)}"
    return _name(constraint)


@dataclass(frozen=True, slots=True)
class Intersection(Composable):
    """The texts that all parts allow.

    It compiles to one set, in which there are no dead ends. Only bans that would make it large, and those of
    whole words, are followed beside it, as in a `Conjunction`.
    """

    parts: tuple[Language, ...]

    @property
    def allows_control(self) -> bool:
        return all(part.allows_control for part in self.parts)

    def dfa(self) -> Dfa:
        return _fold(dfa.intersection, self.parts)

    def compile(self, vocabulary: Vocabulary) -> Automaton[Any]:
        joined = [part for part in self.parts if not _stays_beside(part, MANY_STATES)]
        made = _fold(dfa.intersection, joined) if joined else None
        beside = []
        for part in self.parts:
            if part in joined:
                continue
            if _stays_beside(part, 1 if made is None else made.num_states):
                beside.append(part)
            else:
                joined.append(part)
                made = part.dfa() if made is None else dfa.intersection(made, part.dfa())
        automata: list[Automaton[Any]] = [part.compile(vocabulary) for part in beside]
        names = [name_of(part) for part in beside]
        if made is not None:
            whole = Intersection(tuple(joined))
            allows_control = whole.allows_control
            alone = joined[0].compile(vocabulary) if len(joined) == 1 else None
            automata.insert(0, alone or DfaAutomaton(made, vocabulary, allows_control=allows_control))
            names.insert(0, name_of(whole))
        if len(automata) == 1:
            return automata[0]
        return JointAutomaton(tuple(automata), vocabulary, tuple(names))


@dataclass(frozen=True, slots=True)
class Union(Composable):
    """The texts that some part allows."""

    parts: tuple[Language, ...]

    @property
    def allows_control(self) -> bool:
        return all(part.allows_control for part in self.parts)

    def dfa(self) -> Dfa:
        return _fold(dfa.union, self.parts)

    def compile(self, vocabulary: Vocabulary) -> DfaAutomaton:
        return compile_language(self, vocabulary)


@dataclass(frozen=True, slots=True)
class Complement(Composable):
    """The texts that `inner` does not allow; also those whose bytes are no characters."""

    inner: Language

    @property
    def allows_control(self) -> bool:
        return False

    def dfa(self) -> Dfa:
        return dfa.complement(self.inner.dfa())

    def compile(self, vocabulary: Vocabulary) -> DfaAutomaton:
        return compile_language(self, vocabulary)


@dataclass(frozen=True, slots=True)
class Concatenation(Composable):
    """A text of each part, one after the other."""

    parts: tuple[Language, ...]

    @property
    def allows_control(self) -> bool:
        return False

    def dfa(self) -> Dfa:
        return _fold(dfa.concatenation, self.parts)

    def compile(self, vocabulary: Vocabulary) -> DfaAutomaton:
        return compile_language(self, vocabulary)


def _fold(operation: Callable[[Dfa, Dfa], Dfa], parts: Iterable[Language]) -> Dfa:
    return reduce(operation, (part.dfa() for part in parts))


def compile_language(language: Language, vocabulary: Vocabulary) -> DfaAutomaton:
    """Return the automaton of a regular set of texts."""
    return DfaAutomaton(language.dfa(), vocabulary, allows_control=language.allows_control)


@dataclass(frozen=True, slots=True)
class Conjunction(Composable):
    """What all parts allow, of which some are no `Language`; they are followed side by side.

    What is a `Language` among them is one automaton. Between it and the others dead ends are possible, where
    each part allows a token but no token is allowed by all: `is_dead` tells.
    """

    parts: tuple[Constraint, ...]

    def situated(self, prompt_end: str, limit: int) -> Conjunction:
        """Return this of its parts for such a request."""
        return Conjunction(tuple(situated(part, prompt_end, limit) for part in self.parts))

    def compile(self, vocabulary: Vocabulary) -> JointAutomaton:
        languages = tuple(part for part in self.parts if isinstance(part, Language))
        others = [part for part in self.parts if not isinstance(part, Language)]
        followed = [Intersection(languages), *others] if len(languages) > 1 else [*languages, *others]
        names = tuple(name_of(part) for part in followed)
        return JointAutomaton(tuple(part.compile(vocabulary) for part in followed), vocabulary, names)


class JointAutomaton:
    """Several automata side by side; a state has one state of each.

    Raises
    ------
    ParameterError : each part knows a text of its own, and none was found that all of them allow.
    """

    def __init__(
        self, parts: tuple[Automaton[Any], ...], vocabulary: Vocabulary, names: tuple[str, ...]
    ) -> None:
        self.parts = parts
        self.names = names
        self._thinks = [(i, part) for i, part in enumerate(parts) if isinstance(part, Thoughtful)]
        self._vocabulary = vocabulary
        self._masks: Recent[tuple[Hashable, ...], Bits | None] = Recent(
            max(16, MASK_BYTES // max(len(vocabulary) // 8, 1))
        )
        self._first_plan = self._plan_at_start()

    @property
    def start(self) -> tuple[Hashable, ...]:
        """All at their start."""
        return tuple(part.start for part in self.parts)

    def mask(self, state: tuple[Hashable, ...]) -> Bits | None:
        """Return the tokens that all parts allow."""
        return self._masks.get(state, self._mask)

    def step(self, state: tuple[Hashable, ...], token: int) -> tuple[Hashable, ...] | None:
        """Go on in all parts."""
        return step_all(self.parts, state, token)

    def may_end(self, state: tuple[Hashable, ...]) -> bool:
        """Return whether the text may end in all parts."""
        return all(part.may_end(at) for part, at in zip(self.parts, state, strict=True))

    def must_end(self, state: tuple[Hashable, ...]) -> bool:
        """Return whether one part ends the text, or no text token is allowed by all; perhaps a dead end."""
        if any(part.must_end(at) for part, at in zip(self.parts, state, strict=True)):
            return True
        mask = self.mask(state)
        text = self._vocabulary.is_text
        return not text.any() if mask is None else not bits.unpack(mask, len(text))[text].any()

    def forced(self, state: tuple[Hashable, ...]) -> tuple[int, ...]:
        """Return the tokens that are the only way on, up to `MAX_FORCED`."""
        return only_way_on(self, state)

    def _plan_at_start(self) -> tuple[int, ...] | None:
        if plans_of(self, self.start, UNBOUNDED) is None:
            return None
        plan = find_plan(self, self._vocabulary, self.start, UNBOUNDED, START_TRIES)
        if plan is None:
            allowed = "some text must keep to all parts, and none was found"
            raise ParameterError("constraint", " & ".join(self.names), allowed)
        return plan

    def plan(self, state: tuple[Hashable, ...], limit: int) -> tuple[int, ...] | None:
        """Search for tokens that bring all parts to an end."""
        if state == self.start:
            return self._first_plan if len(self._first_plan or ()) <= limit else None
        return find_plan(self, self._vocabulary, state, limit, PLAN_TRIES)

    def within(self, state: tuple[Hashable, ...], limit: int) -> Bits | None:
        """Return the tokens that leave each part that knows room for an end of its own."""
        pairs = zip(self.parts, state, strict=True)
        found = [part.within(at, limit) for part, at in pairs if isinstance(part, Measuring)]
        known = [mask for mask in found if mask is not None]
        return bits.frozen(reduce(lambda one, other: one & other, known)) if known else None

    def violation(self, state: tuple[Hashable, ...]) -> int | None:
        """Return the most that a part would have given up, where any knows."""
        pairs = zip(self.parts, state, strict=True)
        found = [part.violation(at) for part, at in pairs if isinstance(part, Blaming)]
        return max((back for back in found if back is not None), default=None)

    def landing(self, state: tuple[Hashable, ...]) -> tuple[int, int] | None:
        """Return what a part that thinks would have come, if it is likely."""
        found = (part.landing(state[i]) for i, part in self._thinks)
        return next((one for one in found if one is not None), None)

    def thoughts(self, state: tuple[Hashable, ...]) -> int | None:
        """Return how many tokens of the text are thoughts; None: no part thinks."""
        found = (part.thoughts(state[i]) for i, part in self._thinks)
        return next((one for one in found if one is not None), None)

    @property
    def growth(self) -> int:
        """At most what all parts need more."""
        return sum(part.growth for part in self.parts)

    @property
    def exact(self) -> bool:
        """What the parts allow together may be nothing."""
        return len(self.parts) == 1 and self.parts[0].exact

    def _mask(self, state: tuple[Hashable, ...]) -> Bits | None:
        masks = [part.mask(at) for part, at in zip(self.parts, state, strict=True)]
        given = [mask for mask in masks if mask is not None]
        if len(given) < 2:
            return given[0] if given else None
        return bits.frozen(reduce(lambda first, second: first & second, given))
