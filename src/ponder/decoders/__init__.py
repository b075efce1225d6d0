"""A group's logits -> which branches grow."""

from ponder.decoders.beam import BeamSearch
from ponder.decoders.beam_sample import BeamSample
from ponder.decoders.contrastive_search import ContrastiveSearch
from ponder.decoders.diverse_beam import DiverseBeamSearch
from ponder.decoders.group import Context, Decoder, FinishReason, Group, Growth, Sequence
from ponder.decoders.sample import Sample
from ponder.decoders.speculative import DraftModel, PromptLookup, Speculative
from ponder.decoders.stochastic_beam import StochasticBeamSearch

__all__ = [
    "BeamSample",
    "BeamSearch",
    "Context",
    "ContrastiveSearch",
    "Decoder",
    "DiverseBeamSearch",
    "DraftModel",
    "FinishReason",
    "Group",
    "Growth",
    "PromptLookup",
    "Sample",
    "Sequence",
    "Speculative",
    "StochasticBeamSearch",
]
