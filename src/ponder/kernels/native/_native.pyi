"""The C++ module (csrc/module.cpp). Wrong shapes and indices raise ValueError, wrong types TypeError."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

KINDS: tuple[str, ...]
"""The kinds of weights that a matrix can hold."""

class Arena:
    """Memory of one model's weights."""

    def __init__(self) -> None: ...

class Matrix:
    """[out, in] weights in tiles."""

    @property
    def kind(self) -> str: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def nbytes(self) -> int: ...
    def read_row(self, row: int, out: NDArray[np.float32] | torch.Tensor) -> None: ...

def pack(
    arena: Arena,
    kind: str,
    stored: NDArray[np.uint8],
    out: int,
    inputs: int,
    rows: NDArray[np.int64] | None,
    threads: int,
) -> Matrix: ...

class Program:
    """A forward pass, recorded once."""

    def __init__(
        self,
        isa: str | None,
        hidden: int,
        heads: int,
        kv_heads: int,
        head_dim: int,
        rotated: int,
        layers: int,
        cache: str,
    ) -> None: ...
    def embed(self, table: Matrix) -> None: ...
    def project(
        self,
        layer: int,
        norm: torch.Tensor,
        eps: float,
        q: Matrix,
        q_bias: torch.Tensor | None,
        k: Matrix,
        k_bias: torch.Tensor | None,
        v: Matrix,
        v_bias: torch.Tensor | None,
        q_norm: torch.Tensor | None,
        k_norm: torch.Tensor | None,
        rotate: bool,
    ) -> None: ...
    def attend(
        self,
        layer: int,
        window: int | None,
        slopes: torch.Tensor | None = None,
        table: torch.Tensor | None = None,
    ) -> None: ...
    def add_projection(self, o: Matrix, bias: torch.Tensor | None) -> None: ...
    def add_feed_forward(
        self,
        norm: torch.Tensor,
        eps: float,
        gate: Matrix,
        gate_bias: torch.Tensor | None,
        up: Matrix,
        up_bias: torch.Tensor | None,
        down: Matrix,
        down_bias: torch.Tensor | None,
    ) -> None: ...
    def exit(self, depth: int) -> None: ...
    def logits(self, norm: torch.Tensor, eps: float, head: Matrix) -> None: ...
    def run(
        self,
        token_ids: Ints,
        slots: Ints,
        cos: Floats,
        sin: Floats,
        query_lengths: Ints,
        context_lengths: Ints,
        pages: Ints,
        trees: Sequence[torch.Tensor | None],
        logit_rows: Ints,
        logit_depths: Ints | None,
        states: torch.Tensor | None,
        keys: NDArray[Any],
        values: NDArray[Any],
        threads: int,
    ) -> Floats: ...
    def take_times(self) -> dict[str, float]: ...

def are_numbers(rows: Floats, threads: int) -> list[bool]: ...

PAGE_SIZE: int

class TeamSize:
    """How many of the threads that a program may use it does use."""

    def __init__(self) -> None: ...
    def choose(self, allowed: int) -> int: ...
    def note(self, put_off: int, seconds: float) -> None: ...

def instruction_sets() -> list[str]: ...
def int8_peak(threads: int, isa: str) -> float: ...
def read_bandwidth(threads: int) -> float: ...
def sample(requests: Sequence[tuple[Any, ...]], threads: int, isa: str | None = None) -> list[Any | None]:
    """`ponder.sampling.native`: requests are (logits, rows, params, order), results like a `TokenTrace`."""

def uniform(seed: int, stream: int, position: int, purpose: int) -> float: ...
