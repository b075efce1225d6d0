"""A group's logits -> which branches grow."""

from ponder.decoders.beam import BeamSearch
from ponder.decoders.beam_sample import BeamSample
from ponder.decoders.contrast import Contrast
from ponder.decoders.contrastive_search import ContrastiveSearch
from ponder.decoders.diverse_beam import DiverseBeamSearch
from ponder.decoders.dola import DoLa
from ponder.decoders.group import Context, Decoder, FinishReason, Group, Growth, Sequence
from ponder.decoders.guidance import Guidance, context_aware
from ponder.decoders.mixture import Mixture
from ponder.decoders.sample import Sample
from ponder.decoders.speculative import DraftModel, PromptLookup, Speculative
from ponder.decoders.stochastic_beam import StochasticBeamSearch

__all__ = [
    "BeamSample",
    "BeamSearch",
    "Context",
    "Contrast",
    "ContrastiveSearch",
    "Decoder",
    "DiverseBeamSearch",
    "DoLa",
    "DraftModel",
    "FinishReason",
    "Group",
    "Growth",
    "Guidance",
    "Mixture",
    "PromptLookup",
    "Sample",
    "Sequence",
    "Speculative",
    "StochasticBeamSearch",
    "context_aware",
]
