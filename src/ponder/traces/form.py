"""Frozen dataclasses as plain JSON values and back, and as a JSON Schema.

A form is made of int, float, str, None, `Literal`, `Any`, tuples of one form, mappings from text, unions
with None and other dataclasses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
MAX_DEPTH = 32  # of values whose form is not given
DIGITS = 9  # that are written of a number: as many as tell one float32 from another


class FormError(Exception):
    """A value does not have its form; says where, and what is allowed."""


def plain(value: Any, digits: int = DIGITS) -> Any:
    """Return a value as JSON has it, with so many digits of each number."""
    kind: Any = type(value)  # most values are numbers, texts and lists of them: those are looked for first
    if kind is float:
        return float(f"{value:.{digits}g}")
    if kind is int or kind is str or value is None:
        return value
    if kind is tuple or kind is list:
        if set(map(type, value)) == {float}:
            return [float(f"{one:.{digits}g}") for one in value]
        return [plain(one, digits) for one in value]
    if is_dataclass(value):
        return {name: plain(getattr(value, name), digits) for name in _names(kind)}
    if isinstance(value, Mapping):
        return {key: plain(one, digits) for key, one in value.items()}
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, tuple | list):
        return [plain(one, digits) for one in value]
    return value


@cache
def _names(form: type) -> tuple[str, ...]:
    assert is_dataclass(form)
    return tuple(one.name for one in fields(form))


def read_as(form: type[T], value: Any, where: str = "") -> T:
    """Return a JSON value as a dataclass; fields that it does not have are left out.

    Fields with a default may be missing. Raises FormError.
    """
    return form(**_read_fields(form, value, where))


def schema(form: Any) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a form; dataclasses within it are under `$defs`."""
    definitions: dict[str, Any] = {}
    _schema(form, definitions)
    top = definitions.pop(form.__name__)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **top, "$defs": definitions}


@cache
def _hints(form: type) -> dict[str, Any]:
    return get_type_hints(form)


@cache
def _optional(form: type) -> frozenset[str]:
    """Return the fields that may be missing: those with a default."""
    assert is_dataclass(form)
    return frozenset(one.name for one in fields(form) if one.default is not MISSING)


def _read_fields(form: type, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FormError(f"{where or 'it'} should be an object")
    found = {}
    for name, hint in _hints(form).items():
        place = f"{where}.{name}" if where else name
        if name not in value:
            if name in _optional(form):
                continue
            raise FormError(f"{place} is missing")
        found[name] = _read(hint, value[name], place)
    return found


def _read(form: Any, value: Any, where: str) -> Any:
    origin = get_origin(form)
    if form is Any:
        return _bounded(value, where, MAX_DEPTH)
    if origin is Literal:
        allowed = get_args(form)
        if not any(type(value) is type(one) and value == one for one in allowed):
            raise FormError(f"{where} should be one of {', '.join(map(str, allowed))}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise FormError(f"{where} should be a list")
        (item, _) = get_args(form)
        return tuple(_read(item, one, f"{where}[{i}]") for i, one in enumerate(value))
    if origin is Mapping:
        if not isinstance(value, dict):
            raise FormError(f"{where} should be an object")
        return {key: _read(get_args(form)[1], one, f"{where}.{key}") for key, one in value.items()}
    if origin in (UnionType, Union):
        (other,) = (one for one in get_args(form) if one is not type(None))
        return None if value is None else _read(other, value, where)
    if is_dataclass(form):
        assert isinstance(form, type)
        return form(**_read_fields(form, value, where))
    return _scalar(form, value, where)


def _scalar(form: type, value: Any, where: str) -> Any:
    if form is str:
        if isinstance(value, str):
            return value
        raise FormError(f"{where} should be text")
    if isinstance(value, bool) or not isinstance(value, int if form is int else int | float):
        raise FormError(f"{where} should be a {'whole ' if form is int else ''}number")
    if abs(value) >= 2**63 or not math.isfinite(value):
        raise FormError(f"{where} should be a finite number")
    return form(value)


def _bounded(value: Any, where: str, depth: int) -> Any:
    """Check that a value of any form is neither deep nor has numbers that are none."""
    if depth == 0:
        raise FormError(f"{where} should be at most {MAX_DEPTH} deep")
    if isinstance(value, dict):
        return {key: _bounded(one, where, depth - 1) for key, one in value.items()}
    if isinstance(value, list):
        return [_bounded(one, where, depth - 1) for one in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _scalar(type(value), value, where)
    return value


def _schema(form: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin = get_origin(form)
    if form is Any:
        return {}
    if origin is Literal:
        return {"enum": list(get_args(form))}
    if origin is tuple:
        return {"type": "array", "items": _schema(get_args(form)[0], definitions)}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _schema(get_args(form)[1], definitions)}
    if origin in (UnionType, Union):
        (other,) = (one for one in get_args(form) if one is not type(None))
        return {"anyOf": [_schema(other, definitions), {"type": "null"}]}
    if is_dataclass(form):
        assert isinstance(form, type)
        if form.__name__ not in definitions:
            definitions[form.__name__] = {}  # in order of first mention
            hints = _hints(form)
            definitions[form.__name__] = {
                "description": (form.__doc__ or "").split("\n\n")[0].replace("\n    ", " "),
                "type": "object",
                "properties": {name: _schema(hint, definitions) for name, hint in hints.items()},
                "required": [name for name in hints if name not in _optional(form)],
            }
        return {"$ref": f"#/$defs/{form.__name__}"}
    return {"type": {int: "integer", float: "number", str: "string"}[form]}
