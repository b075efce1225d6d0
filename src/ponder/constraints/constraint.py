"""A constraint in three stages: a value, the automaton it is for one vocabulary, and states of that.

The value is declared by whoever asks: frozen, comparable, hashable, and free of any tokenizer. The automaton
is what costs time to make; it is made once for a vocabulary and shared by all texts and threads. A state is
a small hashable value: whoever keeps an old one can go on from there, so that a fork or a rewind is free.

Which tokens a mask is about
----------------------------
A mask speaks of *text tokens*: those that have bytes and do not end a text. Tokens that end a text
(`Vocabulary.end_ids`) are in no mask: whether the text may or must end is said by `may_end` and `must_end`.
A constraint that restricts texts to a language leaves out control tokens that are no end as well, for they
spell nothing and could come for ever. `Ban` and what is made of bans alone by `&` and `|` says nothing
about such tokens: it allows them, and they leave its state as it is.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

from ponder.constraints.bits import Bits
from ponder.constraints.regular.dfa import Dfa
from ponder.text.vocabulary import Vocabulary

S = TypeVar("S", bound=Hashable)

UNBOUNDED = 2**20  # tokens: more than any text has


class Automaton(Protocol[S]):
    """What a constraint allows, compiled for a vocabulary. Safe to share by threads."""

    @property
    def start(self) -> S:
        """The state of an empty text."""
        ...

    def mask(self, state: S) -> Bits | None:
        """Return which text tokens may come next; None: all may.

        [ceil(V / 32)] int32, read-only. The same state returns the same array where possible, and for as long
        as somebody has it, it does not change.
        """
        ...

    def step(self, state: S, token: int) -> S | None:
        """Return the state after a text token; None: the token is not allowed."""
        ...

    def may_end(self, state: S) -> bool:
        """Return whether the text may end here."""
        ...

    def must_end(self, state: S) -> bool:
        """Return whether no text token may follow. If `may_end` is not so as well, this is a dead end."""
        ...

    def forced(self, state: S) -> tuple[int, ...]:
        """Return the tokens that come next in every text that is allowed.

        Where the text may end or two tokens may follow: none. The chain may be cut short.
        """
        ...

    def plan(self, state: S, limit: int) -> tuple[int, ...] | None:
        """Return text tokens, at most `limit` of them, after which the text may end; () if it may end here.

        As few as can be found in little time. None: none was found. Each is allowed by `step`.
        """
        ...

    @property
    def growth(self) -> int:
        """By how many tokens the shortest plan can get longer when the text gets one."""
        ...

    @property
    def exact(self) -> bool:
        """Whether `step` takes every token that a mask allows, and no text that keeps to masks is dead.

        Where it is not, whoever decodes goes back when a text can neither go on nor end.
        """
        ...


@runtime_checkable
class Measuring(Protocol):
    """An automaton that knows of all tokens at once how far an end is after them."""

    def within(self, state: Any, limit: int) -> Bits | None:
        """Return the tokens after which `limit` - 1 more can bring the text to an end; None: not known."""
        ...


@runtime_checkable
class Roomy(Protocol):
    """An automaton that knows, without a plan, how many tokens are enough for one."""

    def room(self, state: Any) -> int | None:
        """Return how many tokens are enough to end the text; None: not known."""
        ...


@runtime_checkable
class Blaming(Protocol):
    """An automaton that can tell what made a text a dead end."""

    def violation(self, state: Any) -> int | None:
        """Return how many of the last tokens are to be given up; None: not known."""
        ...


@runtime_checkable
class Thoughtful(Protocol):
    """An automaton that knows of thoughts, and when it is time for the model to end them."""

    def landing(self, state: Any) -> tuple[int, int] | None:
        """Return a token that must come if it is one of so many likeliest, by the model's row; or None."""
        ...

    def thoughts(self, state: Any) -> int | None:
        """Return how many tokens of the text are thoughts; None: this does not think."""
        ...


class Constraint(Protocol):
    """A declared value: frozen, comparable, hashable, free of any tokenizer.

    Those of this package have the operators of `Composable` as well; an own one need not.
    """

    def compile(self, vocabulary: Vocabulary) -> Automaton[Any]:
        """Return what the constraint allows over a vocabulary.

        Raises
        ------
        ParameterError : no text over this vocabulary is allowed, or the automaton would be too large.
        """
        ...


@runtime_checkable
class Situated(Protocol):
    """A constraint that hangs on the request."""

    def situated(self, prompt_end: str, limit: int) -> Constraint:
        """Return what it is for a prompt that ends so and texts of at most so many tokens."""
        ...


@runtime_checkable
class Language(Protocol):
    """A constraint that is a regular set of texts, read as bytes: what `|`, `~` and `then` are defined on."""

    @property
    def allows_control(self) -> bool:
        """Whether control tokens that are no end may come anywhere."""
        ...

    def dfa(self) -> Dfa:
        """Return the set.

        Raises
        ------
        ParameterError : it has more states than a `Dfa` can have.
        """
        ...

    def compile(self, vocabulary: Vocabulary) -> Automaton[Any]: ...


def situated(constraint: Constraint, prompt_end: str, limit: int) -> Constraint:
    """Return what a constraint is for a prompt that ends so and texts of at most so many tokens."""
    return constraint.situated(prompt_end, limit) if isinstance(constraint, Situated) else constraint


def step_all(automata: Sequence[Automaton[S]], states: Sequence[S], token: int) -> tuple[S, ...] | None:
    """Return the states of automata side by side after a text token; None: one of them does not allow it."""
    after = []
    for automaton, state in zip(automata, states, strict=True):
        on = automaton.step(state, token)
        if on is None:
            return None
        after.append(on)
    return tuple(after)


def follow(automaton: Automaton[S], state: S, tokens: Iterable[int]) -> S | None:
    """Return the state after some text tokens; None: one of them is not allowed."""
    at: S | None = state
    for token in tokens:
        if at is None:
            return None
        at = automaton.step(at, token)
    return at


def is_dead(automaton: Automaton[S], state: S) -> bool:
    """Return whether the text can neither go on nor end here."""
    return automaton.must_end(state) and not automaton.may_end(state)
