"""A text that thinks first: for so many tokens, and then answers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ponder.constraints import bits
from ponder.constraints.bits import Bits
from ponder.constraints.composition import Composable
from ponder.constraints.constraint import Automaton, Constraint
from ponder.constraints.counting.limits import check_limits
from ponder.constraints.recent import Recent
from ponder.errors import ParameterError
from ponder.text.vocabulary import Trie, Vocabulary

MAX_TOKENS = 2**24
MAX_MARK = 64  # bytes of `open` and `close`


@dataclass(frozen=True, slots=True)
class Thinking(Composable):
    """The text thinks for `minimum` to `maximum` tokens, then comes `close`, then a text of `then`.

    Before `minimum` tokens, `close` is not allowed. After `maximum` tokens it is forced, token by token;
    without a maximum it is never forced. Where `close` is a control token of the vocabulary, it is that
    token; otherwise it is its characters, however they are cut into tokens, but no token may have
    characters after it. The tokens counted are those before the first token that spells nothing but `close`.

    This is the mask's half of budget forcing (s1, arXiv 2501.19393). The other half appends "Wait" where
    the model wants to close; a mask can't see that. `ponder.scaling.BudgetForcing` does it.

    Attributes
    ----------
    answer : what comes right after `close`; None: anything. Give white space after `close` as a part of it.
    opened : whether the prompt ends with `open`, as with many chat templates; otherwise the text begins with
        it.

    Raises
    ------
    ParameterError : a limit is no whole number from 0 to 16,777,216, the maximum is below the minimum, `open`
        or `close` does not have 1 to 64 bytes, or `answer` is no constraint.
    """

    minimum: int = 0
    maximum: int | None = None
    open: str = "<think>"
    close: str = "</think>"
    answer: Constraint | None = None
    opened: bool = True

    def __post_init__(self) -> None:
        check_limits(self.minimum, self.maximum, MAX_TOKENS)
        for field, value in (("open", self.open), ("close", self.close)):
            if not isinstance(value, str) or not 1 <= len(value.encode("utf-8", "replace")) <= MAX_MARK:
                raise ParameterError(field, value, f"a string of 1 to {MAX_MARK} bytes")
            if any("\ud800" <= character < "\ue000" for character in value):
                raise ParameterError(field, value, "text without lone surrogates")
        if self.answer is not None and not hasattr(self.answer, "compile"):
            raise ParameterError("answer", self.answer, "a constraint")
        if not isinstance(self.opened, bool):
            raise ParameterError("opened", self.opened, "true or false")

    def compile(self, vocabulary: Vocabulary) -> ThinkingAutomaton:
        return ThinkingAutomaton(self, vocabulary)


@dataclass(frozen=True, slots=True)
class Opening:
    """`open` is being spelled; so many tokens of it have come."""

    tokens: int


@dataclass(frozen=True, slots=True)
class Thought:
    """So many tokens have come since `open`; the text ends with `matched` bytes of `close`.

    The last `closing` of the tokens spell nothing else.
    """

    tokens: int
    closing: int
    matched: int


@dataclass(frozen=True, slots=True)
class Answer:
    """`close` has come; the state of what follows."""

    state: Hashable


State = Opening | Thought | Answer


class _Kind(Enum):
    """What a token spells while thinking."""

    GOES_ON = auto()  # nothing but more of `close`
    BEGINS = auto()  # nothing but the beginning of `close`, or all of it
    OTHER = auto()


class _Reading(NamedTuple):
    """What a token does while thinking."""

    kind: _Kind
    matched: int  # bytes of `close` that the text ends with
    closes: bool


class _Rules(NamedTuple):
    """What decides a mask while thinking: whether there are enough thoughts before a token of each kind.

    After the last token that may be a thought, `close` must be spelled to its end.
    """

    matched: int
    goes_on: bool
    begins: bool
    other: bool
    is_last: bool


class ThinkingAutomaton:
    """Follows the phases. Safe to share by threads.

    Raises
    ------
    ParameterError : the vocabulary cannot spell `open`, `close` or any other text, `close` ends a text, or
        what the answer raises.
    """

    def __init__(self, thinking: Thinking, vocabulary: Vocabulary) -> None:
        self._minimum = thinking.minimum
        self._maximum = thinking.maximum
        self._vocabulary = vocabulary
        self._size = len(vocabulary)
        self._answer: Automaton[Any] | None = None
        if thinking.answer is not None:
            self._answer = thinking.answer.compile(vocabulary)
        opening = () if thinking.opened else _spelling("open", thinking.open, vocabulary)[0]
        self._opening: tuple[int, ...] = opening or ()
        self._closings = _spelling("close", thinking.close, vocabulary)
        if vocabulary.control.get(thinking.close) is not None:
            closing = _Reading(_Kind.BEGINS, 0, True)
            self._readings: list[dict[int, _Reading | None]] = [{vocabulary.control[thinking.close]: closing}]
        else:
            self._readings = _read_all(thinking.close.encode(), vocabulary)
        special = {token for readings in self._readings for token in readings}
        fillers = (token for token in np.flatnonzero(vocabulary.is_text).tolist() if token not in special)
        filler = next(fillers, None)
        if filler is None:
            raise ParameterError("constraint", "thinking", "a vocabulary that can spell thoughts")
        self._filler: int = filler
        self._free = bits.all_but(vocabulary.end_ids, self._size)
        self._ends = frozenset(vocabulary.end_ids)
        self._masks: Recent[_Rules | int, Bits] = Recent(256)

    @property
    def start(self) -> State:
        """The state of an empty text."""
        return Opening(0) if self._opening else Thought(0, 0, 0)

    def mask(self, state: State) -> Bits | None:
        """Return the tokens that may come in the phase."""
        if isinstance(state, Answer):
            return self._free if self._answer is None else self._answer.mask(state.state)
        if forced := self._spelled(state):
            return self._masks.get(forced[0], lambda _: bits.of(forced[:1], self._size))
        assert isinstance(state, Thought)
        return self._masks.get(self._rules(state), self._mask)

    def step(self, state: State, token: int) -> State | None:
        """Return the state after a token."""
        if isinstance(state, Answer):
            if self._answer is None:
                return None if token in self._ends else state
            after = self._answer.step(state.state, token)
            return None if after is None else Answer(after)
        forced = self._spelled(state)
        if forced and token != forced[0]:
            return None
        if isinstance(state, Opening):
            return Opening(state.tokens + 1) if len(forced) > 1 else Thought(0, 0, 0)
        reading = self._reading(state.matched, token)
        if reading is None or not (forced or self._allows(self._rules(state), reading)):
            return None
        if reading.closes:
            return Answer(None if self._answer is None else self._answer.start)
        closing = {_Kind.GOES_ON: state.closing + 1, _Kind.BEGINS: 1, _Kind.OTHER: 0}[reading.kind]
        return Thought(state.tokens + 1, closing, reading.matched)

    def may_end(self, state: State) -> bool:
        """Return whether the answer may end here."""
        return isinstance(state, Answer) and (self._answer is None or self._answer.may_end(state.state))

    def must_end(self, state: State) -> bool:
        """Return whether the answer must end here."""
        return isinstance(state, Answer) and self._answer is not None and self._answer.must_end(state.state)

    def forced(self, state: State) -> tuple[int, ...]:
        """Return the rest of `open`, that of `close` after the maximum, or what the answer forces."""
        if isinstance(state, Answer):
            return () if self._answer is None else self._answer.forced(state.state)
        return self._spelled(state)

    def plan(self, state: State, limit: int) -> tuple[int, ...] | None:
        """Return the tokens to the minimum, `close` and a plan of the answer; None: more than `limit`."""
        if isinstance(state, Answer):
            return () if self._answer is None else self._answer.plan(state.state, limit)
        if isinstance(state, Opening):
            before, thought = self._spelled(state), Thought(0, 0, 0)
        else:
            before, thought = (), state
        missing = 0
        closing = self._closings[thought.matched]
        if closing is None or thought.tokens - thought.closing < self._minimum:
            missing = max(1, self._minimum - thought.tokens)
            closing = self._closings[0]
        assert closing is not None
        left = limit - len(before) - missing - len(closing)
        if left < 0:
            return None
        answer = () if self._answer is None else self._answer.plan(self._answer.start, left)
        return None if answer is None else (*before, *[self._filler] * missing, *closing, *answer)

    @property
    def growth(self) -> int:
        """A thought that is not the end after all: one more, the whole of `close`, and the answer's."""
        longest = max(len(closing) for closing in self._closings if closing is not None)
        return 1 + longest + (0 if self._answer is None else self._answer.growth)

    @property
    def exact(self) -> bool:
        """It is where the answer is."""
        return self._answer is None or self._answer.exact

    def _spelled(self, state: Opening | Thought) -> tuple[int, ...]:
        """Return the rest of `open`, or that of `close` where the maximum is reached."""
        if isinstance(state, Opening):
            return self._opening[state.tokens :]
        if self._maximum is None or state.tokens < self._maximum:
            return ()
        closing = self._closings[state.matched]
        assert closing is not None
        return closing

    def _rules(self, state: Thought) -> _Rules:
        tokens, least = state.tokens, self._minimum
        is_last = self._maximum is not None and tokens + 1 >= self._maximum
        return _Rules(
            state.matched, tokens - state.closing >= least, tokens >= least, tokens + 1 >= least, is_last
        )

    def _reading(self, matched: int, token: int) -> _Reading | None:
        """Return what a token does; None: it is not allowed in any thought."""
        default = _Reading(_Kind.OTHER, 0, False) if self._vocabulary.is_text[token] else None
        return self._readings[matched].get(token, default)

    def _allows(self, rules: _Rules, reading: _Reading) -> bool:
        if not (reading.closes or rules.is_last):
            return True
        enough = {
            _Kind.GOES_ON: rules.goes_on,
            _Kind.BEGINS: rules.begins,
            _Kind.OTHER: rules.other,
        }[reading.kind]
        return enough and (reading.closes or self._closings[reading.matched] is not None)

    def _mask(self, rules: _Rules | int) -> Bits:
        assert isinstance(rules, _Rules)
        allowed = self._vocabulary.is_text.copy()
        for token, reading in self._readings[rules.matched].items():
            allowed[token] = reading is not None and self._allows(rules, reading)
        return bits.pack(allowed)


