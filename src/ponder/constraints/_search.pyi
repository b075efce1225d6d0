"""The search for banned phrases in C++ (csrc/constraint_module.cpp); states are those of `PhraseSearch`."""

import numpy as np
from numpy.typing import NDArray

class Folding:
    """`points[i]` becomes `folded[starts[i]:starts[i + 1]]`; `words`: a bit for each code point, or none."""

    def __init__(
        self,
        points: NDArray[np.int32],
        starts: NDArray[np.int32],
        folded: NDArray[np.int32],
        words: NDArray[np.uint8],
    ) -> None: ...

class FoldedTokens:
    """The tokens of a vocabulary, whose bytes follow one another; those of no bytes spell nothing."""

    def __init__(
        self, folding: Folding, spelled: bytes, lengths: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> None: ...
    @property
    def nbytes(self) -> int: ...

class PhraseSearch:
    def __init__(self, tokens: FoldedTokens, phrases: bytes, lengths: NDArray[np.int64]) -> None: ...
    def always(self, word: bool) -> bytes: ...
    def mask(self, state: int) -> bytes | None: ...
    def step(self, state: int, token: int) -> int: ...
    def follow(self, state: int, text: bytes) -> int: ...
    def may_end(self, state: int) -> bool: ...
    @property
    def nbytes(self) -> int: ...
