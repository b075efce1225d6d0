"""Looks for many strings at once, byte by byte (CACM 18(6), 1975)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from ponder.constraints.regular import dfa
from ponder.constraints.regular.dfa import Dfa


class AhoCorasick:
    """Finds patterns in bytes. States are the beginnings of patterns, 0 the empty one."""

    def __init__(self, patterns: Iterable[bytes]) -> None:
        self.next: list[dict[int, int]] = [{}]
        self.ends = [False]  # whether a pattern ends here
        for pattern in sorted(patterns):
            state = 0
            for byte in pattern:
                if byte not in self.next[state]:
                    self.next[state][byte] = len(self.next)
                    self.next.append({})
                    self.ends.append(False)
                state = self.next[state][byte]
            self.ends[state] = True
        self.fail = [0] * len(self.next)  # the longest proper suffix that is a state
        self.by_length = list(self.next[0].values())  # all states but 0
        for state in self.by_length:
            for byte, child in self.next[state].items():
                self.fail[child] = self.step(self.fail[state], byte)
                self.ends[child] = self.ends[child] or self.ends[self.fail[child]]
                self.by_length.append(child)

    def step(self, state: int, byte: int) -> int:
        """Return the state after a byte."""
        while state and byte not in self.next[state]:
            state = self.fail[state]
        return self.next[state].get(byte, 0)

    def dfa(self, units: Mapping[bytes, bytes]) -> Dfa:
        """Return the texts in which no pattern is found after each unit was replaced.

        The units are bytes or characters. All other bytes are in no pattern.
        """
        classes, table = self._table()
        size = len(table)
        after = {unit: np.arange(size) for unit in units}  # [S]: where a unit leads; -1: to a pattern
        for unit, folded in units.items():
            for byte in folded:
                after[unit] = np.where(after[unit] < 0, -1, table[after[unit], classes[byte]])
        begun = sorted({unit[:n] for unit in units for n in range(1, len(unit))})
        letters = sorted({byte for unit in units for byte in unit})
        columns = np.full(256, len(letters), dtype=np.int64)  # the last: of bytes in no unit
        columns[letters] = np.arange(len(letters))
        width = int(columns.max()) + 1
        dfa.check_size(size * (len(begun) + 1), width)
        # A state is one of the search and the beginning of a unit. Where the rest of the unit leads to the
        # same as from the empty state, it is that.
        inside = {}
        for number, beginning in enumerate(begun, 1):
            whole = [after[unit] for unit in units if unit.startswith(beginning)]
            same = np.all([targets == targets[0] for targets in whole], axis=0)
            inside[beginning] = np.where(same, 0, np.arange(size)) + number * size
        rows = np.zeros((len(begun) + 1, size, width), dtype=np.int32)
        for unit, targets in (*inside.items(), *after.items()):
            if len(unit) == 1:
                rows[0, :, columns[unit[0]]] = targets
        rows[1:] = rows[0, 0]
        for unit, targets in (*inside.items(), *after.items()):
            if len(unit) > 1:
                rows[begun.index(unit[:-1]) + 1, :, columns[unit[-1]]] = targets
        flat = rows.reshape(-1, width)
        return dfa.trimmed(columns.astype(np.uint8), flat, np.ones(len(flat), dtype=np.bool_))

    def _table(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """[256] the column of each byte; [S, C] where it leads: -1 to a pattern."""
        letters = sorted({byte for children in self.next for byte in children})
        columns = np.full(256, len(letters), dtype=np.int64)  # the last: of bytes in no pattern
        columns[letters] = np.arange(len(letters))
        dfa.check_size(len(self.next), len(letters) + 1)
        table = np.zeros((len(self.next), len(letters) + 1), dtype=np.int32)
        for state in (0, *self.by_length):
            table[state] = table[self.fail[state]]
            for byte, child in self.next[state].items():
                table[state, columns[byte]] = child
        table[np.array(self.ends)[table]] = -1
        return columns, table
