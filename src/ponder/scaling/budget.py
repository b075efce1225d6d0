"""How much an answer may cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ponder.errors import ParameterError
from ponder.sampling.params import MAX_N

Stopped = Literal["done", "tokens", "seconds"]


@dataclass(frozen=True, slots=True)
class Budget:
    """`n` samples, and limits after which generation stops whatever is still growing.

    The limit on tokens holds to the token; seconds are looked at after every token. What has been generated
    by then is still scored, so that there is an answer.

    Attributes
    ----------
    n : how many texts to sample.
    max_generated_tokens : of all texts together; None for no limit.
    seconds : by the clock, from the start of the first request; None for no limit.
    """

    n: int = 8
    max_generated_tokens: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if not _whole(self.n) or not 1 <= self.n <= MAX_N:
            raise ParameterError("n", self.n, f"a whole number from 1 to {MAX_N}")
        tokens, seconds = self.max_generated_tokens, self.seconds
        if tokens is not None and (not _whole(tokens) or tokens < 1):
            raise ParameterError("max_generated_tokens", tokens, "a whole number, 1 or more")
        number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if seconds is not None and not (number and math.isfinite(seconds) and seconds > 0):
            raise ParameterError("seconds", seconds, "a finite number over 0")

    def exceeded(self, generated_tokens: int, seconds: float) -> Stopped:
        """Return which limit is reached, or "done" if none is."""
        if self.max_generated_tokens is not None and generated_tokens >= self.max_generated_tokens:
            return "tokens"
        if self.seconds is not None and seconds >= self.seconds:
            return "seconds"
        return "done"


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
