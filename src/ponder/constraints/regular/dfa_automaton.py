"""A regular set of texts as an automaton over tokens.

A state is the set's state after the bytes of the text. A token is allowed if its bytes lead to a state from
which *tokens of this vocabulary* can bring the text to an accepted end: there are no dead ends.

Tokens with the same `Effects` are treated together. Only where a set has too many states for that are tokens
read byte by byte.
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ponder.constraints import bits
from ponder.constraints.bits import Bits
from ponder.constraints.constraint import UNBOUNDED
from ponder.constraints.only_way import only_way_on
from ponder.constraints.recent import Recent
from ponder.constraints.regular.dfa import Dfa, reaching
from ponder.constraints.regular.effects import Effects
from ponder.errors import ParameterError
from ponder.text.vocabulary import Ints, Vocabulary, ranges

MASK_BYTES = 2**25  # of kept masks
MAX_COMPARED = 2**28  # states times effects, to find the fewest tokens to an end from all states
# Steps along bytes of tokens: those that a search for a plan may take where there are no effects, those that
# looking for dead ends may take, and about how many are taken at once.
MAX_SEARCH = 2**24
MAX_CHECKED = 2**27
AT_ONCE = 2**21
MANY_BYTES = 64  # a state that so many bytes may follow reads most tokens


class DfaAutomaton:
    """Follows a `Dfa` along tokens.

    With `allows_control`, tokens without bytes that are no end are allowed everywhere and change nothing.

    Raises
    ------
    ParameterError : no text over the vocabulary is in the set.
    """

    def __init__(self, dfa: Dfa, vocabulary: Vocabulary, *, allows_control: bool = False) -> None:
        self.start = dfa.start
        self._dfa = dfa
        self._vocabulary = vocabulary
        self._trie = vocabulary.trie
        self._node_class = dfa.classes[self._trie.byte].astype(np.int32)
        control = np.array([not token for token in vocabulary.tokens], dtype=np.bool_)
        control[list(vocabulary.end_ids)] = False
        self._control = control & allows_control
        self._effects = Effects.build(dfa, vocabulary)
        self._alive = self._find_alive()
        if not self._alive[self.start]:
            raise ParameterError(
                "constraint",
                "no text" if dfa.is_empty else "only texts that this vocabulary cannot spell",
                "at least one text that the vocabulary can spell",
            )
        capacity = max(16, MASK_BYTES // max(len(vocabulary) // 8, 1))
        self._masks: Recent[int | bytes, Bits] = Recent(
            capacity
        )  # by state, or by the effects that are allowed
        self._plans: Recent[int, tuple[int, ...] | None] = Recent(2**12)

    def mask(self, state: int) -> Bits:
        """Return the tokens after which the text can still come to an accepted end."""
        if self._effects is None:
            return self._masks.get(state, lambda _: self._mask(state))
        return self._mask_of(self._alive_or_not[self._effects.leads[state]])

    def step(self, state: int, token: int) -> int | None:
        """Return the state after a token's bytes."""
        spelled = self._vocabulary.tokens[token]
        if not self._vocabulary.is_text[token]:
            return state if self._control[token] else None
        table, classes = self._dfa.table, self._dfa.classes
        for byte in spelled:
            state = int(table[state, classes[byte]])
            if state < 0:
                return None
        return state if self._alive[state] else None

    def may_end(self, state: int) -> bool:
        """Return whether the text is in the set."""
        return bool(self._dfa.accepting[state])

    def must_end(self, state: int) -> bool:
        """Return whether no text token may follow; then the text is in the set."""
        return (
            self.may_end(state)
            and not bits.unpack(self.mask(state), len(self._vocabulary))[self._vocabulary.is_text].any()
        )

    def forced(self, state: int) -> tuple[int, ...]:
        """Return the tokens that are the only way on, up to `MAX_FORCED`."""
        return only_way_on(self, state)

    def plan(self, state: int, limit: int) -> tuple[int, ...] | None:
        """Return as few tokens as possible after which the text may end; `()` if it may end here.

        None: more than `limit` are needed, or finding them takes too long.
        """
        if self.may_end(state):
            return ()
        if self._fewest is None:
            found = self._plans.get(state, self._search)
            return found if found is not None and len(found) <= limit else None
        assert self._effects is not None
        if self._fewest[state] > limit:
            return None
        tokens = []
        while self._fewest[state]:
            after = self._effects.leads[state]
            effect = int(np.argmin(self._fewest[after]))
            tokens.append(int(self._effects.tokens[effect]))
            state = int(after[effect])
        return tuple(tokens)

    @property
    def growth(self) -> int:
        """The most that any state needs."""
        if self._fewest is None:
            return UNBOUNDED
        return int(self._fewest[self._fewest < np.iinfo(np.int64).max].max())

    @property
    def exact(self) -> bool:
        """There are no dead ends."""
        return True

    def within(self, state: int, limit: int) -> Bits | None:
        """Return the text tokens after which `limit` - 1 more can bring the text to an end.

        None: finding them takes too long.
        """
        if self._fewest is None:
            return None
        assert self._effects is not None
        return self._mask_of(self._fewest[self._effects.leads[state]] < limit)

    @cached_property
    def _fewest(self) -> Ints | None:
        """[S + 1] the fewest tokens to an accepted end, a large number where there are none and for state -1.

        None: there are no effects, or too many states and effects.
        """
        if self._effects is None:
            return None
        never, leads = np.iinfo(np.int64).max, self._effects.leads
        fewest = np.where(np.append(self._dfa.accepting, False), 0, never)
        left, tokens, compared = np.flatnonzero(~self._dfa.accepting), 1, 0
        while left.size:
            compared += left.size * leads.shape[1]
            if compared > MAX_COMPARED:
                return None
            near = (fewest[leads[left]] < tokens).any(axis=1)
            if not near.any():
                break
            fewest[left[near]] = tokens
            left, tokens = left[~near], tokens + 1
        return fewest

    def _mask_of(self, effects: npt.NDArray[np.bool_]) -> Bits:
        """Return the tokens of some of the [E + 1] effects, and the control tokens that are allowed."""
        assert self._effects is not None
        of_token = self._effects.of_token
        return self._masks.get(effects.tobytes(), lambda _: bits.pack(effects[of_token] | self._control))

    @cached_property
    def _alive_or_not(self) -> npt.NDArray[np.bool_]:
        """[S + 1] `_alive`, and False for state -1."""
        return np.append(self._alive, False)

    def _mask(self, state: int) -> Bits:
        allowed = self._control.copy()
        if np.count_nonzero(self._dfa.table[state, self._dfa.classes] >= 0) > MANY_BYTES:
            allowed[self._trie.numbers] = self._alive_after_all(state)
        else:
            _, tokens, targets, _ = self._walk(np.array([state]))
            allowed[tokens[self._alive[targets]]] = True
        return bits.pack(allowed)

    def _alive_after_all(self, state: int) -> npt.NDArray[np.bool_]:
        """Read all tokens from one state, the impossible ones too; return for each whether it may follow.

        In the order of the trie's strings. Faster than `_walk` where most tokens are possible.
        """
        trie, dfa = self._trie, self._dfa
        width = dfa.table.shape[1]
        flat = dfa.table.reshape(-1)
        at = np.empty(len(trie.parent), dtype=np.int32)
        at[0] = state
        for first, last in pairwise(trie.levels):
            before = at[trie.parent[first:last]]
            after = flat[before * width + self._node_class[first:last]]  # of -1: anything, which is put right
            after[before < 0] = -1
            at[first:last] = after
        return (self._alive[at] & (at >= 0))[trie.node]

    def _walk(self, states: npt.NDArray[np.integer]) -> tuple[Ints, Ints, Ints, int]:
        """Read all tokens from each of some states, as far as a text of the set goes on so.

        Returns, for each pair of state and token, the state's place in `states`, the token and where it
        leads; and the number of steps that were taken.
        """
        trie, table = self._trie, self._dfa.table
        node, origin = np.zeros(len(states), np.int64), np.arange(len(states))
        at: npt.NDArray[np.integer] = states
        origins, tokens, targets, steps = [], [], [], 0
        while node.size:
            count = trie.num_children[node]
            child = ranges(trie.first_child[node], count)
            after = table[np.repeat(at, count), self._node_class[child]]
            on = after >= 0
            steps += len(child)
            node, at, origin = child[on], after[on], np.repeat(origin, count)[on]
            ending = trie.num_strings[node]
            origins.append(np.repeat(origin, ending))
            targets.append(np.repeat(at, ending).astype(np.int64))
            tokens.append(trie.numbers[ranges(trie.first_string[node], ending)])
        none = [np.zeros(0, np.int64)]
        return (
            np.concatenate(none + origins),
            np.concatenate(none + tokens),
            np.concatenate(none + targets),
            steps,
        )

    def _walk_in_parts(self, states: Ints, budget: int) -> tuple[Ints, Ints, Ints, int] | None:
        """`_walk` from many states, a part of them at once.

        Returns each pair of a place in `states` and a target once, with a token between them; and the
        number of steps. None: more than `budget` steps would be taken.
        """
        pairs, between, done, part, steps = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], 0, 1, 0
        while done < len(states):
            origin, tokens, target, taken = self._walk(states[done : done + part])
            unique, first = np.unique((origin + done) * self._dfa.num_states + target, return_index=True)
            pairs.append(unique)
            between.append(tokens[first])
            done, steps = done + part, steps + taken
            if steps > budget:
                return None
            part = max(1, min(2 * part, AT_ONCE * done // max(steps, 1)))
        place, target = np.divmod(np.concatenate(pairs), self._dfa.num_states)
        return place, target, np.concatenate(between), steps

    def _find_alive(self) -> npt.NDArray[np.bool_]:
        """[S]: the states from which tokens lead to an accepted end.

        Those that get there by tokens of one byte are found on the table. Others are rare: a vocabulary
        lacks few bytes of text. From these all tokens are read.
        """
        dfa, trie = self._dfa, self._trie
        children = np.arange(trie.num_children[0]) + 1
        single = np.unique(self._node_class[children[trie.num_strings[children] > 0]])
        used: npt.NDArray[np.bool_] = np.asarray((dfa.table >= 0).any(axis=0))
        used[single] = False
        if not used.any() and not dfa.is_empty:
            return np.ones(dfa.num_states, dtype=np.bool_)
        alive: npt.NDArray[np.bool_] = reaching(dfa.table[:, single], dfa.accepting)
        doubtful = np.flatnonzero(~alive)
        if doubtful.size and self._effects is not None:
            origins, effects = np.nonzero(self._effects.leads[doubtful] >= 0)
            return _reaching(alive, doubtful[origins], self._effects.leads[doubtful[origins], effects])
        if doubtful.size and not dfa.is_empty:
            walked = self._walk_in_parts(doubtful, MAX_CHECKED)
            if walked is None:
                raise ParameterError(
                    "constraint",
                    f"{doubtful.size} states whose bytes this vocabulary has no tokens for",
                    "a set of texts that is simpler for this vocabulary",
                )
            place, target, _, _ = walked
            alive = _reaching(alive, doubtful[place], target)
        return alive

    def _search(self, state: int) -> tuple[int, ...] | None:
        """Search for a plan breadth first, a number of tokens at a time."""
        seen = np.zeros(self._dfa.num_states, dtype=np.bool_)
        frontier, budget = np.array([state]), MAX_SEARCH
        layers: list[dict[int, tuple[int, int]]] = []  # of each state the one before it and the token between
        while frontier.size:
            seen[frontier] = True
            walked = self._walk_in_parts(frontier, budget)
            if walked is None:
                return None
            place, target, token, steps = walked
            budget -= steps
            new = ~seen[target]
            origin, target, token = frontier[place[new]], target[new], token[new]
            layers.append(
                dict(zip(target.tolist(), zip(origin.tolist(), token.tolist(), strict=True), strict=True))
            )
            ended = target[self._dfa.accepting[target]]
            if ended.size:
                at, plan = int(ended[0]), []
                for layer in reversed(layers):
                    at, last = layer[at]
                    plan.append(last)
                return tuple(reversed(plan))
            frontier = np.unique(target)
        return None


def _reaching(alive: npt.NDArray[np.bool_], origin: Ints, target: Ints) -> npt.NDArray[np.bool_]:
    """Add to the states that are alive those that lead to one, by pairs of states."""
    alive = alive.copy()
    while True:
        more = origin[alive[target] & ~alive[origin]]
        if not more.size:
            return alive
        alive[more] = True
