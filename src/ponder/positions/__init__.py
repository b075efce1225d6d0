"""How a model knows order."""

from ponder.positions.bias import Buckets, Slopes
from ponder.positions.choose import Specification, choose_positions
from ponder.positions.protocol import CosSin, Positions, Rotates
from ponder.positions.rope import Rope
from ponder.positions.unrotated import Alibi, NoPositions, T5Bias

__all__ = [
    "Alibi",
    "Buckets",
    "CosSin",
    "NoPositions",
    "Positions",
    "Rope",
    "Rotates",
    "Slopes",
    "Specification",
    "T5Bias",
    "choose_positions",
]
