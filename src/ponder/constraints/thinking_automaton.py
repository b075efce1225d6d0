"""Follows a text that thinks: where it stands in its thoughts, and what they leave it to say."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ponder.constraints import bits
from ponder.constraints.bits import Bits
from ponder.constraints.constraint import UNBOUNDED, Automaton, follow
from ponder.constraints.mark import Kind, Reading, mark_of, spellings, written
from ponder.constraints.recent import Recent
from ponder.constraints.whole_characters import LONGEST, WHOLE, place_after, whole_characters
from ponder.errors import ParameterError
from ponder.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from ponder.constraints.thinking import Thinking

MASKS = 256


@dataclass(frozen=True, slots=True)
class Opening:
    """`open` is being spelled, as it must be; so many tokens of it have come."""

    tokens: int


@dataclass(frozen=True, slots=True)
class Beginning:
    """The text is so many bytes of `open`, and may be a beginning of the answer as well, if not None."""

    matched: int
    place: int
    answer: Hashable | None


@dataclass(frozen=True, slots=True)
class Thought:
    """So many tokens have come since `open`; the last `closing` of them spell nothing but `close`.

    Attributes
    ----------
    spent : the thoughts of the blocks before.
    place : how many tokens the text has.
    matched, called : how many bytes of `close`, and of the mark of a call, the text ends with.
    character : where it stands in a character.
    line : whether it ends with a line break.
    """

    spent: int
    place: int
    tokens: int = 0
    closing: int = 0
    matched: int = 0
    called: int = 0
    character: int = WHOLE
    line: bool = False


@dataclass(frozen=True, slots=True)
class Landing:
    """So many tokens of the message and `close` have come, which are forced; `spent` is without them."""

    spent: int
    place: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Outside:
    """Thoughts are over, or have not begun, and anything may be said.

    Attributes
    ----------
    spent : the thoughts so far.
    matched, called : how many bytes of `open`, and of the mark of a call, the text ends with.
    """

    spent: int
    place: int
    matched: int = 0
    called: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool; `within` is where the text stands when it ends here."""

    within: Thought | Outside
    matched: int


@dataclass(frozen=True, slots=True)
class Answer:
    """`close` has come; the state of what follows."""

    spent: int
    state: Hashable


State = Opening | Beginning | Thought | Landing | Outside | Call | Answer


