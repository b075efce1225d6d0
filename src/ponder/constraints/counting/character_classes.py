"""Characters in classes, read from UTF-8 a byte at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from unicodedata import category

import numpy as np
import numpy.typing as npt

COUNT = 0x110000  # code points
ASSIGNED = 0x40000  # above these there are no letters, digits and white space
SURROGATES = range(0xD800, 0xE000)
CONTINUATION = range(0x80, 0xC0)  # the bytes that go on with a character
WHOLE = 0  # the place between two characters


def class_of_each(groups: Sequence[str | Iterable[int]]) -> npt.NDArray[np.uint8]:
    """[0x110000]: the class of each code point: 1 for those of the first group, and so on; 0 for the rest.

    A group is a pattern of `re` that matches runs of its characters (of those below U+40000), or their code
    points. Of several groups the last counts.
    """
    every = "".join(map(chr, range(ASSIGNED)))
    classes = np.zeros(COUNT, dtype=np.uint8)
    for number, group in enumerate(groups, 1):
        if isinstance(group, str):
            for run in re.finditer(group, every):
                classes[run.start() : run.end()] = number
        else:
            classes[list(group)] = number
    return classes


def marks() -> Iterable[int]:
    """Return the code points of the category Mark. From U+20000 on, only plane 14 has some."""
    ranges = (range(0x20000), range(0xE0000, 0xE0200))
    return (code for span in ranges for code in span if category(chr(code)).startswith("M"))


def utf8_table(classes: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """Return how bytes lead through the characters, given the class of each code point.

    [U + 1, 256] int32. Row 0 is the place between two characters, and rows 1 .. U - 1 are places inside a
    character, those nearest to its end first. An entry from 0 on is the next place. A negative entry -1 - c
    completes a character of class c. Row U and entries U stand for bytes that are not UTF-8.
    """
    dead = -1000  # until U is known
    of_character = -1 - classes.astype(np.int32)
    of_character[SURROGATES.start : SURROGATES.stop] = dead
    rows: list[npt.NDArray[np.int32]] = [np.full(256, dead, dtype=np.int32)]
    last = _numbered(of_character.reshape(-1, 64), rows, dead)  # [0x110000 / 64] where the last byte is left
    groups = last.reshape(-1, 64).copy()
    groups[0, :0x20] = dead  # an overlong spelling
    two = _numbered(groups, rows, dead)  # [0x110] where two bytes are left
    planes = np.full(5 * 64, dead, dtype=np.int32)
    planes[: len(two)] = two
    planes[:0x10] = dead
    three = _numbered(planes.reshape(-1, 64), rows, dead)
    rows[WHOLE][:0x80] = of_character[:0x80]
    rows[WHOLE][0xC2:0xE0] = last[2:32]
    rows[WHOLE][0xE0:0xF0] = two[:16]
    rows[WHOLE][0xF0:0xF5] = three
    table = np.stack([*rows, np.full(256, dead, dtype=np.int32)])
    table[table == dead] = len(rows)
    return table


def _numbered(
    blocks: npt.NDArray[np.int32], rows: list[npt.NDArray[np.int32]], dead: int
) -> npt.NDArray[np.int32]:
    """Make a row of each different block of 64 entries; return the row of each block."""
    known: dict[bytes, int] = {np.full(64, dead, dtype=np.int32).tobytes(): dead}
    numbers = []
    for block in blocks:
        key = block.tobytes()
        if key not in known:
            row = np.full(256, dead, dtype=np.int32)
            row[CONTINUATION.start : CONTINUATION.stop] = block
            known[key] = len(rows)
            rows.append(row)
        numbers.append(known[key])
    return np.array(numbers, dtype=np.int32)
