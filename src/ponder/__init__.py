"""ponder: everything between a language model's logits and its answer.

>>> import ponder
>>> lm = ponder.load()
>>> lm("Why is the sky blue?", temperature=0.7, top_p=0.9).text  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ponder.errors import PonderError

if TYPE_CHECKING:
    from ponder.asks import Completion
    from ponder.constraints import Ban
    from ponder.decoders import (
        BeamSample,
        BeamSearch,
        ContrastiveSearch,
        DiverseBeamSearch,
        DraftModel,
        Faithful,
        PromptLookup,
        Speculative,
        StochasticBeamSearch,
    )
    from ponder.lm import LM, load
    from ponder.mixtures import Contrast, DoLa, Guidance, context_aware
    from ponder.text import Conversation, Message

__version__ = "0.1.0"
__all__ = [
    "LM",
    "Ban",
    "BeamSample",
    "BeamSearch",
    "Completion",
    "Contrast",
    "ContrastiveSearch",
    "Conversation",
    "DiverseBeamSearch",
    "DoLa",
    "DraftModel",
    "Faithful",
    "Guidance",
    "Message",
    "PonderError",
    "PromptLookup",
    "Speculative",
    "StochasticBeamSearch",
    "__version__",
    "context_aware",
    "load",
]

_DECODING = (
    *("BeamSample", "BeamSearch", "ContrastiveSearch", "DiverseBeamSearch", "StochasticBeamSearch"),
    *("Speculative", "DraftModel", "PromptLookup", "Faithful"),
)
_MIXING = ("Contrast", "DoLa", "Guidance", "context_aware")
_HOMES = {
    "LM": "ponder.lm",
    "load": "ponder.lm",
    "Ban": "ponder.constraints",
    **dict.fromkeys(_DECODING, "ponder.decoders"),
    **dict.fromkeys(_MIXING, "ponder.mixtures"),
    "Completion": "ponder.asks",
    **dict.fromkeys(("Conversation", "Message"), "ponder.text"),
}


def __getattr__(name: str) -> Any:
    """Import what needs torch only when it is asked for: `ponder --help` should not wait two seconds."""
    if name not in _HOMES:
        raise AttributeError(f"module 'ponder' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
