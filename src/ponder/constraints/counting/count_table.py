"""What each token of a vocabulary does to a count, so that a mask is one comparison.

A *place* is a phase of the rule and the bytes of an unfinished character. For a place and a token, the
*total* is what the token adds to the count plus what must then be left of a maximum. A token is allowed
exactly if its total is no more than what is left now.

The totals are read off a row of one byte per token. Few phases have rows of their own; another phase has the
few entries that differ from the row of the phase that it is alike. All of this is made once for a vocabulary
and shared by all minima and maxima.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ponder.constraints import bits
from ponder.constraints.bits import Bits
from ponder.constraints.counting.character_classes import CONTINUATION, WHOLE
from ponder.constraints.counting.counting import Counting
from ponder.constraints.recent import Recent
from ponder.constraints.regular.dfa_automaton import MASK_BYTES
from ponder.text.vocabulary import Ints, Vocabulary, ranges

NEVER = 255  # the total of a token that may not come, however much is left
PLANNED = 32  # counts ahead that plans are kept for
UNKNOWN = 2**40  # tokens of a plan that does not exist
PLAIN = b" .,ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # what plans are made of where possible
MAX_CHECKED = 2**20  # tokens read to find ways out of unfinished characters

Totals = npt.NDArray[np.uint8]


class Choice(NamedTuple):
    """The tokens that may come at a place."""

    mask: Bits
    only: tuple[int, ...]  # the token, if there is just one
    is_empty: bool


@lru_cache(maxsize=8)
def count_table(counting: Counting, vocabulary: Vocabulary) -> CountTable:
    """Return the table of a rule and a vocabulary; those used last are kept."""
    return CountTable(counting, vocabulary)


def _total(gained: Ints, spare: Ints) -> Totals:
    return np.where(spare == NEVER, NEVER, np.minimum(gained + spare, NEVER - 1)).astype(np.uint8)


class CountTable:
    """The tokens of a vocabulary under a rule of counting. Safe to share by threads.

    Attributes
    ----------
    is_complete : whether tokens can add exactly 1 wherever they can lead.
    growth : how many more tokens a plan may need after another token.
    """

    def __init__(self, counting: Counting, vocabulary: Vocabulary) -> None:
        self._counting = counting
        self._vocabulary = vocabulary
        self._bytes = counting.characters
        self._inside = len(self._bytes) - 1  # places in UTF-8; this number is that of bytes that are none
        self._byte_rows = self._bytes.tolist()
        self._onward = counting.onward.tolist()
        self._gain = counting.gain.tolist()
        self._bonus = counting.bonus.tolist()
        tokens = vocabulary.tokens
        trie = vocabulary.trie
        first, last = (bisect_left(trie.strings, bytes((byte,))) for byte in (0x80, 0xC0))
        self._continuing = trie.numbers[first:last].tolist()  # they begin inside a character
        node_place, node_column = self._read_trie()
        self._spare = self._spares(set(node_place[vocabulary.trie.node].tolist()))
        self._spare_rows = self._spare.tolist()
        self._rows: dict[int, Totals] = {}
        best_last = np.lexsort((-trie.numbers, self._is_plain()))
        self._best_last = best_last[node_place[trie.node[best_last]] == WHOLE]  # whole characters
        kit: set[int] = set()
        for phase in np.unique(counting.alike).tolist():
            self._rows[phase], ways = self._row(phase, node_place, node_column)
            kit |= ways
        self._differing = self._differences(node_place, node_column)
        longest = max((len(tokens[token]) for token in self._continuing), default=0)
        most = max(int(row[row != NEVER].max(initial=0)) for row in self._rows.values())
        self._top = max(most, longest) + 2  # no total is larger
        self._masks: Recent[tuple[int, int], Choice] = Recent(
            max(16, MASK_BYTES // max(len(vocabulary) // 8, 1))
        )
        plain = set(trie.numbers[self._is_plain()].tolist())
        self._plan(sorted(kit & plain))
        if not self.is_complete:
            self._plan(sorted(kit))

    def choice(self, place: int, left: int | None) -> Choice:
        """Return the tokens that may come where `left` is left of the maximum; None: there is no maximum."""
        return self._masks.get((place, self._top if left is None else min(left, self._top)), self._choice)

    def read(self, place: int, token: int) -> tuple[int, int] | None:
        """Return the place after a token and what it adds to the count; None: its bytes are not UTF-8."""
        phase, inside = divmod(place, self._inside)
        gain = 0
        for byte in self._vocabulary.tokens[token]:
            inside = self._byte_rows[inside][byte]
            if inside < 0:
                gain += self._gain[phase][-1 - inside]
                phase = self._onward[phase][-1 - inside]
                inside = WHOLE
            elif inside == self._inside:
                return None
        return phase * self._inside + inside, gain

    def spare(self, place: int) -> int:
        """Return how much of a maximum must be left at a place; NEVER: no token leads on from it."""
        phase, inside = divmod(place, self._inside)
        return int(self._spare_rows[phase][inside])

    def bonus(self, place: int) -> int:
        """Return what the end of the text adds to the count at a place; -1: the text may not end there."""
        phase, inside = divmod(place, self._inside)
        return -1 if inside != WHOLE else int(self._bonus[phase])

    def plan(self, place: int, least: int, most: int | None, limit: int) -> tuple[int, ...] | None:
        """Return at most `limit` tokens that add `least` to `most` to the count, with the end of the text.

        They are few, but fewer may do. None: none were found.
        """
        ahead: list[tuple[int, int, tuple[int, ...]]] = [(place, 0, ())]
        seen = {(place, 0)}
        best: tuple[int, ...] | None = None
        for at, gained, tokens in ahead:  # to the end of the character, the fewest tokens first
            if best is not None and len(tokens) >= len(best):
                break
            phase, inside = divmod(at, self._inside)
            if inside == WHOLE:
                most_tokens = (limit if best is None else len(best) - 1) - len(tokens)
                highest = None if most is None else most - gained
                rest = self._plan_whole(phase, max(least - gained, 0), highest, most_tokens)
                if rest is not None:
                    best = (*tokens, *rest)
                continue
            for token in self._continuing if len(tokens) < limit else ():
                after = self.read(at, token)
                if after is None:
                    continue
                reached = (after[0], gained + after[1])
                if reached not in seen and (most is None or reached[1] + self.spare(after[0]) <= most):
                    seen.add(reached)
                    ahead.append((*reached, (*tokens, token)))
        return best

    def _plan_whole(self, phase: int, least: int, most: int | None, limit: int) -> tuple[int, ...] | None:
        """`plan` between two characters; far from the goal by the first token of a plan for less."""
        last = max(least, PLANNED) if most is None else min(most, max(least, PLANNED))
        if last < least:
            return None
        costs = self._cost[min(least, PLANNED) : min(last, PLANNED) + 1, phase]
        if costs.min() > limit:
            return None
        best = least + int(costs.argmin())
        tokens: list[int] = []
        while best > PLANNED or self._cost[best, phase] > 0:
            if len(tokens) == limit:
                return None
            row = min(best, PLANNED)
            member = self._chosen[row, phase]
            tokens.append(self._kit[member])
            best -= int(self._kit_gain[member, phase])
            phase = int(self._kit_onward[member, phase])
        return tuple(tokens)

    def _read_trie(self) -> tuple[Ints, Ints]:
        """[N] each: the place in UTF-8 that a node's bytes lead to, and 1 + the class they complete, or 0."""
        trie = self._vocabulary.trie
        place, column = np.zeros(len(trie.parent), np.int64), np.zeros(len(trie.parent), np.int64)
        for first, last in pairwise(trie.levels):
            after = self._bytes[place[trie.parent[first:last]], trie.byte[first:last]].astype(np.int64)
            column[first:last] = np.where(after < 0, -after, 0)
            place[first:last] = np.maximum(after, 0)
        return place, column

    def _is_plain(self) -> npt.NDArray[np.bool_]:
        """[V]: which tokens have plain characters only, in the order of the trie's strings."""
        trie = self._vocabulary.trie
        plain = np.isin(trie.byte, np.frombuffer(PLAIN, dtype=np.uint8))
        plain[0] = True
        for first, last in pairwise(trie.levels):
            plain[first:last] &= plain[trie.parent[first:last]]
        is_plain: npt.NDArray[np.bool_] = plain[trie.node]
        return is_plain

    def _widened(self) -> tuple[Ints, Ints]:
        """[P, 1 + C] each: `onward` and `gain` with a first column for bytes that complete no character."""
        rule = self._counting
        still = np.arange(len(rule.onward))[:, None]
        return np.hstack([still, rule.onward]), np.hstack([np.zeros_like(still), rule.gain])

    def _spares(self, reached: set[int]) -> npt.NDArray[np.int64]:
        """[P, U + 1]: how much of a maximum must be left at each place; NEVER: tokens lead nowhere from it.

        An unfinished character is ended byte by byte. Where the vocabulary lacks a byte that would need less,
        its longer tokens are tried too, unless there are too many.
        """
        rule, tokens = self._counting, self._vocabulary.tokens
        single = [tokens[token][0] for token in self._continuing if len(tokens[token]) == 1]
        spare = np.full((len(rule.spare), self._inside + 1), NEVER, dtype=np.int64)
        spare[:, WHOLE] = rule.spare
        lowest = spare.copy()  # if there were a token for each byte
        of_class = rule.gain + rule.spare[rule.onward]
        for inside in range(1, self._inside):
            for answer, letters in ((lowest, list(CONTINUATION)), (spare, single)):
                for after in np.unique(self._bytes[inside, letters]).tolist():
                    ending = of_class[:, -1 - after] if after < 0 else answer[:, after]
                    np.minimum(answer[:, inside], ending, out=answer[:, inside])
        self._spare_rows = spare  # read by `spare`, which is called from here on
        if (spare == lowest).all():
            return spare
        doubtful = [inside for inside in self._closure(reached) if (spare > lowest)[:, inside].any()]
        if len(doubtful) * len(spare) * len(self._continuing) > MAX_CHECKED:
            return spare
        changed = bool(doubtful)
        while changed:
            changed = False
            for inside in doubtful:
                for phase in range(len(spare)):
                    totals = self._totals_inside(phase * self._inside + inside)
                    least = min((total for _, total in totals), default=NEVER)
                    if least < spare[phase, inside]:
                        spare[phase, inside], changed = least, True
        return spare

    def _closure(self, reached: set[int]) -> list[int]:
        """Return the places inside characters that tokens lead to."""
        ahead = [inside for inside in reached if 0 < inside < self._inside]
        seen = set(ahead)
        for inside in ahead:
            for token in self._continuing:
                after = self.read(inside, token)
                last = WHOLE if after is None else after[0] % self._inside
                if last != WHOLE and last not in seen:
                    seen.add(last)
                    ahead.append(last)
        return ahead

    def _totals_inside(self, place: int) -> Iterator[tuple[int, int]]:
        """Find the tokens that go on inside a character, each with its total."""
        for token in self._continuing:
            after = self.read(place, token)
            if after is not None and (spare := self.spare(after[0])) != NEVER:
                yield token, min(after[1] + spare, NEVER - 1)

    def _row(self, phase: int, node_place: Ints, node_column: Ints) -> tuple[Totals, set[int]]:
        """[V]: the total of each token; and a token for each way to go on, a plain one where possible."""
        trie, (onward, gain) = self._vocabulary.trie, self._widened()
        width = onward.shape[1]
        onward, gain = onward.reshape(-1), gain.reshape(-1)
        at, gained = np.zeros(len(trie.parent), np.int64), np.zeros(len(trie.parent), np.int64)
        at[0] = phase
        for first, last in pairwise(trie.levels):
            above = trie.parent[first:last]
            entry = at[above] * width + node_column[first:last]
            at[first:last] = onward[entry]
            gained[first:last] = gained[above] + gain[entry]
        at, gained = at[trie.node], gained[trie.node]
        spare = self._spare[at, node_place[trie.node]]
        row = np.full(len(self._vocabulary), NEVER, dtype=np.uint8)
        row[trie.numbers] = _total(gained, spare)
        way = at * (gained.max(initial=0) + 1) + gained
        token_of_way = np.full(way.max(initial=0) + 1, -1)
        token_of_way[way[self._best_last]] = trie.numbers[self._best_last]
        return row, set(token_of_way[token_of_way >= 0].tolist())

    def _differences(self, node_place: Ints, node_column: Ints) -> dict[int, tuple[Ints, Totals]]:
        """Find for each phase without a row the tokens that differ from the row it is alike, with totals."""
        trie, (onward, gain) = self._vocabulary.trie, self._widened()
        alike = self._counting.alike
        origin = np.flatnonzero(alike != np.arange(len(alike)))
        node, here, there = np.zeros(len(origin), np.int64), origin, alike[origin]
        gained, gained_there = np.zeros_like(here), np.zeros_like(here)
        found = [np.zeros((3, 0), np.int64)]
        while node.size:
            count = trie.num_children[node]
            child = ranges(trie.first_child[node], count)
            origin, here, there, gained, gained_there = (
                np.repeat(each, count) for each in (origin, here, there, gained, gained_there)
            )
            column = node_column[child]
            gained = gained + gain[here, column]
            gained_there = gained_there + gain[there, column]
            here, there = onward[here, column], onward[there, column]
            on = ((here != there) | (gained != gained_there)) & (node_place[child] != self._inside)
            node, origin, here, there = child[on], origin[on], here[on], there[on]
            gained, gained_there = gained[on], gained_there[on]
            spare = self._spare[here, node_place[node]]
            totals = _total(gained, spare)
            ending = trie.num_strings[node]
            tokens = trie.numbers[ranges(trie.first_string[node], ending)]
            found.append(np.stack([np.repeat(origin, ending), tokens, np.repeat(totals, ending)]))
        origins, tokens, totals = np.concatenate(found, axis=1)
        order = np.lexsort((tokens, origins))
        bounds = np.searchsorted(origins[order], np.arange(len(alike) + 1)).tolist()
        return {
            phase: (tokens[order[first:last]], totals[order[first:last]].astype(np.uint8))
            for phase, (first, last) in enumerate(pairwise(bounds))
            if alike[phase] != phase
        }

    def _choice(self, key: tuple[int, int]) -> Choice:
        place, left = key
        phase, inside = divmod(place, self._inside)
        if inside != WHOLE:
            allowed = np.zeros(len(self._vocabulary), dtype=np.bool_)
            allowed[[token for token, total in self._totals_inside(place) if total <= left]] = True
        else:
            allowed = self._rows[int(self._counting.alike[phase])] <= left
            if phase in self._differing:
                tokens, totals = self._differing[phase]
                allowed[tokens] = totals <= left
        count = int(np.count_nonzero(allowed))
        only = (int(allowed.argmax()),) if count == 1 else ()
        return Choice(bits.pack(allowed), only, count == 0)

    def _plan(self, kit: list[int]) -> None:
        """Find the fewest tokens of a kit to each count from each phase, and whether it can always add 1."""
        rule = self._counting
        phases = np.arange(len(rule.bonus))
        self._kit = kit
        self._kit_onward = np.zeros((len(kit), len(phases)), dtype=np.int64)
        self._kit_gain = np.zeros((len(kit), len(phases)), dtype=np.int64)
        for member, token in enumerate(kit):
            at, gained = phases, np.zeros(len(phases), np.int64)
            inside = WHOLE
            for byte in self._vocabulary.tokens[token]:
                inside = self._byte_rows[inside][byte]
                if inside < 0:
                    gained = gained + rule.gain[at, -1 - inside]
                    at = rule.onward[at, -1 - inside]
                    inside = WHOLE
            self._kit_onward[member], self._kit_gain[member] = at, gained
        self._cost = np.full((PLANNED + 1, len(phases)), UNKNOWN, dtype=np.int64)
        self._chosen = np.zeros((PLANNED + 1, len(phases)), dtype=np.int64)
        for count in range(PLANNED + 1):
            cost = self._cost[count]
            cost[rule.bonus == count] = 0
            while kit:
                before = count - self._kit_gain
                ways = np.where(before >= 0, self._cost[np.maximum(before, 0), self._kit_onward], UNKNOWN) + 1
                member = ways.argmin(axis=0)
                better = ways[member, phases] < cost
                if not better.any():
                    break
                cost[better] = ways[member, phases][better]
                self._chosen[count, better] = member[better]
        reached = np.zeros(len(phases), dtype=np.bool_)
        reached[0] = True
        while kit and not reached[after := np.unique(self._kit_onward[:, reached])].all():
            reached[after] = True
        one_more = self._cost[np.maximum(rule.bonus, 0) + 1, phases]
        self.is_complete = bool((one_more[reached] < UNKNOWN).all())
        known = np.where(self._cost < UNKNOWN, self._cost, one_more)[:, reached]
        longest = np.maximum.accumulate(
            known.max(axis=1)
        )  # a token may also make the count that is left less
        self.growth = len("\U00010000".encode()) - 1 + int((longest - known.min(axis=1)).max())
