"""Plain values as JSON, to pass between processes that do not trust each other.

What is decoded is of exactly Python's own types, whatever was sent: no object comes through whose methods
somebody else wrote. A value of a subclass (an OrderedDict, a named tuple) is sent as its base type, and an
iterator as its items.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

MAX_BYTES = 2**20
_MAX_ITEMS = 100_000  # of an iterator


def dumps(value: object) -> str:
    """Write a value as one line.

    Raises
    ------
    ValueError : it is too large, or holds something that is no plain value; the message names its type.
    """
    try:
        text = json.dumps(_encoded(value))
    except RecursionError:
        raise ValueError("the value is nested too deeply") from None
    if len(text) > MAX_BYTES:
        raise ValueError(f"the value is larger than {MAX_BYTES} bytes")
    return text


def loads(text: str) -> Any:
    """Read a value; lists are lists, and a JSON object says of which other type it is.

    Raises
    ------
    ValueError : `dumps` did not write this.
    """
    try:
        return _decoded(json.loads(text))
    except (TypeError, AttributeError, RecursionError) as error:
        raise ValueError("this is no plain value") from error


def _encoded(value: object) -> Any:
    match value:
        case None | bool():
            return value
        case int():
            return int(value)
        case float():
            return float(value)
        case str():
            return str(value)
        case list():
            return [_encoded(item) for item in value]
        case tuple() | set() | frozenset():
            name = next(kind for kind in (tuple, set, frozenset) if isinstance(value, kind)).__name__
            return {name: [_encoded(item) for item in value]}
        case dict():
            return {"dict": [[_encoded(key), _encoded(item)] for key, item in value.items()]}
        case complex():
            return {"complex": [value.real, value.imag]}
        case bytes() | bytearray():
            return {type(value).__name__: value.hex()}
        case range():
            return {"range": [value.start, value.stop, value.step]}
        case Iterator():
            items = [_encoded(item) for item in islice(value, _MAX_ITEMS + 1)]
            if len(items) > _MAX_ITEMS:
                raise ValueError(f"an iterator gives more than {_MAX_ITEMS} items")
            return {"iterator": items}
    raise ValueError(f"{type(value).__name__} is no plain value")


_KINDS: dict[str, Callable[[Any], Any]] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "iterator": iter,
}


def _decoded(data: Any) -> Any:
    if isinstance(data, list):
        return [_decoded(item) for item in data]
    if not isinstance(data, dict):
        return data
    [(kind, inner)] = data.items()
    match kind:
        case "tuple" | "set" | "frozenset" | "iterator":
            return _KINDS[kind]([_decoded(item) for item in inner])
        case "dict":
            return {_decoded(key): _decoded(item) for key, item in inner}
        case "complex":
            return complex(*inner)
        case "bytes":
            return bytes.fromhex(inner)
        case "bytearray":
            return bytearray.fromhex(inner)
        case "range":
            return range(*inner)
    raise ValueError("this is no plain value")
