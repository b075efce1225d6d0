"""Sets of Unicode characters as ranges of code points, and how UTF-8 spells them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from itertools import pairwise
from typing import TypeVar

import numpy as np

from ponder.text.vocabulary import Ints

Characters = tuple[tuple[int, int], ...]
"""First and last code point of each range: sorted, not touching one another, without surrogates."""

LAST = 0x10FFFF
SURROGATES = (0xD800, 0xDFFF)
CASED = 0x20000  # letters that have a case come before this code point

T = TypeVar("T")


def characters(ranges: Iterable[tuple[int, int]]) -> Characters:
    """Return the union of some ranges."""
    united: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if united and first <= united[-1][1] + 1:
            united[-1] = (united[-1][0], max(united[-1][1], last))
        else:
            united.append((first, last))
    before, after = SURROGATES[0] - 1, SURROGATES[1] + 1
    parts = ((max(a, low), min(b, high)) for a, b in united for low, high in ((0, before), (after, LAST)))
    return tuple((first, last) for first, last in parts if first <= last)


def all_but(excluded: Characters) -> Characters:
    """Return all other characters."""
    edges = [-1, *(edge for span in excluded for edge in span), LAST + 1]
    gaps = [(edges[i] + 1, edges[i + 1] - 1) for i in range(0, len(edges), 2)]
    return characters((first, last) for first, last in gaps if first <= last)


def everything() -> Characters:
    """Return all characters."""
    return characters([(0, LAST)])


@cache
def category(name: str, ascii_only: bool) -> Characters:
    r"""Return what one of `\d`, `\s`, `\w` stands for in Python's `re`."""
    flags = re.ASCII if ascii_only else re.UNICODE
    before, after = np.arange(SURROGATES[0]), np.arange(SURROGATES[1] + 1, LAST + 1)
    found = []
    for points in (before, after):
        text = points.astype("<u4").tobytes().decode("utf-32-le")
        found += [
            (int(points[match.start()]), int(points[match.end() - 1]))
            for match in re.finditer(name + "+", text, flags)
        ]
    return characters(found)


@cache
def _cased() -> tuple[Ints, Ints]:
    """Return the letters that have a case, and for each the first of those that it is the same as."""
    points: list[int] = []
    same: dict[str, int] = {}
    for point in (*range(SURROGATES[0]), *range(SURROGATES[1] + 1, CASED)):
        letter = chr(point)
        lower, upper = letter.lower(), letter.upper()
        if lower != letter or upper != letter:
            points.append(point)
            lower = "i" if letter == "İ" else lower  # two characters, of which `re` takes the first
            first = min(same.get(lower, point), same.get(upper, point))
            for form in (lower, upper):
                other = same.setdefault(form, first)
                if other != first:
                    same = {key: first if value == other else value for key, value in same.items()}
    return np.array(points), np.array([same[chr(point).upper()] for point in points])


@lru_cache(maxsize=256)
def ignoring_case(members: Characters, ascii_only: bool) -> Characters:
    """Return what a class of these characters stands for in Python's `re` when case is ignored."""
    points, same = _cased()
    if ascii_only:
        points, same = points[points < 128], same[points < 128]
    spans = np.array(members, dtype=np.int64).reshape(-1, 2)
    place = np.searchsorted(spans[:, 0], points, side="right") - 1
    inside = (place >= 0) & (spans[place, 1] >= points) if members else np.zeros(len(points), np.bool_)
    other = points[np.isin(same, same[inside]) & ~inside]
    return characters([*members, *((point, point) for point in other.tolist())]) if other.size else members


Node = tuple[tuple[int, int, int], ...]
"""First and last byte, and what follows: another node by its number; or ~i, the end of a character of i."""


def spelling(ranges: Sequence[tuple[int, int, int]]) -> list[Node]:
    """Return the bytes that spell the characters of sorted ranges (first, last, i) as a shared tree.

    The root is the last node, and each node comes after those that follow it.
    """
    nodes: list[Node] = []
    numbers: dict[Node, int] = {}

    def node(edges: list[tuple[int, int, int]]) -> int:
        key = tuple(edges)
        if key not in numbers:
            numbers[key] = len(nodes)
            nodes.append(key)
        return numbers[key]

    def split(inside: Iterable[tuple[int, int, int]], bits: int, lead: int) -> list[tuple[int, int, int]]:
        """Return the edges over bytes `lead` + code point // 2**bits; the code points start at 0."""
        size, edges = 1 << bits, []
        partly: dict[int, list[tuple[int, int, int]]] = {}
        for first, last, i in inside:
            while first <= last:
                child = first >> bits
                if first % size == 0 and last - first + 1 >= size:
                    end = (last + 1) >> bits
                    whole = ~i if bits == 0 else node(split([(0, size - 1, i)], bits - 6, 0x80))
                    edges.append((lead + child, lead + end - 1, whole))
                    first = end << bits
                else:
                    end = min(last, (child << bits) + size - 1)
                    partly.setdefault(child, []).append((first - (child << bits), end - (child << bits), i))
                    first = end + 1
        for child, parts in partly.items():
            edges.append((lead + child, lead + child, node(split(parts, bits - 6, 0x80))))
        return sorted(edges)

    root = []
    for (low, high), bits, lead in zip(
        pairwise((0, 0x80, 0x800, 0x10000, LAST + 1)), (0, 6, 12, 18), (0, 0xC0, 0xE0, 0xF0), strict=True
    ):
        part = [(max(a, low), min(b, high - 1), i) for a, b, i in ranges if a < high and b >= low]
        root += split(part, bits, lead)
    nodes.append(tuple(root))
    return nodes
