"""The sampler in C++ (`csrc/row_sampler.h`): what `sample_reference` does, in two sweeps over a row."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import dropwhile
from typing import TYPE_CHECKING

import torch

from ponder.kernels import native
from ponder.sampling.params import SamplingParams
from ponder.sampling.semantics import SEMANTICS
from ponder.sampling.steps import STEPS
from ponder.sampling.trace import TokenTrace

if TYPE_CHECKING:
    from ponder.sampling.row import Row

WORTH_A_THREAD = 65536  # logits, about 15 microseconds' work

Request = tuple[torch.Tensor, "Sequence[Row]", SamplingParams]


def usable(logits: torch.Tensor, params: SamplingParams) -> bool:
    """Whether rows of logits can be sampled here: float32 on the CPU, and the kernels are built.

    And only where all steps that are on have a kernel, no penalty or bias comes after the temperature or a
    truncation, and no other semantics than ponder's needs what only torch does for it.
    """
    on_cpu = logits.device.type == "cpu" and logits.dtype == torch.float32
    if not (on_cpu and native.available()):
        return False
    if params.real_temperature:  # a nucleus that is the row's own
        return False
    if any(STEPS[step].kernel is None for step in params.steps()):
        return False
    if params.order is not None:
        return params.semantics == "ponder" and _changes_come_first(params.steps())
    return params.semantics == "ponder" or _rules_alone_differ(params)


def _changes_come_first(steps: Sequence[str]) -> bool:
    kinds = [STEPS[step].kind for step in steps]
    return "penalty" not in dropwhile(lambda kind: kind == "penalty", kinds)


def _rules_alone_differ(params: SamplingParams) -> bool:
    """Whether a semantics differs in rules, not in rounding that would be noticed, nor in what a step is."""
    match params.semantics:
        case "hf" | "vllm":  # they divide logits whose largest is not 0
            return params.temperature == 0 or params.temperature >= 0.1
        case "llamacpp":  # it adds float32 in the order of tokens, unless top-k has left few
            return 0 < params.top_k <= 1000 or (params.top_p == 1 and params.typical_p == 1)
        case "exllama":  # its XTC mixes two distributions
            return params.xtc_probability == 0
    return True


def _kernels(order: Sequence[str]) -> tuple[str, ...]:
    """Return the kernels of some steps; those without one are off where this sampler is used."""
    return tuple(kernel for step in order if (kernel := STEPS[step].kernel) is not None)


_ORDERS = {name: _kernels(one.order) for name, one in SEMANTICS.items()}


def sample_many(
    requests: Sequence[Request], *, threads: int | None = None, instruction_set: str | None = None
) -> list[TokenTrace | None]:
    """Choose a token for each row of all requests, in one parallel region.

    Parameters
    ----------
    requests : (logits [R, V] float32 on the CPU, R rows, their parameters) each; V is the same for all.
    threads : by default as many as are worth waking, up to torch's number; no result depends on it.
    instruction_set : one of `native.instruction_sets()`; None: `native.instruction_set()`.
    """
    from ponder.kernels.native._native import sample  # what may be missing where `usable` says no

    if threads is None:
        work = sum(logits.numel() for logits, _, _ in requests)
        threads = max(1, min(torch.get_num_threads(), work // WORTH_A_THREAD))
    ordered = [
        (logits.numpy(), rows, params, _kernels(params.order) if params.order else _ORDERS[params.semantics])
        for logits, rows, params in requests
    ]
    traces = sample(ordered, threads, instruction_set or native.instruction_set())
    return [None if values is None else TokenTrace(*values) for values in traces]
