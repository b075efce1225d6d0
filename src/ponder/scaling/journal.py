"""A run as lines of JSON, from which it goes on where it was cut off, or is told again without a model.

A line ends with a sum, a digest of the line and of the sum of its run's line before. So a line that is not as
it was written is found, and so is one that is missing; not so the last lines, without which a run is
unfinished. The sums are against accidents: who wants to can make new ones.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

from ponder.errors import DataError, ParameterError

VERSION = 4
T = TypeVar("T")

_SUM = ',"sum":"'


class UnfinishedError(DataError):
    """A run is told again, and its journal ends before it does."""


class Journal:
    """Lines that are only ever added to: in memory, or in a file.

    Several runs may share it; each line says whose it is. A last line that was cut off in the middle counts
    as not written.

    Raises
    ------
    DataError : a line is not JSON, is of no run, or was written in another format; says which.
    """

    def __init__(self, lines: Iterable[str] = (), *, name: str = "the journal") -> None:
        self.name = name
        self.lines: list[str] = []
        self._runs: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        for line in lines:
            self._add(line, json_object(line, f"{name}, line {len(self.lines) + 1}"))
        self._file: io.TextIOWrapper | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Journal:
        """Open a file, which need not be there yet, to go on with what it holds.

        Raises
        ------
        DataError : it cannot be read or written, or is no journal.
        """
        file = Path(path)
        try:
            content = file.read_bytes() if file.exists() else b""
            journal, whole = cls._of(content, str(path))
            if whole < len(content):
                os.truncate(file, whole)
            journal._file = file.open("a", encoding="utf-8", newline="\n")
        except OSError as error:
            raise DataError(f"{path} cannot be opened: {error.strerror or error}") from error
        return journal

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Journal:
        """Read a file and leave it as it is; what is added to the journal is not added to the file.

        Raises
        ------
        DataError : it cannot be read, or is no journal.
        """
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
        return cls._of(content, str(path))[0]

    @classmethod
    def _of(cls, content: bytes, name: str) -> tuple[Journal, int]:
        """Return a file's journal, and how many bytes its whole lines have."""
        whole = content.rfind(b"\n") + 1
        try:
            return cls(content[:whole].decode().split("\n")[:-1], name=name), whole
        except UnicodeDecodeError as error:
            raise DataError(f"{name} is not UTF-8 at byte {error.start}") from None

    @property
    def runs(self) -> tuple[str, ...]:
        """The names of the runs that it has lines of, in the order of their first."""
        return tuple(name for name, entries in self._runs.items() if entries)

    def close(self) -> None:
        """Close the file; nothing can be added then."""
        if self._file is not None:
            self._file.close()

    def run(self, name: str = "", *, only_read: bool = False) -> JournalRun:
        """Return the lines of one run."""
        return JournalRun(self, name, self._runs.setdefault(name, []), only_read=only_read)

    def append(self, entry: Mapping[str, Any], before: str) -> str:
        """Add a line after the one of its run that has the sum `before`, and return its own sum."""
        body = json.dumps(entry, separators=(",", ":"))
        digest = _digest(before, body)
        line = f'{body[:-1]}{_SUM}{digest}"}}'
        if self._file is not None:
            self._file.write(line + "\n")
            self._file.flush()
        self._add(line, dict(entry))
        return digest

    def sum(self, number: int, before: str) -> str:
        """Return the sum of a line, whose run's line before has the sum `before`.

        Raises
        ------
        DataError : the line has another.
        """
        body, _, end = self.lines[number - 1].rpartition(_SUM)
        digest = _digest(before, body + "}")
        if end != f'{digest}"}}':
            where = f"{self.name}, line {number}"
            raise DataError(f"{where}: not as it was written, or a line of its run before it is missing")
        return digest

    def _add(self, line: str, entry: dict[str, Any]) -> None:
        self.lines.append(line)
        where = f"{self.name}, line {len(self.lines)}"
        if not isinstance(entry.get("run"), str):
            raise DataError(f"{where}: not a line of a journal, since it is of no run")
        if entry.get("begin", VERSION) != VERSION:
            allowed = f"only format {VERSION} can be read: begin another file"
            raise DataError(f"{where}: written in format {_short(entry['begin'])} of journals, and {allowed}")
        self._runs.setdefault(entry["run"], []).append((len(self.lines), entry))


