"""A grammar that llguidance follows, as an automaton whose states are values.

llguidance has a matcher: it consumes tokens, says which may come next, and changes as it does so. Here a
state is a `Place`, the path of tokens itself, and matchers are brought there when a question is asked of it.

All ways to cut a text into tokens are allowed. llguidance would force the way of a tokenizer where the text
is forced, and say that a text may not end there; `no_forcing` turns this off.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import count
from threading import Lock, Thread
from threading import enumerate as threads
from typing import Any

import numpy as np
from llguidance import LLMatcher, LLParserLimits, LLTokenizer, TokenizerWrapper

from ponder.constraints import bits
from ponder.constraints.bits import Bits
from ponder.constraints.constraint import UNBOUNDED
from ponder.constraints.guided.place import Matchers, Place
from ponder.constraints.guided.plan import Probes, find_ending, only
from ponder.constraints.only_way import MAX_FORCED
from ponder.constraints.recent import Recent
from ponder.constraints.regular.dfa_automaton import MASK_BYTES
from ponder.errors import ParameterError
from ponder.text.vocabulary import Vocabulary

MAX_GRAMMAR = 2**17  # characters: compiling takes up to their square
MAX_SECONDS = 2.0  # to compile
MAX_GIVEN_UP = 2  # threads that still compile what was given up
GIVEN_UP = "ponder-grammar-given-up"
MAX_KEPT = 2**16  # numbers of places
MASKS = 512  # that are told apart: most places of a grammar have one of few
LEAST_GROWTH = 16  # tokens
NO_FORCING = '\n%llguidance {"no_forcing": true}\n'


class _Tokens:
    """A vocabulary as llguidance reads it.

    One more token stands for the end of a text, so that no token of the vocabulary does. Those that spell
    nothing have names that no text can spell.
    """

    bos_token_id = None

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.eos_token_id = len(vocabulary)
        self.tokens = [*vocabulary.tokens, b"<|end|>"]
        self.special_token_ids = [*np.flatnonzero(~vocabulary.is_text).tolist(), self.eos_token_id]
        for number in self.special_token_ids[:-1]:
            self.tokens[number] = f"<|{number}|>".encode()

    def __call__(self, text: str | bytes) -> list[int]:
        raise NotImplementedError  # asked for forced texts alone, and nothing is forced


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """What all grammars over a vocabulary share.

    Attributes
    ----------
    tokenizer : llguidance's.
    probes : the tokens that a search for an end tries.
    text : the tokens that spell text.
    """

    tokenizer: LLTokenizer
    probes: Probes
    text: Bits


@lru_cache(maxsize=4)
def shared_by(vocabulary: Vocabulary) -> Shared:
    """Return what all grammars over a vocabulary share; it is made once."""
    tokenizer = LLTokenizer(TokenizerWrapper(_Tokens(vocabulary)))
    return Shared(tokenizer, Probes.of(vocabulary), bits.pack(vocabulary.is_text))


def default_limits() -> LLParserLimits:
    """Return limits of llguidance's work that let large grammars through and bound a mask by about 0.1 s."""
    return LLParserLimits(
        initial_lexer_fuel=20_000_000,
        step_lexer_fuel=1_000_000,
        max_lexer_states=50_000,
        verbose_errors=False,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What is known of a place: the text tokens that may come, whether there are any, whether it may end."""

    mask: Bits
    goes_on: bool
    may_end: bool


class GuidedAutomaton:
    """Follows a grammar of llguidance along tokens. Safe to share by threads.

    Masks are exact, but for one thing: a grammar in which no text ever ends is followed for ever.

    Raises
    ------
    ParameterError : llguidance cannot follow the grammar, or no text over the vocabulary is allowed. While
        texts are generated as well, where a mask takes more work than `limits` allow.
    """

    def __init__(
        self,
        grammar: str,
        vocabulary: Vocabulary,
        *,
        field: str = "grammar",
        limits: LLParserLimits | None = None,
    ) -> None:
        self._grammar = grammar
        self._field = field
        self._vocabulary = vocabulary
        self._shared = shared_by(vocabulary)
        self._literals = self._shared.probes.literals(grammar)
        numbers = count()
        self._numbers: Recent[tuple[int, int], int] = Recent(MAX_KEPT)
        self._new_number = lambda _: next(numbers)
        self._seen: Recent[int, _Seen] = Recent(max(16, MASK_BYTES // max(len(vocabulary) // 8, 1)))
        self._masks: Recent[bytes, _Seen] = Recent(MASKS)
        self._lock = Lock()
        self.start = Place(next(numbers))
        first = LLMatcher(
            self._shared.tokenizer, unforced(grammar), log_level=0, limits=limits or default_limits()
        )
        if first.is_error():
            raise self._error(first)
        self._matchers = Matchers(first)
        seen = self._see(self.start)
        if not (seen.goes_on or seen.may_end):
            raise ParameterError(
                field, grammar, "a grammar of at least one text that the vocabulary can spell"
            )
        if seen.goes_on:  # some grammars are too much work only where a text has begun
            after = self.step(self.start, bits.members(seen.mask)[0])
            assert after is not None
            self._see(after)

    def mask(self, place: Place) -> Bits:
        """Return the text tokens that may come next."""
        return self._see(place).mask

    def step(self, place: Place, token: int) -> Place | None:
        """Return the place after a text token."""
        seen = self._seen.find(place.number)
        if seen is not None:
            allowed = int(seen.mask[token >> 5]) >> (token & 31) & 1
        else:
            allowed = self._vocabulary.is_text[token] and self._validate(place, token)
        if not allowed:
            return None
        number = self._numbers.get((place.number, token), self._new_number)
        return Place(number, place, token, place.depth + 1)

    def may_end(self, place: Place) -> bool:
        """Return whether the text is whole."""
        return self._see(place).may_end

    def must_end(self, place: Place) -> bool:
        """Return whether no text token may follow."""
        return not self._see(place).goes_on

    def forced(self, place: Place) -> tuple[int, ...]:
        """Return the tokens that are the only way on, up to `MAX_FORCED`.

        Where the bytes are forced, they can mostly be cut into tokens in several ways: then none.
        """
        chain: list[int] = []
        at: Place | None = place
        while at is not None and len(chain) < MAX_FORCED and not self.may_end(at):
            token = only(self.mask(at))
            if token is None:
                break
            chain.append(token)
            at = self.step(at, token)
        return tuple(chain)

    def plan(self, place: Place, limit: int) -> tuple[int, ...] | None:
        """Return at most `limit` tokens after which the text may end, found by a bounded search."""
        with self._lock:
            matcher = self._at(place).deep_copy()
        shared = self._shared
        return find_ending(matcher, self._vocabulary, shared.probes, shared.text, self._literals, limit)

    @cached_property
    def growth(self) -> int:
        """As much as the shortest plan, or `LEAST_GROWTH`: a guess, as a token may open many parts."""
        return max(LEAST_GROWTH, len(self.plan(self.start, UNBOUNDED) or ()))

    @property
    def exact(self) -> bool:
        """A text can come to a place that the vocabulary cannot spell a way on from."""
        return False

    def matcher(self, place: Place) -> LLMatcher:
        """Return a matcher of the caller's own that stands at a place."""
        with self._lock:
            return self._at(place).deep_copy()

    def _see(self, place: Place) -> _Seen:
        return self._seen.get(place.number, lambda _: self._look(place))

    def _look(self, place: Place) -> _Seen:
        with self._lock:
            matcher = self._matchers.at(place)
            raw = matcher.compute_bitmask()
            if matcher.is_error():
                self._matchers.forget(place)
                if not matcher.get_error().startswith("NoExtensionBias"):
                    raise self._error(matcher, place.depth)
                raw = bytes(len(raw))  # neither a token nor the end
        return self._masks.get(raw, self._read)

    def _read(self, raw: bytes) -> _Seen:
        """Return what llguidance's mask says; places of equal masks share the answer."""
        whole = np.frombuffer(raw, dtype="<i4")
        end = len(self._vocabulary)
        mask = bits.frozen(whole[: len(self._shared.text)] & self._shared.text)
        return _Seen(mask, bool(mask.any()), bool(whole[end >> 5] >> (end & 31) & 1))

    def _at(self, place: Place) -> LLMatcher:
        """Return the matcher at a place. The caller has the lock."""
        matcher = self._matchers.at(place)
        if matcher.is_error():
            self._matchers.forget(place)
            raise self._error(matcher, place.depth)
        return matcher

    def _validate(self, place: Place, token: int) -> bool:
        with self._lock:
            matcher = self._at(place)
            allowed = matcher.validate_tokens([token]) == 1
            if matcher.is_error():
                self._matchers.forget(place)
                raise self._error(matcher, place.depth)
        return allowed

    def _error(self, matcher: LLMatcher, tokens: int = 0) -> ParameterError:
        reason = " ".join(matcher.get_error().split("<non-verbose/>")[0].split()) or "it gave up"
        where = f"after {tokens} tokens, " if tokens else ""
        allowed = f"a grammar that llguidance can follow ({where}{reason[:300]})"
        return ParameterError(self._field, self._grammar, allowed)


def unforced(grammar: str) -> str:
    """Return a grammar of llguidance, Lark text or JSON, with all ways to cut its texts into tokens."""
    if not grammar.lstrip().startswith("{"):
        return grammar + NO_FORCING
    try:
        whole: dict[str, Any] = json.loads(grammar)
        first: dict[str, Any] = whole["grammars"][0]
    except (ValueError, LookupError, TypeError, RecursionError):
        return grammar  # llguidance says what is wrong
    if first.get("lark_grammar") is not None:
        first["lark_grammar"] += NO_FORCING
        return json.dumps(whole)
    first["name"] = first.get("name") or "main"
    top = {"lark_grammar": f"start: @{first['name']}{NO_FORCING}"}
    return json.dumps({**whole, "grammars": [top, *whole["grammars"]]})


def compile_guided(
    grammar: str,
    vocabulary: Vocabulary,
    *,
    field: str = "grammar",
    limits: LLParserLimits | None = None,
    max_characters: int = MAX_GRAMMAR,
) -> GuidedAutomaton:
    """Compile a grammar in at most `MAX_SECONDS`.

    llguidance cannot be interrupted, so it compiles in a thread of its own, which is given up when the time
    is over. While `MAX_GIVEN_UP` such threads are still at work, no other grammar is compiled.

    Raises
    ------
    ParameterError : as for `GuidedAutomaton`, or the grammar is too large or took too long.
    """
    if len(grammar) > max_characters:
        raise ParameterError(field, f"{len(grammar)} characters", f"at most {max_characters} characters")
    shared_by(vocabulary)  # which is no part of the grammar's time
    if sum(thread.name == GIVEN_UP for thread in threads()) >= MAX_GIVEN_UP:
        raise ParameterError(field, grammar, "a grammar, once those that took too long have been compiled")
    made: list[GuidedAutomaton | BaseException] = []

    def make() -> None:
        try:
            made.append(GuidedAutomaton(grammar, vocabulary, field=field, limits=limits))
        except BaseException as error:
            made.append(error)

    thread = Thread(target=make, name="ponder-grammar", daemon=True)
    thread.start()
    thread.join(MAX_SECONDS)
    if not made:
        thread.name = GIVEN_UP
        raise ParameterError(field, grammar, f"a grammar that can be compiled in {MAX_SECONDS:g} s")
    if isinstance(made[0], BaseException):
        raise made[0]
    return made[0]
