"""What the engine is asked, and how much of it at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from ponder.constraints import Constraint
from ponder.decoders import Decoder, Sample
from ponder.errors import ParameterError
from ponder.mixtures import Mixture
from ponder.sampling import SamplingParams
from ponder.sampling.distribution import TraceSettings

MAX_PRIORITY = 2**31
MAX_SALT = 1000  # characters, which are kept as long as the pages are


@dataclass(frozen=True, slots=True)
class Request:
    """A prompt as token ids and how to go on from it.

    Attributes
    ----------
    priority : lower ones first; among equals, who came first.
    deadline_s : seconds from submission until it ends with what there is.
    cache_salt : only requests with an equal salt share cached pages.
    prompt_logprobs : trace each prompt token, with so many alternatives; None does not.
    trace : keep the distribution that each token was chosen from; None does not.
    mixture : makes one distribution of several, from which tokens are then chosen.
    further_prompts : what else the text goes on from, in the order in which the mixture wants them.
    """

    prompt: tuple[int, ...]
    params: SamplingParams
    constraint: Constraint | None = None
    decoder: Decoder = field(default_factory=Sample)
    priority: int = 0
    deadline_s: float | None = None
    cache_salt: str | None = None
    prompt_logprobs: int | None = None
    trace: TraceSettings | None = None
    mixture: Mixture | None = None
    further_prompts: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "prompt", tuple(self.prompt))
        object.__setattr__(self, "further_prompts", tuple(map(tuple, self.further_prompts)))
        wanted = self.mixture.num_prompts if self.mixture else 0
        if len(self.further_prompts) != wanted:
            raise ParameterError(
                "further_prompts", self.further_prompts, f"{wanted} of them, for its mixture"
            )
        if type(self.priority) is not int or abs(self.priority) > MAX_PRIORITY:
            raise ParameterError("priority", self.priority, "a whole number from -2^31 to 2^31")
        deadline = self.deadline_s
        if deadline is not None and (type(deadline) not in (int, float) or not 0 < deadline < 1e9):
            raise ParameterError("deadline_s", deadline, "a number of seconds over 0, or unset")
        salt = self.cache_salt
        if not isinstance(salt, str | None) or len(salt or "") > MAX_SALT:
            raise ParameterError("cache_salt", salt, f"text of at most {MAX_SALT} characters, or unset")
        alternatives = self.prompt_logprobs
        if alternatives is not None and (type(alternatives) is not int or not 0 <= alternatives <= 1000):
            raise ParameterError("prompt_logprobs", alternatives, "a whole number from 0 to 1000, or unset")
        if not isinstance(self.trace, TraceSettings | None):
            raise ParameterError("trace", self.trace, "a TraceSettings, or unset")


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """How much at once.

    Attributes
    ----------
    max_waiting : requests that may wait for their turn; more are refused.
    max_rows : texts that may grow at once, unless one request alone has more.
    token_budget : tokens a step computes; texts that grow come first, prompts get the rest, and at least a
        page's worth.
    speculation_rows : texts that grow and guesses of how they go on that a step computes together; guesses
        get what texts leave of it, and half the token budget at most. A guess is nearly free while a step
        waits for weights from memory, and costs as much as a text when it does not.
    """

    max_waiting: int = 1024
    max_rows: int = 256
    token_budget: int = 256
    speculation_rows: int = 12

    def __post_init__(self) -> None:
        for name in ("max_waiting", "max_rows", "token_budget", "speculation_rows"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ParameterError(name, value, "a whole number, 1 or more")
