"""How a model's probability divides over whole answers."""

from ponder.scoring.choice import Choice, ScoredChoice, normalise

__all__ = ["Choice", "ScoredChoice", "normalise"]
