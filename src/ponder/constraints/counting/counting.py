"""A rule that counts something of a text, such as its words, a character at a time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

P = TypeVar("P", bound=Hashable)


@dataclass(frozen=True, slots=True, eq=False)
class Counting:
    """What is counted, and when.

    A *phase* is all that the rule remembers of the text; phase 0 is that of an empty one. Reading a character
    leads to a phase and may add to the count. The end of the text may add to it as well. From every phase,
    some text must add exactly 1 more than the end would add here.

    Attributes
    ----------
    characters : [U + 1, 256] int32, how bytes lead to a character's class (`character_classes.utf8_table`).
    onward : [P, C] int64, the phase after a character of a class.
    gain : [P, C] int64, what the character adds to the count.
    bonus : [P] int64, what the end of the text adds; -1: the text may not end in this phase.
    spare : [P] int64, how much of a maximum must be left in a phase.
    alike : [P] int64, a phase in which most tokens do the same; it is its own.
    """

    characters: npt.NDArray[np.int32]
    onward: npt.NDArray[np.int64]
    gain: npt.NDArray[np.int64]
    bonus: npt.NDArray[np.int64]
    spare: npt.NDArray[np.int64]
    alike: npt.NDArray[np.int64]


def explore(
    start: P, classes: Sequence[str], read: Callable[[P, str], tuple[P, int]]
) -> tuple[list[P], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Number the phases that are reached from the first one.

    `read` returns the phase after a character of a class, and what the character adds to the count.
    Returns the phases in the order of their numbers, and `onward` and `gain`, each [P, C].
    """
    number, phases = {start: 0}, [start]
    onward: list[list[int]] = []
    gains: list[list[int]] = []
    for phase in phases:
        read_all = [read(phase, name) for name in classes]
        for after, _ in read_all:
            if after not in number:
                number[after] = len(phases)
                phases.append(after)
        onward.append([number[after] for after, _ in read_all])
        gains.append([gain for _, gain in read_all])
    return phases, np.array(onward, dtype=np.int64), np.array(gains, dtype=np.int64)
