"""What happened: the only thing faces read."""

from __future__ import annotations

from dataclasses import dataclass

from ponder.decoders import FinishReason
from ponder.sampling import TokenTrace


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a request.

    `prompt_tokens` are counted once; `cached_tokens` is how often one of them was read from the cache
    where it would have been computed again (w samples or beams share one prompt: w - 1 times its length);
    `generated_tokens` are those of all texts grown, beams that lost included.
    """

    prompt_tokens: int
    cached_tokens: int
    generated_tokens: int


@dataclass(frozen=True, slots=True)
class TokenEvent:
    """Sample `index` of a request grew by a token, and its text by `text`, which may be empty.

    `finish_reason` is set in a text's last event. Where a constraint left no token possible that event has
    no trace, and whatever text had been held back. `usage` is the request's so far.
    """

    request_id: int
    index: int
    trace: TokenTrace | None
    text: str
    finish_reason: FinishReason | None
    usage: Usage


@dataclass(frozen=True, slots=True)
class Output:
    """One finished text.

    `text` is without the end token or stop string that ended it; `token_ids` and `traces` are all that
    was generated. `logprob` is the sum of raw log-probabilities; `score` what outputs are ranked by: the
    length-normalised score of beams, and for samples, which are not ranked, `logprob`.
    """

    index: int
    text: str
    token_ids: tuple[int, ...]
    traces: tuple[TokenTrace, ...]
    finish_reason: FinishReason
    logprob: float
    score: float


@dataclass(frozen=True, slots=True)
class FinishedEvent:
    """A request is answered."""

    request_id: int
    outputs: tuple[Output, ...]
    usage: Usage


@dataclass(frozen=True, slots=True)
class FailedEvent:
    """A request ended with an error, which is raised to whoever asked."""

    request_id: int
    error: Exception


Event = TokenEvent | FinishedEvent | FailedEvent