class JournalRun:
    """The lines of one run, to be read in order and then added to."""

    def __init__(
        self, journal: Journal, name: str, entries: list[tuple[int, dict[str, Any]]], *, only_read: bool
    ) -> None:
        self._journal, self._name, self._entries = journal, name, entries
        self._only_read = only_read
        self._next = 0
        self._sum = ""  # of the line before the next

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
        number, found = self._take()
        held = {name: value for name, value in found.items() if name in wanted}
        if difference := _difference(held, wanted):
            raise DataError(
                f"{self._journal.name}, line {number}: the journal has {difference}; it is a journal of"
                " something else, or the strategy has changed"
            )
        return found

    def results(self, effect: int) -> list[dict[str, Any]]:
        """Read the lines with what came of an effect, as many as there are."""
        found = []
        while not self.at_end and self._entries[self._next][1].get("of") == effect:
            found.append(self._take()[1])
        return found

    def require_end(self, after: str) -> None:
        """Raise DataError if there is another line, where the run has none."""
        if not self.at_end:
            number, _ = self._take()
            raise DataError(f"{self._journal.name}, line {number}: the journal goes on, and the run {after}")

    def write(self, effect: int, entry: Mapping[str, Any]) -> None:
        """Add a line with what came of an effect."""
        self._write({"run": self._name, "of": effect, **entry})

    def begin(self) -> dict[str, Any]:
        """Return the first line, which says what the run is, without reading on. Raises DataError if none."""
        if not self._entries:
            raise DataError(f"{self._journal.name} has no run {self._name!r}")
        number, entry = self._entries[0]
        self._journal.sum(number, "")
        return entry

    def end(self) -> dict[str, Any]:
        """Return the last line, without reading on."""
        return self._entries[-1][1]

    def reading(self, read: Callable[[], T]) -> T:
        """Make something of the line read last. Raises DataError if it is not what this module writes."""
        try:
            return read()
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise self.refused(f"not a line of a journal: {type(error).__name__}: {error}") from None
        except ParameterError as error:
            raise self.refused(str(error)) from None

    def refused(self, why: str) -> DataError:
        """Return the error of the line read last."""
        return DataError(f"{self._journal.name}, line {self._last()}: {why}")

    def ended(self) -> UnfinishedError:
        """Return the error of a replay that finds no more lines."""
        return UnfinishedError(
            f"{self._journal.name}, line {self._last()}: the journal ends before the run, and a replay asks"
            " no model"
        )

    def _last(self) -> int:
        return self._entries[max(0, self._next - 1)][0] if self._entries else 0

    def _take(self) -> tuple[int, dict[str, Any]]:
        """Read the next line and its number, and check its sum."""
        number, entry = self._entries[self._next]
        self._sum = self._journal.sum(number, self._sum)
        self._next += 1
        return number, entry

    def _write(self, entry: dict[str, Any]) -> None:
        self._sum = self._journal.append(entry, self._sum)
        self._next = len(self._entries)


def _digest(before: str, body: str) -> str:
    return blake2b((before + body).encode(), digest_size=8).hexdigest()


def json_object(line: str, where: str) -> dict[str, Any]:
    """Return the JSON object of a line; `where` says in the error which line it is. Raises DataError."""
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


def _difference(held: Any, wanted: Any, where: str = "") -> str | None:
    """Return where two values of JSON differ first, and how; None: they are the same."""
    if isinstance(held, dict) and isinstance(wanted, dict):
        for name in {**wanted, **held}:
            place = f"{where}.{name}" if where else name
            if name not in held:
                return f"no {place} where the run has {_short(wanted[name])}"
            if name not in wanted:
                return f"{place} = {_short(held[name])} where the run has none"
            if difference := _difference(held[name], wanted[name], place):
                return difference
        return None
    if isinstance(held, list) and isinstance(wanted, list) and len(held) == len(wanted):
        pairs = enumerate(zip(held, wanted, strict=True))
        found = (_difference(one, other, f"{where}[{i}]") for i, (one, other) in pairs)
        return next(filter(None, found), None)
    if json.dumps(held) == json.dumps(wanted):  # as text: 1 is not true, and nan is nan
        return None
    return f"{where} = {_short(held)} where the run has {_short(wanted)}"


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
