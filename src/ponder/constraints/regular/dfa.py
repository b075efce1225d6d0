"""Regular sets of byte strings as deterministic automata, and their algebra.

Texts are read as bytes. Bytes that alone are no character are bytes like others: the complement of a set is
all other byte strings, and whoever wants characters only intersects with `utf8`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from ponder.errors import ParameterError
from ponder.text.vocabulary import Trie, ranges

MAX_STATES = 2**20
MAX_BYTES = 2**27  # of a table
MAX_SUBSETS = 2**18  # transitions of a concatenation where a text can be cut in two at several places

Table = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Dfa:
    """A set of byte strings: those that lead from `start` to an accepting state.

    At most `MAX_STATES` states and `MAX_BYTES` bytes of table; an operation that needs more raises a
    ParameterError that says how many are allowed. Every state is reached from `start` and reaches an
    accepting one; only the empty set has a state that does not.

    Attributes
    ----------
    classes : [256] the class of each byte; bytes of one class lead to the same states.
    table : [S, C] int32, the state that a class leads to; -1: no string of the set goes on so.
    accepting : [S]
    """

    classes: npt.NDArray[np.uint8]
    table: Table
    accepting: Flags
    start: int = 0

    @property
    def num_states(self) -> int:
        """How many states there are."""
        return len(self.table)

    @property
    def is_empty(self) -> bool:
        """Whether no string is in the set."""
        return not self.accepting.any()

    def accepts(self, text: bytes) -> bool:
        """Return whether a string is in the set."""
        state = self.start
        for byte in text:
            state = int(self.table[state, self.classes[byte]])
            if state < 0:
                return False
        return bool(self.accepting[state])


def trimmed(classes: npt.NDArray[np.uint8], table: Table, accepting: Flags, start: int = 0) -> Dfa:
    """Return an automaton without the states that no string of the set comes through."""
    kept = reaching(table, accepting) & _reached(table, start)
    if not kept[start]:
        return Dfa(np.zeros(256, np.uint8), np.full((1, 1), -1, np.int32), np.zeros(1, np.bool_))
    number = np.full(len(table) + 1, -1, dtype=np.int32)  # the last is what -1 leads to
    number[:-1][kept] = np.arange(kept.sum(), dtype=np.int32)
    return Dfa(classes, number[table[kept]], accepting[kept], int(number[start]))


def check_size(states: int, classes: int) -> None:
    """Raise a ParameterError if a table would be too large."""
    if states > MAX_STATES:
        raise ParameterError("constraint", f"{states} states or more", f"at most {MAX_STATES} states")
    if states * classes * 4 > MAX_BYTES:
        size = f"a table of {states} states for {classes} classes of bytes, or more"
        raise ParameterError("constraint", size, f"at most {MAX_BYTES} bytes of table")


def reaching(table: Table, goals: Flags) -> Flags:
    """Return from which states of [S, C] some goal is reached, goals included."""
    reached = goals.copy()
    if goals.all() or not goals.any():
        return reached
    source, column = np.nonzero(table >= 0)
    target = table[source, column]
    order = np.argsort(target, kind="stable")
    source = source[order]
    first = np.searchsorted(target[order], np.arange(len(table) + 1))
    frontier = np.flatnonzero(goals)
    while frontier.size:
        before = source[ranges(first[frontier], first[frontier + 1] - first[frontier])]
        frontier = np.unique(before[~reached[before]])
        reached[frontier] = True
    return reached


def _reached(table: Table, start: int) -> Flags:
    reached = np.zeros(len(table), dtype=np.bool_)
    reached[start] = True
    frontier = np.array([start])
    while frontier.size:
        after = table[frontier]
        after = after[after >= 0]
        frontier = np.unique(after[~reached[after]])
        reached[frontier] = True
    return reached


def longest(strings: Iterable[bytes]) -> tuple[list[bytes], list[list[int]]]:
    """Return the strings, sorted, that no other one goes on from; and for each the lengths at which one ends.

    A string that is the beginning of others is noted at the first of them alone.
    """
    kept: list[bytes] = []
    ends: list[list[int]] = []
    for string in sorted(strings, reverse=True):
        if kept and kept[-1].startswith(string):
            ends[-1].append(len(string))
        else:
            kept.append(string)
            ends.append([len(string)])
    return kept[::-1], ends[::-1]


def texts(strings: Iterable[bytes]) -> Dfa:
    """Return the set of exactly these strings, of which there is at least one."""
    kept, ends = longest(strings)
    trie = Trie.build(kept)
    letters, place = np.unique(trie.byte[1:], return_inverse=True)
    classes = np.full(256, len(letters), dtype=np.int64)  # all others are one class, if there are others
    classes[letters] = np.arange(len(letters))
    num_classes = int(classes.max()) + 1
    check_size(len(trie.parent), num_classes)
    table = np.full((len(trie.parent), num_classes), -1, dtype=np.int32)
    table[trie.parent[1:], place.reshape(-1)] = np.arange(1, len(trie.parent))
    accepting = trie.num_strings > 0
    for string, own in zip(kept, ends, strict=True):
        if len(own) > 1:
            states = list(accumulate(string, lambda state, byte: table[state, classes[byte]], initial=0))
            accepting[[states[length] for length in own]] = True
    return Dfa(classes.astype(np.uint8), table, accepting)


# States of a character's bytes: at a character's start; one, two or three more bytes of any kind; after
# E0, ED, F0 and F4, whose next byte is limited (RFC 3629, section 4).
_START, _ONE, _TWO, _THREE, _E0, _ED, _F0, _F4 = range(8)
# The first byte of each range of bytes that behave alike, and where it leads from each state.
_RANGES: tuple[tuple[int, dict[int, int]], ...] = (
    (0x00, {_START: _START}),
    (0x80, {_ONE: _START, _TWO: _ONE, _THREE: _TWO, _ED: _ONE, _F4: _TWO}),
    (0x90, {_ONE: _START, _TWO: _ONE, _THREE: _TWO, _ED: _ONE, _F0: _TWO}),
    (0xA0, {_ONE: _START, _TWO: _ONE, _THREE: _TWO, _E0: _ONE, _F0: _TWO}),
    (0xC0, {}),
    (0xC2, {_START: _ONE}),
    (0xE0, {_START: _E0}),
    (0xE1, {_START: _TWO}),
    (0xED, {_START: _ED}),
    (0xEE, {_START: _TWO}),
    (0xF0, {_START: _F0}),
    (0xF1, {_START: _THREE}),
    (0xF4, {_START: _F4}),
    (0xF5, {}),
)


def utf8(min_characters: int = 0, max_characters: int | None = None) -> Dfa:
    """Return the set of whole characters in UTF-8, so many of them."""
    last = min_characters if max_characters is None else max_characters
    check_size((last + 1) * 8, len(_RANGES))
    first_bytes = np.array([first for first, _ in _RANGES])
    classes = np.searchsorted(first_bytes, np.arange(256), side="right") - 1
    table = np.full(
        (last + 1, 8, len(_RANGES)), -1, dtype=np.int32
    )  # [characters begun, place in one, class]
    begun = np.arange(last + 1)
    for column, (_, leads) in enumerate(_RANGES):
        for place, onwards in leads.items():
            after = np.minimum(begun + 1, last) if place == _START else begun
            table[:, place, column] = after * 8 + onwards
            if place == _START and max_characters is not None:
                table[last, place, column] = -1
    accepting = np.zeros((last + 1, 8), dtype=np.bool_)
    accepting[min_characters:, _START] = True
    return trimmed(classes.astype(np.uint8), table.reshape(-1, len(_RANGES)), accepting.reshape(-1))


def anything() -> Dfa:
    """Return the set of all byte strings."""
    return Dfa(np.zeros(256, np.uint8), np.zeros((1, 1), np.int32), np.ones(1, np.bool_))


def with_anything_after(inner: Dfa) -> Dfa:
    """Return the strings that begin with one of the set."""
    table = inner.table.copy()
    ends = np.flatnonzero(inner.accepting)
    table[ends] = ends[:, None]
    return trimmed(inner.classes, table, inner.accepting, inner.start)


def complement(inner: Dfa) -> Dfa:
    """Return all other byte strings."""
    table, _ = _completed(inner)
    check_size(*table.shape)
    return trimmed(inner.classes, table, ~np.append(inner.accepting, False), inner.start)


def intersection(first: Dfa, second: Dfa) -> Dfa:
    """Return what is in both sets."""
    return _product(first, second, both=True)


def union(first: Dfa, second: Dfa) -> Dfa:
    """Return what is in one of the sets or both."""
    return _product(first, second, both=False)


def _completed(dfa: Dfa) -> tuple[Table, int]:
    """Return the table with one more state, which is never left, in place of -1; and that state."""
    sink = dfa.num_states
    table = np.vstack([dfa.table, np.full((1, dfa.table.shape[1]), sink, np.int32)])
    return np.where(table < 0, sink, table).astype(np.int32), sink


def _common(
    first: Dfa, second: Dfa
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return classes that respect those of both, and which class of the first and the second each is in."""
    pairs, classes = np.unique(first.classes.astype(np.int64) * 256 + second.classes, return_inverse=True)
    return classes.reshape(-1).astype(np.uint8), pairs // 256, pairs % 256


