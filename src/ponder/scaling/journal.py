"""A run as lines of JSON, from which it goes on where it was cut off, or is told again without a model."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from ponder.errors import DataError

T = TypeVar("T")


class Journal:
    """Lines that are only ever added to: in memory, or in a file.

    Several runs may share it; each line says whose it is. A last line that was cut off in the middle counts
    as not written.
    """

    def __init__(self, lines: Iterable[str] = (), *, name: str = "the journal") -> None:
        self.name = name
        self.lines: list[str] = []
        self._runs: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        for line in lines:
            self._add(line, _parsed(line, f"{name}, line {len(self.lines) + 1}"))
        self._file: io.TextIOWrapper | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Journal:
        """Open a file, which need not be there yet, to go on with what it holds.

        Raises
        ------
        DataError : it cannot be read or written, or holds a line that is not JSON.
        """
        file = Path(path)
        try:
            content = file.read_bytes() if file.exists() else b""
            whole = content.rfind(b"\n") + 1
            journal = cls(content[:whole].decode().split("\n")[:-1], name=str(path))
            if whole < len(content):
                os.truncate(file, whole)
            journal._file = file.open("a", encoding="utf-8", newline="\n")
        except OSError as error:
            raise DataError(f"{path} cannot be opened: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise DataError(f"{path} is not UTF-8 at byte {error.start}") from None
        return journal

    def close(self) -> None:
        """Close the file; nothing can be added then."""
        if self._file is not None:
            self._file.close()

    def run(self, name: str = "", *, only_read: bool = False) -> JournalRun:
        """Return the lines of one run."""
        return JournalRun(self, name, self._runs.setdefault(name, []), only_read=only_read)

    def append(self, entry: dict[str, Any]) -> None:
        """Add a line."""
        line = json.dumps(entry, separators=(",", ":"))
        if self._file is not None:
            self._file.write(line + "\n")
            self._file.flush()
        self._add(line, entry)

    def _add(self, line: str, entry: dict[str, Any]) -> None:
        self.lines.append(line)
        self._runs.setdefault(str(entry.get("run")), []).append((len(self.lines), entry))


class JournalRun:
    """The lines of one run, to be read in order and then added to."""

    def __init__(
        self, journal: Journal, name: str, entries: list[tuple[int, dict[str, Any]]], *, only_read: bool
    ) -> None:
        self._journal, self._name, self._entries = journal, name, entries
        self._only_read = only_read
        self._next = 0

    @property
    def at_end(self) -> bool:
        """Whether all lines have been read."""
        return self._next == len(self._entries)

    def expect(
        self, entry: Mapping[str, Any], also: Mapping[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """Read the next line, which holds all of `entry`; at the end write it, and `also`, and return None.

        Raises
        ------
        DataError : the line holds something else, says which line and what; or there is none and none may be
            written.
        """
        wanted = json.loads(json.dumps({"run": self._name, **entry}))
        if self.at_end:
            if self._only_read:
                raise self.ended()
            self._write({**wanted, **(also or {})})
            return None
        number, found = self._entries[self._next]
        for name, value in wanted.items():
            if name not in found or found[name] != value:
                held = f"{name} = {_short(found[name])}" if name in found else f"no {name}"
                raise DataError(
                    f"{self._journal.name}, line {number}: the journal has {held} where the run has"
                    f" {_short(value)}; it is a journal of something else, or the strategy has changed"
                )
        self._next += 1
        return found

    def results(self, effect: int) -> list[dict[str, Any]]:
        """Read the lines with what came of an effect, as many as there are."""
        found = []
        while not self.at_end and self._entries[self._next][1].get("of") == effect:
            found.append(self._entries[self._next][1])
            self._next += 1
        return found

    def write(self, effect: int, entry: Mapping[str, Any]) -> None:
        """Add a line with what came of an effect."""
        self._write({"run": self._name, "of": effect, **entry})

    def begin(self) -> dict[str, Any]:
        """Return the first line, which says what the run is, without reading on. Raises DataError if none."""
        if not self._entries:
            raise DataError(f"{self._journal.name} has no run {self._name!r}")
        return self._entries[0][1]

    def reading(self, read: Callable[[], T]) -> T:
        """Make something of the line read last. Raises DataError if it is not what this module writes."""
        try:
            return read()
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            number = self._entries[max(0, self._next - 1)][0]
            where, what = f"{self._journal.name}, line {number}", f"{type(error).__name__}: {error}"
            raise DataError(f"{where}: not a line of a journal: {what}") from None

    def ended(self) -> DataError:
        """Return the error of a replay that finds no more lines."""
        last = self._entries[-1][0] if self._entries else 0
        return DataError(
            f"{self._journal.name}, line {last}: the journal ends before the run, and a replay asks no model"
        )

    def _write(self, entry: dict[str, Any]) -> None:
        self._journal.append(entry)
        self._next = len(self._entries)


def _parsed(line: str, where: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not JSON that can be read: {error}") from None
    if not isinstance(entry, dict):
        raise DataError(f"{where}: a JSON object is needed, not {type(entry).__name__}")
    return entry


def _short(value: Any) -> str:
    shown = json.dumps(value)
    return shown if len(shown) <= 200 else shown[:197] + "..."


def plain(value: Any) -> Any:
    """Return a value as JSON data: dataclasses by name and fields, others by the name of their type."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        if all(isinstance(key, str) for key in value):
            return {key: plain(item) for key, item in value.items()}
        return [[plain(key), plain(item)] for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, frozenset | set):
        return sorted(map(plain, value))
    kind = type(value).__name__
    if is_dataclass(value) and not isinstance(value, type):
        return {"is": kind, **{one.name: plain(getattr(value, one.name)) for one in fields(value)}}
    return {"is": kind}
