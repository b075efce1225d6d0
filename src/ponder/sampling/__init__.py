"""A row of logits -> a token."""

from ponder.sampling.distribution import TraceSettings
from ponder.sampling.params import ResolvedParams, SamplingParams, resolve_params
from ponder.sampling.semantics import SEMANTICS
from ponder.sampling.trace import TokenTrace

__all__ = ["SEMANTICS", "ResolvedParams", "SamplingParams", "TokenTrace", "TraceSettings", "resolve_params"]