class ThinkingAutomaton:
    """Follows a text that thinks. Safe to share by threads.

    Raises
    ------
    ParameterError : the vocabulary cannot spell `open`, `close`, the message or any other text, `close` ends
        a text, the message has it, minimum and message do not fit the maximum, what is reserved does not fit
        `max_tokens`, or what the answer raises.
    """

    def __init__(self, thinking: Thinking, vocabulary: Vocabulary) -> None:
        self._thinking = thinking
        self._vocabulary = vocabulary
        self._size = len(vocabulary)
        self._ends = frozenset(vocabulary.end_ids)
        self._answer: Automaton[Any] | None = None
        if thinking.answer is not None:
            self._answer = thinking.answer.compile(vocabulary)
        self._close = written("close", thinking.close, vocabulary)
        self._open = mark_of(thinking.open, vocabulary)
        if thinking.opened is False:
            self._open = written("open", thinking.open, vocabulary)
        self._call, self._call_end = (mark_of(mark, vocabulary) for mark in thinking.calls)
        self._has_calls = self._call.is_written and self._call_end.is_written
        self._characters = whole_characters(vocabulary)
        message = spellings(thinking.message.encode(), vocabulary.trie)[0]
        if message is None:
            raise ParameterError("message", thinking.message, "a text that the vocabulary can spell")
        self._message = len(message)
        self._landing = (*message, *_known(self._close.rests[0]))
        self._masks: Recent[Hashable, Bits] = Recent(MASKS)
        self._check_message()
        self._check_room()
        self._filler = self._find_filler()

    def _check_message(self) -> None:
        message, close = self._thinking.message, self._thinking.close
        if not message or self._close.control is not None:
            return
        for before in range(len(close)):
            if (close[:before] + message + close).find(close) < before + len(message):
                raise ParameterError("message", message, f"a text that has nothing of {close!r} in it")

    def _check_room(self) -> None:
        minimum, maximum, limit = self._thinking.minimum, self._thinking.maximum, self._thinking.limit
        least = minimum + self._message
        if maximum is not None and maximum < least:
            raise ParameterError("maximum", maximum, f"at least {least}, the tokens of minimum and message")
        if not self._thinking.reserve:
            return
        if limit is None:
            allowed = "0 where no request says how long its texts are"
            raise ParameterError("reserve", self._thinking.reserve, allowed)
        opening = 0 if self._thinking.opened is True else len(self._open.rests[0] or ())
        room = limit - opening - minimum - len(self._landing)
        if room < self._thinking.reserve:
            allowed = f"at most {max(room, 0)}, what thoughts leave of max_tokens, which is {limit}"
            raise ParameterError("reserve", self._thinking.reserve, allowed)

    def _find_filler(self) -> int:
        """Return a token that is a thought and nothing else."""
        marks = (self._close, self._call, self._call_end) if self._has_calls else (self._close,)
        special = {
            token for mark in marks for matched in range(len(mark.rests)) for token in mark.special(matched)
        }
        plain = self._vocabulary.is_text & (self._characters.after[WHOLE] == WHOLE) & ~self._characters.ends
        filler = next((token for token in np.flatnonzero(plain).tolist() if token not in special), None)
        if filler is None:
            raise ParameterError("constraint", "thinking", "a vocabulary that can spell thoughts")
        return int(filler)

    @property
    def start(self) -> State:
        """The state of an empty text."""
        if self._thinking.opened is True:
            return Thought(0, 0)
        if self._thinking.opened is False:
            return Opening(0)
        if self._answer is None:
            return Outside(0, 0)
        if self._may_open(0, len(self._open.rests[0] or ())):
            return Beginning(0, 0, self._answer.start)
        return Answer(0, self._answer.start)

    def mask(self, state: State) -> Bits | None:
        """Return the tokens that may come."""
        if isinstance(state, Answer):
            assert self._answer is not None
            return self._answer.mask(state.state)
        if isinstance(state, Beginning):
            return self._mask_of_beginning(state)
        if forced := self._forced(state):
            return self._masks.get(forced[0], lambda _: bits.of(forced[:1], self._size))
        return self._masks.get(self._rules(state), lambda _: self._mask(state))

    def step(self, state: State, token: int) -> State | None:
        """Return the state after a token."""
        match state:
            case Answer(spent, inner):
                assert self._answer is not None
                after = self._answer.step(inner, token)
                return None if after is None else Answer(spent, after)
            case Opening(tokens):
                opening = _known(self._open.rests[0])
                if token != opening[tokens]:
                    return None
                return Opening(tokens + 1) if tokens + 1 < len(opening) else self._opened(0, tokens + 1)
            case Beginning():
                return self._step_beginning(state, token)
            case Thought():
                return self._step_thought(state, token)
            case Landing(spent, place, tokens):
                if token != self._landing[tokens]:
                    return None
                if tokens + 1 < len(self._landing):
                    return Landing(spent, place + 1, tokens + 1)
                return self._closed(spent + self._message, place + 1)
            case Call():
                return self._step_call(state, token)
            case Outside():
                return self._step_outside(state, token)

    def may_end(self, state: State) -> bool:
        """Return whether the text may end here: not while it thinks."""
        match state:
            case Answer(_, inner):
                return self._answer is not None and self._answer.may_end(inner)
            case Beginning(answer=inner):
                return inner is not None and self._answer is not None and self._answer.may_end(inner)
            case Call(within):
                return isinstance(within, Outside)
        return isinstance(state, Outside)

    def must_end(self, state: State) -> bool:
        """Return whether the answer must end here."""
        return isinstance(state, Answer) and self._answer is not None and self._answer.must_end(state.state)

    def forced(self, state: State) -> tuple[int, ...]:
        """Return the rest of `open`, what closes the thoughts where that is due, or the answer's."""
        if isinstance(state, Answer):
            return () if self._answer is None else self._answer.forced(state.state)
        return self._forced(state)

    def plan(self, state: State, limit: int) -> tuple[int, ...] | None:
        """Return the tokens to the minimum, `close` and a plan of the answer; None: more than `limit`."""
        if self.may_end(state):
            return ()
        match state:
            case Answer(_, inner):
                assert self._answer is not None
                return self._answer.plan(inner, limit)
            case Beginning(matched, _, inner):
                assert self._answer is not None
                plan = None if inner is None else self._answer.plan(inner, limit)
                if plan is not None and follow(self, state, plan) is not None:
                    return plan
                before = _known(self._open.rests[matched])
            case Opening(tokens):
                before = _known(self._open.rests[0])[tokens:]
            case Landing(_, _, tokens):
                return self._with_answer(self._landing[tokens:], limit)
            case Call(_, matched):
                rest = self._call_end.rests[matched]
                before = rest if rest is not None else (self._filler, *_known(self._call_end.rests[0]))
            case Thought():
                return self._with_answer(self._plan_of_thought(state), limit)
            case _:
                return ()
        after = follow(self, state, before)
        assert after is not None
        rest = self.plan(after, limit - len(before)) if len(before) <= limit else None
        return None if rest is None else (*before, *rest)

    @property
    def growth(self) -> int:
        """All that a token can bring about: thoughts, a character, a call, a message, `close`, an answer."""
        marks = sum(max(len(rest or ()) for rest in mark.rests) for mark in (self._close, self._call_end))
        answer = 0 if self._answer is None else self._answer.growth
        return 2 + self._thinking.minimum + LONGEST + marks + self._message + answer

    @property
    def exact(self) -> bool:
        """It is where the answer is."""
        return self._answer is None or self._answer.exact

    def landing(self, state: State) -> tuple[int, int] | None:
        """Return the next token of `close`, which is due if it is one of so many likeliest; or None."""
        if not self._thinking.rank or not isinstance(state, Thought):
            return None
        if not self._lands(state) or self._forced(state):
            return None
        return self._closing(state)[0], self._thinking.rank

    def thoughts(self, state: State) -> int | None:
        """Return how many tokens of the text are thoughts."""
        match state:
            case Thought(spent=spent, tokens=tokens, closing=closing):
                return spent + tokens - closing
            case Landing(spent, _, tokens):
                return spent + min(tokens, self._message)
            case Call(within):
                return self.thoughts(within)
            case Outside(spent=spent) | Answer(spent=spent):
                return spent
        return 0

    def _room(self, counted: int, place: int) -> int:
        """Return how many more thoughts fit, the message and `close` after them set aside."""
        rooms = [UNBOUNDED]
        if self._thinking.maximum is not None:
            rooms.append(self._thinking.maximum - self._message - counted)
        if self._thinking.limit is not None:
            rooms.append(self._thinking.limit - self._thinking.reserve - len(self._landing) - place)
        return min(rooms)

    def _counted(self, spent: int, tokens: int) -> int:
        return tokens if self._thinking.per == "block" else spent + tokens

    def _left(self, state: Thought) -> int:
        return self._room(self._counted(state.spent, state.tokens), state.place)

    def _may_open(self, spent: int, place: int) -> bool:
        """Return whether a block may begin after so many thoughts and with so many tokens."""
        if not self._open.is_written:
            return False
        counted = self._counted(spent, 0)
        return self._room(counted, place) >= max(1, self._thinking.minimum - counted)

    def _is_enough(self, state: Thought, more: int) -> bool:
        return self._counted(state.spent, state.tokens) + more >= self._thinking.minimum

    def _lands(self, state: Thought) -> bool:
        """Return whether the soft landing has begun, in a place where thoughts may be closed."""
        if state.character != WHOLE or not self._is_enough(state, -state.closing):
            return False
        return self._left(state) <= self._thinking.grace

    def _closing(self, state: Thought) -> tuple[int, ...]:
        """Return the fewest tokens that close the thoughts."""
        rest = self._close.rests[state.matched]
        return _known(self._close.rests[0]) if rest is None else rest

    def _forced(self, state: State) -> tuple[int, ...]:
        """Return the rest of `open`, or what closes the thoughts where that is due."""
        match state:
            case Opening(tokens):
                return _known(self._open.rests[0])[tokens:]
            case Landing(_, _, tokens):
                return self._landing[tokens:]
            case Thought(closing=closing, matched=matched, line=line):
                left = self._left(state)
                if left > self._thinking.grace or not self._lands(state):
                    return ()
                if closing and self._close.rests[matched] is not None:
                    return self._closing(state)
                if left <= 0 or line:
                    return self._landing if self._message else self._closing(state)
        return ()

    def _plan_of_thought(self, state: Thought) -> tuple[int, ...]:
        """Return the fewest tokens that complete the thoughts and close them."""
        if forced := self._forced(state):
            return forced
        closing = self._close.rests[state.matched]
        if state.character == WHOLE and closing is not None and self._is_enough(state, -state.closing):
            return closing
        before = _known(self._characters.to_whole[state.character])
        missing = self._thinking.minimum - self._counted(state.spent, state.tokens + len(before))
        before += (self._filler,) * max(missing, 0 if before else 1)
        is_hard = self._left(state) <= len(before)
        return before + (self._landing if is_hard else _known(self._close.rests[0]))

    def _with_answer(self, before: tuple[int, ...], limit: int) -> tuple[int, ...] | None:
        if len(before) > limit:
            return None
        rest = () if self._answer is None else self._answer.plan(self._answer.start, limit - len(before))
        return None if rest is None else before + rest

    def _opened(self, spent: int, place: int) -> Thought:
        return Thought(spent, place)

    def _closed(self, spent: int, place: int) -> State:
        return Outside(spent, place) if self._answer is None else Answer(spent, self._answer.start)

    def _spelled(self, token: int) -> bytes:
        return self._vocabulary.tokens[token]

    def _step_beginning(self, state: Beginning, token: int) -> State | None:
        assert self._answer is not None
        inner = None if state.answer is None else self._answer.step(state.answer, token)
        matched = self._begins(state.matched, token)
        if matched == 0:
            return self._opened(0, state.place + 1)
        if matched is not None:
            return Beginning(matched, state.place + 1, inner)
        return None if inner is None else Answer(0, inner)

    def _begins(self, matched: int, token: int) -> int | None:
        """Return how many bytes of `open` a text has that is nothing else; 0: all of it; None: it is not."""
        reading = self._open.read(matched, token)
        if reading.kind != (Kind.GOES_ON if matched else Kind.BEGINS) or reading.rest:
            return None
        if not reading.found and self._open.rests[reading.matched] is None:
            return None
        return reading.matched

    def _mask_of_beginning(self, state: Beginning) -> Bits | None:
        assert self._answer is not None
        special = self._open.special(state.matched)
        opening = self._masks.get(
            ("open", state.matched),
            lambda _: bits.of(
                (one for one in special if self._begins(state.matched, one) is not None), self._size
            ),
        )
        if state.answer is None:
            return opening
        inner = self._answer.mask(state.answer)
        return None if inner is None else bits.frozen(inner | opening)

    def _step_thought(self, state: Thought, token: int) -> State | None:
        """Go on in the thoughts, into a call, or out of them."""
        forced = self._forced(state)
        if forced and token != forced[0]:
            return None
        if forced is self._landing and self._message:
            return Landing(state.spent + state.tokens, state.place + 1, 1)
        call = self._reading_of_call(state.called, token)
        if call.found:
            return self._call_in_thought(state, token, call)
        reading = self._close.read(state.matched, token)
        is_control = token == self._close.control
        if reading.rest or not (is_control or self._vocabulary.is_text[token]):
            return None
        more = {Kind.GOES_ON: -state.closing, Kind.BEGINS: 0, Kind.OTHER: 1}[reading.kind]
        left = self._left(state) - 1
        character = WHOLE if is_control else int(self._characters.after[state.character, token])
        if (is_control and state.character != WHOLE) or self._characters.lacking(character) > max(left, 0):
            return None
        if reading.found:
            if not self._is_enough(state, more):
                return None
            return self._closed(state.spent + state.tokens + more, state.place + 1)
        if left <= 0 and not (
            self._is_enough(state, more) and self._close.rests[reading.matched] is not None
        ):
            return None
        closing = {Kind.GOES_ON: state.closing + 1, Kind.BEGINS: 1, Kind.OTHER: 0}[reading.kind]
        return Thought(
            state.spent,
            state.place + 1,
            state.tokens + 1,
            closing,
            reading.matched,
            call.matched,
            character,
            bool(self._characters.ends[token]),
        )

    def _reading_of_call(self, matched: int, token: int) -> Reading:
        return self._call.read(matched, token) if self._has_calls else Reading(Kind.OTHER)

    def _call_in_thought(self, state: Thought, token: int, reading: Reading) -> State | None:
        is_text = self._characters.lacking(int(self._characters.after[state.character, token])) <= UNBOUNDED
        if not (is_text or (token == self._call.control and state.character == WHOLE)):
            return None
        if self._left(state) - 1 <= self._thinking.grace:
            return None
        within = Thought(state.spent, state.place + 1, state.tokens + 1)
        return self._in_call(within, token, reading)

    def _in_call(self, within: Thought | Outside, token: int, reading: Reading) -> Call | None:
        """Return where a text stands in a call after the token that begins it."""
        spelled = self._spelled(token)
        inner = self._call_end.read_bytes(0, spelled[len(spelled) - reading.rest :])
        return None if inner.found else Call(within, inner.matched)

    def _step_call(self, state: Call, token: int) -> State | None:
        within, reading = state.within, self._call_end.read(state.matched, token)
        is_known = token == self._call_end.control or self._vocabulary.is_text[token]
        if (not is_known and isinstance(within, Thought)) or token in self._ends:
            return None
        after: Thought | Outside
        if isinstance(within, Thought):
            after = replace(within, place=within.place + 1, tokens=within.tokens + 1)
        else:
            after = replace(within, place=within.place + 1)
        if not reading.found:
            return Call(after, reading.matched)
        spelled = self._spelled(token)
        return self._read_rest(after, spelled[len(spelled) - reading.rest :] if reading.rest else b"")

    def _read_rest(self, state: Thought | Outside, rest: bytes) -> State | None:
        """Return where a text stands after what a token has after a mark; None: it may not have that."""
        call = self._call.read_bytes(0, rest) if self._has_calls else Reading(Kind.OTHER)
        if call.found:
            return None
        if isinstance(state, Outside):
            reading = self._open.read_bytes(0, rest)
            return None if reading.found else replace(state, matched=reading.matched, called=call.matched)
        reading = self._close.read_bytes(0, rest)
        is_last = self._left(state) <= 0
        if reading.found or place_after(WHOLE, rest) != WHOLE:
            return None
        if is_last and self._close.rests[reading.matched] is None:
            return None
        line = rest.endswith(b"\n")
        return replace(state, matched=reading.matched, called=call.matched, line=line)

    def _step_outside(self, state: Outside, token: int) -> State | None:
        if token in self._ends:
            return None
        call, reading = self._reading_of_call(state.called, token), self._open.read(state.matched, token)
        after = Outside(state.spent, state.place + 1, reading.matched, call.matched)
        if call.found:
            return self._in_call(Outside(state.spent, state.place + 1), token, call)
        if not reading.found:
            return after
        if not self._may_open(state.spent, after.place):
            return None
        spelled = self._spelled(token)
        rest = spelled[len(spelled) - reading.rest :] if reading.rest else b""
        return self._read_rest(self._opened(state.spent, after.place), rest)

    def _rules(self, state: State) -> Hashable:
        """Return all that the mask of a state hangs on."""
        match state:
            case Thought():
                left = self._left(state) - 1
                return (
                    "thought",
                    *(state.matched, state.called, state.character),
                    *(self._is_enough(state, more) for more in (-state.closing, 0, 1)),
                    *(min(left, LONGEST + 1), left <= self._thinking.grace),
                )
            case Outside(spent, place, matched, called):
                return ("outside", matched, called, self._may_open(spent, place + 1))
            case Call(Thought() as within, matched):
                return ("call in thoughts", matched, self._left(within) <= 1)
            case Call(_, matched):
                return ("call", matched)
        raise AssertionError("the mask of any other state is its answer's or one token")

    def _mask(self, state: State) -> Bits:
        """Allow what `step` takes: only tokens that are special to a mark are looked at one by one."""
        special: Iterable[int]
        match state:
            case Thought():
                allowed = self._characters.within(state.character, max(self._left(state) - 1, 0))
                special = {*self._close.special(state.matched), *self._special_of_calls(state.called)}
            case Outside(matched=matched, called=called):
                allowed = np.ones(self._size, dtype=np.bool_)
                allowed[list(self._ends)] = False
                special = {*self._open.special(matched), *self._special_of_calls(called)}
            case Call(within, matched):
                allowed = self._vocabulary.is_text.copy()
                if isinstance(within, Outside):
                    allowed[:] = True
                    allowed[list(self._ends)] = False
                special = self._call_end.special(matched)
            case _:
                raise AssertionError("the mask of any other state is its answer's or one token")
        for token in special:
            allowed[token] = self.step(state, token) is not None
        return bits.pack(allowed)

    def _special_of_calls(self, matched: int) -> Iterable[int]:
        return self._call.special(matched) if self._has_calls else ()


def _known(tokens: tuple[int, ...] | None) -> tuple[int, ...]:
    assert tokens is not None, "what has to be written can be spelled"
    return tokens
