"""The operations in torch on the CPU, where a row's bits never depend on the rows beside it.

A token's result is a function of the token and of what it sees: not of how many rows are in the batch,
in which order, how a prompt was cut into chunks, or what was computed earlier and cached. What is shared
with `reference` has that property already: a lookup, element-wise arithmetic whose vector and scalar
loops round alike, and a mean that one thread takes row by row (for rows shorter than 32768).
"""

from ponder.kernels.reference import embed, rms_norm, rope_and_store
from ponder.kernels.row_invariant.attention import attention
from ponder.kernels.row_invariant.linear import linear
from ponder.kernels.row_invariant.swiglu import swiglu

__all__ = ["attention", "embed", "linear", "rms_norm", "rope_and_store", "swiglu"]
