"""Where other systems' rules differ from ponder's: the boundary, ties, what is counted.

A rule not named here is ponder's, in that system too. Where a system leaves ties to how something was
sorted, ours go to the lowest id. docs/sampling.md has the comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch

from ponder.sampling import truncation
from ponder.sampling.params import SamplingParams
from ponder.sampling.row import Row
from ponder.sampling.rules import Apply, apply_of, changing, keeping, keeping_logits, values_of
from ponder.sampling.softmax import softmax
from ponder.sampling.step import Context
from ponder.sampling.steps import STEPS, mirostat, occurrence_penalties, repetition_penalty
from ponder.sampling.steps.xtc import excluded
from ponder.sampling.temperature import cool
from ponder.sampling.truncation import in_order


def divide(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """Divide as it stands, without taking the largest logit off first (transformers and vLLM)."""
    if temperature == 0:
        return cool(logits, 0)
    bounds = torch.finfo(logits.dtype)
    return (logits / max(temperature, bounds.tiny)).clamp(max=bounds.max)


def top_k_with_ties(probs: torch.Tensor, k: int) -> torch.Tensor:
    """Keep all that are as likely as the k-th (transformers and vLLM)."""
    if k >= probs.shape[-1]:
        return torch.ones_like(probs, dtype=torch.bool)
    return probs >= probs.topk(k).values[:, -1:]


def top_p_from_below(logits: torch.Tensor, p: float) -> torch.Tensor:
    """Drop the least likely tokens that hold at most 1 - p together (transformers and vLLM, in float32).

    The same tokens as `truncation.top_p` but for rounding, and for which of equal tokens stay: that is left
    to torch's sort, as there.
    """
    ordered, order = logits.sort(dim=-1)
    kept = ordered.softmax(-1).cumsum(-1) > 1 - p
    kept[:, -1] = True
    return torch.zeros_like(kept).scatter_(-1, order, kept)


def top_p_from_below_in_float32(logits: torch.Tensor, p: float) -> torch.Tensor:
    """`top_p_from_below`, p itself in float32 (vLLM): at 0.9, say, 1 - p is another number then."""
    return top_p_from_below(logits, torch.tensor(p, dtype=torch.float32).item())


def typical_with_ties(logits: torch.Tensor, mass: float) -> torch.Tensor:
    """Keep all tokens as near to the entropy as the one that reaches the mass (transformers, in float32)."""
    logprobs = torch.log_softmax(logits, dim=-1)
    distances = (logprobs + (logprobs.exp() * logprobs).nansum(-1, keepdim=True).neg()).abs()
    ordered, order = distances.sort(dim=-1)
    held = logits.gather(-1, order).softmax(-1).cumsum(-1)
    crossing = (held < mass).sum(-1, keepdim=True).clamp(max=logits.shape[-1] - 1)
    return (distances <= ordered.gather(-1, crossing)) | (distances <= ordered[:, :1])


def running(values: torch.Tensor) -> torch.Tensor:
    """Running sums along rows, added in float32 one after another; torch on a CPU adds in float64."""
    return torch.from_numpy(np.add.accumulate(values.cpu().numpy(), axis=-1)).to(values.device)


def ahead_of(values: torch.Tensor) -> torch.Tensor:
    """`running` sums up to each value, without it."""
    return torch.nn.functional.pad(running(values), (1, -1))


def shares(logits: torch.Tensor) -> torch.Tensor:
    """Softmax with a `running` sum."""
    weights = (logits - logits.amax(-1, keepdim=True)).exp()
    return weights / running(weights)[:, -1:]


def top_p_at_crossing(logits: torch.Tensor, context: Context) -> torch.Tensor:
    """Keep tokens up to the first with which they hold at least p (llama.cpp, in float32).

    The same tokens as `truncation.top_p` but for rounding. A top-k leaves them sorted for the sum.
    """
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    probs = shares(ordered) if context.params.top_k else shares(logits).gather(-1, order)
    kept = ahead_of(probs) < context.params.top_p
    kept[:, 0] = True  # of a p that is 0 in float32
    return logits.masked_fill(~torch.zeros_like(kept).scatter_(-1, order, kept), -torch.inf)


def typical_past_mass(logits: torch.Tensor, mass: float) -> torch.Tensor:
    """Keep a token iff what is nearer to the entropy holds at most the mass (llama.cpp, in float32).

    A token of probability 0 counts for nothing; llama.cpp's entropy would be NaN.
    """
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    probs = shares(ordered)
    logprobs = probs.log()
    entropy = -running(torch.where(probs > 0, probs * logprobs, 0.0))[:, -1:]
    by_oddness = (-logprobs - entropy).abs().sort(dim=-1, stable=True).indices
    kept = ahead_of(probs.gather(-1, by_oddness)) <= mass
    return torch.zeros_like(kept).scatter_(-1, order.gather(-1, by_oddness), kept)


def min_p_of_logits(logits: torch.Tensor, p: float) -> torch.Tensor:
    """Keep logits of at least the largest + log p (llama.cpp): `truncation.min_p` but for rounding."""
    return logits >= logits.amax(-1, keepdim=True) + torch.tensor(p, dtype=logits.dtype).log().item()


def min_p_in_float32(logits: torch.Tensor, p: float) -> torch.Tensor:
    """`truncation.min_p` of torch's softmax, as transformers and vLLM have it."""
    probs = logits.softmax(-1)
    return probs >= p * probs.amax(-1, keepdim=True)


