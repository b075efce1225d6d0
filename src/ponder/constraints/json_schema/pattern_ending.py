"""The shortest way to end a string that has begun, where a pattern says what it may be."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ponder.constraints.json_schema.patterns import python_pattern
from ponder.constraints.regex import Regex
from ponder.constraints.regular import dfa
from ponder.constraints.regular.dfa import Dfa
from ponder.errors import ParameterError

MAX_COUNTED = 200  # characters: a pattern is counted along with lengths up to this
_PLAIN = bytes(byte for byte in range(0x20, 0x100) if byte not in b'"\\\x7f')  # need no escape
_FIRST = b"a0A1 -.:/@"  # of the bytes that lead on, the first of these


def knows(schema: dict[str, Any]) -> bool:
    """Return whether `pattern_ending` is meant for a schema of a string."""
    return "pattern" in schema and schema.keys() <= {"type", "pattern", "minLength", "maxLength"}


def pattern_ending(schema: dict[str, Any], begun: bytes) -> bytes | None:
    """Return the fewest bytes without an escape that end a string, and its closing quote.

    `begun` is JSON from the opening quote on. None: none was found, or the pattern cannot be followed.
    """
    longest = schema.get("maxLength", MAX_COUNTED + 1)
    counted = (schema.get("minLength", 0), longest if longest <= MAX_COUNTED else None)
    if counted[0] > MAX_COUNTED:
        return None
    try:
        text = str(json.loads(begun + b'"')).encode()
        automaton, distance = _compiled(schema["pattern"], *counted)
    except (ValueError, ParameterError):
        return None
    state = automaton.start
    for byte in text:
        state = int(automaton.table[state, automaton.classes[byte]])
        if state < 0:
            return None
    suffix = b""
    while distance[state]:
        after = automaton.table[state, automaton.classes]
        nearer = (byte for byte in _FIRST + _PLAIN if distance[after[byte]] < distance[state])
        chosen = next(nearer, None)
        if chosen is None:
            return None
        suffix += bytes((chosen,))
        state = int(after[chosen])
    is_short = "maxLength" not in schema or len((text + suffix).decode()) <= longest
    return suffix + b'"' if is_short else None


@lru_cache(maxsize=64)
def _compiled(pattern: str, least: int, most: int | None) -> tuple[Dfa, npt.NDArray[np.int64]]:
    """Return the texts that a pattern is found in, and [S] how many plain bytes each state is from an end."""
    found = Regex(python_pattern(pattern)).found(before=True, after=True)
    automaton = dfa.intersection(found, dfa.utf8(least, most))
    plain = automaton.table[:, np.unique(automaton.classes[list(_PLAIN)])]
    distance = np.full(automaton.num_states + 1, automaton.num_states + 1)  # the last is what -1 leads to
    distance[:-1][automaton.accepting] = 0
    while True:
        nearer = np.minimum(distance[:-1], distance[plain].min(axis=1) + 1)
        if (nearer == distance[:-1]).all():
            return automaton, distance
        distance[:-1] = nearer
