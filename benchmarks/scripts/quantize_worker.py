"""A GGUF file of another type, made by llama.cpp's library, for quantize.py.

    python benchmarks/scripts/quantize_worker.py LIBLLAMA SOURCE OUT FTYPE [pure] [importance]

LIBLLAMA is the shared library, FTYPE a number of the enumeration `llama_ftype`. `pure` makes every matrix of
the type, as far as its rows allow; `importance` gives every matrix an importance matrix of ones, without
which some types are not made. Exits with llama.cpp's status; an assertion in it ends the process.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

from ponder.checkpoints.gguf_file import read_header


class Params(ctypes.Structure):
    """`llama_model_quantize_params`, up to the importance matrix; what follows stays as it is."""

    _fields_ = (
        ("nthread", ctypes.c_int32),
        ("ftype", ctypes.c_int32),
        ("output_tensor_type", ctypes.c_int32),
        ("token_embedding_type", ctypes.c_int32),
        ("allow_requantize", ctypes.c_bool),
        ("quantize_output_tensor", ctypes.c_bool),
        ("only_copy", ctypes.c_bool),
        ("pure", ctypes.c_bool),
        ("importance", ctypes.c_void_p),
        ("rest", ctypes.c_char * 256),  # more than any version has
    )


class Importance(ctypes.Structure):
    """`llama_model_imatrix_data`: a list of these ends with one without a name."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("data", ctypes.POINTER(ctypes.c_float)),
        ("size", ctypes.c_size_t),
    )


def importance_of_ones(source: Path) -> ctypes.Array[Importance]:
    """Return the same importance for every input of every matrix."""
    shapes = {name: info.shape for name, info in read_header(source).tensors.items() if len(info.shape) == 2}
    entries = []
    for name, shape in shapes.items():
        ones = (ctypes.c_float * shape[1])(*[1.0] * shape[1])
        entries.append(Importance(name.encode(), ctypes.cast(ones, ctypes.POINTER(ctypes.c_float)), shape[1]))
    return (Importance * (len(entries) + 1))(*entries)


def main(library: str, source: Path, out: Path, ftype: int, options: set[str]) -> int:
    """Make the file; return llama.cpp's status."""
    llama = ctypes.CDLL(library)
    llama.llama_model_quantize_default_params.restype = Params
    llama.llama_model_quantize.restype = ctypes.c_uint32
    llama.llama_backend_init()
    params = llama.llama_model_quantize_default_params()
    params.nthread, params.ftype = 1, ftype
    params.allow_requantize, params.pure = True, "pure" in options
    importance = importance_of_ones(source) if "importance" in options else None
    params.importance = None if importance is None else ctypes.addressof(importance)
    return int(llama.llama_model_quantize(str(source).encode(), str(out).encode(), ctypes.byref(params)))


if __name__ == "__main__":
    status = main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), set(sys.argv[5:]))
    sys.exit(min(status, 1))
