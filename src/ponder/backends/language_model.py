"""What a strategy needs of a language model, whoever runs it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from ponder.constraints import Constraint
from ponder.decoders import Decoder, Sample
from ponder.engine.events import Output, ProgressEvent, TokenEvent, TreeEvent, Usage
from ponder.mixtures import Mixture
from ponder.sampling import ResolvedParams
from ponder.sampling.distribution import TraceSettings
from ponder.sampling.trace import PromptTrace
from ponder.text import Message, Prompt


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A prompt and everything said about how to answer it.

    `sampling` holds the fields of `SamplingParams` that the caller set; what is left out comes from the
    checkpoint or the defaults.

    Attributes
    ----------
    priority : lower ones first; among equals, who came first.
    deadline_s : seconds until it ends with what there is ("deadline"); DeadlineError if that is nothing.
    cache_salt : only requests with an equal salt share cached prompts.
    prompt_logprobs : trace each prompt token, with so many alternatives; None does not.
    trace : keep the distribution that each token was chosen from; None does not.
    mixture : other sources of the next token's distribution: `Guidance`, `Contrast` or `DoLa`.
    """

    prompt: Prompt
    sampling: Mapping[str, Any] = field(default_factory=dict)
    constraint: Constraint | None = None
    decoder: Decoder = field(default_factory=Sample)
    priority: int = 0
    deadline_s: float | None = None
    cache_salt: str | None = None
    prompt_logprobs: int | None = None
    trace: TraceSettings | None = None
    mixture: Mixture | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds to load, to the first token and in all; tokens a second after the first (None: none came)."""

    load_s: float
    ttft_s: float
    total_s: float
    decode_tok_s: float | None

    def as_json(self) -> dict[str, float | None]:
        """Return the fields, rounded to a tenth of a millisecond."""
        return {name: None if value is None else round(value, 4) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer to a request: outputs in order, the parameters as they applied, what it cost.

    `prompt` is the text the model saw; `request` what was asked. `prompt_traces` are there if they were asked
    for: one for each prompt token, None for the first, which follows nothing.
    """

    model: str
    prompt: str
    params: ResolvedParams
    request: GenerationRequest
    outputs: tuple[Output, ...]
    usage: Usage
    timing: Timing
    prompt_traces: tuple[PromptTrace | None, ...] = ()

    @property
    def text(self) -> str:
        """The text of the first output."""
        return self.outputs[0].text

    @property
    def texts(self) -> list[str]:
        """The texts of all outputs."""
        return [output.text for output in self.outputs]


@dataclass(frozen=True, slots=True)
class TextScore:
    """Log-probabilities (raw, natural) of a text's tokens after a prompt, and their sum."""

    token_ids: tuple[int, ...]
    token_logprobs: tuple[float, ...]

    @property
    def logprob(self) -> float:
        """The log-probability of the whole text."""
        return sum(self.token_logprobs)


@dataclass(frozen=True, slots=True)
class Scores:
    """One `TextScore` per text, and what it cost."""

    texts: tuple[TextScore, ...]
    usage: Usage


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do; asking for more is refused by name."""

    chat: bool
    score: bool
    constraints: bool
    beam_search: bool
    seeds: bool


GenerationEvent = ProgressEvent | TokenEvent | TreeEvent | Completion


class LanguageModel(Protocol):
    """A model that generates and scores. Strategies are written against this and nothing below it."""

    @property
    def name(self) -> str:
        """What the model is called."""
        ...

    def capabilities(self) -> Capabilities:
        """Say what this backend can do."""
        ...

    async def generate(self, request: GenerationRequest) -> Completion:
        """Answer a request. Raises PonderError for what the caller can mend."""
        ...

    def stream(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent]:
        """Answer a request token by token; the last item is the completion. Closing it cancels.

        Texts that a search may yet drop come as `TreeEvent`s.
        """
        ...

    async def score(self, prompt: Prompt, texts: Sequence[str], *, ends: bool = False) -> Scores:
        """Score each text as what follows the prompt; with `ends`, including the end token after it."""
        ...


def conversation(prompt: str, system: str | None = None) -> tuple[Message, ...]:
    """Return a user's message, after a system message if there is one."""
    user = Message("user", prompt)
    return (user,) if system is None else (Message("system", system), user)
