"""A list of texts as an automaton over tokens: sorted, so that texts of one beginning stand side by side.

A state says which of the texts begin with what was generated. Nothing is made for a byte of a text in
advance, so tens of thousands of texts compile in milliseconds.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from ponder.constraints import bits
from ponder.constraints.bits import Bits
from ponder.constraints.recent import Recent
from ponder.constraints.regular.dfa_automaton import MASK_BYTES, MAX_FORCED
from ponder.text.vocabulary import Ints, Vocabulary, ranges

LETTERS = 257  # a byte, or that the text is over
OVER = 256
MAX_PLANNED = 1000  # texts among which a plan looks for the one of the fewest tokens

State = tuple[int, int, int]


def can_spell(vocabulary: Vocabulary, strings: Sequence[bytes]) -> bool:
    """Return whether every byte of the strings is a token, so that every beginning of one can be finished."""
    trie = vocabulary.trie
    roots = slice(1, 1 + int(trie.num_children[0]))
    single = trie.byte[roots][trie.num_strings[roots] > 0]
    return set(b"".join(strings)) <= set(single.tolist())


class TextsAutomaton:
    """Follows texts of which every byte is a token of the vocabulary (`can_spell`).

    `texts` and `ends` are as `dfa.longest` returns them. A state is (first, last, length): the texts from
    `first` to before `last`, in the order of their bytes, begin with the `length` bytes that were generated.
    Equal beginnings are equal states.
    """

    def __init__(self, texts: Sequence[bytes], ends: Sequence[Sequence[int]], vocabulary: Vocabulary) -> None:
        self._texts = texts
        self._vocabulary = vocabulary
        trie = vocabulary.trie
        # Rising; edge i leads to node i + 1, and the last is none of a text's.
        self._edges = np.append(trie.parent[1:] * LETTERS + trie.byte[1:], np.iinfo(np.int64).max)
        lengths = np.array([len(text) + 1 for text in texts])
        self._first = np.cumsum(lengths) - lengths  # of each text: the place before its first byte
        self._letters = np.frombuffer(b"\0".join((*self._texts, b"")), np.uint8).astype(np.int16)
        self._letters[self._first + lengths - 1] = OVER
        self._ends = np.zeros(len(self._letters), dtype=np.bool_)  # at each place: whether a text ends
        counts = [len(own) for own in ends]
        self._ends[np.repeat(self._first, counts) + np.fromiter(chain(*ends), np.int64, sum(counts))] = True
        self.start: State = (0, len(self._texts), 0)
        self._masks: Recent[State, Bits] = Recent(max(16, MASK_BYTES // max(len(vocabulary) // 8, 1)))

    def mask(self, state: State) -> Bits:
        """Return the tokens whose bytes come next in one of the texts."""
        return self._masks.get(state, self._mask)

    def step(self, state: State, token: int) -> State | None:
        """Return the state after a token: those of the texts that go on with its bytes."""
        if not self._vocabulary.is_text[token]:
            return None
        first, last, length = state
        spelled = self._vocabulary.tokens[token]
        longer = length + len(spelled)

        def following(text: bytes) -> bytes:
            return text[length:longer]

        first = bisect_left(self._texts, spelled, first, last, key=following)
        last = bisect_right(self._texts, spelled, first, last, key=following)
        return (first, last, longer) if first < last else None

    def may_end(self, state: State) -> bool:
        """Return whether what was generated is one of the texts."""
        first, _, length = state
        return bool(self._ends[self._first[first] + length])

    def must_end(self, state: State) -> bool:
        """Return whether no text goes on from here."""
        first, last, length = state
        return last - first == 1 and len(self._texts[first]) == length

    def forced(self, state: State) -> tuple[int, ...]:
        """Return the tokens that are the only way on, up to `MAX_FORCED`."""
        chain: list[int] = []
        while not self.may_end(state) and len(chain) < MAX_FORCED:
            possible = bits.members(self.mask(state))
            if len(possible) != 1:
                break
            chain += possible
            after = self.step(state, possible[0])
            assert after is not None, "a mask has only what may follow"
            state = after
        return tuple(chain)

    def plan(self, state: State, limit: int) -> tuple[int, ...] | None:
        """Return the fewest tokens to the end of a text, if they are at most `limit`.

        Among more than `MAX_PLANNED` texts, those are looked at that have the fewest bytes left.
        """
        first, last, length = state
        texts = np.arange(first, last)
        if last - first > MAX_PLANNED:
            left = np.array([len(text) for text in self._texts[first:last]])
            texts = texts[np.argpartition(left, MAX_PLANNED)[:MAX_PLANNED]]
        places = np.sort(self._first[texts] + length)
        if self._ends[self._first[first] + length]:
            return ()
        taken: list[tuple[Ints, Ints, Ints]] = []  # of each token: where it leads, rising; whence; which
        while places.size and len(taken) < limit:
            origin, node, target = self._read(places)
            target, found = np.unique(target, return_index=True)
            token = self._vocabulary.trie.numbers[self._vocabulary.trie.first_string[node[found]]]
            taken.append((target, places[origin[found]], token))
            ended = target[self._ends[target]]
            if ended.size:
                return self._back(int(ended[0]), taken)
            places = target
        return None

    @property
    def growth(self) -> int:
        """At most the bytes of the longest text."""
        return max(map(len, self._texts))

    @property
    def exact(self) -> bool:
        """There are no dead ends."""
        return True

    @staticmethod
    def _back(place: int, taken: list[tuple[Ints, Ints, Ints]]) -> tuple[int, ...]:
        tokens = []
        for target, origin, token in reversed(taken):
            found = int(np.searchsorted(target, place))
            tokens.append(int(token[found]))
            place = int(origin[found])
        return tuple(reversed(tokens))

    def _mask(self, state: State) -> Bits:
        first, last, length = state
        trie = self._vocabulary.trie
        node = np.unique(self._read(self._first[first:last] + length)[1])
        allowed = np.zeros(len(self._vocabulary), dtype=np.bool_)
        allowed[trie.numbers[ranges(trie.first_string[node], trie.num_strings[node])]] = True
        return bits.pack(allowed)

    def _read(self, places: Ints) -> tuple[Ints, Ints, Ints]:
        """Read tokens along the texts from some places.

        Returns, for each place and each node of the vocabulary's trie that a token ends at: which of the
        places it was, the node, and the place after the token.
        """
        ends_token: npt.NDArray[np.bool_] = self._vocabulary.trie.num_strings > 0
        node, origin, at = np.zeros(len(places), np.int64), np.arange(len(places)), places
        origins, nodes, targets = [node[:0]], [node[:0]], [node[:0]]
        while at.size:
            edge = node * LETTERS + self._letters[at]
            found = np.searchsorted(self._edges, edge)
            on = np.flatnonzero(self._edges[found] == edge)
            node, origin, at = found[on] + 1, origin[on], at[on] + 1
            ending = ends_token[node]
            origins.append(origin[ending])
            nodes.append(node[ending])
            targets.append(at[ending])
        return np.concatenate(origins), np.concatenate(nodes), np.concatenate(targets)
