"""Typed, bounded access to the untrusted metadata of a model file.

Every getter either returns a value of the asked type within the asked bounds or raises a
`CheckpointError` that names the file, the field, its value and what is allowed.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass

from ponder.errors import CheckpointError


def shown(value: object) -> str:
    """Return a value's text, cut to a length that fits in a sentence."""
    text = value if isinstance(value, str) else reprlib.repr(value)
    text = "".join(c if c.isprintable() else "?" for c in text[:120])
    return text if len(text) <= 80 else text[:77] + "..."


def refuse(where: str, field: str, value: object, allowed: str) -> CheckpointError:
    """Return the error for one field; the caller raises it."""
    return CheckpointError(f"{where}: {shown(field)} = {shown(value)} is not allowed: {allowed}")


@dataclass(frozen=True, slots=True)
class Fields:
    """The metadata of one file. `where` is the file's name in errors; None counts as absent."""

    where: str
    values: Mapping[str, object]

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """Return an integer in [low, high]."""
        value = self.values.get(key)
        if value is None and default is not None:
            return default
        if type(value) is not int or not low <= value <= high:
            raise self._refuse(key, f"an integer from {low} to {high}")
        return value

    def optional_integer(self, key: str, low: int, high: int) -> int | None:
        """Return an integer in [low, high], or None where the field is absent."""
        return None if self.values.get(key) is None else self.integer(key, low, high)

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """Return a finite number in [low, high]."""
        value = self.values.get(key)
        if value is None and default is not None:
            return default
        if type(value) not in (int, float) or not low <= value <= high:  # type: ignore[operator]
            raise self._refuse(key, f"a number from {low:g} to {high:g}")
        return float(value)  # type: ignore[arg-type]

    def optional_number(self, key: str, low: float, high: float) -> float | None:
        """Return a finite number in [low, high], or None where the field is absent."""
        return None if self.values.get(key) is None else self.number(key, low, high)

    def boolean(self, key: str, default: bool) -> bool:
        """Return a boolean."""
        value = self.values.get(key)
        if value is None:
            return default
        if type(value) is not bool:
            raise self._refuse(key, "true or false")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """Return a string."""
        value = self.values.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise self._refuse(key, "a string")
        return value

    def optional_text(self, key: str) -> str | None:
        """Return a string, or None where the field is absent."""
        return None if self.values.get(key) is None else self.text(key)

    def sequence(self, key: str, kind: type | tuple[type, ...], length: int) -> tuple[object, ...]:
        """Return a list of `length` values that are all of `kind`."""
        value = self.values.get(key)
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if not isinstance(value, list) or len(value) != length or not {type(v) for v in value} <= {*kinds}:
            names = " or ".join(k.__name__ for k in kinds)
            raise self._refuse(key, f"a list of {length} values of type {names}")
        return tuple(value)

    def numbers(self, key: str, length: int) -> tuple[float, ...]:
        """Return a list of `length` finite positive numbers."""
        values = self.sequence(key, (int, float), length)
        numbers = tuple(float(v) for v in values)  # type: ignore[arg-type]
        if not all(0 < v < math.inf for v in numbers):
            raise self._refuse(key, "finite positive numbers")
        return numbers

    def _refuse(self, key: str, allowed: str) -> CheckpointError:
        value = self.values.get(key)
        return refuse(self.where, key, "(missing)" if value is None else value, allowed)


def sampling_defaults(fields: Fields, keys: Mapping[str, str]) -> dict[str, float | int]:
    """Return the sampling parameters that a file recommends; `keys` are ponder's names -> the file's."""
    bounds = {
        "temperature": (0.0, 100.0),
        "top_p": (1e-6, 1.0),
        "min_p": (0.0, 1.0),
        "repetition_penalty": (1e-2, 100.0),
    }
    found = {name: fields.optional_number(keys[name], low, high) for name, (low, high) in bounds.items()}
    defaults: dict[str, float | int] = {name: value for name, value in found.items() if value is not None}
    top_k = fields.optional_integer(keys["top_k"], -1, 2**31)
    # Both 0 and -1 turn top-k off.
    return defaults if top_k is None else {**defaults, "top_k": max(top_k, 0)}
