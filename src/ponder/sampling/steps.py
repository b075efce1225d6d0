"""What each step of `semantics.STEPS` does to rows of logits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from ponder.sampling import mirostat, processors, truncation
from ponder.sampling.params import SamplingParams
from ponder.sampling.rng import EXCLUSION, uniforms
from ponder.sampling.row import Row
from ponder.sampling.softmax import softmax
from ponder.sampling.temperature import cool, temper_by_entropy


@dataclass(frozen=True, slots=True)
class Context:
    """What a step may look at besides the logits.

    `tempered` are the probabilities, [R, V], right after the temperature; before it, those of the input.
    """

    rows: Sequence[Row]
    params: SamplingParams
    tempered: torch.Tensor


Apply = Callable[[torch.Tensor, Context], torch.Tensor]
Keep = Callable[[torch.Tensor, Context], torch.Tensor]
Change = Callable[[torch.Tensor, Row, SamplingParams], None]


def keeping(keep: Keep) -> Apply:
    """A step that leaves out what a rule does not keep; the rule is given probabilities."""
    return lambda logits, context: logits.masked_fill(~keep(softmax(logits), context), -torch.inf)


def changing(change: Change) -> Apply:
    """A step that changes each row, [V], in place."""

    def apply(logits: torch.Tensor, context: Context) -> torch.Tensor:
        logits = logits.clone()
        for values, row in zip(logits, context.rows, strict=True):
            change(values, row, context.params)
        # What a bias or penalty overflowed: inf - inf would be NaN.
        return logits.clamp_(max=torch.finfo(logits.dtype).max)

    return apply


def last(tokens: Sequence[int], count: int) -> Sequence[int]:
    """The last `count` tokens; 0: all."""
    return tokens[-count:] if count else tokens


def text(row: Row) -> list[int]:
    return [*row.prompt, *row.output]


def temperature(logits: torch.Tensor, context: Context) -> torch.Tensor:
    params = context.params
    if params.dynatemp_range and params.temperature:
        low, high = (
            max(0.0, params.temperature - params.dynatemp_range),
            params.temperature + params.dynatemp_range,
        )
        return temper_by_entropy(logits, low, high, params.dynatemp_exponent)
    return cool(logits, params.temperature)


SMALLEST = 1e-300
"""The least top_p of a row: with 0 not even the likeliest token would stay."""


def nucleus(row: Row, params: SamplingParams) -> float:
    """The row's top_p.

    It decays along a sentence (factual-nucleus sampling, arXiv 2206.04624), and is narrow where a larger
    model would know better (REAL sampling, arXiv 2406.07735).
    """
    p = max(params.top_p_floor, params.top_p * params.top_p_decay**row.sentence)
    if params.real_temperature:
        p = min(p, math.exp(-row.residual / params.real_temperature))
    return max(p, SMALLEST)


def top_p(probs: torch.Tensor, context: Context) -> torch.Tensor:
    params = context.params
    if params.top_p_decay == 1 and not params.real_temperature:
        return truncation.top_p(probs, params.top_p)
    kept = [truncation.top_p(probs[i : i + 1], nucleus(row, params)) for i, row in enumerate(context.rows)]
    return torch.cat(kept) if kept else torch.ones_like(probs, dtype=torch.bool)


def excluded(context: Context) -> torch.Tensor:
    """Which rows exclude top choices: one roll a token. [R] bool."""
    params, rows = context.params, context.rows
    rolls = uniforms(
        params.seed, [row.stream for row in rows], [len(row.output) for row in rows], EXCLUSION
    )
    return torch.from_numpy(rolls < params.xtc_probability).to(context.tempered.device)


def xtc(probs: torch.Tensor, context: Context) -> torch.Tensor:
    return truncation.xtc(probs, context.params.xtc_threshold, excluded(context))


def ceilings(context: Context, *, drawn: bool) -> list[float]:
    """Mirostat's mu of each row, from the tempered probabilities, or those that tokens were drawn with."""
    params = context.params
    return [
        mirostat.ceiling(
            (trace.truncated_logprob if drawn else trace.tempered_logprob for trace in row.traces),
            params.mirostat_tau,
            params.mirostat_eta,
        )
        for row in context.rows
    ]


def mirostat_keep(probs: torch.Tensor, context: Context, *, drawn: bool = False) -> torch.Tensor:
    rule = mirostat.mirostat_v1 if context.params.mirostat == 1 else mirostat.mirostat_v2
    return rule(probs, ceilings(context, drawn=drawn))


def count_penalties(values: torch.Tensor, row: Row, params: SamplingParams, seen: Sequence[int]) -> None:
    seen = last(seen, params.penalty_range)
    processors.penalise_counts(values, seen, params.frequency_penalty, params.presence_penalty)


def repetition(values: torch.Tensor, row: Row, params: SamplingParams, seen: Sequence[int]) -> None:
    processors.penalise_repetition(values, last(seen, params.penalty_range), params.repetition_penalty)


def dry(values: torch.Tensor, row: Row, params: SamplingParams) -> None:
    processors.penalise_continued_repeats(
        values,
        last(text(row), params.dry_range),
        row.breakers,
        multiplier=params.dry_multiplier,
        base=params.dry_base,
        allowed_length=params.dry_allowed_length,
    )


RULES: Mapping[str, Apply] = {
    "sequence_bias": changing(lambda x, row, p: processors.bias_sequences(x, text(row), p.sequence_bias)),
    "repetition_penalty": changing(lambda x, row, p: repetition(x, row, p, text(row))),
    "occurrence_penalties": changing(lambda x, row, p: count_penalties(x, row, p, row.output)),
    "dry": changing(dry),
    "no_repeat_ngram": changing(
        lambda x, row, p: processors.forbid_repeated_ngrams(x, text(row), p.no_repeat_ngram_size)
    ),
    "logit_bias": changing(lambda x, row, p: processors.add_bias(x, p.logit_bias)),
    "temperature": temperature,
    "top_n_sigma": lambda x, c: x.masked_fill(~truncation.top_n_sigma(x, c.params.top_n_sigma), -torch.inf),
    "top_h": keeping(lambda probs, c: truncation.top_h(probs, c.params.top_h)),
    "top_k": keeping(lambda probs, c: truncation.top_k(probs, c.params.top_k)),
    "top_p": keeping(top_p),
    "min_p": keeping(lambda probs, c: truncation.min_p(probs, c.params.min_p)),
    "typical": keeping(lambda probs, c: truncation.typical(probs, c.params.typical_p)),
    "epsilon": keeping(lambda probs, c: truncation.epsilon(probs, c.params.epsilon_cutoff)),
    "eta": keeping(lambda probs, c: truncation.eta(probs, c.params.eta_cutoff)),
    "top_a": keeping(lambda probs, c: truncation.top_a(probs, c.params.top_a)),
    "tail_free": keeping(lambda probs, c: truncation.tail_free(probs, c.params.tfs)),
    "xtc": keeping(xtc),
    "mirostat": keeping(mirostat_keep),
}
"""ponder's rule for each step."""
