"""Mixtures written out in float64 over a plain model: what guidance, contrast and DoLa are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from asking import prompt_of, prompts_of
from constraint_state import compile_state
from plain_model import Floats, PlainModel
from ponder.constraints import bits
from ponder.engine import Engine, EngineLimits, Seat
from ponder.mixtures import Contrast, DoLa, Guidance, Mixture
from ponder.sampling.row import Row
from ponder.sampling.sampler import sample_reference
from ponder.text import Tokenizer
from tiny_models import tiny_config, tiny_tokenizer, tiny_transformer

SEED, DRAFT_SEED = 4, 5
DRAFT = {"num_layers": 1, "hidden_size": 16}


def log_softmax(logits: Floats) -> Floats:
    """Log-probabilities of [V]."""
    return logits - np.logaddexp.reduce(logits)


class Truth:
    """A model and its draft model, as functions of whole texts that remember nothing."""

    def __init__(self, **changes):
        self.model = PlainModel(tiny_config(**changes), SEED)
        self.draft = PlainModel(tiny_config(vocab_size=self.model.config.vocab_size, **DRAFT), DRAFT_SEED)

    def mixed(
        self,
        mixture: Mixture | None,
        prompts: Sequence[Sequence[int]],
        output: Sequence[int],
        possible: Sequence[int] | slice = slice(None),
    ) -> Floats:
        """What the token after an output is chosen from, [V], where only some tokens may come."""
        text = [*prompts[0], *output]
        own = log_softmax(self.model.logits(text)[-1])
        if mixture is None:
            return own
        if isinstance(mixture, Guidance):
            other = log_softmax(self.model.logits([*prompts[1], *output])[-1])
            return (1 - mixture.scale) * other + mixture.scale * own
        plausible = np.exp(own) >= mixture.alpha * np.exp(own)[possible].max(initial=0.0)
        if isinstance(mixture, Contrast):
            if mixture.against == "draft":
                logits = self.draft.logits(text)[-1]
            else:
                logits = self.model.logits(text, mixture.against)[-1]
            weaker = log_softmax(logits / mixture.temperature)
            return np.where(plausible, mixture.expert * own - mixture.amateur * weaker, -np.inf)
        assert isinstance(mixture, DoLa)
        earlier = [
            log_softmax(self.model.logits(text, depth, norm=mixture.norm)[-1]) for depth in mixture.layers
        ]
        chosen = max(earlier, key=lambda other: unlike(own, other))
        return np.where(plausible, own - chosen, -np.inf)

    def continued(self, request, index=0):
        """The tokens of a sample, drawn from what is computed anew for each of them, and what each had."""
        params, prompts = request.params, prompts_of(request)
        tokenizer, output, logprobs, traces = tiny_tokenizer(), [], [], []
        ends = {*params.stop_token_ids, *(() if params.ignore_eos else tokenizer.eos_ids)}
        constraint = compile_state(request.constraint, tokenizer) if request.constraint else None
        while len(output) < params.max_tokens:
            forbidden = tuple(ends) if len(output) < params.min_tokens else ()
            allowed = constraint.mask() if constraint else None
            possible = [
                token
                for token in range(tokenizer.vocab_size)
                if token not in forbidden and (allowed is None or allowed[token // 32] >> token % 32 & 1)
            ]
            mixed = self.mixed(request.mixture, prompts, output, possible)
            row = Row(index, prompt_of(request), tuple(output), forbidden, allowed, tuple(traces))
            logits = torch.from_numpy(mixed).float()[None]
            (trace,) = sample_reference(logits, [row], params)
            if trace is None:
                break
            output.append(trace.token_id)
            traces.append(trace)
            logprobs.append(log_softmax(mixed)[trace.token_id])
            if trace.token_id in ends:
                break
            if constraint is not None:
                constraint.advance(trace.token_id)
        return tuple(output), logprobs, traces


def unlike(one: Floats, other: Floats) -> float:
    """What DoLa's code calls the Jensen-Shannon divergence of two distributions, given as logarithms."""
    mean = (np.exp(one) + np.exp(other)) / 2
    return float(sum((mean * (np.log(mean) - own)).sum() for own in (one, other))) / 2


def mixing_engine(
    tokenizer: Tokenizer | None = None,
    num_pages: int = 128,
    limits: EngineLimits | None = None,
    *,
    kernels: str | None = None,
    draft_pages: int | None = 128,
    draft_changes: dict[str, object] | None = None,
    row_invariant: bool = False,
    **changes: object,
) -> Engine:
    """An engine over the model of `Truth(**changes)`, with its draft model, unless that has no pages."""
    tokenizer, drafter = tokenizer or tiny_tokenizer(), None
    model = tiny_transformer(tiny_config(**changes), SEED, kernels=kernels, row_invariant=row_invariant)
    if draft_pages is not None:
        config = tiny_config(vocab_size=tokenizer.vocab_size, **{**DRAFT, **(draft_changes or {})})
        draft = tiny_transformer(config, DRAFT_SEED, kernels=kernels, row_invariant=row_invariant)
        drafter = Seat(draft, draft_pages)
    return Engine(model, tokenizer, num_pages, limits, draft=drafter)


@dataclass(frozen=True)
class OnlyOf:
    """A constraint to some tokens, which may also be none from a place on."""

    tokens: tuple[int, ...]
    ends: int = 10**9

    def compile(self, vocabulary):
        return OnlyOfAutomaton(self, vocabulary)


class OnlyOfAutomaton:
    """A state is how many tokens the text has; it may end where an end token is among the tokens."""

    start = 0

    def __init__(self, only, vocabulary):
        self.only = only
        self.ends = set(only.tokens) & set(vocabulary.end_ids)
        self.masks = [bits.of(tokens, len(vocabulary)) for tokens in (set(only.tokens) - self.ends, ())]

    def mask(self, state):
        return self.masks[state >= self.only.ends]

    def step(self, state, token):
        return state + 1 if state < self.only.ends and token in self.only.tokens else None

    def may_end(self, state):
        return state < self.only.ends and bool(self.ends)

    def must_end(self, state):
        return state >= self.only.ends

    def forced(self, state):
        return ()

    def plan(self, state, limit):
        return None

    growth = 0
    exact = True