def _product(first: Dfa, second: Dfa, *, both: bool) -> Dfa:
    classes, first_columns, second_columns = _common(first, second)
    (left, left_sink), (right, right_sink) = _completed(first), _completed(second)
    left, right = left[:, first_columns], right[:, second_columns]
    width = right_sink + 1
    numbers = {first.start * width + second.start: 0}  # of each pair of states
    frontier = np.array(list(numbers), dtype=np.int64)
    rows, pairs = [], []
    while frontier.size:
        pairs.append(frontier)
        to_left, to_right = left[frontier // width], right[frontier % width]  # [F, C]
        gone_left, gone_right = to_left == left_sink, to_right == right_sink
        target = to_left.astype(np.int64) * width + to_right
        target[gone_left | gone_right if both else gone_left & gone_right] = -1
        unique, place = np.unique(target, return_inverse=True)
        known = len(numbers)
        named = np.array([p if p < 0 else numbers.setdefault(p, len(numbers)) for p in unique.tolist()])
        check_size(len(numbers), len(first_columns))
        rows.append(named[place.reshape(target.shape)].astype(np.int32))
        frontier = unique[named >= known]
    every = np.concatenate(pairs)
    accepts_left = np.append(first.accepting, False)[every // width]
    accepts_right = np.append(second.accepting, False)[every % width]
    accepting = accepts_left & accepts_right if both else accepts_left | accepts_right
    return trimmed(classes, np.concatenate(rows), accepting)


def concatenation(first: Dfa, second: Dfa) -> Dfa:
    """Return the strings that are one of the first set and then one of the second.

    If the next byte always tells whether the first goes on or the second begins, a state is one of either.
    Otherwise it is where the first is, and the set of places where the second may be.
    """
    classes, first_columns, second_columns = _common(first, second)
    check_size(first.num_states + second.num_states, len(first_columns))
    left, right = first.table[:, first_columns], second.table[:, second_columns]
    ends, begins = left[first.accepting], right[second.start]
    if ((ends >= 0) & (begins >= 0)).any():
        return _concatenation_of_subsets(first, second, classes, left, right)
    table = np.vstack([left, np.where(right < 0, -1, right + first.num_states)])
    onwards = np.where(begins < 0, -1, begins + first.num_states)
    table[: first.num_states][first.accepting] = np.where(ends < 0, onwards, ends)
    accepting = np.concatenate([first.accepting & second.accepting[second.start], second.accepting])
    return trimmed(classes, table.astype(np.int32), accepting, first.start)


def _concatenation_of_subsets(
    first: Dfa, second: Dfa, classes: npt.NDArray[np.uint8], left: Table, right: Table
) -> Dfa:
    width = left.shape[1]

    own = np.arange(len(right))[:, None]
    full = set(
        np.flatnonzero(second.accepting & (right == own).all(axis=1)).tolist()
    )  # all that follows is accepted

    def begun(at: int, places: set[int]) -> tuple[int, frozenset[int]]:
        if at >= 0 and first.accepting[at]:
            places.add(second.start)
        done = places & full
        return (-1, frozenset((min(done),))) if done else (at, frozenset(places))

    start = begun(first.start, set())
    numbers = {start: 0}
    states = [start]
    edges: list[tuple[int, int, int]] = []
    for number, (at, places) in enumerate(states):  # `states` grows on the way
        after = right[list(places)]  # [places, C]
        ahead = left[at] if at >= 0 else np.full(width, -1)
        for column in np.flatnonzero((ahead >= 0) | (after >= 0).any(axis=0)).tolist():
            target = begun(int(ahead[column]), {place for place in after[:, column].tolist() if place >= 0})
            if target not in numbers:
                numbers[target] = len(states)
                states.append(target)
            edges.append((number, column, numbers[target]))
        check_size(len(states), width)
        if len(edges) > MAX_SUBSETS:
            raise ParameterError(
                "constraint", f"{len(edges)} transitions", f"at most {MAX_SUBSETS} after `then`"
            )
    table = np.full((len(states), width), -1, dtype=np.int32)
    if edges:
        source, columns, targets = np.array(edges).T
        table[source, columns] = targets
    accepting = np.array([any(second.accepting[place] for place in places) for _, places in states])
    return trimmed(classes, table, accepting)
