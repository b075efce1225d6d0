"""Many requests at once."""

from ponder.engine.drafter import Drafter
from ponder.engine.engine import Engine
from ponder.engine.events import Event, FailedEvent, FinishedEvent, ReadEvent
from ponder.engine.job import Job
from ponder.engine.limits import EngineLimits
from ponder.engine.loop import EngineLoop
from ponder.engine.seat import Seat
from ponder.engine.stats import EngineStats

__all__ = [
    "Drafter",
    "Engine",
    "EngineLimits",
    "EngineLoop",
    "EngineStats",
    "Event",
    "FailedEvent",
    "FinishedEvent",
    "Job",
    "ReadEvent",
    "Seat",
]
