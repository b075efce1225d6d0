"""A JSON schema as an automaton: a grammar makes the mask, a checker judges what closes."""

from __future__ import annotations

import json
import math
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from jsonschema.exceptions import ValidationError

from ponder.constraints import bits
from ponder.constraints.bits import Bits
from ponder.constraints.constraint import UNBOUNDED
from ponder.constraints.guided.automaton import LEAST_GROWTH, GuidedAutomaton
from ponder.constraints.guided.place import Place
from ponder.constraints.json_schema.documents import Documents
from ponder.constraints.json_schema.numerals import DigitTokens, Numerals
from ponder.constraints.json_schema.plan import Planner
from ponder.constraints.json_schema.reader import Closed, Mode, Open, Reader, Reading, path_of
from ponder.constraints.json_schema.room import Room
from ponder.constraints.json_schema.spelling import Spelling
from ponder.constraints.json_schema.spots import Spot, spot_of
from ponder.constraints.recent import Recent
from ponder.text.vocabulary import Vocabulary

FEW = 32  # tokens that are tried one by one
MASKS = 512
VERDICTS = 256
MAX_OPEN = 64  # containers of a text
FEW_KEYS = 512  # tokens of keys whose order is free
KEYS = (Mode.FIRST_KEY, Mode.NEXT_KEY, Mode.KEY, Mode.AFTER)
STRINGS = (Mode.STRING, Mode.KEY)


class Writing(NamedTuple):
    """Where a text stands: in the grammar, and as JSON. Equal places mean equal texts."""

    place: Place
    reader: Reader

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Writing) and self.place == other.place

    def __hash__(self) -> int:
        return hash(self.place)


