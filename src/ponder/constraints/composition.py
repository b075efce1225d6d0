"""Constraints made of constraints: `a & b`, `a | b`, `~a`, `a.then(b)`.

What is a `Language` (a regular set of texts) combines exactly: the sets are intersected, united,
complemented and concatenated, and the result is a `Language` again, without dead ends. With any other
constraint, `&` follows both side by side, `|` and `then` are followed part by part (`structure.py`), and `~`
is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import reduce
from heapq import heappop, heappush
from typing import Any

import numpy as np

from ponder.constraints import bits, dfa
from ponder.constraints.bits import Bits
from ponder.constraints.constraint import Automaton, Constraint, Language, follow
from ponder.constraints.dfa import Dfa
from ponder.constraints.dfa_automaton import MASK_BYTES, DfaAutomaton
from ponder.constraints.recent import Recent
from ponder.errors import ParameterError
from ponder.text.vocabulary import Vocabulary

PLAN_STATES = 64  # states that a search for a plan looks at
PLAN_TOKENS = 4  # tokens that it tries after each, besides those that the parts plan


class Composable:
    """The four operators and nothing else.

    They are inherited, against the habit of the house, because Python looks operators up on the class; and
    the alternative is to write the same four lines in every constraint.
    """

    __slots__ = ()

    def __and__(self: Constraint, other: Constraint) -> Intersection | Conjunction:
        """Allow the texts that both allow."""
        parts = (*_parts(self), *_parts(other))
        if all(isinstance(part, Language) for part in parts):
            return Intersection(tuple(_spread(Intersection, parts)))
        return Conjunction(tuple(_spread(Conjunction, parts)))

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


def _parts(constraint: Constraint) -> tuple[Constraint, ...]:
    return constraint.parts if isinstance(constraint, Conjunction) else (constraint,)


def _spread(kind: type[Any], parts: tuple[Any, ...]) -> Iterator[Any]:
    """Put what parts of the same kind are made of in their place, so that brackets make no difference."""
    for part in parts:
        yield from part.parts if isinstance(part, kind) else (part,)


def _name(constraint: object) -> str:
    return type(constraint).__name__


def names_of(constraint: Constraint) -> tuple[str, ...]:
    """Return what to call the parts of a constraint that are followed side by side."""
    if isinstance(constraint, Conjunction):
        return tuple(name for part in constraint.followed() for name in names_of(part))
    if isinstance(constraint, Intersection):
        return (" & ".join(name for part in constraint.parts for name in names_of(part)),)
    return (_name(constraint),)


@dataclass(frozen=True, slots=True)
class Intersection(Composable):
    """The texts that all parts allow."""

    parts: tuple[Language, ...]

    @property
    def allows_control(self) -> bool:
        return all(part.allows_control for part in self.parts)

    def dfa(self) -> Dfa:
        return _fold(dfa.intersection, self.parts)

    def compile(self, vocabulary: Vocabulary) -> DfaAutomaton:
        return compile_language(self, vocabulary)


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


def _fold(operation: Callable[[Dfa, Dfa], Dfa], parts: tuple[Language, ...]) -> Dfa:
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
        return JointAutomaton(tuple(part.compile(vocabulary) for part in self.followed()), vocabulary)

    def followed(self) -> list[Constraint]:
        """Return what is followed side by side."""
        languages = tuple(part for part in self.parts if isinstance(part, Language))
        others = [part for part in self.parts if not isinstance(part, Language)]
        return [Intersection(languages), *others] if len(languages) > 1 else [*languages, *others]


class JointAutomaton:
    """Several automata side by side; a state has one state of each."""

    def __init__(self, parts: tuple[Automaton[Any], ...], vocabulary: Vocabulary) -> None:
        self.parts = parts
        self._vocabulary = vocabulary
        self._masks: Recent[tuple[Hashable, ...], Bits | None] = Recent(
            max(16, MASK_BYTES // max(len(vocabulary) // 8, 1))
        )

    @property
    def start(self) -> tuple[Hashable, ...]:
        """All at their start."""
        return tuple(part.start for part in self.parts)

    def mask(self, state: tuple[Hashable, ...]) -> Bits | None:
        """Return the tokens that all parts allow."""
        return self._masks.get(state, self._mask)

    def step(self, state: tuple[Hashable, ...], token: int) -> tuple[Hashable, ...] | None:
        """Go on in all parts."""
        after = []
        for part, at in zip(self.parts, state, strict=True):
            on = part.step(at, token)
            if on is None:
                return None
            after.append(on)
        return tuple(after)

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
        """Return the one token that all parts allow, if there is one."""
        mask = self.mask(state)
        if mask is None or self.may_end(state):
            return ()
        possible = bits.members(mask)
        return tuple(possible) if len(possible) == 1 else ()

    def plan(self, state: tuple[Hashable, ...], limit: int) -> tuple[int, ...] | None:
        """Search best first among the plans of the parts, their first tokens, and a few other tokens."""
        ahead: list[tuple[int, int, tuple[Hashable, ...], tuple[int, ...]]] = [(0, 0, state, ())]
        seen, count = {state}, 0
        for _ in range(PLAN_STATES):
            if not ahead:
                break
            _, _, at, path = heappop(ahead)
            if self.may_end(at):
                return path
            for step in self._steps_ahead(at, limit - len(path)):
                after = follow(self, at, step)
                if after is not None and after not in seen:
                    seen.add(after)
                    count += 1
                    longer = path + step
                    heappush(ahead, (len(longer) + self._lack(after, limit), count, after, longer))
        return None

    def _steps_ahead(self, state: tuple[Hashable, ...], limit: int) -> Iterator[tuple[int, ...]]:
        """Yield what may lead to an end in all parts, at most `limit` tokens each."""
        if limit <= 0:
            return
        for part, at in zip(self.parts, state, strict=True):
            own = part.plan(at, limit)
            if own:
                yield own
                yield own[:1]
        mask = self.mask(state)
        text = self._vocabulary.is_text
        free = text if mask is None else bits.unpack(mask, len(text)) & text
        yield from ((int(token),) for token in np.flatnonzero(free)[:PLAN_TOKENS])

    def _lack(self, state: tuple[Hashable, ...], limit: int) -> int:
        """How many tokens the part needs that needs the most."""
        plans = [part.plan(at, limit) for part, at in zip(self.parts, state, strict=True)]
        return max(limit if plan is None else len(plan) for plan in plans)

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
