"""What an engine has done and holds, as figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class EngineStats:
    """A snapshot. The first group are levels, the second counts since the engine was made.

    Attributes
    ----------
    running, waiting : requests.
    rows : texts growing at present.
    pages, busy_pages, idle_pages : of the cache: all; held by running requests; kept for later ones. The
        rest is free.
    steps : forward passes over requests.
    prompt_tokens, hit_tokens, cached_tokens, computed_tokens, generated_tokens, proposed_tokens,
    accepted_tokens : as in `Usage`, over all requests and scores.
    finished, failed, cancelled, refused : requests by how they ended; refused ones found the queue full.
    preemptions : how often a request gave its memory to another.
    evictions : pages of finished texts that made room.
    """

    running: int
    waiting: int
    rows: int
    pages: int
    busy_pages: int
    idle_pages: int
    steps: int
    prompt_tokens: int
    hit_tokens: int
    cached_tokens: int
    computed_tokens: int
    generated_tokens: int
    proposed_tokens: int
    accepted_tokens: int
    finished: int
    failed: int
    cancelled: int
    refused: int
    preemptions: int
    evictions: int


@dataclass(slots=True)
class Totals:
    """The counts of `EngineStats` that the engine itself keeps."""

    steps: int = 0
    prompt_tokens: int = 0
    hit_tokens: int = 0
    cached_tokens: int = 0
    computed_tokens: int = 0
    generated_tokens: int = 0
    proposed_tokens: int = 0
    accepted_tokens: int = 0
    finished: int = 0
    failed: int = 0
    cancelled: int = 0
    refused: int = 0

    def add_prompt(self, tokens: int, hits: int, cached: int) -> None:
        """Count a prompt that is in the cache now."""
        self.prompt_tokens += tokens
        self.hit_tokens += hits
        self.cached_tokens += cached

    def snapshot(self, **others: int) -> EngineStats:
        """Return the counts as they are now, with the levels and counts that others keep."""
        return EngineStats(**asdict(self), **others)
