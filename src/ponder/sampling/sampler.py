"""Rows of logits -> one token a row, with its trace."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from ponder.sampling import bitmask, native
from ponder.sampling.params import SamplingParams
from ponder.sampling.processors import forbid
from ponder.sampling.rng import uniforms
from ponder.sampling.row import Row
from ponder.sampling.row_sum import row_sum
from ponder.sampling.semantics import STEPS
from ponder.sampling.softmax import SLAB, entropies, log_softmax, softmax
from ponder.sampling.steps import Context
from ponder.sampling.trace import PromptTrace, TokenTrace
from ponder.sampling.variants import rule

Watch = Callable[[str, torch.Tensor, torch.Tensor], None]


def permit(logits: torch.Tensor, rows: Sequence[Row]) -> torch.Tensor:
    """Return [R, V] logits of which those that may not come are -inf; the input stays as it is."""
    logits = logits.clone()
    for values, row in zip(logits, rows, strict=True):
        forbid(values, row.forbidden)
        if row.allowed is not None:
            allowed = bitmask.unpack(row.allowed, values.shape[0])
            values.masked_fill_(~allowed.to(values.device), -torch.inf)
    return logits


def some_left(logits: torch.Tensor) -> torch.Tensor:
    """Return of each row of [R, V] whether a token may come; a row without any becomes zeros, in place."""
    left = logits.isneginf().logical_not().any(-1)
    logits[~left] = 0.0
    return left


def process(logits: torch.Tensor, rows: Sequence[Row], params: SamplingParams) -> torch.Tensor:
    """Return [R, V] logits after constraint, penalties and biases; the input stays as it is."""
    logits = permit(logits, rows)
    context = Context(rows, params, logits)
    for step in params.steps():
        if STEPS[step].kind == "penalty":
            logits = rule(params.semantics, step)(logits, context)
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
    tempered, context = truncated, Context(rows, params, softmax(truncated))
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
            context = Context(rows, params, softmax(truncated))
    drawn = softmax(truncated)
    return drawn if tempered is truncated else softmax(tempered), drawn, possible


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
    """Choose a token for each row of [R, V] float32 logits.

    Returns None for a row whose every token is forbidden. The native kernel and the torch code follow the
    same rules; their probabilities differ in the last bits.
    """
    if native.usable(logits, params) and all(row.forced is None and row.stream < 2**32 for row in rows):
        return native.sample_many([(logits, rows, params)])
    return sample_reference(logits, rows, params)


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
            possible[place] = True
    traces = describe(logits, tempered, truncated, chosen, params.top_logprobs)
    return [trace if ok else None for trace, ok in zip(traces, possible.tolist(), strict=True)]


def describe(
    logits: torch.Tensor, tempered: torch.Tensor, truncated: torch.Tensor, chosen: torch.Tensor, top: int
) -> list[TokenTrace]:
    """Trace the `chosen` [R] tokens of rows [R, V]."""
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
        for values in zip(*(column.tolist() for column in columns), alternatives, strict=True)
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


def sample_many(
    requests: Sequence[tuple[torch.Tensor, Sequence[Row], SamplingParams]],
) -> list[TokenTrace | None]:
    """Do `sample` for several requests, in one parallel region where that can be."""
    if all(native.usable(logits, params) for logits, _, params in requests):
        return native.sample_many(requests)
    return [trace for logits, rows, params in requests for trace in sample(logits, rows, params)]
