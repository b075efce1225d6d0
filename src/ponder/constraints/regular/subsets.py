"""From a regular expression's places to a `Dfa`: the subset construction over symbols, then their UTF-8.

Both are bounded by `MAX_WORK`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ponder.constraints.regular import dfa
from ponder.constraints.regular.alphabet import Alphabet, Symbols
from ponder.constraints.regular.characters import Node, everything, spelling
from ponder.constraints.regular.dfa import Dfa
from ponder.constraints.regular.nfa import EDGE, Nfa, too_large
from ponder.text.vocabulary import ranges

MAX_WORK = 2**20  # places and edges that are visited: a second and a half
REPLACEMENT = 0xFFFD  # what bytes that are no character are read as
SURROGATES = 0xD800, 0xE000  # the first, and the first after them

Edges = dict[int, Symbols]
"""The states that a state leads to, each by other symbols."""


@dataclass(slots=True)
class Work:
    """Counts what is visited and raises a ParameterError when it is too much."""

    left: int

    def spend(self, visits: int) -> None:
        """Count some visits."""
        self.left -= visits
        if self.left < 0:
            raise too_large("an automaton that is too large")


def compiled(nfa: Nfa, start: int, *, rest: int | None = None, broken: bool = False) -> Dfa:
    """Return the texts that lead from `start` to place 0.

    Parameters
    ----------
    rest : a place after which every text is accepted.
    broken : whether texts may have bytes that are no character; they are read as U+FFFD, as they are shown.

    Raises
    ------
    ParameterError : the automaton is too large.
    """
    work = Work(MAX_WORK)
    sets = [*nfa.sets, *nfa.contexts, everything()]
    work.spend(sum(map(len, sets)))
    alphabet = Alphabet(sets)
    edges, accepting = _Subsets(nfa, alphabet, rest, work).determinised(start)
    return _Spelling(alphabet, edges, accepting, work, broken).dfa()


class _Subsets:
    """A state is a set of places and, before an assertion, the kind of the last character."""

    def __init__(self, nfa: Nfa, alphabet: Alphabet, rest: int | None, work: Work) -> None:
        self._nfa = nfa
        self._alphabet = alphabet
        self._rest = rest
        self._work = work
        self._closures: dict[int, tuple[int, ...]] = {}
        self._plain = not any(nfa.asserted)
        self._kinds = [(0, alphabet.every)]  # the kinds of characters, and the symbols of each
        for number, bit in enumerate(nfa.contexts.values(), start=len(nfa.sets)):
            inside = alphabet.sets[number]
            self._kinds = [
                (kind | more, symbols & side)
                for kind, symbols in self._kinds
                for more, side in ((0, ~inside), (bit, inside))
                if symbols & side
            ]

    def determinised(self, start: int) -> tuple[list[Edges], list[bool]]:
        """Return the edges of each state and whether it accepts; the first is the start."""
        first = self._closed([start]), EDGE
        numbers, states = {first: 0}, [first]
        edges: list[Edges] = []
        accepting = []
        for places, before in states:  # grows on the way
            leads: Edges = {}
            for symbols, after in self._after(places, before):
                kinds = self._kinds if self._asserts(after) else [(0, self._alphabet.every)]
                for kind, members in kinds:
                    if symbols & members:
                        target = after, kind
                        if target not in numbers:
                            numbers[target] = len(states)
                            states.append(target)
                        number = numbers[target]
                        leads[number] = leads.get(number, 0) | symbols & members
            self._work.spend(len(leads) + 12)
            edges.append(leads)
            final = self._resolved(places, before, EDGE)
            accepting.append(0 in final or self._rest in final)
        return _without_dead_ends(edges, accepting)

    def _asserts(self, places: Iterable[int]) -> bool:
        return not self._plain and any(self._nfa.asserted[place] for place in places)

    def _closure(self, place: int) -> tuple[int, ...]:
        """Return the places that a place leads to by nothing, without those that are only passed."""
        if place not in self._closures:
            seen, ahead, found = {place}, [place], []
            while ahead:
                at = ahead.pop()
                if self._nfa.moves[at] or self._nfa.asserted[at] or at in (0, self._rest):
                    found.append(at)
                for after in self._nfa.free[at]:
                    if after not in seen:
                        seen.add(after)
                        ahead.append(after)
            self._work.spend(len(seen))
            self._closures[place] = tuple(found)
        return self._closures[place]

    def _closed(self, places: Iterable[int]) -> frozenset[int]:
        closed: set[int] = set()
        for place in places:
            closure = self._closure(place)
            self._work.spend(len(closure))
            closed.update(closure)
        return frozenset((self._rest,)) if self._rest in closed else frozenset(closed)

    def _resolved(self, places: frozenset[int], before: int, after: int) -> set[int]:
        """Return the places and those that follow by assertions that hold between two kinds."""
        found = set(places)
        ahead = [] if self._plain else list(places)
        while ahead:
            asserted = self._nfa.asserted[ahead.pop()]
            if asserted is not None and asserted[0].holds(before, after):
                new = set(self._closure(asserted[1])) - found
                found |= new
                ahead += new
        self._work.spend(len(found))
        return found

    def _after(self, places: frozenset[int], before: int) -> Iterator[tuple[Symbols, frozenset[int]]]:
        """Find where symbols lead: disjoint sets of them, and the places that follow each."""
        if not self._asserts(places):
            yield from self._moved(places, self._alphabet.every)
            return
        for kind, symbols in self._kinds:
            yield from self._moved(self._resolved(places, before, kind), symbols)

    def _moved(self, places: Iterable[int], among: Symbols) -> Iterator[tuple[Symbols, frozenset[int]]]:
        leads: dict[Symbols, list[int]] = {}
        for place in places:
            if place == self._rest:
                yield among, frozenset((place,))
                return
            move = self._nfa.moves[place]
            if move is not None:
                leads.setdefault(self._alphabet.sets[move[0]] & among, []).append(move[1])
        leads.pop(0, None)
        parts: list[tuple[Symbols, list[int]]] = [(among, [])]
        for symbols, targets in leads.items():
            if symbols & (symbols - 1):  # more than one
                self._work.spend(len(parts))
                sides: tuple[tuple[Symbols, list[int]], ...] = ((symbols, targets), (~symbols, []))
                parts = [(part & s, to + more) for part, to in parts for s, more in sides if part & s]
        for symbol, targets in leads.items():
            if not symbol & (symbol - 1):
                self._work.spend(1)
                place = next(i for i, (part, _) in enumerate(parts) if part & symbol)
                part, to = parts[place]
                parts[place] = part ^ symbol, to
                yield symbol, self._closed(to + targets)
        for part, to in parts:
            if part and to:
                yield part, self._closed(to)


def _without_dead_ends(edges: list[Edges], accepting: list[bool]) -> tuple[list[Edges], list[bool]]:
    """Leave out the states from which no accepting one is reached; the start is always kept."""
    before: list[list[int]] = [[] for _ in edges]
    for state, leads in enumerate(edges):
        for target in leads:
            before[target].append(state)
    alive = list(accepting)
    ahead = [state for state, accepts in enumerate(accepting) if accepts]
    while ahead:
        for state in before[ahead.pop()]:
            if not alive[state]:
                alive[state] = True
                ahead.append(state)
    kept = [state for state, lives in enumerate(alive) if lives or state == 0]
    number = {state: place for place, state in enumerate(kept) if alive[state]}
    left = [{number[t]: symbols for t, symbols in edges[state].items() if alive[t]} for state in kept]
    return left, [accepting[state] for state in kept]


class _Spelling:
    """Adds to the states over symbols those in the middle of a character. Equal ones are one."""

    def __init__(
        self, alphabet: Alphabet, edges: list[Edges], accepting: list[bool], work: Work, broken: bool
    ) -> None:
        self._alphabet = alphabet
        self._edges = edges
        self._accepting = accepting
        self._work = work
        self._broken = broken
        self._replacement = alphabet.of(REPLACEMENT)
        self._trees: dict[tuple[Symbols, ...], list[Node]] = {}
        # of each state in the middle of a character the edges, and the state if the character is broken
        self._middle: dict[tuple[Node, int], int] = {}

    def dfa(self) -> Dfa:
        """Return the automaton over bytes."""
        count = len(self._edges)
        lost = [self._after_broken(leads) for leads in self._edges]
        roots = [self._spelled(leads, after) for leads, after in zip(self._edges, lost, strict=True)]
        lost += [after for _, after in self._middle]
        nodes = [*roots, *(node for node, _ in self._middle)]
        source = np.repeat(np.arange(len(nodes)), [len(node) for node in nodes])
        edges = np.array([edge for node in nodes for edge in node], dtype=np.int64).reshape(-1, 3)
        cuts = np.unique(np.concatenate([[0, 0x80, 0xC2, 0xF5], edges[:, 0], edges[:, 1] + 1]))
        cuts = cuts[cuts < 256]
        dfa.check_size(len(nodes), len(cuts))
        table = np.full((len(nodes), len(cuts)), -1, dtype=np.int32)
        first, end = np.searchsorted(cuts, edges[:, 0]), np.searchsorted(cuts, edges[:, 1] + 1)
        row, column = np.repeat(source, end - first), ranges(first, end - first)
        target = np.repeat(edges[:, 2], end - first)
        if self._broken:
            never = (cuts >= 0x80) & (cuts < 0xC2) | (cuts >= 0xF5)
            onwards = np.array(lost)
            table[:count, never] = onwards[:count, None]
            whole = row < count
            table[row[whole], column[whole]] = target[whole]
            table[count:] = np.where(onwards[count:, None] < 0, -1, table[onwards[count:]])
        table[row, column] = target
        accepting = np.array(self._accepting)
        after = np.array(lost[count:], dtype=np.int64)
        accepting = np.append(accepting, (after >= 0) & accepting[after])
        classes = np.searchsorted(cuts, np.arange(256), side="right") - 1
        columns: dict[bytes, int] = {}
        same = [columns.setdefault(column.tobytes(), len(columns)) for column in table.T]
        kept = [same.index(number) for number in range(len(columns))]
        return Dfa(np.array(same)[classes].astype(np.uint8), table[:, kept], accepting)

    def _after_broken(self, leads: Edges) -> int:
        if not self._broken:
            return -1
        return next((target for target, symbols in leads.items() if symbols & self._replacement), -1)

    def _spelled(self, leads: Edges, after_broken: int) -> Node:
        """Return the bytes that may begin a character, and where they lead."""
        groups, targets = tuple(leads.values()), list(leads)
        if self._broken:  # what is a character but leads nowhere is to be told from what is none
            groups, targets = (*groups, self._alphabet.every & ~sum(groups)), [*targets, -1]
        if groups not in self._trees:
            self._trees[groups] = self._tree(groups)
        tree = self._trees[groups]
        states: list[int] = []  # of each node
        for node in tree:
            edges = tuple(
                (first, last, target)
                for first, last, after in node
                if (target := states[after] if after >= 0 else targets[~after]) >= 0 or self._broken
            )
            self._work.spend(2 * len(node))
            if len(states) == len(tree) - 1:
                return edges
            if after_broken >= 0 or any(target >= 0 for _, _, target in edges):
                key = edges, after_broken
                states.append(self._middle.setdefault(key, len(self._edges) + len(self._middle)))
            else:
                states.append(-1)
        raise AssertionError("a tree has a root")

    def _tree(self, groups: tuple[Symbols, ...]) -> list[Node]:
        group = np.full(self._alphabet.size, -1, dtype=np.int64)
        for number, symbols in enumerate(groups):
            group[self._alphabet.numbers(symbols)] = number
        place = group[self._alphabet.symbols]
        self._work.spend(len(place) // 8)
        starts = np.flatnonzero(np.append(True, place[1:] != place[:-1]))
        firsts = self._alphabet.starts[starts]
        lasts = np.append(firsts[1:], 0x110000) - 1
        spans = []
        for first, last, number in zip(firsts.tolist(), lasts.tolist(), place[starts].tolist(), strict=True):
            if number >= 0:
                spans += [(first, min(last, SURROGATES[0] - 1), number)] if first < SURROGATES[0] else []
                spans += [(max(first, SURROGATES[1]), last, number)] if last >= SURROGATES[1] else []
        tree = spelling(spans)
        self._work.spend(len(tree) + len(spans))
        return tree
