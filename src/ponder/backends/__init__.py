"""One LanguageModel protocol, and who implements it."""

from ponder.backends.language_model import (
    Capabilities,
    Completion,
    GenerationRequest,
    LanguageModel,
    Scores,
    TextScore,
    Timing,
    conversation,
)
from ponder.engine.events import Output, TokenEvent, Usage

__all__ = [
    "Capabilities",
    "Completion",
    "GenerationRequest",
    "LanguageModel",
    "Output",
    "Scores",
    "TextScore",
    "Timing",
    "TokenEvent",
    "Usage",
    "conversation",
]
