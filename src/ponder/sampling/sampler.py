"""Rows of logits -> one token a row, with its trace.

Which code does that is decided once, by the kernels that the model was loaded with (`sampler_for`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import torch

from ponder.kernels import Kernels
from ponder.kernels import native as native_kernels
from ponder.sampling import bitmask, native
from ponder.sampling.params import SamplingParams
from ponder.sampling.processors import forbid
from ponder.sampling.rng import uniforms
from ponder.sampling.row import Row
from ponder.sampling.row_sum import row_sum
from ponder.sampling.softmax import SLAB, entropies, log_softmax, log_sums, softmax
from ponder.sampling.step import Context
from ponder.sampling.steps import STEPS
from ponder.sampling.trace import PromptTrace, TokenTrace
from ponder.sampling.variants import rule

Watch = Callable[[str, torch.Tensor, torch.Tensor], None]


Request = tuple[torch.Tensor, Sequence[Row], SamplingParams]
"""The arguments of `Sampler.sample`."""


class Sampler(Protocol):
    """What is asked of rows of logits when a step is to become tokens."""

    def sample(
        self, logits: torch.Tensor, rows: Sequence[Row], params: SamplingParams
    ) -> list[TokenTrace | None]:
        """Choose a token for each row of [R, V] float32 logits, which stay as they are.

        None for a row whose every token is forbidden.
        """
        ...

    def sample_many(self, requests: Sequence[Request]) -> list[TokenTrace | None]:
        """Do `sample` for several requests, in one parallel region where that can be."""
        ...

    def sound_rows(self, logits: torch.Tensor) -> list[bool]:
        """Return of each row of [R, V] whether it is free of NaN and of positive infinity."""
        ...


class NativeSampler:
    """The sampler in C++, and the torch code for the few parameters that it does not know.

    Both follow the same rules with the same random numbers; their probabilities differ in the last bits.
    """

    def sample(
        self, logits: torch.Tensor, rows: Sequence[Row], params: SamplingParams
    ) -> list[TokenTrace | None]:
        return self.sample_many([(logits, rows, params)])

    def sample_many(self, requests: Sequence[Request]) -> list[TokenTrace | None]:
        if all(native.usable(logits, params) for logits, _, params in requests):
            traces = native.sample_many(requests)
            if any(params.logprob_token_ids for _, _, params in requests):
                return _naming(requests, traces)
            return traces
        if len(requests) == 1:
            return sample_reference(*requests[0])
        return [trace for request in requests for trace in self.sample(*request)]

    def sound_rows(self, logits: torch.Tensor) -> list[bool]:
        return native_kernels.are_numbers(logits)


class TorchSampler:
    """The sampler in torch, for every device."""

    def sample(
        self, logits: torch.Tensor, rows: Sequence[Row], params: SamplingParams
    ) -> list[TokenTrace | None]:
        return sample_reference(logits, rows, params)

    def sample_many(self, requests: Sequence[Request]) -> list[TokenTrace | None]:
        return [trace for request in requests for trace in sample_reference(*request)]

    def sound_rows(self, logits: torch.Tensor) -> list[bool]:
        # By numpy on the CPU: torch gives so short a loop to several threads, and where another program has
        # their core, waits for one of them as long as a time slice lasts. Measured: 20 ms, against 0.07
        # for 32 rows.
        highest = logits.numpy().max(-1) if logits.device.type == "cpu" else logits.amax(-1)
        sound: list[bool] = (highest < np.inf).tolist()  # a NaN is the highest of its row, and not less
        return sound


def sampler_for(kernels: Kernels) -> Sampler:
    """Return the sampler that goes with a model's kernels."""
    return NativeSampler() if kernels.name == "native" else TorchSampler()


def permit(logits: torch.Tensor, rows: Sequence[Row]) -> torch.Tensor:
    """Return [R, V] logits of which those that may not come are -inf; the input stays as it is."""
    logits = logits.clone()
    for values, row in zip(logits, rows, strict=True):
        forbid(values, row.forbidden)
        if row.allowed is not None:
            allowed = torch.from_numpy(bitmask.unpack(row.allowed, values.shape[0]))
            values.masked_fill_(~allowed.to(values.device), -torch.inf)
    return logits


def some_left(logits: torch.Tensor) -> torch.Tensor:
    """Return of each row of [R, V] whether a token may come; a row without any becomes zeros, in place."""
    left = logits.isneginf().logical_not().any(-1)
    logits[~left] = 0.0
    return left


def process(logits: torch.Tensor, rows: Sequence[Row], params: SamplingParams) -> torch.Tensor:
    """Return [R, V] logits after constraint, penalties and biases; the input stays as it is.

    A token that is given stays possible, whatever a penalty forbids.
    """
    logits = permit(logits, rows)
    context = Context(rows, params, logits)
    given = [
        (i, row.forced, float(logits[i, row.forced])) for i, row in enumerate(rows) if row.forced is not None
    ]
    for step in params.steps():
        if STEPS[step].kind == "penalty":
            logits = rule(params.semantics, step)(logits, context)
    for i, token, logit in given:
        if logits[i, token] == -torch.inf:
            logits[i, token] = logit
    return logits


