"""Whose rules apply: which steps each system has, in its order. Nothing here needs torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ponder.sampling.steps import STEPS

DRAWING = frozenset(
    {"seed", "min_allowed_mass"}.union(
        *({*step.switches, *step.knobs} for step in STEPS.values() if step.kind != "penalty"),
    )
)
"""The parameters that say how a token is drawn, which mean nothing where none is."""

Settle = Callable[[float], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Semantics:
    """What a system does: its steps in order, and what it makes of some values before anything else.

    `settle` is given the temperature and returns the parameters that the system changes for it.
    `penalty_range` applies where none is given. `lacks` are parameters of its steps that it does not have.
    """

    system: str
    order: tuple[str, ...]
    settle: Settle = lambda temperature: {}
    penalty_range: int = 0
    highest_temperature: float | None = None
    lacks: frozenset[str] = frozenset()


_NUCLEUS = frozenset({"top_p_decay", "top_p_floor", "real_temperature"})
_DYNAMIC = frozenset({"dynatemp_range", "dynatemp_exponent"})


def _steps(*names: str) -> tuple[str, ...]:
    return tuple(" ".join(names).split())


def _vllm(temperature: float) -> dict[str, Any]:
    if 0 < temperature < 0.01:
        return {"temperature": 0.0 if temperature < 1e-5 else 0.01}
    return {}


def _sglang(temperature: float) -> dict[str, Any]:
    return {"temperature": 1.0, "top_k": 1} if temperature < 1e-6 else {}


SEMANTICS: Mapping[str, Semantics] = {
    "ponder": Semantics("ponder", tuple(STEPS)),
    "hf": Semantics(
        "transformers 5.24",
        _steps(
            "sequence_bias logit_bias repetition_penalty no_repeat_ngram temperature",
            "top_h top_k top_p min_p typical epsilon eta",
        ),
        lacks=_NUCLEUS | _DYNAMIC,
    ),
    "vllm": Semantics(
        "vLLM 0.32",
        _steps("logit_bias repetition_penalty occurrence_penalties temperature min_p top_k top_p"),
        _vllm,
        highest_temperature=2.0,
        lacks=_NUCLEUS | _DYNAMIC,
    ),
    "sglang": Semantics(
        "SGLang 0.5.23, torch",
        _steps("repetition_penalty occurrence_penalties logit_bias temperature top_k top_p min_p"),
        _sglang,
        lacks=_NUCLEUS | _DYNAMIC,
    ),
    "flashinfer": Semantics(
        "SGLang over FlashInfer",
        _steps("repetition_penalty occurrence_penalties logit_bias temperature top_k top_p min_p"),
        _sglang,
        lacks=_NUCLEUS | _DYNAMIC,
    ),
    "llamacpp": Semantics(
        "llama.cpp (llama-cpp-python 0.3.36)",
        _steps(
            "logit_bias repetition_penalty occurrence_penalties dry",
            "top_n_sigma top_k typical top_p min_p xtc temperature mirostat",
        ),
        penalty_range=64,
        lacks=_NUCLEUS,
    ),
    "exllama": Semantics(
        "ExLlama V2/V3",
        _steps(
            "repetition_penalty occurrence_penalties dry logit_bias temperature",
            "min_p top_k top_p top_a tail_free typical xtc mirostat",
        ),
        lacks=_NUCLEUS | _DYNAMIC,
    ),
}
