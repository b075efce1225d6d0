"""The hot operations. `ops.py` names them; `reference/` is the oracle that others are tested against."""

from ponder.kernels.ops import Ops, select_ops

__all__ = ["Ops", "select_ops"]
