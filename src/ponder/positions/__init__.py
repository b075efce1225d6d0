"""How a model knows order."""

from ponder.positions.rope import Rope

__all__ = ["Rope"]
