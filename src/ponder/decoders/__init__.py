"""A group's logits -> which branches grow."""

from ponder.asks.needs import Asker, Needs
from ponder.decoders.beam import BeamSearch
from ponder.decoders.beam_sample import BeamSample
from ponder.decoders.contrastive_search import ContrastiveSearch
from ponder.decoders.decoder import Decoder
from ponder.decoders.diverse_beam import DiverseBeamSearch
from ponder.decoders.faithful import Faithful
from ponder.decoders.group import Group
from ponder.decoders.rows import Rows
from ponder.decoders.sample import Sample
from ponder.decoders.speculative import DraftModel, PromptLookup, Speculative
from ponder.decoders.stochastic_beam import StochasticBeamSearch
from ponder.decoders.text import Ahead, Chain, Context, Drafted, Growth, Ranked, Settled, Star, Text

__all__ = [
    "Ahead",
    "Ranked",
    "Asker",
    "BeamSample",
    "BeamSearch",
    "Chain",
    "Context",
    "ContrastiveSearch",
    "Decoder",
    "DiverseBeamSearch",
    "DraftModel",
    "Drafted",
    "Faithful",
    "Group",
    "Growth",
    "Needs",
    "PromptLookup",
    "Rows",
    "Sample",
    "Settled",
    "Speculative",
    "Star",
    "StochasticBeamSearch",
    "Text",
]
