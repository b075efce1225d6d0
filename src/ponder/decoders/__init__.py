"""A group's logits -> which branches grow."""

from ponder.decoders.beam import BeamSearch
from ponder.decoders.beam_sample import BeamSample
from ponder.decoders.diverse_beam import DiverseBeamSearch
from ponder.decoders.group import Decoder, FinishReason, Group, Growth, Sequence
from ponder.decoders.sample import Sample
from ponder.decoders.speculative import DraftModel, PromptLookup, Speculative
from ponder.decoders.stochastic_beam import Draw, StochasticBeamSearch, draws

__all__ = [
    "BeamSample",
    "BeamSearch",
    "Decoder",
    "DiverseBeamSearch",
    "DraftModel",
    "Draw",
    "FinishReason",
    "Group",
    "Growth",
    "PromptLookup",
    "Sample",
    "Sequence",
    "Speculative",
    "StochasticBeamSearch",
    "draws",
]
