"""The parameters of a request as they apply, with its decoder, mixture and constraint, and who set each."""

from __future__ import annotations

from dataclasses import asdict, fields, is_dataclass
from typing import Any

from ponder.asks import Grow
from ponder.sampling import ResolvedParams


def described_params(resolved: ResolvedParams, request: Grow) -> dict[str, dict[str, Any]]:
    """Return name -> {"value", "from"}, without parameters that mean nothing to the decoder."""
    method = request.method
    unused = method.unused if method is not None else frozenset()
    params = {name: value for name, value in resolved.as_json().items() if name not in unused}
    params["decoder"] = {
        "value": {"Sample": {}} if method is None else _named(method),
        "from": "default" if method is None else "caller",
    }
    if request.mixture is not None:
        params["mixture"] = {"value": _named(request.mixture), "from": "caller"}
    if request.constraint is not None:
        params["constraint"] = {"value": _described(request.constraint), "from": "caller"}
    return params


def _named(value: Any) -> dict[str, Any]:
    return {type(value).__name__: asdict(value)}


def _described(value: Any) -> Any:
    """Return a value and those inside of it, each dataclass as an object with its fields under its name."""
    if is_dataclass(value) and not isinstance(value, type):
        inside = {one.name: _described(getattr(value, one.name)) for one in fields(value)}
        return {type(value).__name__: inside}
    return [_described(one) for one in value] if isinstance(value, tuple | list) else value