def distributions(
    logits: torch.Tensor, rows: Sequence[Row], params: SamplingParams, watch: Watch | None = None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the tempered and the truncated probabilities of rows of [R, V] float32 logits.

    Tempered: after penalties, constraint and temperature. Truncated: after all steps, in the order they have;
    what a token is drawn from. Third, [R] bool: where a token may come at all; elsewhere they mean nothing.
    `watch` is shown the logits before and after each step, "constraint" being the first.
    """
    truncated = permit(logits, rows)
    possible = some_left(truncated)
    if watch is not None:
        watch("constraint", logits, truncated)
    tempered = seen = truncated  # `seen`: the logits whose probabilities the context has
    context = Context(rows, params, softmax(truncated))
    for step in params.steps():
        apply, before = rule(params.semantics, step), truncated
        truncated = apply(before, context)
        if watch is not None:
            watch(step, before, truncated)
        if STEPS[step].kind == "penalty":
            possible &= some_left(truncated)
        if STEPS[step].kind != "truncation":
            tempered = truncated if tempered is before else apply(tempered, context)
        if step == "temperature":
            context, seen = Context(rows, params, softmax(truncated)), truncated
    drawn = softmax(truncated)
    if tempered is truncated:
        return drawn, drawn, possible
    return context.tempered if tempered is seen else softmax(tempered), drawn, possible


def draw(probs: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """Invert the distribution function in token order: the first id whose cumulative mass exceeds u * total.

    `probs` [R, V], `numbers` [R] in [0, 1) -> [R] int64. Sums are float64.
    """
    cumulative = probs.double().cumsum(-1)
    total = cumulative[:, -1:]
    # The largest double below `total` keeps rounding of u * total from running past the last kept token.
    targets = torch.minimum(
        numbers[:, None].double() * total, torch.nextafter(total, torch.zeros_like(total))
    )
    return torch.searchsorted(cumulative, targets, right=True).squeeze(-1)


def sample(logits: torch.Tensor, rows: Sequence[Row], params: SamplingParams) -> list[TokenTrace | None]:
    """Choose a token for each row of [R, V] float32 logits, natively where that is possible.

    For callers without a model; who has one asks its sampler.
    """
    return NativeSampler().sample(logits, rows, params)


def sample_reference(
    logits: torch.Tensor, rows: Sequence[Row], params: SamplingParams
) -> list[TokenTrace | None]:
    """`sample` in torch, on any device: the oracle of the native kernel."""
    if len(rows) > SLAB:
        slabs = (slice(start, start + SLAB) for start in range(0, len(rows), SLAB))
        return [trace for slab in slabs for trace in sample_reference(logits[slab], rows[slab], params)]
    tempered, truncated, possible = distributions(logits, rows, params)
    if params.temperature == 0:
        chosen = truncated.argmax(-1)
    else:
        numbers = uniforms(params.seed, [row.stream for row in rows], [len(row.output) for row in rows])
        chosen = draw(truncated, torch.from_numpy(numbers).to(logits.device))
    for place, row in enumerate(rows):
        if row.forced is not None:
            chosen[place] = row.forced
    allowed = allowed_masses(logits, rows)
    traces = describe(logits, tempered, truncated, chosen, allowed, params.top_logprobs)
    if params.logprob_token_ids:
        traces = [
            replace(trace, top=top) for trace, top in zip(traces, named_tokens(logits, params), strict=True)
        ]
    return [
        (trace_of_drawn(trace) if ok else None)
        if row.forced is None
        else _given(trace, float(before[row.forced]), float(after[row.forced]), ok)
        for trace, row, before, after, ok in zip(
            traces, rows, tempered, truncated, possible.tolist(), strict=True
        )
    ]


def _naming(requests: Sequence[Request], traces: Sequence[TokenTrace | None]) -> list[TokenTrace | None]:
    """Have the traces of some requests' rows name the tokens that were asked for, where any were."""
    named: list[TokenTrace | None] = []
    for logits, rows, params in requests:
        own = traces[len(named) : len(named) + len(rows)]
        if not params.logprob_token_ids:
            named += own
            continue
        tops = named_tokens(logits, params)
        named += [trace and replace(trace, top=top) for trace, top in zip(own, tops, strict=True)]
    return named


def named_tokens(logits: torch.Tensor, params: SamplingParams) -> list[tuple[tuple[int, float], ...]]:
    """Return for each row of [R, V] the tokens that were asked for with their raw log-probabilities."""
    tokens = params.logprob_token_ids
    columns = logits[:, torch.tensor(tokens, device=logits.device)]
    values = (columns - log_sums(logits)[:, None]).to(logits.dtype).tolist()
    return [tuple(zip(tokens, row, strict=True)) for row in values]


def _given(trace: TokenTrace, tempered: float, truncated: float, possible: bool) -> TokenTrace:
    """Trace a token that was given, whose tempered and truncated probabilities may be 0: no value is NaN."""
    trace = replace(
        trace,
        logprob=-math.inf if math.isnan(trace.logprob) else trace.logprob,
        entropy=0.0 if math.isnan(trace.entropy) else trace.entropy,
        allowed_mass=0.0 if math.isnan(trace.allowed_mass) else trace.allowed_mass,
    )
    if not possible:
        return replace(trace, tempered_logprob=-math.inf, truncated_logprob=-math.inf, kept=0, kept_mass=0.0)
    if truncated > 0:
        return trace
    return replace(
        trace,
        tempered_logprob=trace.tempered_logprob if tempered > 0 else -math.inf,
        truncated_logprob=-math.inf,
    )


def allowed_masses(logits: torch.Tensor, rows: Sequence[Row]) -> list[float]:
    """Return of each row of [R, V] logits the share of its softmax that may come, as its `Row` says."""
    masses = [1.0] * len(rows)
    places = [i for i, row in enumerate(rows) if row.forbidden or row.allowed is not None]
    if places:
        raw = logits[places]
        shares = shares_of(raw, permit(raw, [rows[i] for i in places]) > -torch.inf)
        for i, share in zip(places, shares, strict=True):
            masses[i] = share
    return masses


def shares_of(logits: torch.Tensor, chosen: torch.Tensor) -> list[float]:
    """Return what share of its softmax each row of logits gives to the tokens `chosen`; both are [R, V]."""
    weights = (logits - logits.amax(-1, keepdim=True)).exp_().double()
    shares: list[float] = (row_sum(torch.where(chosen, weights, 0.0)) / row_sum(weights)).tolist()
    return shares


def trace_of_drawn(trace: TokenTrace) -> TokenTrace:
    """Return a trace whose allowed mass is at least its token's, which may be too faint to be summed."""
    own = min(math.exp(trace.logprob), 1.0)
    return replace(trace, allowed_mass=own) if trace.allowed_mass < own else trace


def describe(
    logits: torch.Tensor,
    tempered: torch.Tensor,
    truncated: torch.Tensor,
    chosen: torch.Tensor,
    allowed: Sequence[float],
    top: int,
) -> list[TokenTrace]:
    """Trace the `chosen` [R] tokens of rows [R, V], of which so much is `allowed`."""
    raw = log_softmax(logits)
    column = chosen[:, None]
    kept = truncated > 0
    alternatives = best(raw, top)
    columns = (
        chosen,
        raw.gather(-1, column).squeeze(-1),
        _log(tempered.gather(-1, column).squeeze(-1)),
        _log(truncated.gather(-1, column).squeeze(-1)),
        entropies(logits),
        ranks(logits, column),
        kept.count_nonzero(-1),
        row_sum(torch.where(kept, tempered, 0.0)).clamp(max=1.0),
    )
    return [
        TokenTrace(*values)
        for values in zip(*(column.tolist() for column in columns), allowed, alternatives, strict=True)
    ]


def ranks(logits: torch.Tensor, column: torch.Tensor) -> torch.Tensor:
    """Place of the tokens `column` [R, 1] in rows [R, V] -> [R]; 1 the likeliest, ties to the lowest id."""
    ids = torch.arange(logits.shape[-1], device=logits.device)
    own = logits.gather(-1, column)
    ahead = (logits > own) | ((logits == own) & (ids < column))
    return ahead.count_nonzero(-1) + 1


def trace_prompt(logits: torch.Tensor, tokens: Sequence[int], top: int) -> list[PromptTrace]:
    """Trace the tokens that a prompt has after rows of [R, V] logits, with so many alternatives."""
    raw = log_softmax(logits)
    column = torch.tensor(tokens, dtype=torch.int64, device=logits.device)[:, None]
    columns = (list(tokens), raw.gather(-1, column).squeeze(-1).tolist(), ranks(logits, column).tolist())
    return [PromptTrace(*values) for values in zip(*columns, best(raw, top), strict=True)]


def _log(probs: torch.Tensor) -> torch.Tensor:
    """Logarithms of probabilities of tokens that were chosen: positive, though float32 may have lost them."""
    return probs.clamp(min=torch.finfo(probs.dtype).tiny).log()


def best(logprobs: torch.Tensor, count: int) -> list[tuple[tuple[int, float], ...]]:
    """Return the `count` likeliest (id, log-probability) of each row of [R, V], falling; ties by id.

    Fewer where fewer have a probability at all.
    """
    if not count:
        return [()] * logprobs.shape[0]
    values, ids = logprobs.topk(min(count, logprobs.shape[-1]))
    rows = (zip(*pair, strict=True) for pair in zip(ids.tolist(), values.tolist(), strict=True))
    possible = (((token, logprob) for token, logprob in row if logprob > -math.inf) for row in rows)
    return [tuple(sorted(row, key=lambda pair: (-pair[1], pair[0]))) for row in possible]
