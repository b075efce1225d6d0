"""A row of logits -> a token."""

from ponder.sampling.params import ResolvedParams, SamplingParams, resolve_params
from ponder.sampling.semantics import SEMANTICS
from ponder.sampling.trace import TokenTrace

__all__ = ["SEMANTICS", "ResolvedParams", "SamplingParams", "TokenTrace", "resolve_params"]
