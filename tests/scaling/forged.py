"""Journals that somebody changed."""

import json
from collections.abc import Iterable
from typing import Any

from ponder.scaling import Journal


def summed(lines: Iterable[str | dict[str, Any]]) -> Journal:
    """Return a journal of these lines, each with the sum that it would have if it had been written so."""
    journal, sums = Journal(), dict[str, str]()
    for line in lines:
        entry = json.loads(line) if isinstance(line, str) else dict(line)
        entry.pop("sum", None)
        sums[entry["run"]] = journal.append(entry, sums.get(entry["run"], ""))
    return journal


def entries(journal: Journal) -> list[dict[str, Any]]:
    """Return its lines as data."""
    return [json.loads(line) for line in journal.lines]
