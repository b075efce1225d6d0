"""Which kernels run a model."""

from __future__ import annotations

import os
import warnings

import torch

from ponder.errors import ParameterError, PonderWarning, UnsupportedError
from ponder.kernels import native
from ponder.kernels.ops import Kernels
from ponder.kernels.torch_kernels import TorchKernels

NAMES = ("native", "reference")


def select_kernels(
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    name: str | None = None,
    *,
    row_invariant: bool = False,
    exact: bool = False,
) -> Kernels:
    """Return the kernels for a device: native ones on the CPU where they are built, else the torch reference.

    Parameters
    ----------
    name : "native" or "reference"; by default what the environment variable PONDER_KERNELS says, if anything.
        The variable may also name an instruction set, for native kernels.
    row_invariant : a row's bits may not depend on the rows beside it. Native kernels are so always.
    exact : keep float32 throughout, as suits float32 and float16 weights.

    Raises
    ------
    ParameterError : `name`, or the variable, is neither.
    UnsupportedError : native kernels are asked for and cannot be had; `row_invariant` off the CPU.
    """
    from ponder.kernels import reference
    from ponder.kernels import row_invariant as invariant

    wanted = name or os.environ.get(native.VARIABLE) or None
    sets = native.instruction_sets() if native.missing is None else []
    if not name and wanted in sets:
        wanted = "native"
    if wanted not in (None, *NAMES):
        allowed = NAMES if name else (*NAMES, *sets)
        raise ParameterError("kernels" if name else native.VARIABLE, wanted, " or ".join(allowed))
    on_cpu = device.type == "cpu"
    if wanted == "native" and not on_cpu:
        raise UnsupportedError(
            f"kernels = 'native' is not supported on device {str(device)!r}: only on 'cpu'"
        )
    if wanted == "native" and native.missing is not None:
        raise UnsupportedError(f"kernels = 'native' is not to be had here: {native.missing}")
    if row_invariant and not on_cpu:
        raise UnsupportedError(
            f"row_invariant = True is not supported on device {str(device)!r}: only on 'cpu'"
        )
    if on_cpu and wanted != "reference" and dtype == torch.float32:
        if native.missing is None:
            from ponder.kernels.native.kernels import NativeKernels

            return NativeKernels(exact=exact)
        warnings.warn(
            "ponder was installed without its native kernels and runs on much slower ones; "
            f"install a C++ compiler and then ponder again ({native.missing})",
            PonderWarning,
            stacklevel=2,
        )
    if row_invariant:
        return TorchKernels("row_invariant", invariant, device, dtype)
    return TorchKernels("reference", reference, device, dtype)
