"""Many requests at once."""

from ponder.engine.draft_engine import DraftEngine
from ponder.engine.engine import Engine
from ponder.engine.events import (
    Event,
    FailedEvent,
    FinishedEvent,
    Output,
    ProgressEvent,
    TokenEvent,
    TreeEvent,
    TreeNode,
    Usage,
)
from ponder.engine.loop import EngineLoop
from ponder.engine.request import EngineLimits, Request
from ponder.engine.stats import EngineStats

__all__ = [
    "DraftEngine",
    "Engine",
    "EngineLimits",
    "EngineLoop",
    "EngineStats",
    "Event",
    "FailedEvent",
    "FinishedEvent",
    "Output",
    "ProgressEvent",
    "Request",
    "TokenEvent",
    "TreeEvent",
    "TreeNode",
    "Usage",
]
