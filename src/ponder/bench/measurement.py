"""What was seen of one request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """A server's account of one request; None where it does not say."""

    prompt: int
    generated: int
    cached: int | None


@dataclass(frozen=True, slots=True)
class Measurement:
    """One request. All times are readings of `time.perf_counter`, in seconds.

    Attributes
    ----------
    index : the request's number.
    scheduled_s : when it was due; in a closed loop that is when it was sent.
    sent_s, ended_s : when it was sent, and when its answer was complete or it failed.
    failure : None if it was answered in full; else the HTTP status ("429"), "timeout", "connection", or
        "stream" for an answer that breaks off or cannot be read.
    message : what the failure was, in the server's or the client's words.
    retry_after_s : what the server asked for with a refusal.
    chunk_times : when the chunks with tokens arrived, one row for each choice.
    tokens : from the stream's usage; None if there was none.
    """

    index: int
    scheduled_s: float
    sent_s: float
    ended_s: float
    failure: str | None = None
    message: str | None = None
    retry_after_s: float | None = None
    chunk_times: tuple[Sequence[float], ...] = ()
    tokens: TokenCounts | None = None

    @property
    def first_token_s(self) -> float | None:
        """When the first token of any choice arrived."""
        return min((row[0] for row in self.chunk_times if row), default=None)

    @property
    def generated(self) -> int:
        """How many tokens were generated: the server's count, or without one the number of chunks."""
        return self.tokens.generated if self.tokens else sum(map(len, self.chunk_times))
