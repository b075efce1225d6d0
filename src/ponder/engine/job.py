"""A request on its way through the engine."""

from __future__ import annotations

from dataclasses import dataclass, field

from ponder.asks.events import Usage
from ponder.asks.grow import Grow, Service
from ponder.asks.needs import Needs
from ponder.asks.read import Read
from ponder.decoders import Context, Decoder, Group, Text
from ponder.engine.reading import TextReading
from ponder.engine.watch import PromptTraces, Watch
from ponder.mixtures import Mixture
from ponder.sampling.trace import PromptTrace


@dataclass(slots=True, eq=False)
class Job:
    """A request, its group, and what it has cost so far.

    Attributes
    ----------
    ask : what was asked.
    group : its texts. One that only reads has its path as the only live text.
    decoder : how texts grow; None: it only reads.
    mixture : what mixes its rows of logits.
    needs : what decoder, mixture and parameters need.
    watches : who looks at the rows of the path while it is computed.
    texts : texts after the path, which are read once the path is there.
    width : the most texts that live at once, or tokens that are tried.
    request_id, arrival : given at submission; `arrival` orders jobs of equal priority.
    ends_at : the deadline on the engine's clock, in seconds.
    hits, computed, generated, proposed, accepted, attended, logit_rows : as in `Usage`.
    running : whether it has its turn; a waiting job holds no pages.
    reached : how much of the path has been in the cache already; a preemption does not take it back.
    nodes : how many tokens its tree has.
    announced : whether it has been said to wait.
    """

    ask: Grow | Read
    group: Group
    decoder: Decoder | None = None
    mixture: Mixture | None = None
    needs: Needs = field(default_factory=Needs)
    watches: list[Watch] = field(default_factory=list)
    texts: TextReading | None = None
    width: int = 1
    request_id: int = 0
    arrival: int = 0
    ends_at: float | None = None
    hits: int = 0
    computed: int = 0
    generated: int = 0
    proposed: int = 0
    accepted: int = 0
    attended: int = 0
    logit_rows: int = 0
    running: bool = False
    reached: int = 0
    nodes: int = 0
    announced: bool = False

    @property
    def service(self) -> Service:
        """How it is treated among others."""
        return self.ask.service

    @property
    def rank(self) -> tuple[int, int]:
        """Whose turn it is: the smallest first. The largest gives way when memory runs short."""
        return self.service.priority, self.arrival

    @property
    def rows(self) -> int:
        """The most rows that a step computes for it, guesses aside."""
        return self.width * (1 + self.needs.prompts)

    @property
    def given(self) -> int:
        """How many tokens are computed as a prompt: the prompt's, and the path's unless they are replayed."""
        group = self.group
        return len(group.prompt) + (len(group.begun) if group.replay == "no" else 0)

    @property
    def prefilled(self) -> bool:
        """Whether all of that has been in the cache once."""
        return self.reached == self.given

    @property
    def reads_states(self) -> bool:
        """Whether somebody looks at what the model's head reads for its rows of logits."""
        return self.needs.states or self.keeps_states or any(watch.states for watch in self.watches)

    @property
    def keeps_states(self) -> bool:
        """Whether its texts keep what the head read for their last token."""
        return isinstance(self.ask, Grow) and self.ask.record.state

    def prompt_traces(self) -> tuple[PromptTrace | None, ...]:
        """Return the traces of prompt tokens that are new since this was last asked."""
        found = [watch.fresh() for watch in self.watches if isinstance(watch, PromptTraces)]
        return found[0] if found else ()

    def first_watched(self) -> int | None:
        """Return the first token whose row somebody still wants; None: nobody wants one."""
        found = [place for watch in self.watches if (place := watch.first(self.reached)) is not None]
        return min(found, default=None)

    def watched(self, start: int, end: int) -> list[int]:
        """Return the tokens from `start` to before `end` whose rows somebody still wants."""
        start = max(start, self.reached)
        return sorted({place for watch in self.watches for place in watch.within(start, end)})

    def follow(self, text: Text, context: Context) -> None:
        """Let a context's branch go along the tree as far as that may.

        Tokens whose rows are wanted are computed, and so is the last one.
        """
        tokens = context.pending(text.output)
        limit, first = len(tokens) - 1, self.first_watched()
        if first is not None and context is text.contexts[0]:
            limit = min(limit, first - context.branch.length)
        context.branch.follow(tokens[: max(0, limit)])

    @property
    def shared(self) -> int:
        """The given tokens that its texts do not compute again, as they would one by one."""
        texts = 1 if self.needs.star else self.width
        return (texts - 1) * self.given

    @property
    def usage(self) -> Usage:
        """What the request used so far."""
        return Usage(
            self.given if self.group.replay == "no" else self.given + len(self.group.begun),
            self.hits,
            self.hits + (self.shared if self.generated else 0),
            self.computed,
            self.generated,
            self.proposed,
            self.accepted,
            self.attended,
            self.logit_rows,
        )