def _spelling(field: str, text: str, vocabulary: Vocabulary) -> list[tuple[int, ...] | None]:
    """Return the fewest tokens that spell a text after each number of its bytes; None: there are none."""
    control = vocabulary.control.get(text)
    if control is not None:
        if control in vocabulary.end_ids:
            raise ParameterError(field, text, "a token that does not end the text")
        return [(control,)]
    spelled, trie = text.encode(), vocabulary.trie
    rests: list[tuple[int, ...] | None] = [None] * len(spelled) + [()]
    for first in reversed(range(len(spelled))):
        for last in range(first + 1, len(spelled) + 1):
            place, rest, best = bisect_left(trie.strings, spelled[first:last]), rests[last], rests[first]
            is_token = place < len(trie.strings) and trie.strings[place] == spelled[first:last]
            if is_token and rest is not None and (best is None or len(rest) < len(best)):
                rests[first] = (int(trie.numbers[place]), *rest)
    if rests[0] is None:
        raise ParameterError(field, text, "a text that the vocabulary can spell")
    return rests[:-1]


def _read_all(close: bytes, vocabulary: Vocabulary) -> list[dict[int, _Reading | None]]:
    """Return for each number of matched bytes the tokens that are more than other text, and what they do.

    None: the token has characters after `close`.
    """
    borders = [0] * (len(close) + 1)  # how much of `close` the text ends with, short of what was matched
    for length in range(2, len(close) + 1):
        borders[length] = _matched(close, borders, borders[length - 1], close[length - 1])
    trie, tokens = vocabulary.trie, vocabulary.tokens
    holds = trie.byte == close[0]
    holds[0] = False
    for first, last in pairwise(trie.levels):
        holds[first:last] |= holds[trie.parent[first:last]]
    holding = trie.numbers[holds[trie.node]].tolist()
    otherwise = {token: _read(close, borders, 0, tokens[token]) for token in holding}
    readings = []
    for matched in range(len(close)):
        going_on = set()  # the first bytes of tokens that go on with a match
        border = matched
        while border:
            going_on.add(close[border])
            border = borders[border]
        special = otherwise.copy()
        for token in _continuing(close, borders, matched, trie).union(
            token for token in holding if tokens[token][0] in going_on
        ):
            special[token] = _read(close, borders, matched, tokens[token])
        readings.append(special)
    return readings