class Marks:
    """What the tokens of a vocabulary have to do with the ends of values."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.digits = DigitTokens(vocabulary)
        self.spelling = Spelling(vocabulary)
        text = vocabulary.is_text
        self.closing = self._with(vocabulary, b"]}") & bits.pack(text)
        self.separating = self._with(vocabulary, b"]},") & bits.pack(text)
        self.quoting = self._with(vocabulary, b'"') & bits.pack(text)

    @staticmethod
    def _with(vocabulary: Vocabulary, members: bytes) -> Bits:
        wanted = frozenset(members)
        return bits.pack(np.array([not wanted.isdisjoint(token) for token in vocabulary.tokens], np.bool_))


@lru_cache(maxsize=8)
def marks_of(vocabulary: Vocabulary) -> Marks:
    """Return the marks of a vocabulary, which all schemas share."""
    return Marks(vocabulary)


class JsonAutomaton:
    """The texts that are JSON for a schema, and no others.

    A mask may allow a token that `step` refuses: one after which a value is closed and wrong, where too many
    tokens close it to try each. States are equal if they are the same place of the grammar.
    """

    def __init__(
        self,
        documents: Documents,
        guided: GuidedAutomaton,
        root: Spot,
        planner: Planner,
        room: Room,
        numerals: Numerals,
        vocabulary: Vocabulary,
        *,
        is_loose: bool,
        any_order: bool,
    ) -> None:
        self._documents = documents
        self._guided = guided
        self._root = root
        self._planner = planner
        self._room = room
        self._numerals = numerals
        self._vocabulary = vocabulary
        self._is_loose = is_loose
        self._any_order = any_order
        self._marks = marks_of(vocabulary)
        self._masks: Recent[Writing, Bits] = Recent(MASKS)
        self._verdicts: Recent[bytes, ValidationError | None] = Recent(VERDICTS)

    @property
    def start(self) -> Writing:
        """The state of an empty text."""
        return Writing(self._guided.start, Reader())

    def mask(self, state: Writing) -> Bits:
        """Return the tokens that the grammar allows, without those that are known to break a check."""
        mask = self._guided.mask(state.place)
        if not self._is_loose and state.reader.mode is not Mode.SCALAR:
            return mask
        return self._masks.get(state, lambda _: self._narrowed(mask, state))

    def _narrowed(self, mask: Bits, state: Writing) -> Bits:
        reader = state.reader
        if reader.mode is Mode.SCALAR:
            digits = self._marks.digits.at_most(self._numerals.left(reader.begun))
            mask = mask if digits is None else bits.frozen(mask & digits)
        wrong = [token for token in self._suspects(mask, reader) if self._wrong(state, token)]
        return bits.frozen(mask & ~bits.of(wrong, len(self._vocabulary))) if wrong else mask

    def _suspects(self, mask: Bits, reader: Reader) -> list[int]:
        """Return the tokens that may close a value that a check is about, if there are few of them."""
        if not self._is_loose:
            return []
        marks = self._marks
        few = FEW
        if self._any_order and reader.mode in KEYS:
            closing, few = mask, FEW_KEYS
        elif reader.mode in STRINGS:
            closing = marks.quoting
        else:
            closing = marks.separating if reader.mode is Mode.SCALAR else marks.closing
        found = mask & closing
        if not found.any():
            return []
        tokens = bits.members(found)
        return tokens if len(tokens) <= few else []

    def step(self, state: Writing, token: int) -> Writing | None:
        """Return the state after a text token; None: it is not allowed, or closes a value that is wrong."""
        place = self._guided.step(state.place, token)
        if place is None:
            return None
        data = self._vocabulary.tokens[token]
        reading = state.reader.read(data)
        if self._broken(state, data, reading) is not None:
            return None
        return Writing(place, reading.reader)

    def may_end(self, state: Writing) -> bool:
        """Return whether the text is JSON for the schema."""
        mode = state.reader.mode
        if mode is not Mode.DONE and not (mode is Mode.SCALAR and state.reader.top is None):
            return False
        if not self._guided.may_end(state.place):
            return False
        return self._verdict(self._text(state)) is None

    def must_end(self, state: Writing) -> bool:
        """Return whether no text token may follow."""
        return not self.mask(state).any()

    def forced(self, state: Writing) -> tuple[int, ...]:
        """Return the tokens that come next in every text that is allowed."""
        chain = []
        for token in self._guided.forced(state.place):
            if self.may_end(state):
                break
            after = self.step(state, token)
            if after is None:
                break
            chain.append(token)
            state = after
        return tuple(chain)

    def plan(self, state: Writing, limit: int) -> tuple[int, ...] | None:
        """Return at most `limit` tokens after which the text may end; None: none were found."""
        if self.may_end(state):
            return ()
        text = self._text(state)
        for ending in self._planner.endings(text, state.reader):
            tokens = self._marks.spelling.fewest(ending)
            if tokens and len(tokens) <= limit and self._leads_to_end(state, tokens, ending):
                return tokens
        return None

    @cached_property
    def growth(self) -> int:
        """As much as two values need that a text can do without, or `LEAST_GROWTH`, but no more than a plan.

        It is a guess, as a token may open many values.
        """
        whole = max(LEAST_GROWTH, len(self.plan(self.start, UNBOUNDED) or ()))
        additions = self._room.additions()
        if additions is None:
            return whole
        values = (self._planner.smallest(claims) or b"" for claims in additions)
        most = max((len(self._marks.spelling.fewest(value) or ()) for value in values), default=0)
        return min(whole, max(LEAST_GROWTH, 2 * most))

    def room(self, state: Writing) -> int | None:
        """Return a number of tokens that is enough to end the text; None: none is known."""
        enough = self._room.enough(state.reader)
        return None if math.isinf(enough) else int(enough)

    @property
    def exact(self) -> bool:
        """A value can be wrong in a way that no token can mend, which is found out when it closes."""
        return False

    def violation(self, state: Writing) -> int | None:
        """Return how many tokens to take back, so that a value can be rewritten that no token may close.

        None: each token that the grammar allows here is allowed, or it is not known what is wrong.
        """
        backs = []
        for token in self._suspects(self._guided.mask(state.place), state.reader):
            data = self._vocabulary.tokens[token]
            began = self._broken(state, data, state.reader.read(data))
            if began is None:
                return None
            backs.append(_tokens_after(state, began, self._vocabulary))
        return min(backs) if backs else None

    def _wrong(self, state: Writing, token: int) -> bool:
        data = self._vocabulary.tokens[token]
        return self._broken(state, data, state.reader.read(data)) is not None

    def _broken(self, state: Writing, data: bytes, reading: Reading) -> int | None:
        """Return where the first thing begins that some bytes make wrong; None: nothing is."""
        reader = reading.reader
        if reading.deepest > MAX_OPEN:
            return reader.length - len(data)
        if reader.mode is Mode.SCALAR and not self._numerals.fits(reader.begun):
            return reader.began
        if self._any_order and reader.mode is Mode.KEY and not self._may_become_key(reader):
            return reader.began
        for closed in reading.closed:
            began = self._wrong_from(state, data, closed)
            if began is not None:
                return began
        return None

    def _wrong_from(self, state: Writing, data: bytes, closed: Closed) -> int | None:
        """Return where something begins that is wrong in a value, or key, that closed; None: nothing is."""
        if closed.is_key:
            return None if closed.is_new and self._is_name(closed) else closed.began
        is_bare = closed.ended - closed.began == len(closed.spelled)
        if is_bare and not (self._numerals.fits(closed.spelled) and _is_finite(closed.spelled)):
            return closed.began
        if closed.within is None:
            text = self._text(state, data)[: closed.ended]
            return _position(text, self._verdict(text), 0)
        if not self._is_loose:
            return None
        outer = spot_of(self._root, closed.within.parent)
        began = self._wrong_item(state, data, closed, outer)
        return self._wrong_value(state, data, closed, outer) if began is None else began

    def _wrong_value(self, state: Writing, data: bytes, closed: Closed, outer: Spot) -> int | None:
        assert closed.within is not None
        spot = outer.child(_step_to(closed.within))
        if not spot.is_checked:
            return None
        text = self._text(state, data, closed.began)[: closed.ended - closed.began]
        error = self._documents.error(json.loads(text), spot.reached)
        return _position(text, error, closed.began)

    def _wrong_item(self, state: Writing, data: bytes, closed: Closed, outer: Spot) -> int | None:
        """Return where an item begins that an earlier one of its array equals; None: there is no such."""
        within = closed.within
        assert within is not None
        if within.is_object or within.count < 2 or not outer.is_unique:
            return None
        text = self._text(state, data, within.began)[: closed.ended - within.began] + b"]"
        error = self._documents.error(json.loads(text), (({"uniqueItems": True}, self._documents.resolver),))
        return None if error is None else closed.began

    def _may_become_key(self, reader: Reader) -> bool:
        """Return whether a key that has begun is the beginning of one that its object does not have yet."""
        assert reader.top is not None
        names = spot_of(self._root, reader.top.parent).spelled_names
        begun, keys = reader.begun, reader.top.keys
        return names is None or any(name.startswith(begun) and name not in keys for name in names)

    def _is_name(self, closed: Closed) -> bool:
        assert closed.within is not None
        names = spot_of(self._root, closed.within.parent).names if self._is_loose else ()
        return not names or self._documents.error(path_of(closed.within)[-1], names) is None

    def _verdict(self, text: bytes) -> ValidationError | None:
        return self._verdicts.get(text, lambda _: self._documents.error(json.loads(text)))

    def _text(self, state: Writing, more: bytes = b"", began: int = 0) -> bytes:
        """Return the text from a byte on, and some more bytes."""
        parts = [more]
        left, at = state.reader.length - began, state.place
        while left > 0:
            assert at.parent is not None
            parts.append(self._vocabulary.tokens[at.token])
            left -= len(parts[-1])
            at = at.parent
        return b"".join(reversed(parts))[-left:]

    def _leads_to_end(self, state: Writing, tokens: tuple[int, ...], ending: bytes) -> bool:
        """Return whether the text may end after some tokens."""
        matcher = self._guided.matcher(state.place)
        if matcher.try_consume_tokens(list(tokens)) < len(tokens) or not matcher.is_accepting():
            return False
        reading = state.reader.read(ending)
        if self._broken(state, ending, reading) is not None:
            return False
        return reading.reader.mode is Mode.DONE or self._verdict(self._text(state, ending)) is None


def _step_to(container: Open) -> str | int:
    """Return the key or place of the value that closed last in a container."""
    return path_of(container)[-1] if container.is_object else container.count - 1


def _is_finite(literal: bytes) -> bool:
    return literal in (b"true", b"false", b"null") or math.isfinite(float(literal))


def _position(text: bytes, error: ValidationError | None, began: int) -> int | None:
    """Return where the wrong value begins, `text` being what was checked; None: nothing is wrong."""
    if error is None:
        return None
    wanted = tuple(error.absolute_path)
    reader = Reader()
    for place, byte in enumerate(text):
        if reader.mode in (Mode.VALUE, Mode.FIRST_ITEM) and reader.path == wanted and byte not in b" \n\t\r":
            return began + place
        reader = reader.read(bytes((byte,))).reader
    return began


def _tokens_after(state: Writing, began: int, vocabulary: Vocabulary) -> int:
    """Return how many of the last tokens have bytes from a place of the text on."""
    count, length, at = 0, state.reader.length, state.place
    while length > began and at.parent is not None:
        length -= len(vocabulary.tokens[at.token])
        at = at.parent
        count += 1
    return count
