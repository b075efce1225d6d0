"""What the text may be."""

from ponder.constraints.ban import Ban
from ponder.constraints.constraint import Constraint, ConstraintState

__all__ = ["Ban", "Constraint", "ConstraintState"]
