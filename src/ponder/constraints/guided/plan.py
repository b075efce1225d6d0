"""A short way to an end of a text, found by trying tokens on a matcher."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from llguidance import LLMatcher

from ponder.constraints import bits
from ponder.constraints.bits import Bits
from ponder.text.vocabulary import Vocabulary

MAX_MASKS = 400  # in all that one search may ask for
MAX_STEPS = 4000  # tokens that one search may try
MAX_WALKS = 32
MAX_BYTES = 8  # of a walk for each token that the plan may have
MAX_FEW = 64  # words of a mask that are looked at one by one
MAX_CUTS = 24  # loops that are tried to be left out
MAX_SPELLED = 32  # bytes of a token by which a way is spelled anew
MAX_LITERALS = 32
# What a kind of token counts at a mask: each kind more than the one before it, and more for each time that
# it was taken and each time that it led back to the same mask. The first walk takes what closes, and is over
# where it takes the same too often. The later ones try all kinds.
RANK = 0.5
TAKEN = (0.001, 1.0)
LOOP = (0.001, 3.0)
MAX_SAME = 64
# Kinds of tokens by their first byte, the likeliest to lead to an end first.
KINDS = (b'"', b")]}>", b";.!?", b"\n", b"'`", b"</", b"0123456789", b" ", b"\t\r,:=", bytes(range(97, 123)))
LITERAL = 4  # the place among them of whole literals of the grammar


@dataclass(frozen=True, slots=True)
class Probes:
    """For each byte the shortest token that begins with it, in the order in which they are tried.

    Attributes
    ----------
    tokens : [N] their ids.
    kinds : [N] the kind of each.
    lengths : [V] the number of bytes of each token that spells text; of others 0.
    tokens_of : the token of each byte string.
    """

    tokens: tuple[int, ...]
    kinds: tuple[int, ...]
    lengths: tuple[int, ...]
    tokens_of: dict[bytes, int]

    @staticmethod
    def of(vocabulary: Vocabulary) -> Probes:
        """Choose the tokens of a vocabulary."""
        lengths = [
            len(token) if is_text else 0
            for token, is_text in zip(vocabulary.tokens, vocabulary.is_text.tolist(), strict=True)
        ]
        text = sorted((token for token, length in enumerate(lengths) if length), key=lengths.__getitem__)
        tokens_of: dict[bytes, int] = {}
        by_byte: dict[int, int] = {}
        for token in text:
            spelled = vocabulary.tokens[token]
            tokens_of.setdefault(spelled, token)
            by_byte.setdefault(spelled[0], token)
        kind = {byte: number for number, letters in enumerate(KINDS) for byte in letters}
        order = sorted(by_byte, key=lambda byte: (kind.get(byte, len(KINDS)), byte))
        return Probes(
            tuple(by_byte[byte] for byte in order),
            tuple(kind.get(byte, len(KINDS)) for byte in order),
            tuple(lengths),
            tokens_of,
        )

    def spell(self, spelled: bytes) -> tuple[int, ...] | None:
        """Return the fewest tokens that spell some bytes; None: some byte has no token."""
        unknown = len(spelled) + 1
        best: list[tuple[int, int]] = [(0, -1)]  # for each number of bytes: fewest tokens, the last of them
        for end in range(1, len(spelled) + 1):
            least, last = unknown, -1
            for begin in range(max(0, end - MAX_SPELLED), end):
                if best[begin][0] + 1 < least:
                    token = self.tokens_of.get(spelled[begin:end])
                    if token is not None:
                        least, last = best[begin][0] + 1, token
            best.append((least, last))
        if best[-1][0] >= unknown:
            return None
        tokens: list[int] = []
        end = len(spelled)
        while end:
            tokens.append(best[end][1])
            end -= self.lengths[best[end][1]]
        return tuple(reversed(tokens))

    def literals(self, grammar: str) -> tuple[tuple[int, ...], ...]:
        """Return what stands in quotation marks, or as plain letters in a regex, as tokens."""
        quoted = re.findall(r'"((?:[^"\\\n]|\\.)*)"', grammar)
        plain = re.findall(r"(?<![\\\w])[\w<>/!#@%&:;=-]{2,}", grammar)
        found = (re.sub(r"\\(.)", _unescaped, text).encode(errors="ignore") for text in [*quoted, *plain])
        spelled = (self.spell(text) for text in dict.fromkeys(found) if 2 <= len(text) <= MAX_SPELLED)
        return tuple(islice((tokens for tokens in spelled if tokens), MAX_LITERALS))


def _unescaped(match: re.Match[str]) -> str:
    return {"n": "\n", "t": "\t", "r": "\r"}.get(match[1], match[1])


def only(mask: Bits) -> int | None:
    """Return the only token of a mask; None: it has none, or several."""
    words = np.flatnonzero(mask)
    if len(words) != 1:
        return None
    word = int(mask[words[0]]) & 0xFFFFFFFF
    return None if word & (word - 1) else int(words[0]) * bits.WORD + word.bit_length() - 1


def find_ending(
    matcher: LLMatcher,
    vocabulary: Vocabulary,
    probes: Probes,
    text: Bits,
    literals: tuple[tuple[int, ...], ...],
    limit: int,
) -> tuple[int, ...] | None:
    """Return at most `limit` tokens after which the text may end; None: none are found.

    The matcher is one of its own, which is moved about. `text` are the tokens that may be used; `literals`
    are tried as wholes. The work is bounded by numbers and not by time, so that the same question has the
    same answer.
    """
    if matcher.is_accepting():
        return ()
    search = _Search(matcher, vocabulary, probes, text, literals, limit)
    for number in range(MAX_WALKS):
        if search.is_over:
            break
        way = search.walk(number)
        if way is not None:
            plan = search.fewest(way)
            if len(plan) <= limit:
                return plan
    return None


@dataclass(frozen=True, slots=True)
class _Look:
    """A mask's number, what may be tried there by kind, and the token to take where the bytes are forced."""

    mask: int
    choices: list[list[tuple[int, ...]]]
    forced: int | None


