r"""A ban as an automaton that reads what the string values of JSON say.

The search begins anew with each value, and an escape is the character that it stands for. For the mask, each
token is taken for what it says inside a string, up to the string's end: `\nAl` says a line feed and "Al", and
`ice", "` says "ice" and an end. So one search over all tokens is exact, but for two things that `step` alone
refuses: what a token says in further strings, and what completes an escape that was begun.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from ponder.constraints import bits
from ponder.constraints.ban_automaton import BanAutomaton, shortest
from ponder.constraints.bits import Bits
from ponder.constraints.constraint import follow
from ponder.constraints.json_schema.reader import Mode
from ponder.constraints.json_values import NONE, STOP, JsonPlace, JsonValues
from ponder.text.vocabulary import Vocabulary

INSIDE = JsonPlace(Mode.STRING, opened=0b10)  # the value is an item of an array
# What goes on with a word where an escape was begun, in tokens of a byte each.
_TAILS = (b"u0061", b"0061", b"061", b"61", b"1", b"\\udc00")


class BanPlace(NamedTuple):
    """Where a text stands: as JSON, and in the search if it is inside a value."""

    json: JsonPlace
    search: int


class BanInValues:
    """No string that `values` finds says a banned one. Elsewhere all is allowed, and there is no mask.

    A string that has no end counts up to where the text ends, or stops being JSON.
    """

    start = BanPlace(JsonPlace(), BanAutomaton.start)

    def __init__(
        self, values: JsonValues, vocabulary: Vocabulary, ban: Callable[[Vocabulary], BanAutomaton]
    ) -> None:
        self._values = values
        self._vocabulary = vocabulary
        self._ban = ban(said_inside(vocabulary))
        self._text = bits.pack(vocabulary.is_text)

    def mask(self, state: BanPlace) -> Bits | None:
        """Return the tokens that complete no phrase in the present value; None: all may come."""
        place = state.json
        if place.escape or not self._values.is_inside(place):
            return None
        return self._ban.mask(state.search)

    def step(self, state: BanPlace, token: int) -> BanPlace | None:
        """Return the state after a token; None: a value says a phrase, or is nested too deep."""
        ends = token in self._vocabulary.end_ids
        read = self._values.read(state.json, b"" if ends else self._vocabulary.tokens[token])
        if read is None:
            return None
        place, said = read
        at = state.search
        for text, closes in said:
            after = self._ban.follow(at, text)
            if after is None or (closes and not self._ban.may_end(after)):
                return None
            at = self._ban.start if closes else after
        return BanPlace(place, at)

    def may_end(self, state: BanPlace) -> bool:
        """Return whether the text may end: always, unless a value ends in a banned whole word."""
        return self._ban.may_end(state.search)

    def must_end(self, state: BanPlace) -> bool:
        """Return whether every text token completes a phrase."""
        mask = self.mask(state)
        return mask is not None and not (mask & self._text).any()

    def forced(self, state: BanPlace) -> tuple[int, ...]:
        """None is known to be."""
        return ()

    def plan(self, state: BanPlace, limit: int) -> tuple[int, ...] | None:
        """Return no token if the text may end, else some after which it may; None: none were found."""
        if self.may_end(state):
            return ()
        for token in shortest(self._vocabulary).tolist() if limit else ():
            if self._leads_to_end(state, (token,)):
                return (token,)
        for tail in _TAILS if state.json.escape else ():
            tokens = tuple(self._vocabulary.single(tail))
            if len(tail) == len(tokens) <= limit and self._leads_to_end(state, tokens):
                return tokens
        return None

    def _leads_to_end(self, state: BanPlace, tokens: tuple[int, ...]) -> bool:
        after = follow(self, state, tokens)
        return after is not None and self.may_end(after)

    @property
    def growth(self) -> int:
        """A word that an escape is begun after may need all of the escape."""
        return max(map(len, _TAILS))

    @property
    def exact(self) -> bool:
        """Some tokens are refused that masks allow."""
        return False


@lru_cache(maxsize=8)
def said_inside(vocabulary: Vocabulary) -> Vocabulary:
    """Return what each token says where it stands inside a string; the end of the string is `NONE`."""
    return Vocabulary(tuple(map(_said_inside, vocabulary.tokens)), vocabulary.end_ids)


def _said_inside(token: bytes) -> bytes:
    if not STOP.search(token):
        return token
    read = JsonValues().read(INSIDE, token)
    if read is None:
        return b""
    _, said = read
    return said[0].text + (NONE if said[0].closes else b"")