def top_h_of_hundred(logits: torch.Tensor, h: float) -> torch.Tensor:
    """Top-H among the hundred likeliest tokens (transformers)."""
    top, order = logits.topk(min(100, logits.shape[-1]))
    logprobs = top - top.logsumexp(-1, keepdim=True)
    probs = logprobs.softmax(-1)
    entropy = -(logprobs.clamp(min=torch.finfo(top.dtype).min) * probs).sum(-1, keepdim=True)
    kept = (-probs * probs.log()).cumsum(-1) <= entropy * h
    kept[:, 0] = True
    return torch.zeros_like(logits, dtype=torch.bool).scatter_(-1, order, kept)


def epsilon_with_ties(logits: torch.Tensor, least: float | torch.Tensor) -> torch.Tensor:
    """Epsilon truncation that keeps all tokens as likely as the likeliest (transformers)."""
    return (logits.softmax(-1) >= least) | (logits >= logits.amax(-1, keepdim=True))


def eta_with_ties(logits: torch.Tensor, cutoff: float) -> torch.Tensor:
    """Eta truncation that keeps all tokens as likely as the likeliest (transformers, in float32)."""
    logprobs = torch.log_softmax(logits, dim=-1).clamp(min=torch.finfo(logits.dtype).min)
    entropy = -(logprobs * logits.softmax(-1)).sum(-1, keepdim=True)
    limit = torch.tensor(cutoff, device=logits.device)
    return epsilon_with_ties(logits, torch.min(limit, limit.sqrt() * (-entropy).exp()))


def top_p_joint(probs: torch.Tensor, context: Context) -> torch.Tensor:
    """Keep a token iff the mass ahead of it, before top-k, is <= p (SGLang's torch sampler)."""
    full = context.tempered
    return in_order(-full, full, lambda ahead, own: ahead <= context.params.top_p)


def min_p_joint(probs: torch.Tensor, context: Context) -> torch.Tensor:
    """min-p of the probabilities before top-k and top-p (SGLang)."""
    return truncation.min_p(context.tempered, context.params.min_p)


def top_p_within(probs: torch.Tensor, p: float) -> torch.Tensor:
    """Keep tokens that hold at most p with those ahead of them, and the likeliest (ExLlama)."""
    return in_order(-probs, probs, lambda ahead, own: ahead + own <= p) | truncation.first(probs)


def top_p_ties(probs: torch.Tensor, p: float) -> torch.Tensor:
    """Keep a token iff all likelier ones hold < p: ties stay together (FlashInfer)."""
    ordered, order = probs.double().sort(dim=-1, descending=True, stable=True)
    ahead = ordered.cumsum(-1) - ordered
    run_starts = torch.ones_like(ordered, dtype=torch.bool)
    run_starts[:, 1:] = ordered[:, 1:] < ordered[:, :-1]
    ahead = torch.where(run_starts, ahead, 0.0).cummax(-1).values
    return torch.zeros_like(run_starts).scatter_(-1, order, ahead < p)


def top_p_ties_joint(probs: torch.Tensor, context: Context) -> torch.Tensor:
    """`top_p_ties` before top-k, except with a min-p: then after it (SGLang over FlashInfer)."""
    return top_p_ties(probs if context.params.min_p else context.tempered, context.params.top_p)


