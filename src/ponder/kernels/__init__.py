"""The hot operations. `ops.py` names them; `reference/` is the oracle that others are tested against."""

from ponder.kernels.attention_plan import AttentionPlan
from ponder.kernels.batch import ForwardBatch
from ponder.kernels.cache import PAGE_SIZE, Cache
from ponder.kernels.layers import Linear, Norm
from ponder.kernels.ops import Kernels, Ops
from ponder.kernels.select import select_kernels

__all__ = [
    "PAGE_SIZE",
    "AttentionPlan",
    "Cache",
    "ForwardBatch",
    "Kernels",
    "Linear",
    "Norm",
    "Ops",
    "select_kernels",
]
