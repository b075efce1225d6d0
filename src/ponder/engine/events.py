"""How a request ends, and all that an engine says of it."""

from __future__ import annotations

from dataclasses import dataclass

from ponder.asks.events import BackEvent, Output, ProgressEvent, TokenEvent, TreeEvent, Usage
from ponder.asks.read import Reading


@dataclass(frozen=True, slots=True)
class FinishedEvent:
    """A request is answered."""

    request_id: int
    outputs: tuple[Output, ...]
    usage: Usage


@dataclass(frozen=True, slots=True)
class ReadEvent:
    """A text was read."""

    request_id: int
    reading: Reading


@dataclass(frozen=True, slots=True)
class FailedEvent:
    """A request ended with an error, which is raised to whoever asked."""

    request_id: int
    error: Exception


Event = ProgressEvent | TokenEvent | BackEvent | TreeEvent | FinishedEvent | ReadEvent | FailedEvent
