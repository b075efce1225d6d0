"""The operations in C++ on the CPU, over weights that stay quantised (sources in `csrc/`).

A row's arithmetic depends on nothing but the row and what it sees: not on other rows, on how a prompt was
cut, on what was cached, nor on the number of threads.
"""

from __future__ import annotations

import os

import torch

VARIABLE = "PONDER_KERNELS"
"""Names what a process computes with: native or reference kernels, or native ones for an instruction set."""

try:
    import ponder.kernels.native._native as _native
except ImportError as error:  # installed without a compiler, or for another machine
    missing: str | None = str(error)
else:
    missing = None


def available() -> bool:
    """Whether the native kernels were built and can be loaded."""
    return missing is None


def instruction_sets() -> list[str]:
    """Return what this processor has of avx512, avxvnni, avx2, neon and portable, the best first."""
    return _native.instruction_sets()


def instruction_set() -> str:
    """Return which of `instruction_sets` is used: the best, or the one that PONDER_KERNELS names."""
    here = instruction_sets()
    forced = os.environ.get(VARIABLE)
    return forced if forced in here else here[0]


def are_numbers(rows: torch.Tensor) -> list[bool]:
    """Return of each row of [R, V] float32 whether it is free of NaN and of positive infinity."""
    threads = min(
        torch.get_num_threads(), -(-rows.numel() // 2**18)
    )  # waking one costs as much as 5 rows of 49k
    return _native.are_numbers(rows.numpy(), max(threads, 1))


def read_bandwidth(threads: int) -> float:
    """Measure how many gigabytes a second `threads` threads read from memory together."""
    return _native.read_bandwidth(threads)


def int8_peak(threads: int) -> float:
    """Measure how many billion 8-bit multiply-accumulates a second `threads` threads make at most."""
    return _native.int8_peak(threads, instruction_set())


__all__ = [
    "VARIABLE",
    "are_numbers",
    "available",
    "instruction_set",
    "instruction_sets",
    "int8_peak",
    "missing",
    "read_bandwidth",
]
