"""The sampler in C++ (`csrc/row_sampler.h`): what `sample_reference` does, in two sweeps over a row."""

from __future__ import annotations

import os
from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

import torch

from ponder.kernels import native
from ponder.kernels.select import VARIABLE
from ponder.sampling import semantics
from ponder.sampling.params import SamplingParams
from ponder.sampling.trace import TokenTrace

if TYPE_CHECKING:
    from ponder.sampling.row import Row

WORTH_A_THREAD = 65536  # logits, about 15 microseconds' work

Request = tuple[torch.Tensor, "Sequence[Row]", SamplingParams]


STEPS = ("repetition_penalty", "occurrence_penalties", "logit_bias", "temperature", "top_k", "top_p", "min_p")
_others = attrgetter(
    *("semantics", "order", "penalty_range", "top_p_decay", "real_temperature", "dynatemp_range"),
    *(name for step, spec in semantics.STEPS.items() if step not in STEPS for name in spec.switches),
)
_OFF = _others(SamplingParams())


def usable(logits: torch.Tensor, params: SamplingParams) -> bool:
    """Whether rows of logits can be sampled here: float32 on the CPU, kernels built and not declined.

    And only with ponder's own rules, in their order, for the steps that the kernel has.
    """
    on_cpu = logits.device.type == "cpu" and logits.dtype == torch.float32
    if not (on_cpu and native.available() and os.environ.get(VARIABLE) != "reference"):
        return False
    return bool(_others(params) == _OFF)


def sample_many(
    requests: Sequence[Request], *, threads: int | None = None, instruction_set: str | None = None
) -> list[TokenTrace | None]:
    """Choose a token for each row of all requests, in one parallel region.

    Parameters
    ----------
    requests : (logits [R, V] float32 on the CPU, R rows, their parameters) each; V is the same for all.
    threads : by default as many as are worth waking, up to torch's number; no result depends on it.
    instruction_set : avx512, avx2 or portable; None: the best that the processor has.
    """
    from ponder.kernels.native._native import sample  # what may be missing where `usable` says no

    if threads is None:
        work = sum(logits.numel() for logits, _, _ in requests)
        threads = max(1, min(torch.get_num_threads(), work // WORTH_A_THREAD))
    traces = sample(requests, threads, instruction_set)
    return [None if values is None else TokenTrace(*values) for values in traces]