def _matched(close: bytes, borders: list[int], matched: int, byte: int) -> int:
    """Return how many bytes of `close` the text ends with after another byte (Knuth, Morris and Pratt)."""
    while matched and (matched == len(close) or close[matched] != byte):
        matched = borders[matched]
    return matched + (close[matched] == byte)


def _continuing(close: bytes, borders: list[int], matched: int, trie: Trie) -> set[int]:
    """Find the tokens that go on with a match: those that are a part of its rest, or begin with all of it."""
    found: set[int] = set()
    while matched:
        rest = close[matched:]
        for length in range(1, len(rest) + 1):
            first = bisect_left(trie.strings, rest[:length])
            last = first
            while last < len(trie.strings) and (
                trie.strings[last] == rest[:length]
                or (length == len(rest) and trie.strings[last].startswith(rest))
            ):
                last += 1
            found.update(trie.numbers[first:last].tolist())
        matched = borders[matched]
    return found


def _read(close: bytes, borders: list[int], before: int, spelled: bytes) -> _Reading | None:
    matched = before
    for place, byte in enumerate(spelled, 1):
        matched = _matched(close, borders, matched, byte)
        if matched == len(close) and place < len(spelled):
            return None
    if before and matched == before + len(spelled):
        kind = _Kind.GOES_ON
    else:
        kind = _Kind.BEGINS if matched == len(spelled) else _Kind.OTHER
    return _Reading(kind, matched, matched == len(close))
