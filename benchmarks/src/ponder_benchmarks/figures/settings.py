"""What is common to all figures: the model, the systems and how often they are measured."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ponder.errors import ParameterError
from ponder.hub.registry import DEFAULT_MODEL

PEERS = ("llama.cpp", "transformers", "vllm")
DTYPES = {"bfloat16": "bf16", "float32": "f32"}
MODES = ("eager", "compiled")

_MANY = 1_000_000


def cores() -> int:
    """Return how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Who is measured, on what, how often.

    Attributes
    ----------
    against : peers beside ponder, of `PEERS`.
    peer_python : a peer's interpreter; by default this one.
    repeats, warmup : rounds that count, and rounds before them that do not.
    threads : of each system.
    seed : same seed, same prompts.
    timeout_s : for one turn of one system; loading is one too.
    transformers_dtypes, vllm_modes : each of these is measured as a system of its own.
    vllm_model : a Hugging Face directory for vLLM; by default the model, if it is one.
    """

    model: str = DEFAULT_MODEL
    against: tuple[str, ...] = ()
    peer_python: Mapping[str, str] = field(default_factory=dict)
    repeats: int = 5
    warmup: int = 1
    threads: int = field(default_factory=cores)
    seed: int = 0
    timeout_s: float = 600.0
    transformers_dtypes: tuple[str, ...] = ("bfloat16",)
    vllm_modes: tuple[str, ...] = ("eager",)
    vllm_model: str | None = None

    def __post_init__(self) -> None:
        check_counts(self, {"repeats": 1, "warmup": 0, "threads": 1, "seed": 0})
        _check_names("against", self.against, PEERS)
        _check_names("peer_python", tuple(self.peer_python), PEERS)
        _check_names("transformers_dtype", self.transformers_dtypes, tuple(DTYPES))
        _check_names("vllm_mode", self.vllm_modes, MODES)
        if not self.transformers_dtypes or not self.vllm_modes:
            raise ParameterError("transformers_dtype, vllm_mode", [], "at least one of each")
        if not 0 < self.timeout_s < math.inf:
            raise ParameterError("timeout_s", self.timeout_s, "a number greater than 0")


def check_counts(settings: object, lowest: Mapping[str, int]) -> None:
    """Refuse fields that are not whole numbers from their lowest to a million.

    Raises
    ------
    ParameterError : says the field and what is allowed.
    """
    for name, low in lowest.items():
        value = getattr(settings, name)
        for one in value if isinstance(value, tuple) else (value,):
            if type(one) is not int or not low <= one <= _MANY:
                raise ParameterError(name, one, f"a whole number from {low} to {_MANY}")
        if isinstance(value, tuple) and (not value or len(set(value)) < len(value)):
            raise ParameterError(name, value, "at least one number, each once")


def _check_names(field_name: str, names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise ParameterError(field_name, name, ", ".join(known))
    if len(set(names)) < len(names):
        raise ParameterError(field_name, ",".join(names), "each once")
