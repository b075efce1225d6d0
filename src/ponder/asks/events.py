"""What happens to a request: the only thing that faces read."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ponder.asks.path import Lineage
from ponder.sampling.trace import PromptTrace, TokenTrace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FinishReason = Literal["stop", "length", "constraint", "deadline", "until"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a request.

    Attributes
    ----------
    prompt_tokens : length of the prompt and of the path's tokens after it, counted once.
    hit_tokens : of those, how many an earlier request had left in the cache.
    cached_tokens : how often one of them was read from the cache where it would have been computed again:
        the hits, and all of them for each sample or beam but the first.
    computed_tokens : tokens run through the model, those computed again after a preemption included.
    generated_tokens : tokens of all texts grown, beams that lost included.
    proposed_tokens, accepted_tokens : guesses of speculative decoding that the model was run on, and those of
        them that were its own choice.
    attended_tokens : how many tokens the computed ones saw, themselves among them, over all layers.
    logit_rows : how many rows of logits were computed.
    """

    prompt_tokens: int
    hit_tokens: int
    cached_tokens: int
    computed_tokens: int
    generated_tokens: int
    proposed_tokens: int = 0
    accepted_tokens: int = 0
    attended_tokens: int = 0
    logit_rows: int = 0


ProgressState = Literal["waiting", "prefill", "preempted"]


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """A request moved on, or back, without a new token.

    Attributes
    ----------
    state : "waiting" for its turn, "prefill": its prompt is being computed, "preempted": it gave its
        memory to others and will go on, nothing lost, when there is room.
    done : prompt tokens in the cache, of `usage.prompt_tokens`.
    traces : for a request that records its prompt, one entry for each prompt token computed just now; None
        for the very first token, which follows nothing.
    """

    request_id: int
    state: ProgressState
    done: int
    usage: Usage
    traces: tuple[PromptTrace | None, ...] = ()


@dataclass(frozen=True, slots=True)
class TokenEvent:
    """Sample `index` of a request grew by a token, and its text by `text`, which may be empty.

    `finish_reason` is set in a text's last event, and `stopped_by` as in `Output`. Where a constraint left no
    token possible, or the deadline passed, that event has no trace, and whatever text had been held back.
    `usage` is the request's so far. `settled` is how many tokens of the text can no longer change, where a
    decoder goes back; None: all of them.
    """

    request_id: int
    index: int
    trace: TokenTrace | None
    text: str
    finish_reason: FinishReason | None
    usage: Usage
    stopped_by: str | int | None = None
    settled: int | None = None


@dataclass(frozen=True, slots=True)
class BackEvent:
    """Sample `index` of a request went back to `tokens` generated tokens, whose text is `text`.

    What was told of the tokens after them no longer holds. `settled` is how many can no longer change.
    """

    request_id: int
    index: int
    tokens: int
    text: str
    settled: int


@dataclass(frozen=True, slots=True)
class TreeNode:
    """One token of a search's tree.

    `node` numbers the request's tokens from 0; `parent` is the node it follows, -1 for the path. `score` is
    the sum the search ranks by, before any length normalisation.
    """

    node: int
    parent: int
    trace: TokenTrace | None
    text: str
    score: float
    finish_reason: FinishReason | None


@dataclass(frozen=True, slots=True)
class TreeEvent:
    """A search took a step: these nodes were added; leaves that got no child are dropped.

    Which texts stay is known only when the request is answered.
    """

    request_id: int
    nodes: tuple[TreeNode, ...]
    usage: Usage


@dataclass(frozen=True, slots=True)
class MassKept:
    """How much of the model's raw distribution a constraint let through, over the tokens of a text.

    Attributes
    ----------
    log_sum : the sum of the logarithms of the tokens' `allowed_mass`; 0 where nothing was forbidden.
    least : the smallest of them.
    place : the index of the first token that has it; None where there are no tokens.
    """

    log_sum: float
    least: float
    place: int | None

    def as_json(self) -> dict[str, Any]:
        """Return it with null for the logarithm of 0."""
        return {**asdict(self), "log_sum": self.log_sum if math.isfinite(self.log_sum) else None}


@dataclass(frozen=True, slots=True)
class Constrained:
    """What its constraint did to a text, the tokens that it gave up included.

    Attributes
    ----------
    bound : how often each part of the constraint forbade the model's likeliest token, by its name.
    refused : how many tokens were drawn and then refused, by what no mask shows.
    late : how many were refused because the text could not have ended within `max_tokens` after them.
    rewinds : how often the text went back from a dead end.
    given_up : how many tokens it gave up by that.
    """

    bound: tuple[tuple[str, int], ...] = ()
    refused: int = 0
    late: int = 0
    rewinds: int = 0
    given_up: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it with `bound` as an object; parts of one name are added up."""
        bound: dict[str, int] = {}
        for name, times in self.bound:
            bound[name] = bound.get(name, 0) + times
        return {**asdict(self), "bound": bound}


@dataclass(frozen=True, slots=True)
class Output:
    """One text, as far as a request grew it.

    `text` is without the end token or stop string that ended it, which `stopped_by` names; `token_ids` and
    `traces` are all that was generated: what the request's path held already is not in them. `logprob` is the
    sum of raw log-probabilities; `score` what outputs are ranked by: the length-normalised score of beams,
    and for samples, which are not ranked, `logprob`. `inclusion` is how probable a stochastic beam search was
    to draw it, as in `StochasticBeamSearch`. `lineage` says which branch of its path it is: a `Path` with it
    goes on with the same random numbers. `constrained` is there where there is a constraint, and
    `thoughts`, how many of the tokens are thoughts, where that is one of `Thinking`. `log_weight` is what a
    text of `Faithful` counts for, and `passes` how often it was begun; both are None with other methods.
    `state` [C] float32 is there if it was recorded: a value head reads it.
    """

    index: int
    text: str
    token_ids: tuple[int, ...]
    traces: tuple[TokenTrace, ...]
    finish_reason: FinishReason
    stopped_by: str | int | None
    logprob: float
    score: float
    inclusion: float | None = None
    lineage: Lineage = ()
    constrained: Constrained | None = None
    log_weight: float | None = None
    passes: int | None = None
    state: npt.NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    thoughts: int | None = None

    @property
    def mass_kept(self) -> MassKept:
        """What the constraint cost: the shares of the raw distribution that it let through."""
        masses = [trace.allowed_mass for trace in self.traces]
        if not masses:
            return MassKept(0.0, 1.0, None)
        least = min(masses)
        logs = (math.log(mass) if mass else -math.inf for mass in masses)
        return MassKept(math.fsum(logs), least, masses.index(least))

    def constrained_json(self) -> dict[str, Any]:
        """Return what is told of the constraint, as members of a JSON object; none where there is none."""
        if self.constrained is None:
            return {}
        return {"constrained": {**self.constrained.as_json(), "mass_kept": self.mass_kept.as_json()}}

    @property
    def truncated_logprob(self) -> float:
        """The text's log-probability under the distribution that its tokens were drawn from."""
        return math.fsum(trace.truncated_logprob for trace in self.traces)
