"""Tokens by their effect: which state of a `Dfa` they lead to from each state.

A vocabulary has many tokens and a set of texts tells few of them apart. Masks and shortest plans are found
over effects instead of tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ponder.constraints.regular.dfa import Dfa
from ponder.text.vocabulary import Ints, Vocabulary

MAX_BYTES = 2**25  # of the table of effects
MAX_STEPS = 2**27  # from a state along a byte

States = npt.NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """The effects of a vocabulary's tokens on the states of a `Dfa`.

    Attributes
    ----------
    leads : [S, E + 1] int16 or int32, the state after a token of each effect; -1: it is impossible. The
        last effect, of tokens that spell nothing or are possible nowhere, is -1 everywhere.
    of_token : [V] the effect of each token.
    tokens : [E] a token of each effect.
    """

    leads: States
    of_token: Ints
    tokens: Ints

    @staticmethod
    def build(dfa: Dfa, vocabulary: Vocabulary) -> Effects | None:
        """Tell tokens apart by their effects; None: there are too many for the number of states."""
        trie, size = vocabulary.trie, dfa.num_states
        dtype = np.int16 if size < 2**15 else np.int32
        table = np.vstack([dfa.table, np.full((1, dfa.table.shape[1]), -1)])  # the last row is that of -1
        columns = np.ascontiguousarray(table.T, dtype=dtype)
        width = len(columns)
        node_class = dfa.classes[trie.byte].astype(np.int64)
        rows: list[States] = [np.arange(size, dtype=dtype)]  # of each effect: where it leads from each state
        numbers = {rows[0].tobytes(): 0, np.full(size, -1, dtype).tobytes(): -1}
        effect = np.full(len(trie.parent), -1, dtype=np.int64)  # of each node's bytes
        effect[0], steps = 0, 0
        for first, last in pairwise(trie.levels):
            before = effect[trie.parent[first:last]]
            possible = np.flatnonzero(before >= 0)
            pairs, place = np.unique(
                before[possible] * width + node_class[first:last][possible], return_inverse=True
            )
            if not len(pairs):
                break
            steps += len(pairs) * size
            if steps > MAX_STEPS:
                return None
            named = np.empty(len(pairs), dtype=np.int64)
            for i, (origin, column) in enumerate(zip(*np.divmod(pairs, width), strict=True)):
                row: States = columns[column][rows[origin]]
                known = numbers.setdefault(row.tobytes(), len(rows))
                if known == len(rows):
                    rows.append(row)
                    if row.nbytes * len(rows) > MAX_BYTES:
                        return None
                named[i] = known
            effect[first:last][possible] = named[place.reshape(-1)]
        return Effects._of(effect[trie.node], rows, vocabulary)

    @staticmethod
    def _of(effect: Ints, rows: list[States], vocabulary: Vocabulary) -> Effects:
        """Keep the effects that tokens have; `effect` is that of each string of the trie."""
        used, first, compact = np.unique(effect, return_index=True, return_inverse=True)
        compact = compact.reshape(-1)
        if used.size and used[0] < 0:
            used, first, compact = used[1:], first[1:], compact - 1
        of_token = np.full(len(vocabulary), len(used), dtype=np.int64)
        of_token[vocabulary.trie.numbers] = np.where(compact < 0, len(used), compact)
        none = np.full(len(rows[0]), -1, dtype=rows[0].dtype)
        leads = np.stack([*(rows[number] for number in used.tolist()), none], axis=1)
        return Effects(leads, of_token, vocabulary.trie.numbers[first])