def expected_xtc(logits: torch.Tensor, context: Context) -> torch.Tensor:
    """The mixture of excluding and not, by its probability: nothing is rolled (ExLlama)."""
    params = context.params
    probs = softmax(logits)
    kept = truncation.renormalise(
        probs,
        truncation.xtc(
            probs, params.xtc_threshold, torch.ones(len(probs), dtype=torch.bool, device=probs.device)
        ),
    )
    return (params.xtc_probability * kept + (1 - params.xtc_probability) * probs).log()


def rolled_xtc(probs: torch.Tensor, context: Context) -> torch.Tensor:
    """XTC, which does nothing from a threshold over one half on (llama.cpp)."""
    if context.params.xtc_threshold > 0.5:
        return torch.ones_like(probs, dtype=torch.bool)
    return truncation.xtc(probs, context.params.xtc_threshold, excluded(context))


def windowed(values: torch.Tensor, row: Row, params: SamplingParams) -> None:
    """Frequency and presence penalties over the last tokens, the prompt's included (llama.cpp)."""
    occurrence_penalties.penalise(
        values,
        [*row.prompt, *row.output],
        params.frequency_penalty,
        params.presence_penalty,
        params.penalty_range,
    )


def repetition_of_output(values: torch.Tensor, row: Row, params: SamplingParams) -> None:
    """The repetition penalty over the output alone (SGLang)."""
    repetition_penalty.penalise(values, row.output, params.repetition_penalty, params.penalty_range)


def mirostat_of_drawn(probs: torch.Tensor, context: Context) -> torch.Tensor:
    """Mirostat by the probabilities that tokens were drawn with (llama.cpp)."""
    return mirostat.keep(probs, context, **values_of(mirostat.STEP, context.params), drawn=True)


def _on_logits(rule: Callable[[torch.Tensor, float], torch.Tensor], name: str) -> Apply:
    return keeping_logits(lambda x, c: rule(x, getattr(c.params, name)))


_FROM_BELOW: Mapping[str, Apply] = {
    "temperature": lambda logits, c: divide(logits, c.params.temperature),
    "top_k": keeping(lambda probs, c: top_k_with_ties(probs, c.params.top_k)),
    "top_p": _on_logits(top_p_from_below, "top_p"),
    "min_p": _on_logits(min_p_in_float32, "min_p"),
}
_OUTPUT_ONLY = changing(repetition_of_output)
VARIANTS: Mapping[str, Mapping[str, Apply]] = {
    "ponder": {},
    "hf": {
        **_FROM_BELOW,
        "top_h": _on_logits(top_h_of_hundred, "top_h"),
        "typical": _on_logits(typical_with_ties, "typical_p"),
        "epsilon": _on_logits(epsilon_with_ties, "epsilon_cutoff"),
        "eta": _on_logits(eta_with_ties, "eta_cutoff"),
    },
    "vllm": {**_FROM_BELOW, "top_p": _on_logits(top_p_from_below_in_float32, "top_p")},
    "flashinfer": {
        "repetition_penalty": _OUTPUT_ONLY,
        "top_k": _FROM_BELOW["top_k"],
        "top_p": keeping(top_p_ties_joint),
    },
    "sglang": {
        "repetition_penalty": _OUTPUT_ONLY,
        "top_p": keeping(top_p_joint),
        "min_p": keeping(min_p_joint),
    },
    "llamacpp": {
        "occurrence_penalties": changing(windowed),
        "typical": _on_logits(typical_past_mass, "typical_p"),
        "top_p": top_p_at_crossing,
        "min_p": _on_logits(min_p_of_logits, "min_p"),
        "xtc": keeping(rolled_xtc),
        "mirostat": keeping(mirostat_of_drawn),
    },
    "exllama": {
        "top_p": keeping(lambda probs, c: top_p_within(probs, c.params.top_p)),
        "xtc": expected_xtc,
    },
}
"""Semantics -> step -> its rule there."""
RULES: Mapping[str, Apply] = {name: apply_of(step) for name, step in STEPS.items()}
"""ponder's rule for each step."""


def rule(semantics: str, step: str) -> Apply:
    """Return what a step does under a semantics."""
    return VARIANTS[semantics].get(step) or RULES[step]
