"""What a benchmark is to do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ponder.errors import ParameterError

Endpoint = Literal["completions", "chat"]

_REQUESTS = 1_000_000
_TOKENS = 10_000_000


@dataclass(frozen=True, slots=True)
class Settings:
    """One benchmark, the same load whenever it is run with the same settings.

    Attributes
    ----------
    concurrency : a closed loop of so many clients, each of which sends its next request when its last is
        answered. Either this or `rate` is set.
    rate : an open loop of so many requests a second, which arrive whether or not the last are answered.
    max_concurrency : in the open loop, how many requests may be under way; the others wait with the client.
    requests, warmup : how many are measured, and how many are sent before that and not measured.
    prompt_tokens : of each prompt that is made up.
    shared_prefix_tokens : how many of them are the same in all prompts.
    dataset, field : a JSONL file and its field to take prompts from instead.
    max_tokens, n, temperature, top_p, ignore_eos : sent with each request, as far as they are set.
    timeout_s : for one request, from when it is sent.
    seconds : for all measured requests together; what is not answered by then is counted as unfinished.
    """

    concurrency: int | None = None
    rate: float | None = None
    max_concurrency: int | None = None
    requests: int = 100
    warmup: int = 4
    prompt_tokens: int = 128
    shared_prefix_tokens: int = 0
    dataset: str | None = None
    field: str = "prompt"
    max_tokens: int = 64
    n: int = 1
    temperature: float | None = None
    top_p: float | None = None
    ignore_eos: bool = False
    endpoint: Endpoint = "completions"
    seed: int = 0
    timeout_s: float = 120.0
    seconds: float = 600.0

    def __post_init__(self) -> None:
        if (self.concurrency is None) == (self.rate is None):
            raise ParameterError("concurrency", self.concurrency, "either concurrency or rate is set")
        if self.max_concurrency is not None and self.rate is None:
            raise ParameterError("max_concurrency", self.max_concurrency, "set only together with rate")
        if self.dataset is not None and self.shared_prefix_tokens:
            raise ParameterError("shared_prefix_tokens", self.shared_prefix_tokens, "0 with a dataset")
        for name, low, high in (
            ("concurrency", 1, _REQUESTS),
            ("max_concurrency", 1, _REQUESTS),
            ("requests", 1, _REQUESTS),
            ("warmup", 0, _REQUESTS),
            ("prompt_tokens", 1, _TOKENS),
            ("shared_prefix_tokens", 0, self.prompt_tokens),
            ("max_tokens", 1, _TOKENS),
            ("n", 1, _REQUESTS),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ParameterError(name, value, f"from {low} to {high}")
        for name in ("rate", "timeout_s", "seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ParameterError(name, value, "a number greater than 0")
