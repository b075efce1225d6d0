"""Traces in files. One that is read may hold anything."""

from __future__ import annotations

import json
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

from ponder.errors import DataError, PonderWarning
from ponder.traces.document import VERSION, Trace
from ponder.traces.form import FormError, plain, read_as

MAX_BYTES = 128 * 2**20
ROUNDING = 1e-5  # what rounding may add to a probability
LOWEST, HIGHEST = 0.01, 100.0  # temperatures
PROMPT = -1


def trace_json(trace: Trace) -> str:
    """Return a trace as it is written: JSON on one line."""
    return json.dumps(plain(trace), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def write_trace(trace: Trace, path: Path) -> None:
    """Write a trace, with a warning if it is larger than what is read. Raises OSError."""
    # A lone surrogate, which UTF-8 does not have, can come from a command line.
    data = (trace_json(trace) + "\n").encode(errors="replace")
    path.write_bytes(data)
    if len(data) > MAX_BYTES:
        warnings.warn(
            f"{path} has {len(data)} bytes, and only {MAX_BYTES} are read again: fewer texts, or a smaller "
            "trace_top, make it smaller",
            PonderWarning,
            stacklevel=2,
        )


def read_trace(path: Path) -> Trace:
    """Read a trace.

    Raises
    ------
    DataError : it is too large, no JSON, of another version, or not a trace; says which, and where.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > MAX_BYTES:
        raise DataError(f"{path} has over {MAX_BYTES} bytes, and a trace at most so many")
    try:
        return parse_trace(data)
    except FormError as error:
        raise DataError(f"{path} is not a trace: {error}") from None


def parse_trace(data: bytes) -> Trace:
    """Return what a file's bytes stand for. Raises FormError."""
    value = _json(data)
    if not isinstance(value, dict) or "version" not in value:
        raise FormError("version is missing")
    version = value["version"]
    if type(version) is not int or version != VERSION:
        shown = str(version) if type(version) is int and abs(version) < 2**63 else "no whole number"
        raise FormError(f"its version is {shown}, and only version {VERSION} can be read")
    trace = read_as(Trace, value)
    _check(trace)
    return trace


def _json(data: bytes) -> Any:
    def refuse(name: str) -> NoReturn:
        raise FormError(f"{name} is not a number")

    try:
        return json.loads(data.decode(), parse_constant=refuse)
    except UnicodeDecodeError as error:
        raise FormError(f"byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise FormError(f"line {error.lineno} column {error.colno} is not JSON") from None
    except RecursionError:
        raise FormError("it is nested too deeply") from None
    except ValueError:  # a number of thousands of digits
        raise FormError("a number in it is too large") from None


def _check(trace: Trace) -> None:
    """Refuse what does not fit together, so that nobody who reads a trace needs to look."""
    grid = trace.temperatures
    if not grid or grid[0] < LOWEST or grid[-1] > HIGHEST or any(a >= b for a, b in pairwise(grid)):
        raise FormError(f"temperatures should rise, from {LOWEST:g} at least to {HIGHEST:g} at most")
    for i, row in enumerate(trace.rows):
        lengths = {len(row.ids), len(row.logits), len(row.tempered), len(row.truncated)}
        if len(lengths) != 1 or len(row.tails) != len(grid):
            raise FormError(f"rows[{i}] should have a value for each of its ids, and of the temperatures")
        if not row.ids or any(a < b for a, b in pairwise(row.logits)):
            raise FormError(f"rows[{i}] should have a token at least, and logits that fall")
        for token in row.ids:
            _check_spelled(trace, token, f"rows[{i}]")
        if any(not 0 <= value <= 1 + ROUNDING for value in (*row.tempered, *row.truncated, row.kept_mass)):
            raise FormError(f"rows[{i}] should have probabilities from 0 to 1")
    for i, one in enumerate(trace.tokens):
        if not PROMPT <= one.parent < i:
            raise FormError(f"tokens[{i}].parent should be {PROMPT} or under {i}")
        if not 0 <= one.row < len(trace.rows):
            raise FormError(f"tokens[{i}].row should be under {len(trace.rows)}")
        _check_spelled(trace, one.id, f"tokens[{i}]")
    for i, text in enumerate(trace.texts):
        above = PROMPT
        for token in text.tokens:
            if not 0 <= token < len(trace.tokens) or trace.tokens[token].parent != above:
                raise FormError(f"texts[{i}].tokens should be a path from the prompt")
            above = token


def _check_spelled(trace: Trace, token: int, where: str) -> None:
    if str(token) not in trace.vocabulary:
        raise FormError(f"{where} has the token {token}, which is not in the vocabulary")