@dataclass(slots=True)
class _Search:
    """Walks from the same place again and again, each time by kinds of tokens that were tried less.

    A place is known by its mask alone: where the same tokens are allowed, the same was tried. A kind of
    token that led back to the same mask counts more, as it may lead nowhere.
    """

    matcher: LLMatcher
    vocabulary: Vocabulary
    probes: Probes
    text: Bits
    literals: tuple[tuple[int, ...], ...]
    limit: int
    masks: int = 0
    steps: int = 0
    is_stuck: bool = False  # the matcher met an error, or cannot go back
    tried: dict[tuple[int, int], float] = field(default_factory=lambda: defaultdict(float))
    times: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    nodes: dict[tuple[int, int], int] = field(default_factory=dict)  # by parent and token; 0 is the root
    looks: dict[int, _Look] = field(default_factory=dict)  # what was seen at a node
    places: list[int | None] = field(default_factory=list)  # the mask before each token; None: it is forced

    @property
    def is_over(self) -> bool:
        """Whether no more may be tried."""
        return self.is_stuck or self.masks >= MAX_MASKS or self.steps >= MAX_STEPS

    def walk(self, number: int) -> list[int] | None:
        """Go on until the text may end; None: this did not come to an end."""
        taken, loop = TAKEN[min(number, 1)], LOOP[min(number, 1)]
        if number <= 1:
            self.tried.clear()
            self.times.clear()
        way: list[int] = []
        self.places = []
        node, spelled, before = 0, 0, -1
        last: tuple[int, int] | None = None
        while spelled <= self.limit * MAX_BYTES:
            look = self._look(node)
            if look is None:
                break
            if last is not None and look.mask == before:
                self.tried[last] += loop
            last = None
            if look.forced is not None:
                tokens: tuple[int, ...] = (look.forced,)
            else:
                last = self._least_tried(look)
                if last is None or (number == 0 and self.times[last] >= MAX_SAME):
                    break
                among = look.choices[last[1]]
                tokens = among[self.times[last] % len(among)]
                self.tried[last] += taken
                self.times[last] += 1
            before = look.mask
            for token in tokens:
                self.steps += 1
                if not self.matcher.consume_token(token):
                    self.is_stuck = True
                    return None
                self.places.append(None if last is None or len(tokens) > 1 else look.mask)
                way.append(token)
                spelled += self.probes.lengths[token]
                node = self.nodes.setdefault((node, token), len(self.nodes) + 1)
                if self.matcher.is_accepting():
                    self._back(len(way))
                    return way
        self._back(len(way))
        return None

    def _least_tried(self, look: _Look) -> tuple[int, int] | None:
        kinds = [(look.mask, kind) for kind, among in enumerate(look.choices) if among]
        return min(kinds, key=lambda each: self.tried[each] + RANK * each[1], default=None)

    def _back(self, tokens: int) -> None:
        if tokens and not self.matcher.rollback(tokens):
            self.is_stuck = True

    def _look(self, node: int) -> _Look | None:
        """Look at the mask where the matcher is; None: there was an error, or too many masks."""
        if node in self.looks:
            return self.looks[node]
        if self.is_over:
            return None
        self.masks += 1
        raw = self.matcher.compute_bitmask()
        if self.matcher.is_error():
            self.is_stuck = True
            return None
        mask = np.frombuffer(raw, dtype="<i4")[: len(self.text)] & self.text
        choices: list[list[tuple[int, ...]]] = [[] for _ in range(len(KINDS) + 1)]
        probed = np.asarray(self.probes.tokens)
        allowed = np.flatnonzero(mask[probed >> 5] >> (probed & 31) & 1)
        forced = self._longest(mask) if len(allowed) <= 1 else None
        if forced is None:
            for place in allowed.tolist():
                choices[self.probes.kinds[place]].append((self.probes.tokens[place],))
            for tokens in self.literals:
                if self.matcher.validate_tokens(list(tokens)) == len(tokens):
                    choices[LITERAL].append(tokens)
        look = self.looks[node] = _Look(hash(mask.tobytes()), choices, forced)
        return look

    def _longest(self, mask: Bits) -> int | None:
        """Return the longest token of a mask, of its first ones where it has many."""
        few = [
            int(word) * bits.WORD + bit
            for word in np.flatnonzero(mask)[:MAX_FEW]
            for bit in range(bits.WORD)
            if int(mask[word]) >> bit & 1
        ]
        return max(few, key=lambda token: (self.probes.lengths[token], -token), default=None)

    def fewest(self, way: list[int]) -> tuple[int, ...]:
        """Return a way without its loops, spelled in as few tokens as it can be."""
        way = self._without_loops(way)
        merged = self.probes.spell(b"".join(self.vocabulary.tokens[token] for token in way))
        if merged is not None and len(merged) < len(way) and self._ends(list(merged)):
            return merged
        return tuple(way)

    def _without_loops(self, way: list[int]) -> list[int]:
        places, cuts, first = self.places[: len(way)], 0, 0
        while first < len(way) and cuts < MAX_CUTS:
            same = (
                []
                if places[first] is None
                else [i for i in range(first + 1, len(way)) if places[i] == places[first]]
            )
            for after in reversed(same):
                cuts += 1
                if self._ends(way[:first] + way[after:]):
                    way, places = way[:first] + way[after:], places[:first] + places[after:]
                    break
                if cuts >= MAX_CUTS:
                    break
            else:
                first += 1
        return way

    def _ends(self, way: list[int]) -> bool:
        """Return whether a way is allowed and the text may end after it."""
        if self.is_stuck or self.matcher.validate_tokens(way) != len(way):
            return False
        if not self.matcher.consume_tokens(way):
            self.is_stuck = True
            return False
        ends = self.matcher.is_accepting()
        self._back(len(way))
        return ends
