"""Regular expressions of JSON Schema (ECMA-262, read as Unicode) as Python's `re` reads them."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from ponder.errors import ParameterError

_SPACES = "\\t\\n\\v\\f\\r \\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff"
_CLASSES = {"d": "0-9", "w": "A-Za-z0-9_", "s": _SPACES}
_CATEGORIES = {
    "Letter": "L",
    "Cased_Letter": "LC",
    "Lowercase_Letter": "Ll",
    "Uppercase_Letter": "Lu",
    "Titlecase_Letter": "Lt",
    "Modifier_Letter": "Lm",
    "Other_Letter": "Lo",
    "Mark": "M",
    "Number": "N",
    "Decimal_Number": "Nd",
    "digit": "Nd",
    "Letter_Number": "Nl",
    "Other_Number": "No",
    "Punctuation": "P",
    "punct": "P",
    "Symbol": "S",
    "Separator": "Z",
    "Space_Separator": "Zs",
    "Other": "C",
    "Control": "Cc",
}


def python_pattern(pattern: str) -> str:
    r"""Return an expression that `re.search` matches where ECMA-262 matches the given one.

    `\d`, `\w` and `\b` mean ASCII, `$` the end alone, `.` no line terminator; `\p{...}` knows general
    categories. Global flags are not used, so that several results can be joined by `|`.

    Raises
    ------
    ParameterError : the expression is malformed, or uses what `re` does not have.
    """
    try:
        translated = "".join(_translated(pattern))
        re.compile(translated)
    except (re.error, ValueError, IndexError, OverflowError, RecursionError) as error:
        raise ParameterError(
            "schema", pattern, f"a pattern that can be checked in Python ({error})"
        ) from None
    return translated


def _translated(pattern: str) -> list[str]:
    parts: list[str] = []
    place, in_class = 0, False
    while place < len(pattern):
        character = pattern[place]
        if character == "\\":
            part, place = _escape(pattern, place + 1, in_class)
        elif in_class:
            in_class = character != "]"
            part = "\\" + character if character in "[&~|" else character
            place += 1
        elif character == "[":
            in_class = True
            negated = pattern.startswith("[^", place)
            place += 2 if negated else 1
            part = "[^" if negated else "["
            if pattern.startswith("]", place):  # nothing, or anything
                part, in_class = (r"[\s\S]" if negated else r"(?!)"), False
                place += 1
        elif pattern.startswith("(?<", place) and pattern[place + 3 : place + 4] not in ("=", "!"):
            part, place = "(?P<", place + 3
        else:
            part = {"$": r"\Z", ".": r"[^\n\r\u2028\u2029]"}.get(character, character)
            place += 1
        parts.append(part)
    return parts


def _escape(pattern: str, place: int, in_class: bool) -> tuple[str, int]:
    """Return what stands for an escape whose letter is at `place`, and the place after it."""
    letter = pattern[place]
    if letter in _CLASSES:
        return (_CLASSES[letter] if in_class else f"[{_CLASSES[letter]}]"), place + 1
    if letter.lower() in _CLASSES and letter.isupper():
        return ("\\" + letter if in_class else f"[^{_CLASSES[letter.lower()]}]"), place + 1
    if letter in "pP":
        end = pattern.index("}", place)
        members = _category(pattern[place + 2 : end].split("=")[-1])
        if in_class and letter == "P":
            raise ValueError(r"\P inside [...]")
        closed = f"[{'^' if letter == 'P' else ''}{members}]"
        return (members if in_class else closed), end + 1
    if pattern.startswith("u{", place):
        end = pattern.index("}", place)
        return f"\\U{int(pattern[place + 2 : end], 16):08x}", end + 1
    if letter == "c":
        return f"\\x{ord(pattern[place + 1]) % 32:02x}", place + 2
    if letter == "k" and pattern.startswith("k<", place):
        end = pattern.index(">", place)
        return f"(?P={pattern[place + 2 : end]})", end + 1
    if letter in "bB" and not in_class:
        return f"(?a:\\{letter})", place + 1
    if letter == "0":
        return r"\x00", place + 1
    if letter in "AZ" or (letter.isalpha() and letter not in "bfnrtvxu"):
        raise ValueError(f"unknown escape \\{letter}")
    return "\\" + letter, place + 1


@lru_cache(maxsize=32)
def _category(name: str) -> str:
    """Return the characters of a general category as the inside of a class."""
    wanted = _CATEGORIES.get(name, name)
    if not re.fullmatch(r"[LMNPSZC][a-zC]?", wanted):
        raise ValueError(f"unknown property {name}")
    kinds = ("Lu", "Ll", "Lt") if wanted == "LC" else (wanted,)
    parts, first, last = [], -1, -2
    for code in range(0x110000):
        if unicodedata.category(chr(code)).startswith(kinds):
            if code != last + 1:
                parts.append((first, last))
                first = code
            last = code
    parts.append((first, last))
    return "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in parts if low >= 0)
