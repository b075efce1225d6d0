"""Many requests at once."""

from ponder.engine.engine import Engine
from ponder.engine.events import Event, FinishedEvent, Output, TokenEvent, Usage
from ponder.engine.request import Request

__all__ = ["Engine", "Event", "FinishedEvent", "Output", "Request", "TokenEvent", "Usage"]
