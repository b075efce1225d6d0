"""One LanguageModel protocol, and who implements it."""

from ponder.backends.language_model import (
    Capabilities,
    Completion,
    GenerationEvent,
    GenerationRequest,
    LanguageModel,
    Scores,
    TextScore,
    Timing,
    conversation,
)
from ponder.engine.events import Output, ProgressEvent, TokenEvent, TreeEvent, Usage

__all__ = [
    "Capabilities",
    "Completion",
    "GenerationEvent",
    "GenerationRequest",
    "LanguageModel",
    "Output",
    "ProgressEvent",
    "Scores",
    "TextScore",
    "Timing",
    "TokenEvent",
    "TreeEvent",
    "Usage",
    "conversation",
]
