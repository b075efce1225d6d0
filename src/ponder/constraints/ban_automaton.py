"""A ban as an automaton: a search for its strings in the text as it is written."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ponder.constraints import bits
from ponder.constraints.bits import Bits
from ponder.constraints.phrase_search import PhraseSearch, word_is_last
from ponder.constraints.recent import Recent
from ponder.text.vocabulary import Ints, Vocabulary

MASK_BYTES = 2**24  # of kept masks
MAX_TRIES = 512  # of tokens, for one after which the text may end


class BanAutomaton:
    """States are the numbers of a `PhraseSearch`; masks are made when first needed and kept."""

    start = 0

    def __init__(self, search: PhraseSearch, vocabulary: Vocabulary, whole_word: bool) -> None:
        self._search = search
        self._vocabulary = vocabulary
        self._always = [
            np.frombuffer(search.always(word), np.int32) for word in (False, True)[: 1 + whole_word]
        ]
        self._whole_word = whole_word
        self._text = bits.pack(vocabulary.is_text)
        self._masks: Recent[int, Bits] = Recent(max(16, MASK_BYTES // max(len(vocabulary) // 8, 1)))

    def mask(self, state: int) -> Bits:
        """Return the tokens that complete no phrase from `state`."""
        return self._masks.get(state, self._mask)

    def step(self, state: int, token: int) -> int | None:
        """Return the state after the bytes of a token; None: they complete a phrase."""
        after = self._search.step(state, token)
        return None if after < 0 else after

    def follow(self, state: int, text: bytes) -> int | None:
        """Return the state after some bytes; None: a phrase is complete in them."""
        after = self._search.follow(state, text)
        return None if after < 0 else after

    def may_end(self, state: int) -> bool:
        """Return whether the text may end: always, unless it ends in a banned whole word."""
        return self._search.may_end(state)

    def must_end(self, state: int) -> bool:
        """Return whether every text token completes a phrase."""
        return not (self.mask(state) & self._text).any()

    def forced(self, state: int) -> tuple[int, ...]:
        """Return the one token that may come where the text may not end, if it is only one."""
        if self.may_end(state):
            return ()
        mask = self.mask(state)
        if np.count_nonzero(mask) > 1:
            return ()
        possible = bits.members(mask)
        return tuple(possible) if len(possible) == 1 else ()

    def plan(self, state: int, limit: int) -> tuple[int, ...] | None:
        """Return no token if the text may end, else one after which it may; None: no short one was found."""
        if self.may_end(state):
            return ()
        if limit < 1:
            return None
        for token in shortest(self._vocabulary).tolist():
            after = self.step(state, token)
            if after is not None and self.may_end(after):
                return (token,)
        return None

    @property
    def growth(self) -> int:
        """A token that ends a banned word may need one more after it."""
        return 1

    @property
    def exact(self) -> bool:
        """Where whole words are banned, what follows a banned one may be a dead end."""
        return not self._whole_word

    def _mask(self, state: int) -> Bits:
        made = self._search.mask(state)
        return self._always[word_is_last(state)] if made is None else np.frombuffer(made, np.int32)


@lru_cache(maxsize=8)
def shortest(vocabulary: Vocabulary) -> Ints:
    """Return the shortest text tokens, `MAX_TRIES` at most."""
    text = np.flatnonzero(vocabulary.is_text)
    lengths = np.array([len(vocabulary.tokens[token]) for token in text.tolist()], dtype=np.int64)
    return text[np.argsort(lengths, kind="stable")[:MAX_TRIES]]
