"""A group's logits -> which branches grow."""

from ponder.decoders.beam import BeamSearch
from ponder.decoders.group import Decoder, FinishReason, Group, Growth, Sequence
from ponder.decoders.sample import Sample

__all__ = ["BeamSearch", "Decoder", "FinishReason", "Group", "Growth", "Sample", "Sequence"]
