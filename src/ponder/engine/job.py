"""A request on its way through the engine."""

from __future__ import annotations

from dataclasses import dataclass, field

from ponder.decoders import Group
from ponder.engine.events import Usage
from ponder.engine.request import Request


@dataclass(slots=True, eq=False)
class Job:
    """A request, its group, and what it has cost so far.

    Attributes
    ----------
    request_id, arrival : given at submission; `arrival` orders jobs of equal priority.
    ends_at : the deadline on the engine's clock, in seconds.
    hits, computed, generated, proposed, accepted : tokens, as in `Usage`.
    running : whether it has its turn; a waiting job holds no pages.
    reached : how much of the prompt has been in the cache already; a preemption does not take it back.
    nodes : how many tokens its tree has.
    announced : whether it has been said to wait.
    width : the most sequences that live at once, or tokens that are tried.
    depths : after how many layers logits are wanted, besides after all.
    """

    request: Request
    group: Group
    request_id: int = 0
    arrival: int = 0
    ends_at: float | None = None
    hits: int = 0
    computed: int = 0
    generated: int = 0
    proposed: int = 0
    accepted: int = 0
    running: bool = False
    reached: int = 0
    nodes: int = 0
    announced: bool = False
    depths: tuple[int, ...] = ()
    width: int = field(init=False)

    def __post_init__(self) -> None:
        self.width = self.request.decoder.width(self.request.params)

    @property
    def rank(self) -> tuple[int, int]:
        """Whose turn it is: the smallest first. The largest gives way when memory runs short."""
        return self.request.priority, self.arrival

    @property
    def rows(self) -> int:
        """The most rows that a step computes for it, guesses aside."""
        return self.width * (1 + len(self.request.further_prompts))

    @property
    def prefilled(self) -> bool:
        """Whether the whole prompt has been in the cache once."""
        return self.reached == len(self.request.prompt)

    @property
    def reads_cache(self) -> bool:
        """Whether it may take prompt tokens from the cache; not while something of each is wanted."""
        request = self.request
        return self.prefilled or (request.prompt_logprobs is None and not request.decoder.tries_tokens)

    @property
    def reads_states(self) -> bool:
        """Whether somebody looks at what the model's head reads for its rows of logits."""
        return self.request.decoder.tries_tokens or self.group.entropy_head is not None

    @property
    def shared(self) -> int:
        """The prompt tokens that its texts do not compute again, as they would one by one."""
        texts = 1 if self.request.decoder.tries_tokens else self.width
        return (texts - 1) * len(self.request.prompt)

    @property
    def usage(self) -> Usage:
        """What the request used so far."""
        return Usage(
            len(self.request.prompt),
            self.hits,
            self.hits + (self.shared if self.generated else 0),
            self.computed,
            self.generated,
            self.proposed,
            self.accepted,
        )
