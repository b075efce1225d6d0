"""What the text may be."""

from ponder.constraints.ban import Ban
from ponder.constraints.choice import ChoiceTrie
from ponder.constraints.constraint import Constraint, ConstraintState

__all__ = ["Ban", "ChoiceTrie", "Constraint", "ConstraintState"]
