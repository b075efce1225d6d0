"""The operations in plain torch: the oracle, and what runs where nothing faster does."""

from ponder.kernels.reference.attention import attention, rope_and_store
from ponder.kernels.reference.pointwise import embed, linear, rms_norm, swiglu

__all__ = ["attention", "embed", "linear", "rms_norm", "rope_and_store", "swiglu"]
