"""Whose rules apply: the steps there are, and which of them each system has, in its order.

Nothing here needs torch: what the steps do is in `steps.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["penalty", "temperature", "truncation"]


@dataclass(frozen=True, slots=True)
class Step:
    """Something that is done to logits: the parameters that turn it on and those that steer it."""

    kind: Kind
    switches: tuple[str, ...]
    knobs: tuple[str, ...] = ()
    source: str = ""


STEPS: Mapping[str, Step] = {
    "sequence_bias": Step("penalty", ("sequence_bias",), source="transformers"),
    "repetition_penalty": Step(
        "penalty", ("repetition_penalty",), ("penalty_range",), "CTRL, arXiv 1909.05858"
    ),
    "occurrence_penalties": Step(
        "penalty", ("frequency_penalty", "presence_penalty"), ("penalty_range",), "OpenAI"
    ),
    "dry": Step(
        "penalty",
        ("dry_multiplier",),
        ("dry_base", "dry_allowed_length", "dry_range", "dry_sequence_breakers"),
        "p-e-w, text-generation-webui #5677",
    ),
    "no_repeat_ngram": Step("penalty", ("no_repeat_ngram_size",), source="fairseq; transformers"),
    "logit_bias": Step("penalty", ("logit_bias",), source="OpenAI"),
    "temperature": Step(
        "temperature", ("temperature",), ("dynatemp_range", "dynatemp_exponent"), "llama.cpp (dynamic)"
    ),
    "top_n_sigma": Step("truncation", ("top_n_sigma",), source="arXiv 2411.07641"),
    "top_h": Step("truncation", ("top_h",), source="arXiv 2509.02510"),
    "top_k": Step("truncation", ("top_k",), source="arXiv 1805.04833"),
    "top_p": Step(
        "truncation",
        ("top_p", "real_temperature"),
        ("top_p_decay", "top_p_floor"),
        "arXiv 1904.09751; decay 2206.04624; residual entropy 2406.07735",
    ),
    "min_p": Step("truncation", ("min_p",), source="arXiv 2407.01082"),
    "typical": Step("truncation", ("typical_p",), source="arXiv 2202.00666"),
    "epsilon": Step("truncation", ("epsilon_cutoff",), source="arXiv 2210.15191"),
    "eta": Step("truncation", ("eta_cutoff",), source="arXiv 2210.15191"),
    "top_a": Step("truncation", ("top_a",), source="KoboldAI"),
    "tail_free": Step("truncation", ("tfs",), source="Kobold's tail-free sampling"),
    "xtc": Step("truncation", ("xtc_probability",), ("xtc_threshold",), "p-e-w, text-generation-webui #6335"),
    "mirostat": Step("truncation", ("mirostat",), ("mirostat_tau", "mirostat_eta"), "arXiv 2007.14966"),
}

DRAWING = frozenset(
    {"seed"}.union(
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
    "ponder": Semantics(
        "ponder",
        _steps(
            "repetition_penalty occurrence_penalties dry no_repeat_ngram sequence_bias logit_bias",
            "temperature top_n_sigma top_k top_p min_p typical top_h epsilon eta",
            "top_a tail_free xtc mirostat",
        ),
    ),
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
