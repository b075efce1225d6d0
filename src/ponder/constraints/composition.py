"""Constraints made of constraints: `a & b`, `a | b`, `~a`, `a.then(b)`.

What is a `Language` (a regular set of texts) combines exactly: the sets are intersected, united,
complemented and concatenated, and the result is a `Language` again, without dead ends. Any other constraint
can only stand under `&`, where both are followed side by side; the rest is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any

from ponder.constraints import bits, dfa
from ponder.constraints.bits import Bits
from ponder.constraints.constraint import Automaton, Constraint, Language
from ponder.constraints.dfa import Dfa
from ponder.constraints.dfa_automaton import MASK_BYTES, DfaAutomaton
from ponder.constraints.recent import Recent
from ponder.errors import ParameterError
from ponder.text.vocabulary import Vocabulary

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
        parts = (*_parts(self), *_parts(other))
        if all(isinstance(part, Language) for part in parts):
            return Intersection(tuple(_spread(Intersection, parts)))
        return Conjunction(tuple(_spread(Conjunction, parts)))

    def __or__(self: Constraint, other: Constraint) -> Union:
        """Allow the texts that one of both allows."""
        first, second = _languages(self, other, "|", "each must be a regular set of texts")
        return Union(tuple(_spread(Union, (first, second))))

    def __invert__(self: Constraint) -> Language:
        """Allow exactly the texts that are not allowed by this."""
        if isinstance(self, Complement):
            return self.inner
        if not isinstance(self, Language):
            raise ParameterError(
                "constraint", f"~{_name(self)}", "~ of a regular set of texts: this has no complement"
            )
        return Complement(self)

    def then(self: Constraint, other: Constraint) -> Concatenation:
        """Allow a text of this and one of the other right after it."""
        first, second = _languages(self, other, "then", "each must be a regular set of texts")
        return Concatenation(tuple(_spread(Concatenation, (first, second))))


def _parts(constraint: Constraint) -> tuple[Constraint, ...]:
    return constraint.parts if isinstance(constraint, Conjunction) else (constraint,)


def _spread(kind: type[Any], parts: tuple[Any, ...]) -> Iterator[Any]:
    """Put what parts of the same kind are made of in their place, so that brackets make no difference."""
    for part in parts:
        yield from part.parts if isinstance(part, kind) else (part,)


def _stays_beside(constraint: Constraint, states: int) -> bool:
    return isinstance(constraint, Composable) and constraint.stays_beside(states)


def _name(constraint: object) -> str:
    return type(constraint).__name__


def _languages(first: object, second: object, operator: str, why: str) -> tuple[Language, Language]:
    if isinstance(first, Language) and isinstance(second, Language):
        return first, second
    culprit = second if isinstance(first, Language) else first
    raise ParameterError(
        "constraint",
        f"{_name(first)} {operator} {_name(second)}",
        f"{why}, and {_name(culprit)} is not one",
    )


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
        if made is not None:
            allows_control = all(part.allows_control for part in joined)
            automata.insert(0, DfaAutomaton(made, vocabulary, allows_control=allows_control))
        return automata[0] if len(automata) == 1 else JointAutomaton(tuple(automata), vocabulary)


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

    def compile(self, vocabulary: Vocabulary) -> JointAutomaton:
        languages = tuple(part for part in self.parts if isinstance(part, Language))
        others = [part for part in self.parts if not isinstance(part, Language)]
        if len(languages) > 1:
            others.insert(0, Intersection(languages))
        else:
            others = [*languages, *others]
        return JointAutomaton(tuple(part.compile(vocabulary) for part in others), vocabulary)


class JointAutomaton:
    """Several automata side by side; a state has one state of each."""

    def __init__(self, parts: tuple[Automaton[Any], ...], vocabulary: Vocabulary) -> None:
        self._parts = parts
        self._vocabulary = vocabulary
        self._masks: Recent[tuple[Hashable, ...], Bits | None] = Recent(
            max(16, MASK_BYTES // max(len(vocabulary) // 8, 1))
        )

    @property
    def start(self) -> tuple[Hashable, ...]:
        """All at their start."""
        return tuple(part.start for part in self._parts)

    def mask(self, state: tuple[Hashable, ...]) -> Bits | None:
        """Return the tokens that all parts allow."""
        return self._masks.get(state, self._mask)

    def step(self, state: tuple[Hashable, ...], token: int) -> tuple[Hashable, ...] | None:
        """Go on in all parts."""
        after = []
        for part, at in zip(self._parts, state, strict=True):
            on = part.step(at, token)
            if on is None:
                return None
            after.append(on)
        return tuple(after)

    def may_end(self, state: tuple[Hashable, ...]) -> bool:
        """Return whether the text may end in all parts."""
        return all(part.may_end(at) for part, at in zip(self._parts, state, strict=True))

    def must_end(self, state: tuple[Hashable, ...]) -> bool:
        """Return whether one part ends the text, or no text token is allowed by all; perhaps a dead end."""
        if any(part.must_end(at) for part, at in zip(self._parts, state, strict=True)):
            return True
        mask = self.mask(state)
        text = self._vocabulary.is_text
        return not text.any() if mask is None else not bits.unpack(mask, len(text))[text].any()

    def forced(self, state: tuple[Hashable, ...]) -> tuple[int, ...]:
        """Return the one token that all parts allow, if there is one."""
        mask = self.mask(state)
        if mask is None or self.may_end(state):
            return ()
        possible = bits.members(mask)
        return tuple(possible) if len(possible) == 1 else ()

    def closing(self, state: tuple[Hashable, ...]) -> int | None:
        """Return the most that a part needs: no fewer tokens suffice, but more may be needed."""
        fewest = [part.closing(at) for part, at in zip(self._parts, state, strict=True)]
        known = [tokens for tokens in fewest if tokens is not None]
        return max(known) if len(known) == len(fewest) else None

    def _mask(self, state: tuple[Hashable, ...]) -> Bits | None:
        masks = [part.mask(at) for part, at in zip(self._parts, state, strict=True)]
        given = [mask for mask in masks if mask is not None]
        if len(given) < 2:
            return given[0] if given else None
        return bits.frozen(reduce(lambda first, second: first & second, given))
