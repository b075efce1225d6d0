"""What can be asked of a model and what comes back: values without torch."""

from ponder.asks.events import (
    BackEvent,
    FinishReason,
    MassKept,
    Output,
    ProgressEvent,
    TokenEvent,
    TreeEvent,
    TreeNode,
    Usage,
)
from ponder.asks.grow import Boundary, End, Grow, Method, Mixing, Record, Service, Tokens, Until
from ponder.asks.language_model import (
    Completion,
    LanguageModel,
    Resolved,
    Resolver,
    Timing,
    Told,
    conversation,
)
from ponder.asks.offers import Offers
from ponder.asks.path import Lineage, Path
from ponder.asks.read import Given, Likeliest, Logits, Read, Reading, States, TextScore, These

__all__ = [
    "BackEvent",
    "Boundary",
    "Completion",
    "End",
    "FinishReason",
    "Given",
    "Grow",
    "LanguageModel",
    "Likeliest",
    "Lineage",
    "Logits",
    "Method",
    "Mixing",
    "Offers",
    "MassKept",
    "Output",
    "Path",
    "ProgressEvent",
    "Read",
    "Reading",
    "Record",
    "Resolved",
    "Resolver",
    "Service",
    "States",
    "TextScore",
    "These",
    "Timing",
    "TokenEvent",
    "Tokens",
    "Told",
    "TreeEvent",
    "TreeNode",
    "Until",
    "Usage",
    "conversation",
]
